#include "services/trainer/batch_stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/err.h"

// A request in flight, or its answer.
typedef struct {
    rg_failure_t failure;
    rg_msg_t *reply; // NULL: not there yet
} slot_t;

// Requests are numbered by iteration. Slot i % credit holds iteration i; replies may come in any order.
//
//        given              asked                 end
//   ------|-------------------|--------------------|
//    done     in flight: at     not asked for yet
//             most `credit`
struct rg_batch_stream {
    const rg_config_t *config;
    rg_link_t *link;
    rg_batch_dataset_t dataset;
    rg_batch_stream_spec_t spec;
    uint64_t asked, given; // next iterations to ask for and to hand out
    int credit;
    slot_t *slots;     // [credit]
    rg_msg_t *current; // behind the batch handed out
    int columns[RG_ATTRIBUTES_MAX], n_columns;
    unsigned char *labels, *target_labels; // [images,n_columns]
    // of several ranks
    unsigned char *whole_labels, *whole_target_labels; // [images*ranks,n_columns]
    rg_batch_t whole;
    rg_batch_broken_t *broken; // [n_broken]
    size_t n_broken;
};

// ---- shares

size_t rg_batch_whole_row(const rg_batch_t *share, int n, int row)
{
    int first = n - share->references, ranks = share->whole->n / share->n;
    return (size_t)(row < first ? share->rank * first + row
                                : ranks * first + share->rank * share->references + row - first);
}

void rg_batch_take_rows(const rg_batch_t *share, int n, const void *whole, size_t bytes, void *out)
{
    for (int row = 0; row < n; row++)
        memcpy((char *)out + (size_t)row * bytes,
               (const char *)whole + rg_batch_whole_row(share, n, row) * bytes, bytes);
}

// ---- data set

static int read_data_set(const rg_msg_t *reply, rg_batch_dataset_t *dataset)
{
    if (rg_msg_kind(reply) != RG__V1__ENVELOPE__BODY_DATASET_REPLY)
        return rg_fail(RG_EFORMAT, "loader: unexpected reply to a data set request");
    const Rg__V1__DatasetReply *body = rg_msg_body(reply);
    if (body->n_attributes > RG_ATTRIBUTES_MAX)
        return rg_fail(RG_ELIMIT, "loader: %zu attributes, at most %d are known", body->n_attributes,
                       RG_ATTRIBUTES_MAX);
    memset(dataset, 0, sizeof *dataset);
    dataset->attributes.count = (int)body->n_attributes;
    for (size_t i = 0; i < body->n_attributes; i++)
        snprintf(dataset->attributes.name[i], RG_NAME_SIZE, "%s", body->attributes[i]);
    dataset->annotated = body->annotated;
    dataset->fingerprint = body->fingerprint;
    dataset->contents = body->contents;
    return 0;
}

int rg_batch_stream_open(rg_batch_stream_t **out, const rg_config_t *config, const atomic_int *stop,
                         rg_batch_dataset_t *dataset)
{
    const rg_wire_options_t wire = rg_wire_options(config);
    rg_batch_stream_t *stream = rg_alloc(sizeof *stream);
    stream->config = config;
    stream->credit = config->limits.credit;
    stream->slots = rg_alloc((size_t)stream->credit * sizeof *stream->slots);
    rg_msg_t *request = rg_msg_new(RG__V1__ENVELOPE__BODY_DATASET_REQUEST), *reply = NULL;
    int err = rg_link_new(&stream->link, &wire, "loader", config->endpoints.loader, stop);
    if (err)
        rg_msg_destroy(&request);
    else
        err = rg_link_ask(stream->link, &request, &reply, -1);
    if (!err) err = read_data_set(reply, &stream->dataset);
    rg_msg_destroy(&reply);
    if (err) {
        rg_batch_stream_close(&stream);
        return err;
    }
    *dataset = stream->dataset;
    *out = stream;
    return 0;
}

void rg_batch_stream_close(rg_batch_stream_t **out)
{
    rg_batch_stream_t *stream = *out;
    if (!stream) return;
    rg_link_destroy(&stream->link); // first: no reply comes after it
    for (int i = 0; i < stream->credit; i++) rg_msg_destroy(&stream->slots[i].reply);
    rg_msg_destroy(&stream->current);
    free(stream->slots);
    free(stream->labels);
    free(stream->target_labels);
    free(stream->whole_labels);
    free(stream->whole_target_labels);
    for (size_t i = 0; i < stream->n_broken; i++) {
        free(stream->broken[i].name);
        free(stream->broken[i].reason);
    }
    free(stream->broken);
    free(stream);
    *out = NULL;
}

// ---- asking ahead

static void keep_batch_reply(void *self, int err, const rg_msg_t *reply)
{
    slot_t *slot = self;
    rg_failure_keep(&slot->failure, err);
    if (!err) slot->reply = rg_msg_retain(reply);
}

static void ask_ahead(rg_batch_stream_t *stream)
{
    while (stream->asked < stream->spec.end && stream->asked < stream->given + (uint64_t)stream->credit) {
        rg_msg_t *request = rg_msg_new(RG__V1__ENVELOPE__BODY_BATCH_REQUEST);
        Rg__V1__BatchRequest *body = rg_msg_body(request);
        body->stream = rg_msg_text(request, "%s", stream->spec.name);
        body->index = stream->asked;
        body->images = (uint32_t)(stream->spec.images * stream->spec.ranks);
        body->references = (uint32_t)(stream->spec.needs.references * stream->spec.ranks);
        body->parts = (uint32_t)stream->spec.ranks;
        body->part = (uint32_t)stream->spec.rank;
        body->flipped = stream->spec.needs.flipped;
        slot_t *slot = &stream->slots[stream->asked++ % (uint64_t)stream->credit];
        slot->failure = (rg_failure_t){0};
        rg_link_send(stream->link, &request, -1, keep_batch_reply, slot);
    }
}

int rg_batch_stream_start(rg_batch_stream_t *stream, const rg_batch_stream_spec_t *spec)
{
    const rg_names_t *wanted =
        spec->needs.all_columns ? &stream->dataset.attributes : &stream->config->data.attributes;
    stream->n_columns = wanted->count;
    for (int i = 0; i < wanted->count; i++) {
        stream->columns[i] = rg_names_find(&stream->dataset.attributes, wanted->name[i]);
        if (stream->columns[i] < 0)
            return rg_fail(RG_ECONFIG, "data.attributes: the data set does not annotate %s", wanted->name[i]);
    }
    stream->spec = *spec;
    stream->asked = stream->given = spec->first;
    size_t labels = (size_t)(spec->images * stream->n_columns), whole = labels * (size_t)spec->ranks;
    stream->labels = rg_realloc(stream->labels, labels + 1);
    stream->target_labels = rg_realloc(stream->target_labels, labels + 1);
    if (spec->ranks > 1) {
        stream->whole_labels = rg_realloc(stream->whole_labels, whole + 1);
        stream->whole_target_labels = rg_realloc(stream->whole_target_labels, whole + 1);
    }
    ask_ahead(stream);
    return 0;
}

// ---- handing out

// The wanted columns of n rows of labels: out [n,n_columns], all [n,attributes of the data set].
static void pick_columns(const rg_batch_stream_t *stream, int n, const unsigned char *all, unsigned char *out)
{
    for (int i = 0; i < n; i++)
        for (int c = 0; c < stream->n_columns; c++)
            out[i * stream->n_columns + c] = all[i * stream->dataset.attributes.count + stream->columns[c]];
}

// The labels of the whole batch, and the share's rows of them.
static void pick_share_labels(rg_batch_stream_t *stream, const unsigned char *labels,
                              const unsigned char *target_labels, rg_batch_t *batch)
{
    int ranks = stream->spec.ranks;
    size_t columns = (size_t)stream->n_columns;
    stream->whole = (rg_batch_t){.n = batch->n * ranks,
                                 .references = batch->references * ranks,
                                 .labels = stream->whole_labels,
                                 .target_labels = stream->whole_target_labels,
                                 .columns = stream->n_columns};
    batch->whole = &stream->whole;
    batch->rank = stream->spec.rank;
    pick_columns(stream, stream->whole.n, labels, stream->whole_labels);
    pick_columns(stream, stream->whole.n, target_labels, stream->whole_target_labels);
    rg_batch_take_rows(batch, batch->n, stream->whole_labels, columns, stream->labels);
    rg_batch_take_rows(batch, batch->n, stream->whole_target_labels, columns, stream->target_labels);
}

static int unpack_batch(rg_batch_stream_t *stream, const rg_msg_t *reply, rg_batch_t *batch)
{
    uint32_t n = (uint32_t)stream->spec.images, m = (uint32_t)stream->spec.needs.references,
             side = (uint32_t)stream->config->data.img_size;
    const uint32_t pixels[] = {n, side, side, 3}, references[] = {m, side, side, 3};
    const uint32_t labels[] = {n * (uint32_t)stream->spec.ranks, (uint32_t)stream->dataset.attributes.count},
                   ids[] = {n, RG_ID_SIZE};
    rg_payload_t p, r = {0}, l, t, i;
    int err = 0;
    if (rg_msg_kind(reply) != RG__V1__ENVELOPE__BODY_BATCH_REPLY ||
        ((const Rg__V1__BatchReply *)rg_msg_body(reply))->index != stream->given)
        err = rg_fail(RG_EFORMAT, "loader: unexpected reply to a batch request");
    if (!err) err = rg_msg_payload(reply, "pixels", RG__V1__DTYPE__F32, 4, pixels, &p);
    if (!err) err = rg_msg_payload(reply, "labels", RG__V1__DTYPE__U8, 2, labels, &l);
    if (!err) err = rg_msg_payload(reply, "target_labels", RG__V1__DTYPE__U8, 2, labels, &t);
    if (!err) err = rg_msg_payload(reply, "ids", RG__V1__DTYPE__U8, 2, ids, &i);
    if (!err && m > 0) err = rg_msg_payload(reply, "references", RG__V1__DTYPE__F32, 4, references, &r);
    if (err) return err;
    *batch = (rg_batch_t){.n = (int)n,
                          .references = (int)m,
                          .pixels = p.data,
                          .reference_pixels = r.data,
                          .labels = stream->labels,
                          .target_labels = stream->target_labels,
                          .ids = i.data,
                          .columns = stream->n_columns};
    if (stream->spec.ranks > 1) {
        pick_share_labels(stream, l.data, t.data, batch);
    } else {
        pick_columns(stream, batch->n, l.data, stream->labels);
        pick_columns(stream, batch->n, t.data, stream->target_labels);
    }
    return 0;
}

static void note_broken(rg_batch_stream_t *stream, const Rg__V1__BrokenImage *image)
{
    size_t n = stream->n_broken;
    for (size_t i = 0; i < n; i++)
        if (strcmp(stream->broken[i].name, image->name) == 0) return;
    if (n == RG_BATCH_BROKEN_MAX) return;
    if ((n & (n - 1)) == 0)
        stream->broken = rg_realloc(stream->broken, (n ? 2 * n : 1) * sizeof *stream->broken);
    stream->broken[stream->n_broken++] =
        (rg_batch_broken_t){rg_strdup(image->name), rg_strdup(image->reason)};
}

const rg_batch_broken_t *rg_batch_stream_broken(const rg_batch_stream_t *stream, size_t *n)
{
    *n = stream->n_broken;
    return stream->broken;
}

int rg_batch_stream_next(rg_batch_stream_t *stream, rg_batch_t *batch)
{
    slot_t *slot = &stream->slots[stream->given % (uint64_t)stream->credit];
    int err = 0;
    while (!err && !slot->reply && !slot->failure.err) err = rg_link_poll(stream->link, -1);
    if (!err) err = rg_failure_raise(&slot->failure);
    if (!err) err = unpack_batch(stream, slot->reply, batch);
    if (err) return err;
    const Rg__V1__BatchReply *body = rg_msg_body(slot->reply);
    for (size_t i = 0; i < body->n_broken; i++) note_broken(stream, body->broken[i]);
    rg_msg_destroy(&stream->current);
    stream->current = slot->reply;
    slot->reply = NULL;
    stream->given++;
    ask_ahead(stream);
    return 0;
}

double rg_batch_stream_waited_ms(const rg_batch_stream_t *stream)
{
    return rg_link_waited_ms(stream->link);
}
