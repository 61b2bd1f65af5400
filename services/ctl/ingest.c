// A file goes through three places:
//
//     rg_ingest_file ──► filling ──flush──► in flight ──ingest_take_reply──► counted and reported
//                     (one request)      (requests)
//                                         │        ▲
//                                         └ RG_ECRASH, file by file
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
#include "common/wire/json.h"
#include "services/ctl/caller.h"
#include "services/ctl/output.h"

enum { FILES_MAX = 16, BYTES_MAX = 8 << 20 };

// A request in flight.
typedef struct ingest_request {
    LIST_ENTRY(ingest_request) entry;
    rg_ingest_t *ingest;
    rg_msg_t *message;
} ingest_request_t;

struct rg_ingest {
    const rg_options_t *options;
    rg_caller_t *loader;
    rg_progress_bar_t *progress; // of the caller
    LIST_HEAD(, ingest_request) in_flight;
    rg_msg_t *filling;   // the request that takes the next file; NULL: none yet
    size_t files, bytes; // in filling
    uint64_t total;      // files to come, for the progress; 0: not known
    uint64_t given, added, duplicate, refused, warned;
    uint64_t generation;           // of the index, the newest seen
    rg_failure_t failure;          // of a whole request
    const rg_left_out_t *left_out; // of the caller; NULL: nothing
};

int rg_ingest_open(rg_ingest_t **out, const rg_options_t *options, const char *label, uint64_t total)
{
    rg_caller_t *loader;
    int err = rg_caller_open(&loader, &options->config, "loader");
    if (err) return err;
    rg_ingest_t *ingest = rg_alloc(sizeof *ingest);
    *ingest = (rg_ingest_t){.options = options, .loader = loader, .total = total};
    ingest->progress = rg_caller_show(loader, label, "images", options->json, NULL, NULL);
    LIST_INIT(&ingest->in_flight);
    *out = ingest;
    return 0;
}

// ---- fates

static uint64_t count_fates(const rg_ingest_t *ingest)
{
    return ingest->added + ingest->duplicate + ingest->refused;
}

static void show_counts(rg_ingest_t *ingest)
{
    char note[128];
    snprintf(note, sizeof note, "%llu new, %llu known, %llu refused", (unsigned long long)ingest->added,
             (unsigned long long)ingest->duplicate, (unsigned long long)ingest->refused);
    rg_progress_bar_update(ingest->progress, count_fates(ingest), ingest->total, note);
}

// reason: of a refusal; warning: of a file that was read nevertheless. NULL or empty: none.
static void report_fate(rg_ingest_t *ingest, const char *name, const char *fate, const char *reason,
                        const char *warning)
{
    if (ingest->options->json) {
        json_t *line = json_pack("{s:o, s:s}", "name", rg_json_text(name), "fate", fate);
        if (reason) json_object_set_new(line, "reason", rg_json_text(reason));
        if (warning && *warning) json_object_set_new(line, "warning", rg_json_text(warning));
        rg_output_json(line);
    } else if (reason) {
        rg_progress_bar_clear(ingest->progress);
        rg_output_line("refused %s: %s", name, reason);
    }
}

static void count_refused(rg_ingest_t *ingest, const char *name, const char *reason)
{
    size_t n = strlen(name);
    if (strncmp(reason, name, n) == 0 && strncmp(reason + n, ": ", 2) == 0) reason += n + 2;
    ingest->refused++;
    report_fate(ingest, name, "refused", reason, NULL);
}

void rg_ingest_refuse(rg_ingest_t *ingest, const char *name, const char *reason)
{
    char shown[RG_SENTENCE_SIZE]; // as in the reason, which may begin with it
    rg_text_escape(name, shown, sizeof shown);
    ingest->given++;
    count_refused(ingest, shown, reason);
}

static void ingest_take_outcome(rg_ingest_t *ingest, const Rg__V1__Outcome *outcome)
{
    ingest->warned += *outcome->warning != 0;
    if (outcome->fate == RG__V1__FATE__ADDED) {
        ingest->added++;
        report_fate(ingest, outcome->name, "added", NULL, outcome->warning);
    } else if (outcome->fate == RG__V1__FATE__DUPLICATE) {
        ingest->duplicate++;
        report_fate(ingest, outcome->name, "duplicate", NULL, outcome->warning);
    } else {
        count_refused(ingest, outcome->name, outcome->reason);
    }
}

// ---- requests

static void ingest_request_destroy(ingest_request_t *request)
{
    LIST_REMOVE(request, entry);
    rg_msg_destroy(&request->message);
    free(request);
}

static void ingest_take_reply(void *self, int err, const rg_msg_t *reply);

// Sends a request. Takes the message.
static void ingest_send(rg_ingest_t *ingest, rg_msg_t *message)
{
    ingest_request_t *request = rg_alloc(sizeof *request);
    *request = (ingest_request_t){.ingest = ingest, .message = message};
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
    body->items = (Rg__V1__Item **)rg_msg_array(message, &rg__v1__item__descriptor, 1);
    body->items[0]->name = rg_msg_text(message, "%s", item->name);
    body->items[0]->annotated = item->annotated;
    rg_msg_attach(message, "0", RG__V1__DTYPE__U8, 1, (uint32_t[]){(uint32_t)file.size}, (void *)file.data,
                  release_message, rg_msg_retain(from));
    return message;
}

// The loader ended twice when it had this request.
static void ingest_split(ingest_request_t *request)
{
    const Rg__V1__IngestRequest *body = rg_msg_body(request->message);
    if (body->n_items == 1) count_refused(request->ingest, body->items[0]->name, rg_error());
    for (size_t i = 0; i < body->n_items && body->n_items > 1; i++)
        ingest_send(request->ingest, request_one_file(request->message, i));
    ingest_request_destroy(request);
}

static void ingest_take_reply(void *self, int err, const rg_msg_t *reply)
{
    ingest_request_t *request = self;
    rg_ingest_t *ingest = request->ingest;
    if (err == RG_ECRASH) {
        ingest_split(request);
        return;
    }
    ingest_request_destroy(request);
    if (!err && rg_msg_kind(reply) != RG__V1__ENVELOPE__BODY_INGEST_REPLY)
        err = rg_fail(RG_EFORMAT, "the loader sent a reply of another kind (%d)", (int)rg_msg_kind(reply));
    rg_failure_keep(&ingest->failure, err);
    if (err) return;
    const Rg__V1__IngestReply *body = rg_msg_body(reply);
    for (size_t i = 0; i < body->n_outcomes; i++) ingest_take_outcome(ingest, body->outcomes[i]);
    if (body->generation > ingest->generation) ingest->generation = body->generation;
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

// Sends the request that is being filled.
static int flush(rg_ingest_t *ingest)
{
    if (!ingest->filling) return 0;
    Rg__V1__IngestRequest *body = rg_msg_body(ingest->filling);
    body->n_items = ingest->files;
    body->asked_us = rg_clock_wall_us();
    ingest->files = ingest->bytes = 0;
    ingest_send(ingest, ingest->filling);
    ingest->filling = NULL;
    return drain(ingest, ingest->options->config.limits.credit - 1);
}

int rg_ingest_settle(rg_ingest_t *ingest)
{
    int err = flush(ingest);
    return err ? err : drain(ingest, 0);
}

int rg_ingest_pause(rg_ingest_t *ingest, double seconds)
{
    return rg_caller_pause(ingest->loader, seconds);
}

// ---- files

static void free_payload(void *data, void *hint)
{
    (void)hint;
    free(data);
}

// Appends a file to the request that is being filled. Takes the bytes.
static void append_file(rg_ingest_t *ingest, const char *name, int annotated, unsigned char *jpeg,
                        size_t size)
{
    char payload[24];
    if (!ingest->filling) {
        ingest->filling = rg_msg_new(RG__V1__ENVELOPE__BODY_INGEST_REQUEST);
        Rg__V1__IngestRequest *fresh = rg_msg_body(ingest->filling);
        fresh->items = (Rg__V1__Item **)rg_msg_array(ingest->filling, &rg__v1__item__descriptor, FILES_MAX);
    }
    Rg__V1__IngestRequest *body = rg_msg_body(ingest->filling);
    body->items[ingest->files]->name = rg_msg_text(ingest->filling, "%s", name);
    body->items[ingest->files]->annotated = annotated;
    snprintf(payload, sizeof payload, "%zu", ingest->files);
    rg_msg_attach(ingest->filling, payload, RG__V1__DTYPE__U8, 1, (uint32_t[]){(uint32_t)size}, jpeg,
                  free_payload, NULL);
    ingest->files++;
    ingest->bytes += size;
}

// One file must fit into a message.
static int check_size(const rg_ingest_t *ingest, size_t size)
{
    const rg_limits_config_t *limits = &ingest->options->config.limits;
    if (size == 0) return rg_fail(RG_EFORMAT, "empty file");
    if (size <= (size_t)limits->message_max_mib << 20) return 0;
    return rg_fail(RG_ELIMIT, "%zu bytes exceed limits.message_max_mib %d: raise the key or shrink the image",
                   size, limits->message_max_mib);
}

int rg_ingest_file(rg_ingest_t *ingest, const char *path, const char *name, int annotated)
{
    unsigned char *jpeg = NULL;
    size_t size;
    int err = rg_image_read(&ingest->options->config.limits, path, &jpeg, &size);
    if (!err) err = check_size(ingest, size);
    if (err) {
        free(jpeg);
        rg_ingest_refuse(ingest, name, rg_error());
        return 0;
    }
    ingest->given++;
    if (ingest->bytes + size > BYTES_MAX && (err = flush(ingest)) != 0) {
        free(jpeg);
        return err;
    }
    append_file(ingest, name, annotated, jpeg, size);
    return ingest->files == FILES_MAX ? flush(ingest) : 0;
}

// ---- the end

void rg_ingest_left_out(rg_ingest_t *ingest, const rg_left_out_t *left_out)
{
    ingest->left_out = left_out;
}

static void print_summary_json(const rg_ingest_t *ingest)
{
    json_t *summary =
        json_pack("{s:I, s:I, s:I, s:I, s:I}", "added", (json_int_t)ingest->added, "duplicate",
                  (json_int_t)ingest->duplicate, "refused", (json_int_t)ingest->refused, "with_warnings",
                  (json_int_t)ingest->warned, "generation", (json_int_t)ingest->generation);
    if (ingest->left_out) json_object_set_new(summary, "left_out", rg_left_out_json(ingest->left_out));
    rg_output_json(summary);
}

static void print_summary(const rg_ingest_t *ingest)
{
    char others[RG_LEFT_OUT_TEXT] = "";
    if (ingest->options->json) {
        print_summary_json(ingest);
        return;
    }
    printf("%llu added, %llu known before, %llu refused (index generation %llu)\n",
           (unsigned long long)ingest->added, (unsigned long long)ingest->duplicate,
           (unsigned long long)ingest->refused, (unsigned long long)ingest->generation);
    if (ingest->warned)
        printf("%llu break the rules of their format, but were read whole (--json shows the warnings)\n",
               (unsigned long long)ingest->warned);
    if (ingest->left_out) rg_left_out_format(ingest->left_out, others);
    if (*others) rg_output_line("%s", others);
    fflush(stdout);
}

// Returns an error if files were not answered for.
static int ingest_check_counts(const rg_ingest_t *ingest)
{
    uint64_t fates = count_fates(ingest);
    if (fates >= ingest->given) return 0;
    return rg_fail(RG_EFORMAT, "the loader answered for only %llu of %llu files: run the same command again",
                   (unsigned long long)fates, (unsigned long long)ingest->given);
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
    rg_msg_destroy(&ingest->filling);
    rg_caller_close(&ingest->loader);
    while (!LIST_EMPTY(&ingest->in_flight)) ingest_request_destroy(LIST_FIRST(&ingest->in_flight));
    if (failure.err == RG_ESTOPPED) {
        err = rg_fail(RG_ESTOPPED, "stopped after %llu images; run the same command again to continue",
                      (unsigned long long)count_fates(ingest));
    } else if (failure.err) {
        err = rg_failure_raise(&failure);
    } else {
        print_summary(ingest);
        err = ingest_check_counts(ingest);
    }
    *refused = ingest->refused;
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
