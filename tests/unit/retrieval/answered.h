// A set behind the answers of the service, and requests for pictures.
#ifndef RG_TEST_RETRIEVAL_ANSWERED_H
#define RG_TEST_RETRIEVAL_ANSWERED_H

#include "services/retrieval/answers.h"
#include "tests/support/retrieval_requests.h"
#include "tests/unit/retrieval/sets.h"

enum { K_MAX = 10, BATCH_MAX = 40, REPLY_MAX = 64 << 10 };

typedef struct {
    void *folder;
    rg_answers_t answers;
} fixture_t;

static inline int open_answers(void **state)
{
    fixture_t *f = rg_alloc(sizeof *f);
    if (folder_make(&f->folder) != 0) return -1;
    const rg_set_options_t options = {.path = f->folder, .index = "Flat", .map_bytes = MAP_BYTES};
    f->answers = (rg_answers_t){.k_max = K_MAX, .batch_max = BATCH_MAX, .reply_max = REPLY_MAX};
    *state = f;
    return rg_set_open(&f->answers.set, &options);
}

static inline int close_answers(void **state)
{
    fixture_t *f = *state;
    rg_set_close(&f->answers.set);
    int rc = folder_remove(&f->folder);
    free(f);
    return rc;
}

#define WITH_ANSWERS(name) cmocka_unit_test_setup_teardown(name, open_answers, close_answers)

typedef int answer_fn(rg_answers_t *, const rg_msg_t *, rg_msg_t **);

// Answers the request and destroys it; *reply is NULL after an error.
static inline int ask(fixture_t *f, answer_fn *answer, rg_msg_t *request, rg_msg_t **reply)
{
    *reply = NULL;
    int err = answer(&f->answers, request, reply);
    rg_msg_destroy(&request);
    return err;
}

static inline rg_msg_t *picture_model_request(const char *name, uint32_t dims)
{
    const rg_store_model_t sizes = model_of("");
    return model_request(name, &sizes, dims);
}

static inline void announce(fixture_t *f, const char *model)
{
    rg_msg_t *reply;
    assert_ok(ask(f, rg_answer_model, picture_model_request(model, 3), &reply));
    rg_msg_destroy(&reply);
}

// Pictures first..first+n-1, every second one annotated; thumbnails only for the first `thumbnails`.
static inline rg_msg_t *picture_add_request(const char *model, unsigned first, uint32_t n,
                                            uint32_t thumbnails)
{
    const rg_store_model_t sizes = model_of(model);
    picture_t *pictures = rg_alloc((n + 1) * sizeof *pictures);
    rg_set_item_t *items = rg_alloc((n + 1) * sizeof *items);
    for (uint32_t i = 0; i < n; i++) {
        picture(&pictures[i], first + i);
        items[i] = item_of(&pictures[i]);
        items[i].annotated = (first + i) % 2;
        if (i >= thumbnails) items[i].thumbnail.size = 0;
    }
    rg_msg_t *msg = add_request(&sizes, items, n);
    free(items);
    free(pictures);
    return msg;
}

// Pictures first..first+n-1, by their ids alone.
static inline rg_msg_t *picture_known_request(unsigned first, unsigned n, uint64_t asked_us)
{
    rg_msg_t *msg = rg_msg_new(RG__V1__ENVELOPE__BODY_ADD_REQUEST);
    Rg__V1__AddRequest *body = rg_msg_body(msg);
    body->known = 1;
    body->asked_us = asked_us;
    body->n_items = n;
    body->items = (Rg__V1__Item **)rg_msg_array(msg, &rg__v1__item__descriptor, n);
    for (unsigned i = 0; i < n; i++) {
        picture_t p;
        picture(&p, first + i);
        rg_msg_bytes(msg, &body->items[i]->id, p.id, RG_ID_SIZE);
    }
    return msg;
}

static inline void add_some(fixture_t *f, unsigned first, uint32_t n)
{
    rg_msg_t *reply;
    assert_ok(ask(f, rg_answer_add, picture_add_request("m", first, n, n), &reply));
    rg_msg_destroy(&reply);
}

// n queries, of pictures 0..n-1, for k neighbours.
static inline rg_msg_t *picture_search_request(const char *model, uint32_t n, uint32_t k)
{
    float *queries = rg_alloc((n + 1) * D * sizeof *queries);
    for (uint32_t i = 0; i < n; i++) {
        picture_t p;
        picture(&p, i);
        memcpy(queries + i * D, p.embedding, sizeof p.embedding);
    }
    rg_msg_t *msg = search_request(model, queries, n, D, k);
    free(queries);
    return msg;
}

#endif
