// The training loop. A stage's run is
//
//   open      backend, loader, networks; rank 0 loads the checkpoint of this stage or of the one before
//             (stage_begin); all ranks get its state; then the neighbour source and the stream of batches
//   iterate   next batch -> learner's step -> counts, losses, throughput -> rank 0: metrics, samples, checkpoint
//   report    JSON for the client
//
// What a stage learns is behind its learner (learner.h). A step that fails or is interrupted has changed
// nothing, so the state at the end is that of the last whole iteration, and it is saved (end_early).
#include "services/trainer/stage.h"

#include <stdio.h>
#include <stdlib.h>

#include <jansson.h>

#include "common/core/alloc.h"
#include "common/core/clock.h"
#include "common/core/err.h"
#include "common/core/file.h"
#include "common/core/hash.h"
#include "common/core/log.h"
#include "common/model/checkpoint.h"
#include "common/nn/opencl.h"
#include "common/nn/optim.h"
#include "common/wire/json.h"
#include "services/trainer/learner.h"

enum { LOG_EVERY = 10 }; // iterations between lines of the metrics stream

// One stage being trained.
typedef struct {
    const rg_config_t *config;
    enum rg_stage stage;
    const char *name; // of the stage
    const rg_train_config_t *train;
    const atomic_int *stop;
    rg_ranks_t *ranks;
    rg_train_progress_t *progress;
    const rg_stage_job_t *job;
    rg_train_values_t values;
    uint64_t saved; // iteration of this training's checkpoint on the disk; 0: none
    rg_checkpoint_info_t info;
    char checkpoint[RG_PATH_SIZE];
    rg_backend_t *backend;
    rg_batch_stream_t *batches;
    rg_batch_dataset_t data; // the data set that the loader serves
    rg_neighbour_source_t neighbours;
    rg_model_t *model; // NULL: the classifier's stage
    const rg_learner_t *learner;
    void *state;           // the learner's
    rg_tape_t *tape;       // the learner's first one
    rg_journal_t metrics;  // of rank 0
    rg_stopwatch_t *watch; // NULL: no profile is wanted
    rg_throughput_t throughput;
} run_t;

static int is_rank0(const run_t *run)
{
    return rg_ranks_rank(run->ranks) == 0;
}

// ---- begin

// Loads the weights of the stage before, which must be finished.
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
    return rg_checkpoint_load(
        path, &(rg_checkpoint_wanted_t){run->config, &run->config->data.attributes, RG_CHECKPOINT_START},
        sets, kept, &info);
}

static int save_checkpoint(run_t *run);

// The checkpoint notes that the data set is another one from this iteration on.
static void add_data_set(run_t *run)
{
    rg_data_sets_t *sets = &run->info.data_sets;
    sets->item[sets->n].fingerprint = run->data.fingerprint;
    sets->item[sets->n++].from = run->info.iteration;
}

// The data set is not that of the checkpoint any more. If the user accepts it, the checkpoint is saved at once
// with a note of the iteration from which the new one counts: resuming gives the weights of uninterrupted
// training from there on.
static int accept_data(run_t *run)
{
    rg_data_sets_t *sets = &run->info.data_sets;
    if (!run->job->options.accept_data)
        return rg_fail(RG_EMODEL,
                       "%s was trained on another data set or split (images were added, removed or labelled "
                       "anew): --accept-data goes on with this one, --restart begins anew",
                       run->checkpoint);
    if (sets->n == RG_DATA_SETS_MAX)
        return rg_fail(RG_ELIMIT, "%s: the data set was changed %d times already: use --restart",
                       run->checkpoint, RG_DATA_SETS_MAX - 1);
    run->info.fingerprint = run->data.fingerprint;
    run->info.contents = run->data.contents;
    add_data_set(run);
    rg_log(RG_LOG_WARN, "data-accepted", "stage=%s iteration=%llu fingerprint=%016llx", run->name,
           (unsigned long long)run->info.iteration, (unsigned long long)run->data.fingerprint);
    return save_checkpoint(run);
}

// Files of the same data set were replaced: training goes on with them. A checkpoint of before they were noted
// knows no contents.
static int note_contents(run_t *run)
{
    const uint64_t before = run->info.contents;
    if (before == run->data.contents || run->info.iteration == run->info.iterations) return 0;
    run->info.contents = run->data.contents;
    if (!before || run->info.data_sets.n == RG_DATA_SETS_MAX) return 0;
    add_data_set(run);
    rg_log(RG_LOG_WARN, "data-changed",
           "stage=%s iteration=%llu reason=\"files of the data set were replaced\"", run->name,
           (unsigned long long)run->info.iteration);
    return save_checkpoint(run);
}

// The checkpoint is damaged: training goes on from the one before it. err: of the damaged one.
static int load_previous(const run_t *run, int err, const rg_checkpoint_wanted_t *wanted,
                         rg_params_t *const *sets, int n, rg_checkpoint_info_t *info)
{
    char *previous = rg_checkpoint_previous(run->checkpoint), *damage = rg_strdup(rg_error());
    int second = rg_exists(previous) ? rg_checkpoint_load(previous, wanted, sets, n, info)
                                     : rg_fail(RG_ENOENT, "%s: no such file", previous);
    if (!second) second = rg_checkpoint_restore(run->checkpoint);
    if (second)
        err = rg_fail(err, "%.210s; nor can training go on from %.210s; --restart begins anew", damage,
                      rg_error());
    else
        rg_log(RG_LOG_ERROR, "checkpoint-damaged", "stage=%s iteration=%llu used=%s error=\"%s\"", run->name,
               (unsigned long long)info->iteration, previous, damage);
    free(previous);
    free(damage);
    return second ? err : 0;
}

static int resume_stage(run_t *run)
{
    rg_params_t *sets[RG_PARTS];
    rg_checkpoint_info_t info;
    int n = run->learner->sets(run->state, sets);
    const rg_checkpoint_wanted_t wanted = {run->config,
                                           run->model ? &run->config->data.attributes : &run->data.attributes,
                                           RG_CHECKPOINT_RESUME};
    int err = rg_checkpoint_load(run->checkpoint, &wanted, sets, n, &info);
    if (rg_checkpoint_damaged(err)) err = load_previous(run, err, &wanted, sets, n, &info);
    if (err) return err;
    if (info.others != run->info.others)
        return rg_fail(
            RG_EMODEL,
            "%s was trained with another classifier.images: set it as then, or --restart begins anew",
            run->checkpoint);
    info.iterations = run->info.iterations;
    run->info = info;
    run->saved = info.iteration;
    return info.fingerprint == run->data.fingerprint ? note_contents(run) : accept_data(run);
}

// Where training begins: at the checkpoint, at the stage before, or at the initial weights.
static int stage_begin(run_t *run)
{
    const enum rg_stage before = rg_stage_before(run->stage, run->config);
    run->info = (rg_checkpoint_info_t){.iterations = (uint64_t)run->train->iterations,
                                       .fingerprint = run->data.fingerprint,
                                       .contents = run->data.contents,
                                       .data_sets = {.n = 1, .item = {{run->data.fingerprint, 0}}},
                                       .attributes =
                                           run->model ? run->config->data.attributes : run->data.attributes};
    if (run->stage == RG_STAGE_CLASSIFIER) run->info.others = (uint64_t)run->config->classifier_images;
    snprintf(run->info.stage, sizeof run->info.stage, "%s", run->name);
    if (rg_exists(run->checkpoint) && !run->job->options.restart) return resume_stage(run);
    return before == RG_STAGE_NONE ? 0 : start_from(run, before);
}

// Gives all ranks the state that rank 0 begins with.
static void broadcast_state(run_t *run)
{
    rg_params_t *sets[RG_PARTS];
    int n = run->learner->sets(run->state, sets);
    rg_ranks_broadcast(run->ranks, &run->info, sizeof run->info);
    for (int i = 0; i < n; i++) {
        float *blocks[] = {sets[i]->value, sets[i]->m, sets[i]->v, sets[i]->ema};
        for (int b = 0; b < 4; b++)
            if (blocks[b]) rg_ranks_broadcast(run->ranks, blocks[b], sets[i]->count * sizeof(float));
        rg_params_changed(sets[i]);
    }
}

static int open_files(run_t *run)
{
    rg_stage_checkpoint(run->stage, run->config, run->checkpoint);
    int err = rg_mkdirs(run->config->run);
    return err ? err : rg_metrics_open(&run->metrics, run->config);
}

static int open_learner(run_t *run)
{
    const unsigned parts = rg_stage_parts(run->stage, run->config);
    rg_learner_spec_t spec = {.config = run->config,
                              .attributes = run->data.attributes.count,
                              .backend = run->backend,
                              .ranks = run->ranks,
                              .neighbours = parts & RG_PART_BIT(RG_FUSION) ? &run->neighbours : NULL};
    if (parts) rg_model_new(&run->model, run->config, parts, rg_stage_trains(run->stage, run->config));
    spec.model = run->model;
    run->state = rg_alloc(run->learner->size);
    return run->learner->init(run->state, &spec);
}

static int open_backend(run_t *run)
{
    int err = rg_training_backend_new(&run->backend, run->config);
    if (!err && run->ranks && run->backend->apart)
        return rg_fail(RG_ECONFIG, "device: several ranks train with `device: cpu` only");
    if (!err && run->backend->apart)
        rg_log(RG_LOG_INFO, "device", "stage=%s device=%s", run->name, run->config->device);
    return err;
}

// Says what decides how much memory a device needs.
static int explain_memory(const run_t *run, int err)
{
    const rg_config_t *config = run->config;
    if (err != RG_ELIMIT || !run->backend->apart) return err;
    return rg_fail(
        err, "%s, for %s.batch %d, data.img_size %d, model.gf %d and model.df %d: lower one of these",
        rg_error(), run->name, run->train->batch, config->data.img_size, config->model.gf, config->model.df);
}

// Networks and their state, as far as a rank has them by itself.
static int open_training(run_t *run)
{
    int err = is_rank0(run) ? open_files(run) : 0;
    if (!err) err = open_backend(run);
    if (!err) err = rg_batch_stream_open(&run->batches, run->config, run->stop, &run->data);
    if (!err && run->data.annotated == 0)
        err =
            rg_fail(RG_ENOENT,
                    "%s: no annotated training images: training needs labels (a folder per class, or a file "
                    "named by data.list); rg-ctl add-images takes images without them",
                    run->config->data.root);
    if (!err) err = open_learner(run);
    if (!err && is_rank0(run)) err = stage_begin(run);
    return err;
}

// Ranks must not leave a backward pass one by one (translation.c).
static void watch_tapes(run_t *run)
{
    rg_tape_t *tapes[RG_LEARNER_TAPES];
    int n = run->learner->tapes(run->state, tapes);
    run->tape = tapes[0];
    for (int i = 0; i < n && !run->ranks; i++) rg_tape_stop_at(tapes[i], run->stop);
    if (!run->watch) return;
    rg_stopwatch_init(run->watch);
    for (int i = 0; i < n; i++) rg_tape_watch(tapes[i], run->watch);
}

static int start_batches(run_t *run)
{
    rg_batch_stream_spec_t spec = {.name = run->name,
                                   .first = run->info.iteration,
                                   .end = run->info.iterations,
                                   .rank = rg_ranks_rank(run->ranks),
                                   .ranks = rg_ranks_count(run->ranks),
                                   .images = run->train->batch};
    run->learner->needs(run->config, spec.images, &spec.needs);
    if (spec.ranks > 1 && spec.needs.references > 0 && spec.images % 2)
        return rg_fail(RG_ECONFIG, "%s.batch: must be even to be shared by several ranks, not %d", run->name,
                       spec.images);
    return rg_batch_stream_start(run->batches, &spec);
}

static int open_run(run_t *run)
{
    int err = rg_ranks_agree(run->ranks, open_training(run));
    if (err) return err;
    broadcast_state(run);
    if (run->data.fingerprint != run->info.fingerprint)
        err = rg_fail(RG_EMODEL, "%s serves another data set than rank 0's loader",
                      run->config->endpoints.loader);
    if (!err && run->model && run->model->parts & RG_PART_BIT(RG_FUSION))
        err = rg_neighbour_source_open(&run->neighbours, run->model, &run->info, run->ranks, run->stop);
    if (run->job->options.profile) run->watch = rg_alloc(sizeof *run->watch);
    watch_tapes(run);
    if (!err) err = start_batches(run);
    return rg_ranks_agree(run->ranks, err);
}

static void close_run(run_t *run)
{
    if (run->state) run->learner->fini(run->state);
    free(run->state);
    rg_neighbour_source_close(&run->neighbours);
    rg_batch_stream_close(&run->batches);
    rg_model_destroy(&run->model);
    rg_backend_destroy(&run->backend);
    rg_journal_close(&run->metrics);
    free(run->watch);
}

// ---- iterate

static double waited_ms(const run_t *run)
{
    return rg_batch_stream_waited_ms(run->batches) + rg_neighbour_source_waited_ms(&run->neighbours);
}

static double images_per_s(const run_t *run, rg_throughput_rate_t rate)
{
    return rate.iterations_per_s * run->train->batch * rg_ranks_count(run->ranks);
}

// Losses are means over a batch, and those of the whole batch are the mean over its equal shares.
static void average_losses(run_t *run)
{
    rg_losses_t *losses = &run->values.losses;
    double value[RG_LOSSES_MAX];
    if (!run->ranks) return;
    for (int i = 0; i < losses->n; i++) value[i] = losses->item[i].value;
    rg_ranks_mean(run->ranks, value, losses->n);
    for (int i = 0; i < losses->n; i++) losses->item[i].value = value[i];
}

static void publish_progress(run_t *run)
{
    rg_train_values_t *v = &run->values;
    rg_throughput_add(&run->throughput, rg_clock_ms(), waited_ms(run));
    rg_throughput_rate_t rate = rg_throughput_recent(&run->throughput);
    v->state = "training";
    snprintf(v->stage, sizeof v->stage, "%s", run->name);
    v->iteration = run->info.iteration;
    v->iterations = run->info.iterations;
    v->images_per_s = images_per_s(run, rate);
    v->eta_s = (double)(run->info.iterations - run->info.iteration) / rate.iterations_per_s;
    v->wait_share = rate.wait_share;
    v->retrieved = run->info.retrieved;
    v->retrieved_new = run->info.retrieved_new;
    v->missing_neighbours = run->info.missing_neighbours;
    v->last_new_generation = run->info.last_new_generation;
    rg_train_progress_set(run->progress, v);
}

static int save_checkpoint(run_t *run)
{
    rg_params_t *sets[RG_PARTS];
    int n = run->learner->sets(run->state, sets);
    rg_train_progress_set_state(run->progress, "saving", NULL);
    int err = 0;
    for (int i = 0; i < n && !err; i++) err = rg_params_pull(sets[i]);
    if (!err) err = rg_checkpoint_advance(run->checkpoint, run->config, sets, n, &run->info, run->saved == 0);
    if (err) return err;
    run->saved = run->info.iteration;
    rg_log(RG_LOG_INFO, "checkpoint", "stage=%s iteration=%llu path=%s", run->name,
           (unsigned long long)run->info.iteration, run->checkpoint);
    if (run->job->on_saved) run->job->on_saved(run->job->self);
    return 0;
}

static int is_due(uint64_t iteration, int every)
{
    return every > 0 && iteration % (uint64_t)every == 0;
}

// Rank 0, after an iteration: the metrics, samples and checkpoint that are due.
static int write_files(run_t *run, const rg_batch_t *batch)
{
    uint64_t iteration = run->info.iteration;
    int last = iteration == run->info.iterations, err = 0;
    if (last || is_due(iteration, LOG_EVERY))
        err = rg_metrics_write(&run->metrics, &run->values, rg_optim_lr(run->train, (int)iteration - 1));
    if (!err && run->learner->sample && (last || is_due(iteration, run->train->sample_every)))
        err = run->learner->sample(run->state, batch, run->name, (int)iteration);
    if (!err && (last || is_due(iteration, run->train->checkpoint_every))) err = save_checkpoint(run);
    return err;
}

static int next_batch(run_t *run, rg_batch_t *batch)
{
    if (atomic_load(run->stop)) return rg_fail(RG_ESTOPPED, "stopped");
    rg_tape_op(run->tape, "wait for a batch");
    return rg_batch_stream_next(run->batches, batch);
}

// The iteration's random numbers depend on nothing but (seed, stage, iteration).
static int learn(run_t *run, const rg_batch_t *batch)
{
    const uint64_t iteration = run->info.iteration;
    rg_rng_t rng;
    rg_rng_init(&rng, run->config->seed, RG_RNG_STEP, (uint64_t)run->stage << 48 | iteration);
    rg_tape_op(run->tape, "draw");
    return run->learner->step(run->state, batch, &rng, (int)iteration, &run->values.losses);
}

static int iterate(run_t *run)
{
    int err = 0;
    rg_batch_t batch;
    rg_throughput_begin(&run->throughput, rg_clock_ms(), waited_ms(run));
    for (;;) {
        int more = run->info.iteration < run->info.iterations;
        if (!err && more) err = next_batch(run, &batch);
        err = rg_ranks_agree(run->ranks, err);
        if (err || !more) break;
        err = learn(run, &batch);
        if (err) break;
        rg_tape_op(run->tape, "checkpoints, samples and metrics");
        rg_neighbour_source_count(&run->neighbours, &run->info);
        run->info.iteration++;
        average_losses(run);
        publish_progress(run);
        if (is_rank0(run)) err = write_files(run, &batch);
    }
    if (run->watch) rg_stopwatch_stop(run->watch);
    return err;
}

// RG_ENUMERIC: the weights led to numbers that are not finite, so the checkpoint on the disk counts.
static int fail_diverged(const run_t *run, int err)
{
    return rg_fail(
        err,
        "%s: %s; the checkpoint of iteration %llu counts. Lower %s.lr (now %g) or %s.clip (now %g; 0: no "
        "clipping), then train again",
        run->name, rg_error(), (unsigned long long)run->saved, run->name, run->train->lr, run->name,
        run->train->clip);
}

// The weights are on a device that does not answer any more, so the checkpoint on the disk counts.
static int fail_device(const run_t *run, int err)
{
    if (run->saved == 0) return rg_fail(err, "%s; %s saved no checkpoint yet", rg_error(), run->name);
    return rg_fail(err, "%s; the checkpoint of iteration %llu counts: the same command goes on from there",
                   rg_error(), (unsigned long long)run->saved);
}

// Saves what this run changed since the last save, then returns err with a sentence that says so.
static int end_early(run_t *run, int err)
{
    const unsigned long long iteration = (unsigned long long)run->info.iteration;
    rg_failure_t failure = {0};
    if (err == RG_ENUMERIC) return fail_diverged(run, err);
    if (rg_backend_error(run->backend)) return fail_device(run, explain_memory(run, err));
    if (!is_rank0(run)) return err;
    rg_failure_keep(&failure, err);
    int unsaved = run->throughput.iterations > 0 && run->saved != run->info.iteration;
    int lost = unsaved ? save_checkpoint(run) : 0;
    if (lost && err != RG_ESTOPPED)
        return rg_fail(err, "%s; then it could not be saved either: %s", failure.sentence, rg_error());
    if (lost) return lost;
    if (err == RG_ESTOPPED) return rg_fail(err, "%s stopped at iteration %llu", run->name, iteration);
    return rg_fail(err,
                   "%s; %s stopped at iteration %llu, which is saved: the same command goes on from there",
                   failure.sentence, run->name, iteration);
}

// ---- report

// Where the data set changed, and the images that no batch could use since this process began.
static void report_data(const run_t *run, json_t *object)
{
    const rg_data_sets_t *sets = &run->info.data_sets;
    json_t *changes = json_array(), *broken = json_array();
    size_t n;
    const rg_batch_broken_t *image = rg_batch_stream_broken(run->batches, &n);
    for (int i = 0; i < sets->n; i++) {
        char hash[17];
        rg_hash_hex(sets->item[i].fingerprint, hash);
        json_array_append_new(
            changes, json_pack("{s:s, s:I}", "fingerprint", hash, "from", (json_int_t)sets->item[i].from));
    }
    for (size_t i = 0; i < n; i++) json_array_append_new(broken, rg_json_text(image[i].reason));
    if (sets->n > 1) json_object_set(object, "data_sets", changes);
    json_object_set_new(object, "broken_images", json_integer((json_int_t)n));
    if (n) json_object_set(object, "broken", broken);
    json_decref(changes);
    json_decref(broken);
}

static char *report_json(run_t *run)
{
    const rg_train_values_t *v = &run->values;
    rg_throughput_rate_t rate = rg_throughput_total(&run->throughput);
    json_t *object = json_pack(
        "{s:s, s:I, s:f, s:f, s:f, s:f}", "stage", run->name, "iterations", (json_int_t)run->info.iteration,
        "seconds", rg_throughput_seconds(&run->throughput), "images_per_s", images_per_s(run, rate),
        "wait_share", rate.wait_share, "peak_memory_mib", rg_peak_memory_mib());
    for (int i = 0; i < v->losses.n; i++)
        json_object_set_new(object, v->losses.item[i].name, json_real(v->losses.item[i].value));
    report_data(run, object);
    if (run->neighbours.link) {
        json_object_set_new(object, "set_generation", json_integer((json_int_t)run->info.set_generation));
        json_object_set_new(object, "retrieved", json_integer((json_int_t)run->info.retrieved));
        json_object_set_new(object, "retrieved_new", json_integer((json_int_t)run->info.retrieved_new));
        json_object_set_new(object, "missing_neighbours",
                            json_integer((json_int_t)run->info.missing_neighbours));
        json_object_set_new(object, "last_new_generation",
                            json_integer((json_int_t)run->info.last_new_generation));
    }
    if (run->watch && run->throughput.iterations > 0) {
        json_object_set_new(object, "profile", rg_profile_json(run->watch, run->throughput.iterations));
        json_object_set_new(object, "tape_memory_mib",
                            json_real((double)rg_tape_peak_bytes(run->tape) / (1 << 20)));
        if (run->backend->apart)
            json_object_set_new(object, "device_memory_mib",
                                json_real((double)rg_opencl_counts(run->backend).peak_bytes / (1 << 20)));
    }
    char *text = json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(6));
    json_decref(object);
    return text;
}

int rg_stage_run(const rg_stage_job_t *job, rg_stage_result_t *result)
{
    const rg_config_t *config = job->config;
    run_t *run = rg_alloc(sizeof *run);
    *run = (run_t){.config = config,
                   .stage = job->stage,
                   .name = rg_stage_name(job->stage),
                   .train = rg_stage_training(job->stage, config),
                   .learner = rg_learner_find(job->stage, config),
                   .progress = job->progress,
                   .job = job,
                   .stop = job->stop,
                   .ranks = job->ranks};
    rg_cpu_threads(config->threads);
    rg_train_progress_set_state(job->progress, "waiting", run->name);
    int err = open_run(run);
    if (!err) {
        if (is_rank0(run))
            rg_log(RG_LOG_INFO, "train", "stage=%s iteration=%llu of=%llu", run->name,
                   (unsigned long long)run->info.iteration, (unsigned long long)run->info.iterations);
        err = iterate(run);
        if (err) err = end_early(run, err);
    }
    if (!err) {
        snprintf(result->checkpoint, sizeof result->checkpoint, "%s", run->checkpoint);
        result->iteration = run->info.iteration;
        result->report = report_json(run);
    }
    close_run(run);
    free(run);
    rg_train_progress_set_state(job->progress, "idle", NULL);
    return err;
}
