#include "tests/bench/retrieval_client.h"

#include <stdlib.h>

#include "tests/support/retrieval_requests.h"

static const rg_store_model_t MODEL = {.name = "bench", .embed_dim = CLIENT_D, .features_shape = {1, 1, 1}};

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

static void fill_id(uint8_t id[RG_ID_SIZE], uint32_t number)
{
    memset(id, 0, RG_ID_SIZE);
    memcpy(id, &number, sizeof number);
}

int client_add(rg_link_t *link, const float *vectors, uint32_t first, uint32_t n)
{
    static const uint16_t features = 0;
    uint8_t ids[CLIENT_BATCH][RG_ID_SIZE];
    char names[CLIENT_BATCH][16];
    rg_set_item_t items[CLIENT_BATCH];
    for (uint32_t i = 0; i < n; i++) {
        fill_id(ids[i], first + i);
        snprintf(names[i], sizeof names[i], "%u.jpg", first + i);
        items[i] = (rg_set_item_t){.id = ids[i],
                                   .name = names[i],
                                   .embedding = vectors + (size_t)i * CLIENT_D,
                                   .features = &features,
                                   .thumbnail = {"JPEG", 4}};
    }
    return send_and_wait(link, add_request(&MODEL, items, n));
}

int client_remove(rg_link_t *link, uint32_t first, uint32_t n)
{
    uint8_t ids[CLIENT_BATCH * RG_ID_SIZE];
    for (uint32_t i = 0; i < n; i++) fill_id(ids + i * RG_ID_SIZE, first + i);
    return send_and_wait(link, remove_request(ids, n, RG_ID_SIZE));
}

int client_search(rg_link_t *link, int64_t *found, const float *queries, uint32_t n, client_effort_t effort)
{
    rg_msg_t *request = search_request(MODEL.name, queries, n, CLIENT_D, effort.k), *reply = NULL;
    Rg__V1__SearchRequest *body = rg_msg_body(request);
    body->ef_search = effort.ef_search;
    // All images pass this filter, and a search with a filter is exact.
    if (effort.exact) add_filter(request)->annotation = RG__V1__ANNOTATION__UNANNOTATED;
    int err = rg_link_ask(link, &request, &reply, -1);
    if (err) return err;
    const Rg__V1__SearchReply *answer = rg_msg_body(reply);
    for (size_t i = 0; i < answer->n_neighbours && i < (size_t)n * effort.k; i++) {
        uint32_t number = 0;
        found[i] = -1;
        if (answer->neighbours[i]->id.len != RG_ID_SIZE) continue;
        memcpy(&number, answer->neighbours[i]->id.data, sizeof number);
        found[i] = number;
    }
    rg_msg_destroy(&reply);
    return 0;
}

int client_index(rg_link_t *link, Rg__V1__IndexAction action)
{
    return send_and_wait(link, index_request(action));
}
