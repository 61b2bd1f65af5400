// How reads, changes and builds of the set go on at the same time.
//
//   thread    does                                               in main.c
//   loop      begins and ends read views                         search, list, served, status
//   writer    changes: models, additions, removals, publishing   one job after the other
//   builder   builds, snapshots, checks; it changes nothing      one job after the other
//
//   writer    txn = begin_write, view' = copy of the view
//             put images into txn, append rows to view'     <- readers see nothing of both
//             commit txn                                    <- durable, generation g+1 in the store
//             publish view'                                 <- generation g+1 in memory
//
//   reader    txn = begin_read (generation a), view = retain (generation b); if a != b, try again
//
// A published view never changes, except for its reference count. A copy shares the chunks of rows and the
// index with its original (rows.h, view.h), so it costs one pointer per chunk and one bit per row. The only
// lock, view_lock, protects the pointer to the published view. It is held to exchange or to retain that
// pointer and never during work. LMDB lets readers read while the writer writes.
//
// A reader between commit and publish gets two different generations and tries again; this takes
// microseconds. With equal generations, the labels in the view lead to images in the store.
//
// A build keeps the view that it began with while additions and removals go on. When the writer publishes the
// build, there are three cases. The rows are still shared: the present view only gets the new index. The
// build made rows of its own, without dead ones: the changes since are applied to them. The current model has
// changed since (`switches`): the build is dropped.
//
// When memory and pages are freed: the last owner of a view releases its chunks and its index, and a chunk is
// freed when no view uses it. LMDB reuses the pages of an old version when the last read transaction that may
// need them has ended. Therefore a read view lasts for one request only, or for one build or check.
#include "services/retrieval/set_private.h"

#include <sched.h>
#include <stdio.h>

#include "common/core/err.h"

// Limits of models, so that a damaged store or a wrong message cannot ask for absurd memory.
enum { EMBED_DIM_MAX = 1 << 14, SIDE_MAX = 1 << 16, FEATURES_BYTES_MAX = 1 << 28 };

// ---- the published view

rg_view_t *rg__set_retain_view(rg_set_t *set)
{
    pthread_mutex_lock(&set->view_lock);
    rg_view_t *view = rg_view_retain(set->view);
    pthread_mutex_unlock(&set->view_lock);
    return view;
}

void rg__set_publish(rg_set_t *set, rg_view_t *view)
{
    pthread_mutex_lock(&set->view_lock);
    rg_view_t *old = set->view;
    set->view = view;
    pthread_mutex_unlock(&set->view_lock);
    rg_view_destroy(&old);
}

// ---- open and close

// What is told while a view is loaded: the progress to the caller, damaged images to the set.
typedef struct {
    rg_set_t *set;
    rg_view_progress_t progress;
} loading_t;

static int pass_progress(void *self, uint64_t done, uint64_t total)
{
    const rg_view_progress_t *progress = &((loading_t *)self)->progress;
    return progress->step ? progress->step(progress->self, done, total) : 0;
}

static void note_damaged(void *self, uint64_t label)
{
    rg_set_note_damaged(((loading_t *)self)->set, label);
}

int rg__set_load_view(rg_view_t **view, rg_set_t *set, const rg_view_source_t *source)
{
    loading_t loading = {set, source->progress};
    rg_view_source_t noting = *source;
    noting.progress = (rg_view_progress_t){pass_progress, note_damaged, &loading};
    return rg_view_load(view, &noting);
}

// Makes a view of what the transaction sees, with the index of the snapshot.
static int load_with_snapshot(rg_view_t **view, rg_set_t *set, const rg_view_source_t *source)
{
    rg_snapshot_t snapshot = {0};
    rg_view_source_t with = *source;
    int err = rg_snapshot_read(&snapshot, set->snapshot_path, &set->state.model, set->factory);
    with.snapshot = &snapshot;
    if (!err) err = rg__set_load_view(view, set, &with);
    rg_snapshot_fini(&snapshot);
    return err;
}

int rg__set_check_model(const rg_store_model_t *model)
{
    if (!*model->name) return rg_fail(RG_EINVAL, "the model has no name");
    if (model->embed_dim < 1 || model->embed_dim > EMBED_DIM_MAX)
        return rg_fail(RG_ELIMIT, "embeddings of %u numbers are not possible: use 1 to %d", model->embed_dim,
                       EMBED_DIM_MAX);
    const uint32_t *s = model->features_shape;
    int bad = rg_store_features_bytes(model) > FEATURES_BYTES_MAX;
    for (int i = 0; i < 3; i++) bad |= s[i] < 1 || s[i] > SIDE_MAX;
    if (bad)
        return rg_fail(
            RG_ELIMIT,
            "features of %ux%ux%u are not possible: each side is 1 to %d, and all are at most %d bytes", s[0],
            s[1], s[2], SIDE_MAX, FEATURES_BYTES_MAX);
    return 0;
}

// Checks the models of a state, which may come from a damaged disk.
static int check_state(const rg_store_state_t *state)
{
    int err = *state->model.name ? rg__set_check_model(&state->model) : 0;
    return err || !*state->next.name ? err : rg__set_check_model(&state->next);
}

// Loads the first view: with the snapshot, without it, or if the file of rows does not fit the store, without
// both.
static int load_first_view(rg_set_t *set, rg_view_source_t *source)
{
    int err = load_with_snapshot(&set->view, set, source);
    if (!err || err == RG_ESTOPPED) return err;
    if (err != RG_ENOENT) snprintf(set->snapshot_problem, sizeof set->snapshot_problem, "%s", rg_error());
    err = rg__set_load_view(&set->view, set, source);
    if (err != RG_EFORMAT || !rg_rows_file_count(source->file)) return err;
    rg_log(RG_LOG_WARN, "rows-not-used", "reason=\"%s\"", rg_error());
    rg_rows_file_release(&source->file);
    source->file = rg__set_new_file(set, set->state.model.embed_dim);
    return rg__set_load_view(&set->view, set, source);
}

static int open_first_view(rg_set_t *set, rg_view_progress_t progress)
{
    rg_view_source_t source = {.state = &set->state, .progress = progress};
    int err = rg_store_begin_read(set->store, &source.txn);
    if (!err) err = rg_store_state(source.txn, &set->state);
    if (!err) err = check_state(&set->state);
    if (!err) err = rg__set_open_file(set, source.txn, &source.file);
    if (!err && !rg_rows_file_count(source.file))
        err = rg_store_check(set->store); // everything is read anyway
    if (!err) err = load_first_view(set, &source);
    rg_store_abort(&source.txn);
    rg_rows_file_release(&source.file);
    if (!err) rg__set_move_rows(set);
    return err;
}

int rg_set_open(rg_set_t **out, const rg_set_options_t *options)
{
    rg_set_t *set = rg_alloc(sizeof *set);
    pthread_mutex_init(&set->view_lock, NULL);
    rg__set_damage_init(set);
    rg__set_next_init(set);
    set->path = rg_strdup(options->path);
    set->factory = rg_strdup(options->index);
    set->map_bytes = options->map_bytes;
    set->snapshot_path = rg_format("%s/index.snapshot", options->path);
    int err = rg_store_open(&set->store, options->path, options->map_bytes);
    if (!err) err = open_first_view(set, options->progress);
    if (err)
        rg_set_close(&set);
    else
        *out = set;
    return err;
}

int rg_set_check_outline(rg_set_t *set)
{
    int err = rg_store_check_outline(set->store);
    if (!err) rg__set_move_rows(set);
    return err;
}

int rg_set_check_step(rg_set_t *set, double *share)
{
    return rg_store_check_step(set->store, share);
}

int rg_set_check_finish(rg_set_t *set)
{
    return rg_store_check_finish(set->store);
}

void rg_set_close(rg_set_t **set)
{
    if (!*set) return;
    rg_view_destroy(&(*set)->view);
    rg__set_next_fini(*set);
    rg_store_close(&(*set)->store);
    pthread_mutex_destroy(&(*set)->view_lock);
    rg__set_damage_fini(*set);
    free((*set)->path);
    free((*set)->factory);
    free((*set)->snapshot_path);
    free(*set);
    *set = NULL;
}

const char *rg_set_snapshot_problem(const rg_set_t *set)
{
    return set->snapshot_problem;
}

rg_store_t *rg_set_store(rg_set_t *set)
{
    return set->store;
}

uint64_t rg_set_generation(const rg_set_t *set)
{
    return set->state.generation;
}

// ---- reading

int rg_read_view_begin(rg_read_view_t *read, rg_set_t *set)
{
    for (;;) {
        rg_store_txn_t *txn = NULL;
        rg_store_state_t state;
        int err = rg_store_begin_read(set->store, &txn);
        if (!err) err = rg_store_state(txn, &state);
        if (err) {
            rg_store_abort(&txn);
            return err;
        }
        *read = (rg_read_view_t){rg__set_retain_view(set), txn, state.slot, set};
        if (read->view->generation == state.generation) return 0;
        rg_read_view_end(read);
        sched_yield();
    }
}

void rg_read_view_end(rg_read_view_t *read)
{
    rg_view_destroy(&read->view);
    rg_store_abort(&read->txn);
}

int rg__set_count_missing(rg_set_t *set, rg_store_txn_t *txn, const rg_store_state_t *state,
                          uint64_t *missing)
{
    uint64_t all, embedded, damaged;
    *missing = 0;
    if (!*state->next.name) return 0;
    int err = rg_store_count(txn, &all);
    if (!err) err = rg_store_embedded(txn, state->slot ^ 1, &embedded);
    if (err) return err;
    damaged = rg__set_damaged_unembedded(set, txn, state->slot ^ 1);
    *missing = all > embedded + damaged ? all - embedded - damaged : 0;
    return 0;
}

int rg_read_view_missing(const rg_read_view_t *read, uint64_t *missing)
{
    rg_store_state_t state;
    int err = rg_store_state(read->txn, &state);
    return err ? err : rg__set_count_missing(read->set, read->txn, &state, missing);
}

int rg_read_view_check_model(const rg_read_view_t *read, const char *model)
{
    const char *current = read->view->model.name;
    rg_store_state_t state;
    uint64_t missing;
    if (!*current)
        return rg_fail(RG_EMODEL, "no model is current yet: start an encoder, which announces its model");
    if (strcmp(model, current) == 0) return 0;
    int err = rg_store_state(read->txn, &state);
    if (!err) err = rg__set_count_missing(read->set, read->txn, &state, &missing);
    if (err) return err;
    if (strcmp(model, state.next.name) == 0)
        return rg_fail(RG_EMODEL,
                       "model %.80s has %llu images still to embed; until then model %.80s is current", model,
                       (unsigned long long)missing, current);
    return rg_fail(RG_EMODEL, "model %.80s is not the current model, which is %.80s", model, current);
}

// Returns 1 if the model of the slot has not embedded the image, 0 if it has, or an error.
static int is_missing(const rg_read_view_t *read, const rg_store_image_t *image, uint32_t slot, size_t bytes)
{
    rg_store_value_t embedding;
    int err = rg_store_derived(read->txn, image, slot, RG_DERIVED_EMBEDDING, bytes, &embedding);
    return err == RG_ENOENT || err == RG_EFORMAT ? 1 : err;
}

int rg_read_view_list(const rg_read_view_t *read, uint64_t from, int missing, rg_store_image_t *images,
                      size_t limit, size_t *n, uint64_t *next)
{
    rg_store_state_t state;
    size_t count = 0, bytes = 0;
    int err = rg_store_state(read->txn, &state);
    if (!err) bytes = rg_store_embedding_bytes(&state.next);
    int listed = !missing || *state.next.name;
    while (!err && listed && count < limit) {
        rg_store_image_t *image = &images[count];
        err = rg_store_next(read->txn, from, image);
        if (err && err != RG_EFORMAT) break;
        from = image->label + 1;
        int wanted = err ? 0 : missing ? is_missing(read, image, state.slot ^ 1, bytes) : 1;
        if (wanted < 0) return wanted;
        err = 0; // a damaged image is passed over
        count += (size_t)wanted;
    }
    if (err && err != RG_ENOENT) return err;
    *n = count;
    *next = err || !listed ? 0 : from;
    return 0;
}

int rg_read_view_image(const rg_read_view_t *read, const uint8_t id[RG_ID_SIZE], rg_store_image_t *image)
{
    uint64_t label;
    int err = rg_store_find(read->txn, id, &label);
    return err ? err : rg_store_image(read->txn, label, image);
}

// ---- building

// A build is due when enough rows lie behind the index (index.h), or when at least DEAD_MIN rows, and a tenth of
// those alive, are dead.
enum { DEAD_MIN = 1024, DEAD_SHARE = 10 };

struct rg_set_build {
    rg_view_t *view;   // what was built
    int64_t last;      // label of the last row of the view that the build began with
    unsigned switches; // of the set when the build began
    int shares_rows;   // its rows are those of the view that the build began with, dead ones included
};

static int64_t last_label(const rg_view_t *view)
{
    return view->rows.count ? rg_rows_at(&view->rows, view->rows.count - 1).label : -1;
}

int rg_set_is_due(rg_set_t *set)
{
    rg_view_t *view = rg__set_retain_view(set);
    size_t rows = view->rows.count, indexed = rg_view_indexed(view), alive = rg_view_count(view);
    int due = view->dead >= DEAD_MIN && view->dead >= alive / DEAD_SHARE;
    if (rows >= 2 * atomic_load(&set->untrainable)) due |= rg_index_is_due(set->factory, rows, indexed);
    rg_view_destroy(&view);
    return due;
}

// The rows of a view without dead ones, with a file of their own.
static int copy_alive(rg_view_t **out, rg_set_t *set, const rg_view_t *view, rg_work_t *work)
{
    rg_view_t *copy = rg_view_new(&view->model, view->generation);
    int err = 0;
    copy->file = rg__set_new_file(set, view->model.embed_dim);
    for (size_t i = 0; i < view->rows.count && !err; i++) {
        rg_image_row_t row = rg_rows_at(&view->rows, i);
        if (rg_view_is_alive(view, i)) rg_view_append(copy, &row);
        if (i % view->rows.chunk_rows) continue;
        if (copy->file) err = rg_rows_file_take(copy->file, &copy->rows);
        if (!err) err = rg_work_step(work, "leaving out removed images", i, view->rows.count);
    }
    *out = copy;
    return err;
}

static int tell_loaded(void *work, uint64_t done, uint64_t total)
{
    return rg_work_step(work, "reading images", done, total);
}

static int load_again(rg_view_t **out, rg_set_t *set, const rg_read_view_t *read, rg_work_t *work)
{
    rg_store_state_t state;
    rg_view_source_t source = {
        .txn = read->txn, .state = &state, .progress = {.step = tell_loaded, .self = work}};
    int err = rg_store_state(read->txn, &state);
    if (err) return err;
    source.file = rg__set_new_file(set, state.model.embed_dim);
    err = rg__set_load_view(out, set, &source);
    rg_rows_file_release(&source.file);
    return err;
}

// Begins with the rows that will be indexed.
static int begin_build(rg_set_t *set, int from_store, rg_work_t *work, rg_set_build_t *build)
{
    rg_read_view_t read;
    build->switches = atomic_load(&set->switches);
    int err = rg_read_view_begin(&read, set);
    if (err) return err;
    build->last = last_label(read.view);
    if (from_store) {
        err = load_again(&build->view, set, &read, work);
    } else if (read.view->dead) {
        err = copy_alive(&build->view, set, read.view, work);
    } else {
        build->view = rg_view_copy(read.view);
        build->shares_rows = 1;
    }
    rg_read_view_end(&read);
    return err;
}

// Too few rows to train the index are not a failure: they are searched exactly until there are twice as many.
int rg__set_index_rows(rg_set_t *set, rg_view_t *view, rg_work_t *work)
{
    rg_index_t *old = view->index;
    const rg_index_plan_t plan = {set->factory, set->path, old, work};
    int err = 0;
    view->index = NULL;
    if (view->rows.count && !rg_index_is_exact(set->factory, view->rows.count))
        err = rg_index_build(&view->index, &plan, &view->rows);
    rg_index_destroy(&old);
    if (err == RG_ELIMIT) atomic_store(&set->untrainable, view->rows.count);
    return err == RG_ELIMIT ? 0 : err;
}

int rg_set_build(rg_set_t *set, int from_store, rg_work_t *work, rg_set_build_t **out)
{
    rg_set_build_t *build = rg_alloc(sizeof *build);
    int err = begin_build(set, from_store, work, build);
    if (!err) err = rg__set_index_rows(set, build->view, work);
    if (err)
        rg_set_build_destroy(&build);
    else
        *out = build;
    return err;
}

void rg_set_build_destroy(rg_set_build_t **build)
{
    if (!*build) return;
    rg_view_destroy(&(*build)->view);
    free(*build);
    *build = NULL;
}

// Applies to the built view what has changed since: kills removed rows and appends those with labels after
// `last`. Both views are in the order of the labels.
static void catch_up(rg_view_t *built, const rg_view_t *now, int64_t last)
{
    size_t at = 0;
    const size_t rows = built->rows.count;
    for (size_t i = 0; i < rows; i++) {
        const int64_t label = rg_rows_at(&built->rows, i).label;
        while (at < now->rows.count && rg_rows_at(&now->rows, at).label < label) at++;
        int is_there = at < now->rows.count && rg_rows_at(&now->rows, at).label == label;
        if (!is_there || !rg_view_is_alive(now, at)) rg_view_kill(built, i);
    }
    for (; at < now->rows.count; at++) {
        rg_image_row_t row = rg_rows_at(&now->rows, at);
        if (row.label > last && rg_view_is_alive(now, at)) rg_view_append(built, &row);
    }
}

// Makes the rows of a build those of the set.
static int publish_rows(rg_set_t *set, rg_view_t *built)
{
    rg_store_txn_t *txn = NULL;
    rg_rows_file_t *before = set->view->file;
    built->generation = set->view->generation;
    int err = built->file ? rg_store_begin_write(set->store, &txn) : 0;
    if (!err && built->file) err = rg__set_record_rows(txn, built);
    if (!err && built->file) err = rg_store_commit(&txn);
    rg_store_abort(&txn);
    if (err) return err;
    rg__set_use_file(before, built->file);
    rg__set_publish(set, rg_view_retain(built));
    rg__set_move_rows(set);
    return 0;
}

static rg_view_t *copy_with_index(const rg_view_t *now, rg_index_t *index)
{
    rg_view_t *view = rg_view_copy(now);
    rg_index_destroy(&view->index);
    if (index) view->index = rg_index_retain(index);
    return view;
}

int rg_set_publish_build(rg_set_t *set, rg_set_build_t **out)
{
    rg_set_build_t *build = *out;
    rg_view_t *now = set->view, *built = build->view;
    int fits = build->switches == atomic_load(&set->switches), err = 0;
    if (fits && build->shares_rows && built->file == now->file && built->rows.count <= now->rows.count) {
        rg__set_publish(set, copy_with_index(now, built->index));
    } else if (fits && !build->shares_rows) {
        catch_up(built, now, build->last);
        err = publish_rows(set, built);
    }
    rg_set_build_destroy(out);
    return err;
}

// ---- the snapshot of the index

int rg_set_save(rg_set_t *set)
{
    rg_view_t *view = rg__set_retain_view(set);
    int err = rg_snapshot_write(set->snapshot_path, view, set->factory);
    pthread_mutex_lock(&set->next.lock);
    const rg_index_t *used[] = {view->index, set->next.view ? set->next.view->index : NULL};
    if (!err) rg_index_remove_others(used, 2, set->path);
    pthread_mutex_unlock(&set->next.lock);
    rg_view_destroy(&view);
    return err;
}

int rg_set_restore(rg_set_t *set)
{
    rg_view_t *view = NULL;
    rg_view_source_t source = {.state = &set->state, .file = set->view->file};
    int err = rg_store_begin_read(set->store, &source.txn);
    if (!err) err = load_with_snapshot(&view, set, &source);
    rg_store_abort(&source.txn);
    if (err) return err;
    atomic_fetch_add(&set->switches, 1); // rows in memory may have other positions
    rg__set_publish(set, view);
    rg__set_move_rows(set);
    return 0;
}

int rg_set_check_snapshot(const rg_set_t *set, const rg_view_t *view, size_t *rows)
{
    rg_snapshot_t snapshot = {0};
    int err = rg_snapshot_read(&snapshot, set->snapshot_path, &view->model, set->factory);
    if (!err) *rows = snapshot.rows;
    rg_snapshot_fini(&snapshot);
    return err;
}
