#include "services/loader/ingest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/clock.h"
#include "common/core/err.h"
#include "common/core/hash.h"
#include "common/core/text.h"
#include "common/data/image.h"

enum { INDEX_TEXT = 12, THUMBNAIL_QUALITY = 95 }; // payload names are "0", "1", ...

// A request while its items are decoded. Item i of the request is outcome i of the reply; accepted items are
// copied to the StoreRequest one behind the other.
typedef struct {
    const rg_config_t *config;
    size_t image_size;       // S*S*3
    uint8_t *pixels;         // [items,S,S,3], filled by the accepted items
    size_t accepted;         // items so far
    rg_msg_t *reply, *store; // IngestReply, StoreRequest
} intake_t;

static void release_payload(void *data, void *hint)
{
    (void)hint;
    free(data);
}

static int read_item(const rg_msg_t *request, size_t i, rg_payload_t *file)
{
    char name[INDEX_TEXT];
    snprintf(name, sizeof name, "%u", (unsigned)i);
    return rg_msg_payload(request, name, RG__V1__DTYPE__U8, 1, NULL, file);
}

// Decodes one file into the next free row of pixels and encodes its thumbnail. The row stays free on an
// error.
static int decode_item(intake_t *intake, const rg_payload_t *file, Rg__V1__Outcome *outcome,
                       uint8_t **thumbnail, size_t *size)
{
    const rg_config_t *config = intake->config;
    const int side = config->data.img_size;
    uint8_t *row = intake->pixels + intake->accepted * intake->image_size;
    rg_image_facts_t facts;
    int err = rg_image_examine(config, file->data, file->size, outcome->name, row, &facts);
    const rg_image_t picture = {side, side, row};
    if (!err && facts.warnings) outcome->warning = rg_msg_text(intake->reply, "%s", facts.warning);
    return err ? err : rg_jpeg_encode(&picture, THUMBNAIL_QUALITY, thumbnail, size);
}

// Adds the item to the StoreRequest, which takes the thumbnail.
static void accept_item(intake_t *intake, const Rg__V1__Item *asked, const Rg__V1__Outcome *outcome,
                        uint8_t *thumbnail, size_t size)
{
    char name[INDEX_TEXT];
    Rg__V1__StoreRequest *body = rg_msg_body(intake->store);
    Rg__V1__Item *item = body->items[body->n_items++];
    item->name = rg_msg_text(intake->store, "%s", outcome->name);
    rg_msg_bytes(intake->store, &item->id, outcome->id.data, outcome->id.len);
    item->annotated = asked->annotated;
    snprintf(name, sizeof name, "%u", (unsigned)intake->accepted++);
    rg_msg_attach(intake->store, name, RG__V1__DTYPE__U8, 1, (const uint32_t[]){(uint32_t)size}, thumbnail,
                  release_payload, NULL);
}

static void ingest_item(intake_t *intake, const Rg__V1__Item *item, const rg_payload_t *file,
                        Rg__V1__Outcome *outcome)
{
    uint8_t id[RG_ID_SIZE], *thumbnail;
    char name[RG_TEXT_NAME + 1];
    size_t size;
    rg_text_name(item->name, name);
    outcome->name = rg_msg_text(intake->reply, "%s", name);
    rg_content_id(file->data, file->size, id);
    rg_msg_bytes(intake->reply, &outcome->id, id, sizeof id);
    if (decode_item(intake, file, outcome, &thumbnail, &size) == 0) {
        accept_item(intake, item, outcome, thumbnail, size);
    } else {
        outcome->fate = RG__V1__FATE__REFUSED;
        outcome->reason = rg_msg_text(intake->reply, "%s", rg_error());
    }
}

static int ingest_items(intake_t *intake, const rg_msg_t *request)
{
    const Rg__V1__IngestRequest *asked = rg_msg_body(request);
    Rg__V1__IngestReply *body = rg_msg_body(intake->reply);
    int err = 0;
    for (size_t i = 0; i < asked->n_items && !err; i++) {
        rg_payload_t file;
        err = read_item(request, i, &file);
        if (!err) ingest_item(intake, asked->items[i], &file, body->outcomes[i]);
    }
    return err;
}

static void intake_init(intake_t *intake, const rg_config_t *config, size_t n)
{
    *intake = (intake_t){.config = config,
                         .image_size = (size_t)config->data.img_size * (size_t)config->data.img_size * 3,
                         .reply = rg_msg_new(RG__V1__ENVELOPE__BODY_INGEST_REPLY),
                         .store = rg_msg_new(RG__V1__ENVELOPE__BODY_STORE_REQUEST)};
    Rg__V1__IngestReply *reply = rg_msg_body(intake->reply);
    Rg__V1__StoreRequest *store = rg_msg_body(intake->store);
    intake->pixels = rg_alloc(n * intake->image_size);
    reply->n_outcomes = n;
    reply->outcomes = (Rg__V1__Outcome **)rg_msg_array(intake->reply, &rg__v1__outcome__descriptor, n);
    store->items = (Rg__V1__Item **)rg_msg_array(intake->store, &rg__v1__item__descriptor, n);
}

int rg_ingest_decode(const rg_config_t *config, const rg_msg_t *request, rg_msg_t **reply, rg_msg_t **store)
{
    const Rg__V1__IngestRequest *asked = rg_msg_body(request);
    const size_t n = asked->n_items;
    const uint32_t side = (uint32_t)config->data.img_size;
    if (n < 1 || n > RG_INGEST_ITEMS_MAX)
        return rg_fail(RG_ELIMIT, "%zu images: 1 to %d are possible per request", n, RG_INGEST_ITEMS_MAX);
    intake_t intake;
    intake_init(&intake, config, n);
    ((Rg__V1__StoreRequest *)rg_msg_body(intake.store))->asked_us =
        asked->asked_us ? asked->asked_us : rg_clock_wall_us();
    int err = ingest_items(&intake, request);
    rg_msg_attach(intake.store, "pixels", RG__V1__DTYPE__U8, 4,
                  (const uint32_t[]){(uint32_t)intake.accepted, side, side, 3}, intake.pixels,
                  release_payload, NULL);
    if (err) rg_msg_destroy(&intake.reply);
    if (err || !intake.accepted) rg_msg_destroy(&intake.store);
    if (err) return err;
    *reply = intake.reply;
    *store = intake.store;
    return 0;
}

unsigned rg_ingest_count_warnings(const rg_msg_t *reply)
{
    const Rg__V1__IngestReply *body = rg_msg_body(reply);
    unsigned count = 0;
    for (size_t i = 0; i < body->n_outcomes; i++) count += *body->outcomes[i]->warning != 0;
    return count;
}

unsigned rg_ingest_count(const rg_msg_t *reply, Rg__V1__Fate fate)
{
    const Rg__V1__IngestReply *body = rg_msg_body(reply);
    unsigned count = 0;
    for (size_t i = 0; i < body->n_outcomes; i++) count += body->outcomes[i]->fate == fate;
    return count;
}

int rg_ingest_merge(rg_msg_t *reply, const rg_msg_t *answer)
{
    if (rg_msg_kind(answer) != RG__V1__ENVELOPE__BODY_INGEST_REPLY)
        return rg_fail(RG_EFORMAT, "encoder: an answer of another kind (%d) than an IngestReply",
                       (int)rg_msg_kind(answer));
    const Rg__V1__IngestReply *from = rg_msg_body(answer);
    unsigned open = rg_ingest_count(reply, RG__V1__FATE__FATE_UNSPECIFIED);
    if (from->n_outcomes != open)
        return rg_fail(RG_EFORMAT, "encoder: it answered for %zu of %u images", from->n_outcomes, open);
    Rg__V1__IngestReply *to = rg_msg_body(reply);
    to->generation = from->generation;
    for (size_t i = 0, next = 0; i < to->n_outcomes; i++) {
        Rg__V1__Outcome *outcome = to->outcomes[i];
        if (outcome->fate != RG__V1__FATE__FATE_UNSPECIFIED) continue;
        outcome->fate = from->outcomes[next]->fate;
        outcome->reason = rg_msg_text(reply, "%s", from->outcomes[next++]->reason);
    }
    return 0;
}
