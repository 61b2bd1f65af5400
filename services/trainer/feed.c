#include "services/trainer/feed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/err.h"

typedef struct {
    rg_feed_t *feed;
    int err; // of the reply, with its sentence
    char sentence[512];
    rg_msg_t *reply; // NULL: not there yet
} slot_t;

struct rg_feed {
    const rg_config_t *config;
    rg_link_t *link;
    rg_feed_info_t info;
    rg_feed_spec_t spec;
    uint64_t asked, given; // next iterations to ask for and to hand out
    int credit;
    slot_t *slots;     // [credit], by iteration modulo credit
    rg_msg_t *current; // behind the batch handed out
    int columns[RG_ATTRIBUTES_MAX], n_columns;
    unsigned char *labels, *target_labels;         // [images,n_columns]
    unsigned char *all_labels, *all_target_labels; // [images*ranks,n_columns]
    rg_batch_t whole;
};

// ---- data set

static int read_info(const rg_msg_t *reply, rg_feed_info_t *info)
{
    if (rg_msg_kind(reply) != RG__V1__ENVELOPE__BODY_DATASET_REPLY)
        return rg_fail(RG_EFORMAT, "loader: unexpected reply to a data set request");
    const Rg__V1__DatasetReply *body = rg_msg_body(reply);
    if (body->n_attributes > RG_ATTRIBUTES_MAX)
        return rg_fail(RG_ELIMIT, "loader: %zu attributes, at most %d are known", body->n_attributes,
                       RG_ATTRIBUTES_MAX);
    memset(info, 0, sizeof *info);
    info->attributes.count = (int)body->n_attributes;
    for (size_t i = 0; i < body->n_attributes; i++)
        snprintf(info->attributes.name[i], RG_NAME_SIZE, "%s", body->attributes[i]);
    info->annotated = body->annotated;
    info->fingerprint = body->fingerprint;
    return 0;
}

int rg_feed_open(rg_feed_t **out, const rg_config_t *config, const atomic_int *stop, rg_feed_info_t *info)
{
    const rg_wire_options_t wire = rg_wire_options(config);
    rg_feed_t *feed = rg_alloc(sizeof *feed);
    feed->config = config;
    feed->credit = config->limits.credit;
    feed->slots = rg_alloc((size_t)feed->credit * sizeof *feed->slots);
    rg_msg_t *request = rg_msg_new(RG__V1__ENVELOPE__BODY_DATASET_REQUEST), *reply = NULL;
    int err = rg_link_new(&feed->link, &wire, "loader", config->endpoints.loader, stop);
    if (err)
        rg_msg_destroy(&request);
    else
        err = rg_link_ask(feed->link, &request, &reply, -1);
    if (!err) err = read_info(reply, &feed->info);
    rg_msg_destroy(&reply);
    if (err) {
        rg_feed_close(&feed);
        return err;
    }
    *info = feed->info;
    *out = feed;
    return 0;
}

void rg_feed_close(rg_feed_t **out)
{
    rg_feed_t *feed = *out;
    if (!feed) return;
    rg_link_destroy(&feed->link); // first: no reply comes after it
    for (int i = 0; i < feed->credit; i++) rg_msg_destroy(&feed->slots[i].reply);
    rg_msg_destroy(&feed->current);
    free(feed->slots);
    free(feed->labels);
    free(feed->target_labels);
    free(feed->all_labels);
    free(feed->all_target_labels);
    free(feed);
    *out = NULL;
}

// ---- asking ahead

static void take_reply(void *self, int err, const rg_msg_t *reply)
{
    slot_t *slot = self;
    slot->err = err;
    if (err)
        snprintf(slot->sentence, sizeof slot->sentence, "%s", rg_error());
    else
        slot->reply = rg_msg_retain(reply);
}

static void ask_ahead(rg_feed_t *feed)
{
    while (feed->asked < feed->spec.end && feed->asked < feed->given + (uint64_t)feed->credit) {
        rg_msg_t *request = rg_msg_new(RG__V1__ENVELOPE__BODY_BATCH_REQUEST);
        Rg__V1__BatchRequest *body = rg_msg_body(request);
        body->stream = rg_msg_text(request, "%s", feed->spec.stream);
        body->index = feed->asked;
        body->images = (uint32_t)(feed->spec.images * feed->spec.ranks);
        body->references = (uint32_t)(feed->spec.references * feed->spec.ranks);
        body->parts = (uint32_t)feed->spec.ranks;
        body->part = (uint32_t)feed->spec.rank;
        body->flipped = feed->spec.flipped;
        slot_t *slot = &feed->slots[feed->asked++ % (uint64_t)feed->credit];
        slot->err = 0;
        rg_link_send(feed->link, &request, -1, take_reply, slot);
    }
}

int rg_feed_start(rg_feed_t *feed, const rg_feed_spec_t *spec)
{
    const rg_names_t *wanted = spec->all_columns ? &feed->info.attributes : &feed->config->data.attributes;
    feed->n_columns = wanted->count;
    for (int i = 0; i < wanted->count; i++) {
        feed->columns[i] = rg_names_find(&feed->info.attributes, wanted->name[i]);
        if (feed->columns[i] < 0)
            return rg_fail(RG_ECONFIG, "data.attributes: the data set does not annotate %s", wanted->name[i]);
    }
    feed->spec = *spec;
    feed->asked = feed->given = spec->first;
    size_t labels = (size_t)(spec->images * feed->n_columns), all = labels * (size_t)spec->ranks;
    feed->labels = rg_realloc(feed->labels, labels + 1);
    feed->target_labels = rg_realloc(feed->target_labels, labels + 1);
    feed->all_labels = rg_realloc(feed->all_labels, all + 1);
    feed->all_target_labels = rg_realloc(feed->all_target_labels, all + 1);
    ask_ahead(feed);
    return 0;
}

// ---- handing out

static void pick_columns(const rg_feed_t *feed, const unsigned char *all, unsigned char *out)
{
    for (int i = 0; i < feed->whole.n; i++)
        for (int c = 0; c < feed->n_columns; c++)
            out[i * feed->n_columns + c] = all[i * feed->info.attributes.count + feed->columns[c]];
}

// The labels of the whole batch, and the share's of them.
static void pick_labels(rg_feed_t *feed, const unsigned char *labels, const unsigned char *target_labels,
                        rg_batch_t *batch)
{
    int columns = feed->n_columns, ranks = feed->spec.ranks;
    feed->whole = (rg_batch_t){.n = batch->n * ranks,
                               .references = batch->references * ranks,
                               .labels = feed->all_labels,
                               .target_labels = feed->all_target_labels,
                               .columns = columns};
    pick_columns(feed, labels, feed->all_labels);
    pick_columns(feed, target_labels, feed->all_target_labels);
    batch->whole = &feed->whole;
    batch->rank = feed->spec.rank;
    rg_batch_take(batch, batch->n, feed->all_labels, (size_t)columns, feed->labels);
    rg_batch_take(batch, batch->n, feed->all_target_labels, (size_t)columns, feed->target_labels);
    batch->labels = feed->labels;
    batch->target_labels = feed->target_labels;
    batch->columns = columns;
}

static int unpack(rg_feed_t *feed, const rg_msg_t *reply, rg_batch_t *batch)
{
    uint32_t n = (uint32_t)feed->spec.images, m = (uint32_t)feed->spec.references,
             side = (uint32_t)feed->config->data.img_size;
    const uint32_t pixels[] = {n, side, side, 3}, references[] = {m, side, side, 3};
    const uint32_t labels[] = {n * (uint32_t)feed->spec.ranks, (uint32_t)feed->info.attributes.count},
                   ids[] = {n, RG_ID_SIZE};
    rg_payload_t p, r = {0}, l, t, i;
    int err = 0;
    if (rg_msg_kind(reply) != RG__V1__ENVELOPE__BODY_BATCH_REPLY ||
        ((const Rg__V1__BatchReply *)rg_msg_body(reply))->index != feed->given)
        err = rg_fail(RG_EFORMAT, "loader: unexpected reply to a batch request");
    if (!err) err = rg_msg_payload(reply, "pixels", RG__V1__DTYPE__F32, 4, pixels, &p);
    if (!err) err = rg_msg_payload(reply, "labels", RG__V1__DTYPE__U8, 2, labels, &l);
    if (!err) err = rg_msg_payload(reply, "target_labels", RG__V1__DTYPE__U8, 2, labels, &t);
    if (!err) err = rg_msg_payload(reply, "ids", RG__V1__DTYPE__U8, 2, ids, &i);
    if (!err && m > 0) err = rg_msg_payload(reply, "references", RG__V1__DTYPE__F32, 4, references, &r);
    if (err) return err;
    *batch = (rg_batch_t){
        .n = (int)n, .references = (int)m, .pixels = p.data, .reference_pixels = r.data, .ids = i.data};
    pick_labels(feed, l.data, t.data, batch);
    return 0;
}

int rg_feed_next(rg_feed_t *feed, rg_batch_t *batch)
{
    slot_t *slot = &feed->slots[feed->given % (uint64_t)feed->credit];
    int err = 0;
    while (!err && !slot->reply && !slot->err) err = rg_link_poll(feed->link, -1);
    if (!err && slot->err) err = rg_fail(slot->err, "%s", slot->sentence);
    if (!err) err = unpack(feed, slot->reply, batch);
    if (err) return err;
    rg_msg_destroy(&feed->current);
    feed->current = slot->reply;
    slot->reply = NULL;
    feed->given++;
    ask_ahead(feed);
    return 0;
}

double rg_feed_waited_ms(const rg_feed_t *feed)
{
    return rg_link_waited_ms(feed->link);
}
