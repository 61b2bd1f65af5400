#include "tests/bench/asking.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char MODEL[] = "bench";

static int ask(rg_link_t *link, rg_msg_t *request)
{
    rg_msg_t *reply = NULL;
    int err = rg_link_ask(link, &request, &reply, -1);
    rg_msg_destroy(&reply);
    return err;
}

int asking_model(rg_link_t *link)
{
    rg_msg_t *request = rg_msg_new(RG__V1__ENVELOPE__BODY_MODEL_REQUEST);
    Rg__V1__ModelRequest *body = rg_msg_body(request);
    body->model = rg_msg_text(request, "%s", MODEL);
    body->embed_dim = ASKING_D;
    body->n_features_shape = 3;
    body->features_shape = rg_msg_alloc(request, 3 * sizeof *body->features_shape);
    for (int i = 0; i < 3; i++) body->features_shape[i] = 1;
    return ask(link, request);
}

static void make_id(uint8_t id[RG_ID_SIZE], uint32_t number)
{
    memset(id, 0, RG_ID_SIZE);
    memcpy(id, &number, sizeof number);
}

int asking_add(rg_link_t *link, const float *vectors, uint32_t first, uint32_t n)
{
    rg_msg_t *request = rg_msg_new(RG__V1__ENVELOPE__BODY_ADD_REQUEST);
    Rg__V1__AddRequest *body = rg_msg_body(request);
    const uint16_t features[ASKING_BATCH] = {0};
    body->model = rg_msg_text(request, "%s", MODEL);
    body->n_items = n;
    body->items = (Rg__V1__Item **)rg_msg_array(request, &rg__v1__item__descriptor, n);
    for (uint32_t i = 0; i < n; i++) {
        uint8_t id[RG_ID_SIZE];
        char payload[16];
        make_id(id, first + i);
        body->items[i]->name = rg_msg_text(request, "%u.jpg", first + i);
        rg_msg_bytes(request, &body->items[i]->id, id, sizeof id);
        snprintf(payload, sizeof payload, "%u", i);
        rg_msg_copy(request, payload, RG__V1__DTYPE__U8, 1, (const uint32_t[]){4}, "JPEG");
    }
    rg_msg_copy(request, "embeddings", RG__V1__DTYPE__F32, 2, (const uint32_t[]){n, ASKING_D}, vectors);
    rg_msg_copy(request, "features", RG__V1__DTYPE__F16, 4, (const uint32_t[]){n, 1, 1, 1}, features);
    return ask(link, request);
}

int asking_remove(rg_link_t *link, uint32_t first, uint32_t n)
{
    rg_msg_t *request = rg_msg_new(RG__V1__ENVELOPE__BODY_REMOVE_REQUEST);
    Rg__V1__RemoveRequest *body = rg_msg_body(request);
    body->n_ids = n;
    body->ids = rg_msg_alloc(request, n * sizeof *body->ids);
    for (uint32_t i = 0; i < n; i++) {
        uint8_t id[RG_ID_SIZE];
        make_id(id, first + i);
        rg_msg_bytes(request, &body->ids[i], id, sizeof id);
    }
    return ask(link, request);
}

int asking_search(rg_link_t *link, int64_t *found, const float *queries, uint32_t n, asking_how_t how)
{
    rg_msg_t *request = rg_msg_new(RG__V1__ENVELOPE__BODY_SEARCH_REQUEST), *reply = NULL;
    Rg__V1__SearchRequest *body = rg_msg_body(request);
    body->model = rg_msg_text(request, "%s", MODEL);
    body->k = how.k;
    body->ef_search = how.ef_search;
    if (how.exact) { // a filter that all images pass: filtered searches are exact
        body->filter = rg_msg_array(request, &rg__v1__filter__descriptor, 1)[0];
        body->filter->annotation = RG__V1__ANNOTATION__UNANNOTATED;
    }
    rg_msg_copy(request, "queries", RG__V1__DTYPE__F32, 2, (const uint32_t[]){n, ASKING_D}, queries);
    int err = rg_link_ask(link, &request, &reply, -1);
    if (err) return err;
    const Rg__V1__SearchReply *answer = rg_msg_body(reply);
    for (size_t i = 0; i < answer->n_neighbours && i < (size_t)n * how.k; i++) {
        uint32_t number = 0;
        found[i] = -1;
        if (answer->neighbours[i]->id.len != RG_ID_SIZE) continue;
        memcpy(&number, answer->neighbours[i]->id.data, sizeof number);
        found[i] = number;
    }
    rg_msg_destroy(&reply);
    return 0;
}

int asking_index(rg_link_t *link, Rg__V1__IndexAction action)
{
    rg_msg_t *request = rg_msg_new(RG__V1__ENVELOPE__BODY_INDEX_REQUEST);
    ((Rg__V1__IndexRequest *)rg_msg_body(request))->action = action;
    return ask(link, request);
}
