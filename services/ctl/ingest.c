// A file goes through three places:
//
//     rg_ingest_file ──► files ──flush──► in flight ──ingest_take_reply──► counted and reported
//                          │            (requests)                               ▲
//                          │             │        ▲                              │
//                          │             └ RG_ECRASH, file by file               │
//                          └─ the set has them already ──────────────────────────┘
//
// Before files are sent, the retrieval service is asked which of them the set has already. Those are not decoded
// and embedded again, so a run that is repeated takes little more than reading the files. The loader and the set
// find duplicates without it, so a retrieval service that does not answer holds nothing up.
//
// A request stays in the list `in_flight` until the loader has told the fate of its files. If the loader is
// restarted meanwhile, the link sends the request again; files that were added before are then duplicates. If
// that happens twice, one of the files may be the reason: each is sent alone then, and one that ends the
// loader again is refused.
#include "services/ctl/ingest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "common/core/alloc.h"
#include "common/core/clock.h"
#include "common/core/err.h"
#include "common/core/file.h"
#include "common/core/text.h"
#include "common/data/dataset.h"
#include "common/data/image.h"
#include "common/model/encoders.h"
#include "services/ctl/caller.h"
#include "services/ctl/fates.h"
#include "services/ctl/known.h"

// Large requests keep the encoder computing: with 16 files, it spends a sixth of its time on messages and cold caches.
enum { FILES_MAX = 64, BYTES_MAX = 8 << 20 };

// The place of a file in its shard. Zeroed: it is in no shard.
typedef struct {
    rg_source_shard_t *shard;
    uint64_t number;
} place_t;

// A file that will be sent.
typedef struct {
    char *name; // owned
    int annotated;
    uint8_t *bytes; // owned
    size_t size;
    place_t place;
} file_t;

// A request in flight.
typedef struct ingest_request {
    LIST_ENTRY(ingest_request) entry;
    rg_ingest_t *ingest;
    rg_msg_t *message;
    place_t places[FILES_MAX];
} ingest_request_t;

struct rg_ingest {
    const rg_options_t *options;
    rg_caller_t *loader;
    rg_progress_bar_t *progress; // of the caller
    rg_known_link_t retrieval;
    LIST_HEAD(, ingest_request) in_flight;
    file_t file[FILES_MAX]; // of the next request
    size_t files, bytes;    // of these
    size_t files_max;       // of a request
    uint64_t total;         // files to come, for the progress; 0: not known
    uint64_t given;
    rg_fates_t fates;
    rg_failure_t failure;          // of a whole request
    rg_source_t *source;           // of the caller; NULL: none
    const rg_left_out_t *left_out; // of the caller; NULL: nothing
};

// What the encoder makes of a request must fit into a message, beside others in receipt: a content map for each file.
static size_t files_per_request(const rg_config_t *config)
{
    size_t map = rg_content_size(config) * sizeof(uint16_t),
           fit = ((size_t)config->limits.message_max_mib << 20) / 4 / map;
    return fit > FILES_MAX ? FILES_MAX : fit > 1 ? fit : 1;
}

int rg_ingest_open(rg_ingest_t **out, const rg_options_t *options, const char *label, uint64_t total)
{
    const rg_config_t *config = &options->config;
    rg_known_link_t retrieval;
    rg_caller_t *loader;
    int err = rg_caller_open(&loader, config, "loader");
    if (err) return err;
    err = rg_known_link_open(&retrieval, config);
    if (err) {
        rg_caller_close(&loader);
        return err;
    }
    rg_ingest_t *ingest = rg_alloc(sizeof *ingest);
    *ingest = (rg_ingest_t){.options = options,
                            .loader = loader,
                            .retrieval = retrieval,
                            .total = total,
                            .files_max = files_per_request(config)};
    ingest->progress = rg_caller_show(loader, label, "images", options->json, NULL, NULL);
    ingest->fates = (rg_fates_t){.json = options->json, .progress = ingest->progress};
    LIST_INIT(&ingest->in_flight);
    *out = ingest;
    return 0;
}

// ---- fates

// Archives tell by their bytes how much is left. Bytes that were passed over took no time.
static void show_archives(rg_ingest_t *ingest, const rg_source_counts_t *counts, const char *note)
{
    const double elapsed = rg_clock_s() - ingest->progress->start_s, total = (double)counts->bytes_total,
                 read = (double)(counts->bytes - counts->bytes_known);
    char text[192];
    snprintf(text, sizeof text, "%.0f %% of %.1f MB, %s", 100 * (double)counts->bytes / total, 1e-6 * total,
             note);
    int known = elapsed > 0.5 && read > 0;
    rg_progress_bar_show(
        ingest->progress,
        &(rg_progress_line_t){.done = rg_fates_count(&ingest->fates),
                              .rate = known ? (double)rg_fates_count(&ingest->fates) / elapsed : -1,
                              .left_s = known ? (total - (double)counts->bytes) * elapsed / read : -1,
                              .note = text});
}

// The number of files is known once all of them were given.
static void show_counts(rg_ingest_t *ingest)
{
    const rg_source_counts_t *counts = ingest->source ? rg_source_counts(ingest->source) : NULL;
    char note[128];
    snprintf(note, sizeof note, "%llu new, %llu known, %llu refused", (unsigned long long)ingest->fates.added,
             (unsigned long long)ingest->fates.duplicate, (unsigned long long)ingest->fates.refused);
    if (counts && counts->bytes_total && !counts->ended)
        show_archives(ingest, counts, note);
    else
        rg_progress_bar_update(ingest->progress, rg_fates_count(&ingest->fates),
                               counts && counts->ended ? ingest->given : ingest->total, note);
}

void rg_ingest_refuse(rg_ingest_t *ingest, const char *name, const char *reason)
{
    char shown[RG_SENTENCE_SIZE]; // as in the reason, which may begin with it
    rg_text_escape(name, shown, sizeof shown);
    ingest->given++;
    rg_fates_refuse(&ingest->fates, shown, reason);
}

// ---- requests

static void ingest_request_destroy(ingest_request_t *request)
{
    LIST_REMOVE(request, entry);
    rg_msg_destroy(&request->message);
    free(request);
}

static void ingest_take_reply(void *self, int err, const rg_msg_t *reply);

// Sends a request with n files. Takes the message.
static void ingest_send(rg_ingest_t *ingest, rg_msg_t *message, const place_t *places, size_t n)
{
    ingest_request_t *request = rg_alloc(sizeof *request);
    *request = (ingest_request_t){.ingest = ingest, .message = message};
    memcpy(request->places, places, n * sizeof *places);
    LIST_INSERT_HEAD(&ingest->in_flight, request, entry);
    rg_msg_t *sent = rg_msg_retain(message);
    rg_caller_send(ingest->loader, &sent, ingest_take_reply, request);
}

static void release_message(void *data, void *hint)
{
    (void)data;
    rg_msg_t *message = hint;
    rg_msg_destroy(&message);
}

// A request for file i of another one, whose bytes it shares.
static rg_msg_t *request_one_file(const rg_msg_t *from, size_t i)
{
    const Rg__V1__Item *item = ((const Rg__V1__IngestRequest *)rg_msg_body(from))->items[i];
    rg_msg_t *message = rg_msg_new(RG__V1__ENVELOPE__BODY_INGEST_REQUEST);
    Rg__V1__IngestRequest *body = rg_msg_body(message);
    rg_frame_t file = {0};
    rg_msg_frame(from, i, &file);
    body->n_items = 1;
    body->asked_us = ((const Rg__V1__IngestRequest *)rg_msg_body(from))->asked_us;
    body->items = (Rg__V1__Item **)rg_msg_array(message, &rg__v1__item__descriptor, 1);
    body->items[0]->name = rg_msg_text(message, "%s", item->name);
    body->items[0]->annotated = item->annotated;
    rg_msg_attach(message, "0", RG__V1__DTYPE__U8, 1, (uint32_t[]){(uint32_t)file.size}, (void *)file.data,
                  release_message, rg_msg_retain(from));
    return message;
}

// Tells the source that n files from this place on have their fate; id: of one of them if they are acknowledged.
static void tell_source(rg_ingest_t *ingest, const place_t *place, size_t n, const uint8_t *id)
{
    if (!place->shard) return;
    rg_failure_keep(&ingest->failure,
                    rg_source_answered(ingest->source, place->shard, place->number, place->number + n, id));
}

static const uint8_t *acknowledged_id(const Rg__V1__Outcome *outcome)
{
    int stored = outcome->fate == RG__V1__FATE__ADDED || outcome->fate == RG__V1__FATE__DUPLICATE;
    return stored && outcome->id.len == RG_ID_SIZE ? outcome->id.data : NULL;
}

// Tells the source the fates of n files, those of neighbours in a shard at once. ids: NULL for a file that is
// not acknowledged.
static void tell_fates(rg_ingest_t *ingest, const place_t *places, const uint8_t *const *ids, size_t n)
{
    for (size_t i = 0, run; i < n; i += run) {
        for (run = 1; i + run < n; run++)
            if (places[i + run].shard != places[i].shard ||
                places[i + run].number != places[i].number + run || !ids[i + run] != !ids[i])
                break;
        tell_source(ingest, &places[i], run, ids[i]);
    }
}

// The loader ended twice when it had this request.
static void ingest_split(ingest_request_t *request)
{
    const Rg__V1__IngestRequest *body = rg_msg_body(request->message);
    if (body->n_items == 1) {
        rg_fates_refuse(&request->ingest->fates, body->items[0]->name, rg_error());
        tell_source(request->ingest, request->places, 1, NULL);
    }
    for (size_t i = 0; i < body->n_items && body->n_items > 1; i++)
        ingest_send(request->ingest, request_one_file(request->message, i), &request->places[i], 1);
    ingest_request_destroy(request);
}

// The loader answers for each file of the request.
static int check_reply(const ingest_request_t *request, const rg_msg_t *reply)
{
    const Rg__V1__IngestRequest *asked = rg_msg_body(request->message);
    if (rg_msg_kind(reply) != RG__V1__ENVELOPE__BODY_INGEST_REPLY)
        return rg_fail(RG_EFORMAT, "the loader sent a reply of another kind (%d)", (int)rg_msg_kind(reply));
    const Rg__V1__IngestReply *body = rg_msg_body(reply);
    if (body->n_outcomes == asked->n_items) return 0;
    return rg_fail(RG_EFORMAT, "the loader answered for %zu of %zu files: run the same command again",
                   body->n_outcomes, asked->n_items);
}

static void ingest_take_reply(void *self, int err, const rg_msg_t *reply)
{
    ingest_request_t *request = self;
    rg_ingest_t *ingest = request->ingest;
    if (err == RG_ECRASH) {
        ingest_split(request);
        return;
    }
    if (!err) err = check_reply(request, reply);
    rg_failure_keep(&ingest->failure, err);
    if (!err) {
        const Rg__V1__IngestReply *body = rg_msg_body(reply);
        const uint8_t *ids[FILES_MAX];
        for (size_t i = 0; i < body->n_outcomes; i++) {
            rg_fates_take(&ingest->fates, body->outcomes[i]);
            ids[i] = acknowledged_id(body->outcomes[i]);
        }
        rg_fates_note_generation(&ingest->fates, body->generation);
        tell_fates(ingest, request->places, ids, body->n_outcomes);
    }
    ingest_request_destroy(request);
}

// Handles replies until at most `most` requests are in flight.
static int drain(rg_ingest_t *ingest, int most)
{
    int err = 0;
    while (!err && rg_caller_pending(ingest->loader) > most) {
        err = rg_caller_step(ingest->loader);
        if (!err) err = rg_failure_raise(&ingest->failure);
        show_counts(ingest);
    }
    return err;
}

// ---- files that the set has already

static void file_fini(file_t *file)
{
    free(file->name);
    free(file->bytes);
    *file = (file_t){0};
}

// Counts the known files, and moves the others to the front.
static void take_known(rg_ingest_t *ingest, const rg_known_t *question)
{
    char name[RG_TEXT_NAME + 1];
    place_t places[FILES_MAX];
    const uint8_t *ids[FILES_MAX];
    size_t known = 0, left = 0;
    for (size_t i = 0; i < question->n; i++) {
        if (!question->known[i]) {
            ingest->file[left++] = ingest->file[i];
            continue;
        }
        rg_text_name(ingest->file[i].name, name);
        rg_fates_duplicate(&ingest->fates, name);
        places[known] = ingest->file[i].place;
        ids[known++] = question->id[i];
        file_fini(&ingest->file[i]);
    }
    ingest->files = left;
    rg_fates_note_generation(&ingest->fates, question->generation);
    tell_fates(ingest, places, ids, known);
}

// ---- sending

static void free_payload(void *data, void *hint)
{
    (void)hint;
    free(data);
}

// A request with all files. Takes them.
static rg_msg_t *make_request(rg_ingest_t *ingest, place_t places[FILES_MAX])
{
    rg_msg_t *message = rg_msg_new(RG__V1__ENVELOPE__BODY_INGEST_REQUEST);
    Rg__V1__IngestRequest *body = rg_msg_body(message);
    body->n_items = ingest->files;
    body->items = (Rg__V1__Item **)rg_msg_array(message, &rg__v1__item__descriptor, ingest->files);
    body->asked_us = rg_clock_wall_us();
    for (size_t i = 0; i < ingest->files; i++) {
        file_t *file = &ingest->file[i];
        char payload[24];
        snprintf(payload, sizeof payload, "%zu", i);
        body->items[i]->name = rg_msg_text(message, "%s", file->name);
        body->items[i]->annotated = file->annotated;
        rg_msg_attach(message, payload, RG__V1__DTYPE__U8, 1, (uint32_t[]){(uint32_t)file->size}, file->bytes,
                      free_payload, NULL);
        file->bytes = NULL;
        places[i] = file->place;
        file_fini(file);
    }
    return message;
}

// Sends the files that were given so far and are not known.
static int flush(rg_ingest_t *ingest)
{
    rg_known_t question = {.n = ingest->files};
    place_t places[FILES_MAX];
    if (!ingest->files) return 0;
    for (size_t i = 0; i < ingest->files; i++)
        rg_content_id(ingest->file[i].bytes, ingest->file[i].size, question.id[i]);
    int err = rg_known_link_ask(&ingest->retrieval, &question);
    if (err) return err;
    take_known(ingest, &question);
    if (ingest->files) ingest_send(ingest, make_request(ingest, places), places, ingest->files);
    ingest->files = ingest->bytes = 0;
    show_counts(ingest);
    err = drain(ingest, ingest->options->config.limits.credit - 1);
    return err ? err : rg_failure_raise(&ingest->failure);
}

int rg_ingest_settle(rg_ingest_t *ingest)
{
    int err = flush(ingest);
    return err ? err : drain(ingest, 0);
}

int rg_ingest_idle(void *self)
{
    rg_ingest_t *ingest = self;
    int err = rg_caller_pending(ingest->loader) ? 0 : flush(ingest);
    if (!err) err = rg_caller_step(ingest->loader);
    if (!err) err = rg_failure_raise(&ingest->failure);
    show_counts(ingest);
    return err;
}

int rg_ingest_pause(rg_ingest_t *ingest, double seconds)
{
    return rg_caller_pause(ingest->loader, seconds);
}

// ---- files

// One file must fit into a message.
static int check_size(const rg_ingest_t *ingest, size_t size)
{
    const rg_limits_config_t *limits = &ingest->options->config.limits;
    if (size == 0) return rg_fail(RG_EFORMAT, "empty file");
    if (size <= (size_t)limits->message_max_mib << 20) return 0;
    return rg_fail(RG_ELIMIT, "%zu bytes exceed limits.message_max_mib %d: raise the key or shrink the image",
                   size, limits->message_max_mib);
}

// Adds or refuses a file. Takes the bytes. err: of reading it, with rg_error().
static int add_bytes(rg_ingest_t *ingest, const char *name, int annotated, int err, uint8_t *bytes,
                     size_t size, const place_t *place)
{
    if (!err) err = check_size(ingest, size);
    if (err) {
        free(bytes);
        rg_ingest_refuse(ingest, name, rg_error());
        tell_source(ingest, place, 1, NULL);
        return 0;
    }
    ingest->given++;
    if (ingest->bytes + size > BYTES_MAX && (err = flush(ingest)) != 0) {
        free(bytes);
        return err;
    }
    ingest->file[ingest->files++] = (file_t){rg_strdup(name), annotated, bytes, size, *place};
    ingest->bytes += size;
    return ingest->files == ingest->files_max ? flush(ingest) : 0;
}

int rg_ingest_file(rg_ingest_t *ingest, const char *path, const char *name, int annotated)
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    int err = rg_image_read(&ingest->options->config.limits, path, &bytes, &size);
    return add_bytes(ingest, name, annotated, err, bytes, size, &(place_t){0});
}

int rg_ingest_member(rg_ingest_t *ingest, const rg_source_image_t *image)
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    int err = rg_source_read(image, &bytes, &size);
    if (err && err != RG_EFORMAT) return err;
    return add_bytes(ingest, image->name, 0, err, bytes, size, &(place_t){image->shard, image->number});
}

// ---- the end

// Returns an error if files were not answered for.
static int ingest_check_counts(const rg_ingest_t *ingest)
{
    uint64_t fates = rg_fates_count(&ingest->fates);
    if (fates >= ingest->given) return 0;
    return rg_fail(RG_EFORMAT, "the loader answered for only %llu of %llu files: run the same command again",
                   (unsigned long long)fates, (unsigned long long)ingest->given);
}

void rg_ingest_follow(rg_ingest_t *ingest, rg_source_t *source)
{
    ingest->source = source;
    ingest->left_out = &rg_source_counts(source)->left_out;
}

void rg_ingest_left_out(rg_ingest_t *ingest, const rg_left_out_t *left_out)
{
    ingest->left_out = left_out;
}

int rg_ingest_check_refused(uint64_t refused)
{
    return refused ? rg_fail(RG_EINVAL, "%llu files were refused", (unsigned long long)refused) : 0;
}

int rg_ingest_close(rg_ingest_t **out, int err, uint64_t *refused)
{
    rg_ingest_t *ingest = *out;
    rg_failure_t failure = {0};
    rg_failure_keep(&failure, err ? err : rg_ingest_settle(ingest));
    for (size_t i = 0; i < ingest->files; i++) file_fini(&ingest->file[i]);
    rg_caller_close(&ingest->loader);
    rg_known_link_close(&ingest->retrieval);
    while (!LIST_EMPTY(&ingest->in_flight)) ingest_request_destroy(LIST_FIRST(&ingest->in_flight));
    if (failure.err == RG_ESTOPPED) {
        err = rg_fail(RG_ESTOPPED, "stopped after %llu images; run the same command again to continue",
                      (unsigned long long)rg_fates_count(&ingest->fates));
    } else if (failure.err) {
        err = rg_failure_raise(&failure);
    } else {
        rg_fates_print(&ingest->fates, ingest->source ? rg_source_counts(ingest->source) : NULL,
                       ingest->left_out);
        err = ingest_check_counts(ingest);
    }
    *refused = ingest->fates.refused;
    free(ingest);
    *out = NULL;
    return err;
}

int rg_ingest_training(const rg_options_t *options, double share, uint64_t *refused)
{
    rg_dataset_t set;
    rg_ingest_t *ingest;
    int err = rg_dataset_open(&set, &options->config);
    if (err) return err;
    const uint32_t others = (uint32_t)(share * set.n_train_others + 0.5);
    unsigned char *skip = rg_alloc(set.count);
    for (uint32_t i = others; i < set.n_train_others; i++) skip[set.train_others[i]] = 1;
    err = rg_ingest_open(&ingest, options, "retrieval set", set.n_train_annotated + others);
    if (!err) {
        for (uint32_t i = 0; i < set.n[RG_SPLIT_TRAIN] && !err; i++) {
            uint32_t image = set.index[RG_SPLIT_TRAIN][i];
            if (skip[image]) continue;
            char *path = rg_dataset_path(&set, image);
            err = rg_ingest_file(ingest, path, set.name[image], set.annotated[image]);
            free(path);
        }
        err = rg_ingest_close(&ingest, err, refused);
    }
    free(skip);
    rg_dataset_close(&set);
    return err;
}
