#include "services/ctl/ingest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/clock.h"
#include "common/core/err.h"
#include "common/core/file.h"
#include "common/data/dataset.h"
#include "common/wire/json.h"
#include "services/ctl/output.h"

enum { FILES_MAX = 16, BYTES_MAX = 8 << 20 };
static const double busy_s = 0.2; // before a busy loader is asked again

int rg_ingest_open(rg_ingest_t *ingest, const rg_options_t *options, const char *label, uint64_t total)
{
    *ingest = (rg_ingest_t){.options = options, .total = total};
    rg_progress_bar_init(&ingest->progress, label, "images", options->json);
    return rg_caller_open(&ingest->loader, &options->config, "loader");
}

static void show(rg_ingest_t *ingest)
{
    char note[128];
    uint64_t done = ingest->added + ingest->duplicate + ingest->refused;
    double silent_s = rg_caller_silent_s(ingest->loader);
    int n =
        snprintf(note, sizeof note, "%llu new, %llu known, %llu refused", (unsigned long long)ingest->added,
                 (unsigned long long)ingest->duplicate, (unsigned long long)ingest->refused);
    if (silent_s > 3)
        snprintf(note + n, sizeof note - (size_t)n, ", waiting for the loader (%.0f s)", silent_s);
    rg_progress_bar_update(&ingest->progress, done, ingest->total, note);
}

static void report(rg_ingest_t *ingest, const char *name, const char *fate, const char *reason)
{
    if (ingest->options->json) {
        json_t *line = json_pack("{s:o, s:s}", "name", rg_json_text(name), "fate", fate);
        if (reason) json_object_set_new(line, "reason", rg_json_text(reason));
        rg_output_json(line);
    } else if (reason) {
        rg_progress_bar_clear(&ingest->progress);
        printf("refused %s: %s\n", name, reason);
        fflush(stdout);
    }
}

void rg_ingest_refuse(rg_ingest_t *ingest, const char *name, const char *reason)
{
    size_t n = strlen(name);
    if (strncmp(reason, name, n) == 0 && strncmp(reason + n, ": ", 2) == 0) reason += n + 2;
    ingest->refused++;
    report(ingest, name, "refused", reason);
}

static void take_outcome(rg_ingest_t *ingest, const Rg__V1__Outcome *outcome)
{
    if (outcome->fate == RG__V1__FATE__ADDED) {
        ingest->added++;
        report(ingest, outcome->name, "added", NULL);
    } else if (outcome->fate == RG__V1__FATE__DUPLICATE) {
        ingest->duplicate++;
        report(ingest, outcome->name, "duplicate", NULL);
    } else {
        rg_ingest_refuse(ingest, outcome->name, outcome->reason);
    }
}

// A request on its way, kept until it is answered.
typedef struct rg__sending {
    struct rg__sending *next;
    rg_ingest_t *ingest;
    rg_msg_t *request;
    int again; // to be sent once more
} sending_t;

static void forget(sending_t *sending)
{
    sending_t **at = &sending->ingest->sent;
    while (*at != sending) at = &(*at)->next;
    *at = sending->next;
    rg_msg_destroy(&sending->request);
    free(sending);
}

static void keep_for_later(sending_t *sending)
{
    rg_ingest_t *ingest = sending->ingest;
    sending->again = 1;
    ingest->again++;
    ingest->again_s = rg_clock_s() + busy_s;
}

static void take_reply(void *self, int err, const rg_msg_t *reply)
{
    sending_t *sending = self;
    rg_ingest_t *ingest = sending->ingest;
    if (err == RG_EBUSY) {
        keep_for_later(sending);
        return;
    }
    forget(sending);
    if (!err && rg_msg_kind(reply) != RG__V1__ENVELOPE__BODY_INGEST_REPLY)
        err = rg_fail(RG_EFORMAT, "loader: an answer of another kind (%d)", (int)rg_msg_kind(reply));
    if (err) {
        ingest->err = err;
        snprintf(ingest->sentence, sizeof ingest->sentence, "%s", rg_error());
        return;
    }
    const Rg__V1__IngestReply *body = rg_msg_body(reply);
    for (size_t i = 0; i < body->n_outcomes; i++) take_outcome(ingest, body->outcomes[i]);
    if (body->generation > ingest->generation) ingest->generation = body->generation;
}

static void send(sending_t *sending)
{
    rg_msg_t *request = rg_msg_retain(sending->request);
    rg_caller_send(sending->ingest->loader, &request, take_reply, sending);
}

static void send_again(rg_ingest_t *ingest)
{
    if (rg_clock_s() < ingest->again_s) return;
    for (sending_t *sending = ingest->sent; sending; sending = sending->next) {
        if (!sending->again) continue;
        sending->again = 0;
        ingest->again--;
        send(sending);
    }
}

// Handles replies until at most `most` requests are in flight, and none waits to be sent again.
static int drain(rg_ingest_t *ingest, int most)
{
    int err = 0;
    while (!err && (ingest->again || rg_caller_pending(ingest->loader) > most)) {
        err = rg_caller_step(ingest->loader);
        if (!err && ingest->err) err = rg_fail(ingest->err, "%s", ingest->sentence);
        if (!err) send_again(ingest);
        show(ingest);
    }
    return err;
}

static int flush(rg_ingest_t *ingest)
{
    if (!ingest->request) return 0;
    Rg__V1__IngestRequest *body = rg_msg_body(ingest->request);
    body->n_items = ingest->files;
    ingest->files = ingest->bytes = 0;
    sending_t *sending = rg_alloc(sizeof *sending);
    *sending = (sending_t){.next = ingest->sent, .ingest = ingest, .request = ingest->request};
    ingest->sent = sending;
    ingest->request = NULL;
    send(sending);
    return drain(ingest, ingest->options->config.limits.credit - 1);
}

int rg_ingest_settle(rg_ingest_t *ingest)
{
    int err = flush(ingest);
    return err ? err : drain(ingest, 0);
}

static void release(void *data, void *hint)
{
    (void)hint;
    free(data);
}

// Takes the bytes over.
static void append(rg_ingest_t *ingest, const char *name, int annotated, unsigned char *jpeg, size_t size)
{
    char payload[24];
    if (!ingest->request) {
        ingest->request = rg_msg_new(RG__V1__ENVELOPE__BODY_INGEST_REQUEST);
        Rg__V1__IngestRequest *fresh = rg_msg_body(ingest->request);
        fresh->items = (Rg__V1__Item **)rg_msg_array(ingest->request, &rg__v1__item__descriptor, FILES_MAX);
    }
    Rg__V1__IngestRequest *body = rg_msg_body(ingest->request);
    body->items[ingest->files]->name = rg_msg_text(ingest->request, "%s", name);
    body->items[ingest->files]->annotated = annotated;
    snprintf(payload, sizeof payload, "%zu", ingest->files);
    rg_msg_attach(ingest->request, payload, RG__V1__DTYPE__U8, 1, (uint32_t[]){(uint32_t)size}, jpeg, release,
                  NULL);
    ingest->files++;
    ingest->bytes += size;
}

int rg_ingest_file(rg_ingest_t *ingest, const char *path, const char *name, int annotated)
{
    unsigned char *jpeg;
    size_t size, limit = (size_t)ingest->options->config.limits.image_max_mib << 20;
    int err = rg_file_read(path, limit, &jpeg, &size);
    ingest->given++;
    if (!err && size == 0) {
        free(jpeg);
        err = rg_fail(RG_EFORMAT, "empty file");
    }
    if (err) {
        rg_ingest_refuse(ingest, name, rg_error());
        return 0;
    }
    if (ingest->bytes + size > BYTES_MAX) err = flush(ingest);
    if (err) {
        free(jpeg);
        return err;
    }
    append(ingest, name, annotated, jpeg, size);
    return ingest->files == FILES_MAX ? flush(ingest) : 0;
}

static void print_summary(const rg_ingest_t *ingest)
{
    if (ingest->options->json)
        rg_output_json(json_pack("{s:I, s:I, s:I, s:I}", "added", (json_int_t)ingest->added, "duplicate",
                                 (json_int_t)ingest->duplicate, "refused", (json_int_t)ingest->refused,
                                 "generation", (json_int_t)ingest->generation));
    else
        printf("%llu added, %llu known before, %llu refused (index generation %llu)\n",
               (unsigned long long)ingest->added, (unsigned long long)ingest->duplicate,
               (unsigned long long)ingest->refused, (unsigned long long)ingest->generation);
    fflush(stdout);
}

int rg_ingest_close(rg_ingest_t *ingest, int err)
{
    char sentence[512];
    if (!err) err = rg_ingest_settle(ingest);
    snprintf(sentence, sizeof sentence, "%s", rg_error());
    rg_progress_bar_clear(&ingest->progress);
    rg_msg_destroy(&ingest->request);
    rg_caller_close(&ingest->loader);
    while (ingest->sent) forget(ingest->sent);
    uint64_t fates = ingest->added + ingest->duplicate + ingest->refused;
    if (err == RG_ESTOPPED)
        return rg_fail(err, "stopped after %llu images; the same command goes on from here",
                       (unsigned long long)fates);
    if (err) return rg_fail(err, "%s", sentence);
    print_summary(ingest);
    if (fates < ingest->given)
        return rg_fail(RG_EFORMAT, "loader: it answered for %llu of %llu files", (unsigned long long)fates,
                       (unsigned long long)ingest->given);
    if (ingest->refused)
        return rg_fail(RG_EINVAL, "%llu files were refused", (unsigned long long)ingest->refused);
    return 0;
}

int rg_ingest_training(const rg_options_t *options)
{
    rg_dataset_t set;
    rg_ingest_t ingest;
    int err = rg_dataset_open(&set, &options->config);
    if (err) return err;
    err = rg_ingest_open(&ingest, options, "retrieval set", set.n[RG_SPLIT_TRAIN]);
    if (!err) {
        for (uint32_t i = 0; i < set.n[RG_SPLIT_TRAIN] && !err; i++) {
            uint32_t image = set.index[RG_SPLIT_TRAIN][i];
            char *path = rg_format("%s/%s", set.folder, set.name[image]);
            err = rg_ingest_file(&ingest, path, set.name[image], set.annotated[image]);
            free(path);
        }
        err = rg_ingest_close(&ingest, err);
    }
    rg_dataset_close(&set);
    return err;
}
