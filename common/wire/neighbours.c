#include "common/wire/neighbours.h"

#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/simd.h"
#include "common/wire/search_request.h"

// The draws of random neighbours do not depend on how queries are split into requests, nor on how many
// processes (ranks) train together. Every query has a number; the retrieval service draws from
//
//     seed + number / per_request    and, within that seed,    number % per_request
//
// so the ranks of one training draw what a single process would draw for the whole batch.
enum { REPLY_BYTES = 16 << 20 }; // the features of a reply should not take more

// Floats of one neighbour.
static size_t feature_size(const rg_neighbours_t *self)
{
    return (size_t)self->features[0] * (size_t)self->features[1] * (size_t)self->features[2];
}

static int queries_per_request(const rg_neighbours_t *self, int batch_max)
{
    size_t k = (size_t)self->k, most = REPLY_BYTES / (k * feature_size(self) * sizeof(uint16_t));
    if (most > (RG_MSG_PAYLOADS_MAX - 1) / k)
        most = (RG_MSG_PAYLOADS_MAX - 1) / k; // a thumbnail each, and the features
    if (most < 1) most = 1;
    return most < (size_t)batch_max ? (int)most : batch_max;
}

void rg_neighbours_init(rg_neighbours_t *self, const rg_config_t *config, const int features[3],
                        rg_link_t *link, const char *model)
{
    *self = (rg_neighbours_t){.link = link,
                              .model = model,
                              .k = config->model.k,
                              .pool = config->retrieval.pool,
                              .features = {features[0], features[1], features[2]},
                              .embed_dim = config->model.embed_dim,
                              .random = config->retrieval.neighbours == RG_NEIGHBOURS_RANDOM,
                              .seed = config->seed,
                              .ranks = 1};
    self->per_request = queries_per_request(self, config->retrieval.batch_max);
}

static rg_msg_t *make_search(const rg_neighbours_t *self, uint64_t number, const float *embeddings, int n,
                             const unsigned char *exclude)
{
    uint64_t per_request = (uint64_t)self->per_request;
    Rg__V1__SearchRequest fields = RG__V1__SEARCH_REQUEST__INIT;
    fields.model = (char *)self->model; // copied
    fields.k = (uint32_t)self->k;
    fields.features = 1;
    fields.thumbnails = self->thumbnails;
    fields.pool = (uint32_t)self->pool;
    fields.random = self->random;
    fields.seed = self->seed + number / per_request;
    fields.number = (uint32_t)(number % per_request);
    return rg_search_request(&fields, (uint32_t)n, (uint32_t)self->embed_dim, embeddings, exclude);
}

// Maps [n*k,h,w,C] f16 -> features [n,h,w,k*C] f32.
static void interleave(const rg_neighbours_t *self, const uint16_t *maps, int n, float *features)
{
    size_t c = (size_t)self->features[2], pixels = feature_size(self) / c, k = (size_t)self->k;
    for (size_t i = 0; i < (size_t)n; i++)
        for (size_t j = 0; j < k; j++)
            for (size_t p = 0; p < pixels; p++)
                rg_half_to_float(features + ((i * pixels + p) * k + j) * c,
                                 maps + ((i * k + j) * pixels + p) * c, c);
}

// A request without its reply.
typedef struct rg__search {
    LIST_ENTRY(rg__search) entry;
    rg_neighbours_t *neighbours;
    int first, n; // position and number of its queries among those since the last wait
    float *features;
} search_t;

static void count_retrieved(const search_t *search, const Rg__V1__SearchReply *reply)
{
    rg_neighbours_t *self = search->neighbours;
    if (reply->generation > self->generation) self->generation = reply->generation;
    for (size_t i = 0; i < reply->n_neighbours; i++) {
        const Rg__V1__Neighbour *neighbour = reply->neighbours[i];
        if (neighbour->id.len == 0) {
            self->missing++;
            continue;
        }
        self->retrieved++;
        if (neighbour->generation <= self->since) continue;
        self->retrieved_new++;
        if (neighbour->generation > self->last_new_generation)
            self->last_new_generation = neighbour->generation;
    }
}

static int read_search_reply(const search_t *search, const rg_msg_t *reply)
{
    const rg_neighbours_t *self = search->neighbours;
    const int count = search->n * self->k;
    const uint32_t shape[] = {(uint32_t)count, (uint32_t)self->features[0], (uint32_t)self->features[1],
                              (uint32_t)self->features[2]};
    const Rg__V1__SearchReply *body = rg_msg_body(reply);
    rg_payload_t maps;
    if (rg_msg_kind(reply) != RG__V1__ENVELOPE__BODY_SEARCH_REPLY || body->n_neighbours != (size_t)count)
        return rg_fail(RG_EFORMAT, "retrieval: unexpected reply to a search");
    int err = rg_msg_payload(reply, "features", RG__V1__DTYPE__F16, 4, shape, &maps);
    if (err) return err;
    count_retrieved(search, body);
    if (self->on_reply) self->on_reply(self->on_reply_self, search->first, reply);
    interleave(self, maps.data, search->n, search->features);
    return 0;
}

static void forget_search(search_t *search)
{
    LIST_REMOVE(search, entry);
    free(search);
}

void rg_neighbours_fini(rg_neighbours_t *self)
{
    while (!LIST_EMPTY(&self->pending)) forget_search(LIST_FIRST(&self->pending));
}

static void take_search_reply(void *context, int err, const rg_msg_t *reply)
{
    search_t *search = context;
    rg_neighbours_t *self = search->neighbours;
    if (!err) err = read_search_reply(search, reply);
    rg_failure_keep(&self->failure, err);
    forget_search(search);
}

static void send_search(rg_neighbours_t *self, uint64_t number, const float *embeddings, int n,
                        const unsigned char *exclude, float *features)
{
    search_t *search = rg_alloc(sizeof *search);
    rg_msg_t *request = make_search(self, number, embeddings, n, exclude);
    *search = (search_t){.neighbours = self, .first = self->asked, .n = n, .features = features};
    LIST_INSERT_HEAD(&self->pending, search, entry);
    self->asked += n;
    rg_link_send(self->link, &request, -1, take_search_reply, search);
}

static uint64_t number_of(const rg_neighbours_t *self, int query)
{
    return self->query_number ? self->query_number(self->query_number_self, query) : (uint64_t)query;
}

// How many of the queries `first` to n - 1 fit into one request: their numbers are consecutive and share a
// seed.
static int count_together(const rg_neighbours_t *self, int first, int n)
{
    uint64_t number = number_of(self, first), per_request = (uint64_t)self->per_request;
    int many = 1;
    while (first + many < n && (number + (uint64_t)many) % per_request != 0 &&
           number_of(self, first + many) == number + (uint64_t)many)
        many++;
    return many;
}

int rg_neighbours_ask(void *context, const float *embeddings, int n, const unsigned char *exclude,
                      float *features)
{
    rg_neighbours_t *self = context;
    size_t row = (size_t)self->k * feature_size(self);
    if (LIST_EMPTY(&self->pending)) self->asked = 0;
    for (int i = 0, many; i < n; i += many) {
        many = count_together(self, i, n);
        send_search(self, number_of(self, i), embeddings + (size_t)i * (size_t)self->embed_dim, many,
                    exclude ? exclude + (size_t)i * RG_ID_SIZE : NULL, features + (size_t)i * row);
    }
    self->seed += (uint64_t)((n * self->ranks + self->per_request - 1) / self->per_request);
    return 0;
}

int rg_neighbours_wait(void *context)
{
    rg_neighbours_t *self = context;
    int err = 0;
    while (!LIST_EMPTY(&self->pending) && !err) err = rg_link_poll(self->link, -1);
    if (err) return err;
    err = rg_failure_raise(&self->failure);
    self->failure = (rg_failure_t){0};
    return err;
}

int rg_neighbours_find(rg_neighbours_t *self, const float *embeddings, int n, const unsigned char *exclude,
                       float *features)
{
    int err = rg_neighbours_ask(self, embeddings, n, exclude, features);
    return err ? err : rg_neighbours_wait(self);
}
