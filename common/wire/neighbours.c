#include "common/wire/neighbours.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/half.h"

void rg_neighbours_init(rg_neighbours_t *self, const rg_config_t *config, rg_link_t *link, const char *model)
{
    *self = (rg_neighbours_t){.link = link,
                              .model = model,
                              .k = config->model.k,
                              .side = config->data.img_size / 4,
                              .channels = 4 * config->model.gf,
                              .embed_dim = config->model.embed_dim,
                              .random = config->retrieval.neighbours == RG_NEIGHBOURS_RANDOM,
                              .seed = config->seed};
}

void rg_neighbours_fini(rg_neighbours_t *self)
{
    free(self->names);
    self->names = NULL;
}

static rg_msg_t *make_request(rg_neighbours_t *self, const float *embeddings, int n,
                              const unsigned char *exclude)
{
    rg_msg_t *request = rg_msg_new(RG__V1__ENVELOPE__BODY_SEARCH_REQUEST);
    Rg__V1__SearchRequest *body = rg_msg_body(request);
    body->model = rg_msg_text(request, "%s", self->model);
    body->k = (uint32_t)self->k;
    body->content = 1;
    body->random = self->random;
    body->seed = self->seed++;
    body->queries = (uint32_t)n;
    const uint32_t queries[] = {(uint32_t)n, (uint32_t)self->embed_dim}, ids[] = {(uint32_t)n, RG_ID_SIZE};
    rg_msg_copy(request, "queries", RG__V1__DTYPE__F32, 2, queries, embeddings);
    if (exclude) rg_msg_copy(request, "exclude", RG__V1__DTYPE__U8, 2, ids, exclude);
    return request;
}

// Maps [n*k,h,w,C] f16 -> content [n,h,w,k*C] f32.
static void interleave(const rg_neighbours_t *self, const uint16_t *maps, int n, float *content)
{
    size_t pixels = (size_t)self->side * (size_t)self->side, c = (size_t)self->channels, k = (size_t)self->k;
    for (size_t i = 0; i < (size_t)n; i++)
        for (size_t j = 0; j < k; j++)
            for (size_t p = 0; p < pixels; p++)
                rg_half_to_float(content + ((i * pixels + p) * k + j) * c,
                                 maps + ((i * k + j) * pixels + p) * c, c);
}

static void note(rg_neighbours_t *self, const Rg__V1__SearchReply *reply)
{
    self->generation = reply->generation;
    if (self->names_wanted)
        self->names = rg_realloc(self->names, (reply->n_neighbours + 1) * sizeof *self->names);
    for (size_t i = 0; i < reply->n_neighbours; i++) {
        const Rg__V1__Neighbour *neighbour = reply->neighbours[i];
        if (self->names_wanted) snprintf(self->names[i], sizeof self->names[i], "%s", neighbour->name);
        if (neighbour->id.len == 0) continue;
        self->retrieved++;
        if (neighbour->generation <= self->since) continue;
        self->retrieved_new++;
        if (neighbour->generation > self->last_new_generation)
            self->last_new_generation = neighbour->generation;
    }
}

int rg_neighbours_find(void *context, const float *embeddings, int n, const unsigned char *exclude,
                       float *content)
{
    rg_neighbours_t *self = context;
    rg_msg_t *request = make_request(self, embeddings, n, exclude), *reply = NULL;
    int err = rg_link_ask(self->link, &request, &reply, -1);
    if (err) return err;
    const uint32_t shape[] = {(uint32_t)(n * self->k), (uint32_t)self->side, (uint32_t)self->side,
                              (uint32_t)self->channels};
    const Rg__V1__SearchReply *body = rg_msg_body(reply);
    rg_payload_t maps;
    if (rg_msg_kind(reply) != RG__V1__ENVELOPE__BODY_SEARCH_REPLY ||
        body->n_neighbours != (size_t)(n * self->k))
        err = rg_fail(RG_EFORMAT, "retrieval: unexpected reply to a search");
    if (!err) err = rg_msg_payload(reply, "content", RG__V1__DTYPE__F16, 4, shape, &maps);
    if (!err) {
        note(self, body);
        interleave(self, maps.data, n, content);
    }
    rg_msg_destroy(&reply);
    return err;
}
