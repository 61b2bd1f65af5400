#include "tests/bench/retrieval_client.h"

#include <stdlib.h>

#include "common/core/err.h"
#include "tests/support/retrieval_requests.h"

static const rg_store_model_t MODEL = {.name = "bench", .embed_dim = CLIENT_D, .features_shape = {1, 1, 1}},
                              NEXT = {.name = "next", .embed_dim = CLIENT_D, .features_shape = {1, 1, 1}};

static const rg_store_model_t *searched = &MODEL;

static int send_and_wait(rg_link_t *link, rg_msg_t *request)
{
    rg_msg_t *reply = NULL;
    int err = rg_link_ask(link, &request, &reply, -1);
    rg_msg_destroy(&reply);
    return err;
}

int client_announce(rg_link_t *link)
{
    return send_and_wait(link, model_request(MODEL.name, &MODEL, 3));
}

int client_announce_next(rg_link_t *link)
{
    return send_and_wait(link, model_request(NEXT.name, &NEXT, 3));
}

int client_follow(rg_link_t *link)
{
    (void)link;
    searched = &NEXT;
    return 0;
}

static void fill_id(uint8_t id[RG_ID_SIZE], uint32_t number)
{
    memset(id, 0, RG_ID_SIZE);
    memcpy(id, &number, sizeof number);
}

static uint32_t number_of_id(const ProtobufCBinaryData *id)
{
    uint32_t number;
    memcpy(&number, id->data, sizeof number);
    return number;
}

int client_is_annotated(uint32_t number)
{
    return number % 10 == 0;
}

static int add_images(rg_link_t *link, const rg_store_model_t *model, const float *vectors,
                      const uint32_t *numbers, uint32_t n)
{
    static const uint16_t features = 0;
    uint8_t ids[CLIENT_BATCH][RG_ID_SIZE];
    char names[CLIENT_BATCH][16];
    rg_set_item_t items[CLIENT_BATCH];
    for (uint32_t i = 0; i < n; i++) {
        fill_id(ids[i], numbers[i]);
        snprintf(names[i], sizeof names[i], "%u.jpg", numbers[i]);
        items[i] = (rg_set_item_t){.id = ids[i],
                                   .name = names[i],
                                   .embedding = vectors + (size_t)i * CLIENT_D,
                                   .features = &features,
                                   .annotated = client_is_annotated(numbers[i]),
                                   .thumbnail = {"JPEG", 4}};
    }
    return send_and_wait(link, add_request(model, items, n));
}

int client_add(rg_link_t *link, const float *vectors, uint32_t first, uint32_t n)
{
    uint32_t numbers[CLIENT_BATCH];
    for (uint32_t i = 0; i < n; i++) numbers[i] = first + i;
    return add_images(link, &MODEL, vectors, numbers, n);
}

int client_embed(rg_link_t *link, const float *vectors, const uint32_t *numbers, uint32_t n)
{
    return add_images(link, &NEXT, vectors, numbers, n);
}

int client_remove(rg_link_t *link, uint32_t first, uint32_t n)
{
    uint8_t ids[CLIENT_BATCH * RG_ID_SIZE];
    for (uint32_t i = 0; i < n; i++) fill_id(ids + i * RG_ID_SIZE, first + i);
    return send_and_wait(link, remove_request(ids, n, RG_ID_SIZE));
}

// ---- searches

static void exclude_first(rg_msg_t *msg, Rg__V1__Filter *filter, uint32_t n)
{
    uint8_t *ids = rg_alloc((size_t)n * RG_ID_SIZE);
    for (uint32_t i = 0; i < n; i++) fill_id(ids + (size_t)i * RG_ID_SIZE, i);
    put_ids(msg, &filter->n_exclude, &filter->exclude, ids, n, RG_ID_SIZE);
    free(ids);
}

static void set_filter(rg_msg_t *request, const client_search_t *search)
{
    Rg__V1__Filter *filter = add_filter(request);
    if (search->annotated) filter->annotation = RG__V1__ANNOTATION__ANNOTATED;
    if (search->name_prefix) filter->name_prefix = rg_msg_text(request, "%s", search->name_prefix);
    filter->added_from_ms = search->added_from_ms;
    // All images pass this filter, and a search with a filter is exact.
    if (search->exact) filter->added_from_ms = 1;
    if (search->excluded) exclude_first(request, filter, search->excluded);
}

int client_search(rg_link_t *link, int64_t *found, const float *queries, uint32_t n, client_search_t search)
{
    rg_msg_t *request = search_request(searched->name, queries, n, CLIENT_D, search.k), *reply = NULL;
    ((Rg__V1__SearchRequest *)rg_msg_body(request))->ef_search = search.ef_search;
    set_filter(request, &search);
    int err = rg_link_ask(link, &request, &reply, -1);
    if (err) return err;
    const Rg__V1__SearchReply *answer = rg_msg_body(reply);
    for (size_t i = 0; i < answer->n_neighbours && i < (size_t)n * search.k; i++) {
        const ProtobufCBinaryData *id = &answer->neighbours[i]->id;
        found[i] = id->len == RG_ID_SIZE ? (int64_t)number_of_id(id) : -1;
    }
    rg_msg_destroy(&reply);
    return 0;
}

// ---- lists

int client_added_ms(rg_link_t *link, uint32_t number, uint64_t *added_ms)
{
    uint8_t id[RG_ID_SIZE];
    fill_id(id, number);
    rg_msg_t *request = list_ids_request(id, 1, RG_ID_SIZE), *reply = NULL;
    int err = rg_link_ask(link, &request, &reply, -1);
    if (err) return err;
    const Rg__V1__ListReply *body = rg_msg_body(reply);
    if (body->n_images == 1)
        *added_ms = body->images[0]->added_ms;
    else
        err = rg_fail(RG_ENOENT, "image %u is not stored", number);
    rg_msg_destroy(&reply);
    return err;
}

int client_list(rg_link_t *link, client_page_t *page)
{
    rg_msg_t *request = list_request(page->next, page->limit), *reply = NULL;
    Rg__V1__ListRequest *fields = rg_msg_body(request);
    fields->missing = page->missing;
    fields->thumbnails = page->thumbnails;
    fields->embeddings = page->embeddings;
    int err = rg_link_ask(link, &request, &reply, -1);
    if (err) return err;
    const Rg__V1__ListReply *body = rg_msg_body(reply);
    page->next = body->next;
    page->left = body->missing;
    page->n = body->n_images < CLIENT_BATCH ? body->n_images : CLIENT_BATCH;
    for (size_t i = 0; i < page->n; i++) page->numbers[i] = number_of_id(&body->images[i]->id);
    if (page->embeddings && page->n) {
        const uint32_t want[] = {(uint32_t)page->n, CLIENT_D};
        rg_payload_t vectors;
        err = rg_msg_payload(reply, "embeddings", RG__V1__DTYPE__F32, 2, want, &vectors);
        if (!err) memcpy(page->vectors, vectors.data, vectors.size);
    }
    rg_msg_destroy(&reply);
    return err;
}

int client_index(rg_link_t *link, Rg__V1__IndexAction action)
{
    return send_and_wait(link, index_request(action));
}
