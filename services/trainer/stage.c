#include "services/trainer/stage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <jansson.h>

#include "common/core/alloc.h"
#include "common/core/clock.h"
#include "common/core/err.h"
#include "common/core/file.h"
#include "common/core/log.h"
#include "common/model/checkpoint.h"
#include "common/nn/optim.h"
#include "services/trainer/classify.h"
#include "services/trainer/feed.h"
#include "services/trainer/guide.h"
#include "services/trainer/metrics.h"
#include "services/trainer/pace.h"
#include "services/trainer/profile.h"
#include "services/trainer/ranking.h"
#include "services/trainer/samples.h"
#include "services/trainer/translation.h"
#include "services/trainer/triplet.h"

enum { LOG_EVERY = 10 }; // iterations between lines of the metrics stream

// One stage being trained.
typedef struct {
    const rg_config_t *config;
    enum rg_stage stage;
    const char *name;       // of the stage
    unsigned parts, trains; // of the model; 0: the classifier
    const rg_train_config_t *train;
    const atomic_int *stop;
    rg_ranks_t *ranks;
    rg_progress_t *progress;
    rg_progress_values_t values;
    rg_checkpoint_info_t info;
    char checkpoint[RG_PATH_SIZE];
    rg_backend_t *backend;
    rg_feed_t *feed;
    uint64_t fingerprint;   // of the data set that it serves
    rg_guide_t guide;       // of stage 3
    rg_model_t *model;      // stages 1 to 3
    rg_loss_weights_t loss; // of stage 3
    rg_translation_t translation;
    rg_triplet_t triplet; // of stage 2, or
    rg_ranking_t ranking;
    rg_classify_t classify;
    rg_journal_t metrics;
    rg_pace_t pace;
    rg_stopwatch_t *watch; // NULL: not wanted
} run_t;

// The sets that a checkpoint of this stage holds.
static int sets_of(run_t *run, rg_params_t *sets[RG_PARTS])
{
    if (run->model) return rg_model_sets(run->model, sets);
    sets[0] = &run->classify.set;
    return 1;
}

// Rank 0 reads and writes the files.
static int keeps_books(const run_t *run)
{
    return rg_ranks_rank(run->ranks) == 0;
}

// ---- begin

// Weights of the stage before, which must be finished.
static int start_from(run_t *run, enum rg_stage earlier)
{
    const char *before = rg_stage_name(earlier);
    char path[RG_PATH_SIZE];
    rg_checkpoint_info_t info;
    rg_params_t *sets[RG_PARTS];
    rg_stage_checkpoint(earlier, run->config, path);
    int err = rg_checkpoint_peek(path, &info);
    if (err) return rg_fail(err, "%s needs %s first: %s", run->name, before, rg_error());
    if (info.iteration < info.iterations)
        return rg_fail(RG_ENOENT, "%s needs %s first: %s stopped at iteration %llu of %llu", run->name,
                       before, path, (unsigned long long)info.iteration, (unsigned long long)info.iterations);
    int n = rg_model_sets(run->model, sets), kept = 0;
    for (int i = 0; i < n; i++)
        if (rg_stage_parts(earlier, run->config) & RG_PART_BIT((unsigned)(sets[i] - run->model->set)))
            sets[kept++] = sets[i];
    return rg_checkpoint_load(path, sets, kept, RG_CHECKPOINT_START, &info);
}

static int resume(run_t *run, const rg_feed_info_t *data)
{
    rg_params_t *sets[RG_PARTS];
    rg_checkpoint_info_t info;
    int err = rg_checkpoint_load(run->checkpoint, sets, sets_of(run, sets), RG_CHECKPOINT_RESUME, &info);
    if (err) return err;
    if (info.fingerprint != data->fingerprint)
        return rg_fail(RG_EMODEL,
                       "%s was trained on another data set or split: use --restart or another run directory",
                       run->checkpoint);
    info.iterations = run->info.iterations;
    run->info = info;
    return 0;
}

static int begin(run_t *run, const rg_feed_info_t *data)
{
    run->info =
        (rg_checkpoint_info_t){.iterations = (uint64_t)run->train->iterations,
                               .fingerprint = data->fingerprint,
                               .attributes = run->model ? run->config->data.attributes : data->attributes};
    snprintf(run->info.stage, sizeof run->info.stage, "%s", run->name);
    if (rg_exists(run->checkpoint)) return resume(run, data);
    const enum rg_stage before = rg_stage_before(run->stage, run->config);
    return before == RG_STAGE_NONE ? 0 : start_from(run, before);
}

// The state that rank 0 begins with is everyone's.
static void share_state(run_t *run)
{
    rg_params_t *sets[RG_PARTS];
    int n = sets_of(run, sets);
    rg_ranks_give(run->ranks, &run->info, sizeof run->info);
    for (int i = 0; i < n; i++) {
        float *blocks[] = {sets[i]->value, sets[i]->m, sets[i]->v, sets[i]->ema};
        for (int b = 0; b < 4; b++)
            if (blocks[b]) rg_ranks_give(run->ranks, blocks[b], sets[i]->count * sizeof(float));
        rg_params_changed(sets[i]);
    }
}

static int is_ranked(const run_t *run)
{
    return run->config->model.retrieval == RG_RETRIEVAL_RANKED;
}

static int open_translation(run_t *run, const rg_loss_weights_t *loss)
{
    int err = rg_translation_init(&run->translation, run->model, run->backend, run->train, loss,
                                  run->guide.link ? &run->guide.retriever : NULL);
    run->translation.ranks = run->ranks;
    return err;
}

static int open_trainer(run_t *run)
{
    switch (run->stage) {
    case RG_STAGE_CLASSIFIER:
        run->classify.ranks = run->ranks;
        return 0;
    case RG_STAGE_1:
        return open_translation(run, &run->config->stage1_loss);
    case RG_STAGE_2:
        return is_ranked(run) ? rg_ranking_init(&run->ranking, run->model, run->backend)
                              : rg_triplet_init(&run->triplet, run->model, run->backend);
    case RG_STAGE_3:
        run->loss = run->config->stage3_loss;
        if (run->trains & RG_PART_BIT(RG_ATTRIBUTE)) { // a code that learns is held to its component
            run->loss.kl = run->config->stage1_loss.kl;
            run->loss.prior = run->config->stage1_loss.prior;
        }
        return open_translation(run, &run->loss);
    default:
        return 0;
    }
}

static rg_tape_t *tape_of(const run_t *run)
{
    return run->translation.tape ? run->translation.tape
           : run->triplet.tape   ? run->triplet.tape
           : run->ranking.tape   ? run->ranking.tape
                                 : run->classify.tape;
}

static void watch(run_t *run)
{
    run->watch = rg_alloc(sizeof *run->watch);
    rg_stopwatch_init(run->watch);
    rg_tape_watch(tape_of(run), run->watch);
    if (run->translation.tape_d) rg_tape_watch(run->translation.tape_d, run->watch);
}

static int start_feed(run_t *run)
{
    int batch = run->train->batch, references = run->config->targets == RG_TARGETS_BOTH ? batch : batch / 2;
    if (run->stage == RG_STAGE_CLASSIFIER) references = 0;
    if (run->stage == RG_STAGE_2) references = is_ranked(run) ? 0 : batch;
    if (run->ranks && references > 0 && batch % 2)
        return rg_fail(RG_ECONFIG, "%s.batch: ranks have equal shares of a batch where it is even, not %d",
                       run->name, batch);
    return rg_feed_start(run->feed,
                         &(rg_feed_spec_t){.stream = run->name,
                                           .first = run->info.iteration,
                                           .end = run->info.iterations,
                                           .rank = rg_ranks_rank(run->ranks),
                                           .ranks = rg_ranks_count(run->ranks),
                                           .images = batch,
                                           .references = references,
                                           .all_columns = run->stage == RG_STAGE_CLASSIFIER,
                                           .flipped = run->translation.tape &&
                                                      run->config->data.references == RG_REFERENCES_FLIPPED});
}

static int open_books(run_t *run, const rg_stage_options_t *options)
{
    rg_stage_checkpoint(run->stage, run->config, run->checkpoint);
    if (options->restart)
        unlink(run->checkpoint); // for good: a trainer killed from here on begins anew as well
    int err = rg_mkdirs(run->config->run);
    return err ? err : rg_metrics_open(&run->metrics, run->config);
}

// Networks and their state, as far as a rank has it by itself.
static int open_model(run_t *run, const rg_stage_options_t *options)
{
    rg_feed_info_t data;
    int err = keeps_books(run) ? open_books(run, options) : 0;
    if (!err) err = rg_cpu_backend_new(&run->backend, run->config->precision == RG_PRECISION_BF16);
    if (!err) err = rg_feed_open(&run->feed, run->config, run->stop, &data);
    if (!err && data.annotated == 0)
        err = rg_fail(RG_ENOENT, "%s: no annotated training images", run->config->data.root);
    if (!err && run->parts)
        rg_model_new(&run->model, run->config, run->parts, run->trains);
    else if (!err)
        err = rg_classify_init(&run->classify, run->config, data.attributes.count, run->backend);
    if (!err && keeps_books(run)) err = begin(run, &data);
    if (!err) run->fingerprint = data.fingerprint;
    return err;
}

static int open_run(run_t *run, const rg_stage_options_t *options)
{
    int err = rg_ranks_agree(run->ranks, open_model(run, options));
    if (err) return err;
    share_state(run);
    if (run->fingerprint != run->info.fingerprint)
        err = rg_fail(RG_EMODEL, "%s serves another data set than rank 0's loader",
                      run->config->endpoints.loader);
    if (!err && run->parts & RG_PART_BIT(RG_FUSION))
        err = rg_guide_open(&run->guide, run->model, &run->info, run->ranks, run->stop);
    if (!err) err = open_trainer(run);
    if (!err && options->profile) watch(run);
    if (!err) err = start_feed(run);
    return rg_ranks_agree(run->ranks, err);
}

static void close_run(run_t *run)
{
    rg_translation_fini(&run->translation);
    rg_triplet_fini(&run->triplet);
    rg_ranking_fini(&run->ranking);
    rg_classify_fini(&run->classify);
    rg_guide_close(&run->guide);
    rg_feed_close(&run->feed);
    rg_model_destroy(&run->model);
    rg_backend_destroy(&run->backend);
    rg_journal_close(&run->metrics);
    free(run->watch);
}

// ---- iterate

// Of stage 2.
static int learn_retrieval(run_t *run, const rg_batch_t *batch, rg_rng_t *rng, int iteration)
{
    rg_losses_t *losses = &run->values.losses;
    rg_triplet_draws_t triplet;
    rg_ranking_draws_t ranking;
    if (is_ranked(run)) {
        rg_ranking_draw(&run->ranking, batch, rng, &ranking);
        return rg_ranking_step(&run->ranking, batch, &ranking, iteration, losses);
    }
    rg_triplet_draw(&run->triplet, batch, rng, &triplet);
    return rg_triplet_step(&run->triplet, batch, &triplet, iteration, losses);
}

static int step(run_t *run, const rg_batch_t *batch, int iteration)
{
    rg_losses_t *losses = &run->values.losses;
    rg_rng_t rng;
    rg_draws_t draws;
    rg_rng_init(&rng, run->config->seed, RG_RNG_STEP, (uint64_t)run->stage << 48 | (uint64_t)iteration);
    switch (run->stage) {
    case RG_STAGE_CLASSIFIER:
        return rg_classify_step(&run->classify, batch, iteration, losses);
    case RG_STAGE_2:
        return learn_retrieval(run, batch, &rng, iteration);
    default:
        rg_guide_begin(&run->guide, batch, rg_translation_targets(&run->translation, batch), iteration);
        rg_translation_draw(&run->translation, batch, &rng, &draws);
        return rg_translation_step(&run->translation, batch, &draws, iteration, losses);
    }
}

static double waited_ms(const run_t *run)
{
    return rg_feed_waited_ms(run->feed) + rg_guide_waited_ms(&run->guide);
}

static double images_per_s(const run_t *run, rg_pace_rate_t pace)
{
    return pace.iterations_per_s * run->train->batch * rg_ranks_count(run->ranks);
}

// Losses are means over a batch, and those of the whole one the mean over its equal shares.
static void share_losses(run_t *run)
{
    rg_losses_t *losses = &run->values.losses;
    double value[RG_LOSSES_MAX];
    for (int i = 0; i < losses->n; i++) value[i] = losses->item[i].value;
    rg_ranks_mean(run->ranks, value, losses->n);
    for (int i = 0; i < losses->n; i++) losses->item[i].value = value[i];
}

static void note_progress(run_t *run)
{
    rg_progress_values_t *v = &run->values;
    rg_pace_note(&run->pace, rg_clock_ms(), waited_ms(run));
    rg_pace_rate_t pace = rg_pace_recent(&run->pace);
    v->state = "training";
    snprintf(v->stage, sizeof v->stage, "%s", run->name);
    v->iteration = run->info.iteration;
    v->iterations = run->info.iterations;
    v->images_per_s = images_per_s(run, pace);
    v->eta_s = (double)(run->info.iterations - run->info.iteration) / pace.iterations_per_s;
    v->wait_share = pace.wait_share;
    v->retrieved = run->info.retrieved;
    v->retrieved_new = run->info.retrieved_new;
    v->last_new_generation = run->info.last_new_generation;
    rg_progress_set(run->progress, v);
}

static int save(run_t *run)
{
    rg_params_t *sets[RG_PARTS];
    rg_progress_state(run->progress, "saving", NULL);
    int err = rg_checkpoint_save(run->checkpoint, run->config, sets, sets_of(run, sets), &run->info);
    if (!err)
        rg_log(RG_LOG_INFO, "checkpoint", "stage=%s iteration=%llu path=%s", run->name,
               (unsigned long long)run->info.iteration, run->checkpoint);
    return err;
}

static int due(uint64_t iteration, int every)
{
    return every > 0 && iteration % (uint64_t)every == 0;
}

// After an iteration: what is due now.
static int keep_books(run_t *run, const rg_batch_t *batch)
{
    uint64_t iteration = run->info.iteration;
    int last = iteration == run->info.iterations, err = 0;
    if (last || due(iteration, LOG_EVERY))
        err = rg_metrics_write(&run->metrics, &run->values, rg_optim_lr(run->train, (int)iteration - 1));
    if (!err && run->translation.tape && (last || due(iteration, run->train->sample_every)))
        err = rg_samples_write(&run->translation, batch, run->name, (int)iteration);
    if (!err && (last || due(iteration, run->train->checkpoint_every))) err = save(run);
    return err;
}

static int next_batch(run_t *run, rg_batch_t *batch)
{
    if (atomic_load(run->stop)) return rg_fail(RG_ESTOPPED, "stopped");
    rg_tape_op(tape_of(run), "wait for a batch");
    return rg_feed_next(run->feed, batch);
}

static int iterate(run_t *run)
{
    int err = 0;
    rg_batch_t batch;
    rg_pace_begin(&run->pace, rg_clock_ms(), waited_ms(run));
    for (;;) {
        int more = run->info.iteration < run->info.iterations;
        if (!err && more) err = next_batch(run, &batch);
        err = rg_ranks_agree(run->ranks, err);
        if (err || !more) break;
        rg_tape_op(tape_of(run), "draw");
        err = step(run, &batch, (int)run->info.iteration);
        if (err) break;
        rg_tape_op(tape_of(run), "checkpoints, samples and books");
        rg_guide_note(&run->guide, &run->info);
        run->info.iteration++;
        share_losses(run);
        note_progress(run);
        if (keeps_books(run)) err = keep_books(run, &batch);
    }
    if (run->watch) rg_stopwatch_stop(run->watch);
    // A step that was interrupted changed nothing: the state is that of the last whole iteration.
    if (err == RG_ESTOPPED && run->pace.iterations > 0 && keeps_books(run)) {
        int failed = save(run);
        return failed ? failed
                      : rg_fail(RG_ESTOPPED, "%s stopped at iteration %llu", run->name,
                                (unsigned long long)run->info.iteration);
    }
    return err;
}

static char *report(run_t *run)
{
    const rg_progress_values_t *v = &run->values;
    rg_pace_rate_t pace = rg_pace_whole(&run->pace);
    json_t *object = json_pack("{s:s, s:I, s:f, s:f, s:f, s:f}", "stage", run->name, "iterations",
                               (json_int_t)run->info.iteration, "seconds", rg_pace_seconds(&run->pace),
                               "images_per_s", images_per_s(run, pace), "wait_share", pace.wait_share,
                               "peak_memory_mib", rg_peak_memory_mib());
    for (int i = 0; i < v->losses.n; i++)
        json_object_set_new(object, v->losses.item[i].name, json_real(v->losses.item[i].value));
    if (run->guide.link) {
        json_object_set_new(object, "set_generation", json_integer((json_int_t)run->info.set_generation));
        json_object_set_new(object, "retrieved", json_integer((json_int_t)run->info.retrieved));
        json_object_set_new(object, "retrieved_new", json_integer((json_int_t)run->info.retrieved_new));
        json_object_set_new(object, "last_new_generation",
                            json_integer((json_int_t)run->info.last_new_generation));
    }
    if (run->watch && run->pace.iterations > 0)
        json_object_set_new(object, "profile", rg_profile_json(run->watch, run->pace.iterations));
    char *text = json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(6));
    json_decref(object);
    return text;
}

int rg_stage_run(const rg_stage_job_t *job, rg_stage_result_t *result)
{
    const rg_config_t *config = job->config;
    rg_progress_t *progress = job->progress;
    run_t *run = rg_alloc(sizeof *run);
    *run = (run_t){.config = config,
                   .stage = job->stage,
                   .name = rg_stage_name(job->stage),
                   .parts = rg_stage_parts(job->stage, config),
                   .trains = rg_stage_trains(job->stage, config),
                   .train = rg_stage_training(job->stage, config),
                   .progress = progress,
                   .stop = job->stop,
                   .ranks = job->ranks};
    rg_cpu_threads(config->threads);
    rg_progress_state(progress, "waiting", run->name);
    int err = open_run(run, &job->options);
    if (!err && keeps_books(run))
        rg_log(RG_LOG_INFO, "train", "stage=%s iteration=%llu of=%llu", run->name,
               (unsigned long long)run->info.iteration, (unsigned long long)run->info.iterations);
    if (!err) err = iterate(run);
    if (!err) {
        snprintf(result->checkpoint, sizeof result->checkpoint, "%s", run->checkpoint);
        result->iteration = run->info.iteration;
        result->report = report(run);
    }
    close_run(run);
    free(run);
    rg_progress_state(progress, "idle", NULL);
    return err;
}
