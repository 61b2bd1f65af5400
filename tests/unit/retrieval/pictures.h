// Pictures: images for the retrieval tests whose bytes follow from a number.
#ifndef RG_TEST_RETRIEVAL_PICTURES_H
#define RG_TEST_RETRIEVAL_PICTURES_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/core/alloc.h"
#include "common/core/file.h"
#include "services/retrieval/set.h"
#include "tests/support/test.h"

// The sentence of the last error has this text in it.
#define assert_says(text)                                                                                    \
    do {                                                                                                     \
        const char *text_ = (text);                                                                          \
        if (!strstr(rg_error(), text_)) fail_msg("'%s' is not in: %s", text_, rg_error());                   \
    } while (0)

enum { MAP_BYTES = 64 << 20, D = 8, H = 2, W = 2, C = 4, FEATURES = H * W * C };

// The embedding of picture n is 1, n, n, ..., n. Products of embeddings are exact in float up to number 1500.
typedef struct {
    uint8_t id[RG_ID_SIZE];
    char name[32];
    float embedding[D];
    uint16_t features[FEATURES];
    uint8_t thumbnail[16];
} picture_t;

static inline void picture(picture_t *p, unsigned n)
{
    memset(p, 0, sizeof *p);
    memcpy(p->id, &n, sizeof n);
    p->id[15] = 0xAB;
    snprintf(p->name, sizeof p->name, "%06u.jpg", n);
    p->embedding[0] = 1;
    for (int i = 1; i < D; i++) p->embedding[i] = (float)n;
    for (int i = 0; i < FEATURES; i++) p->features[i] = (uint16_t)(n + (unsigned)i);
    memset(p->thumbnail, (int)(n & 255), sizeof p->thumbnail);
}

static inline rg_set_item_t item_of(const picture_t *p)
{
    return (rg_set_item_t){.id = p->id,
                           .name = p->name,
                           .embedding = p->embedding,
                           .features = p->features,
                           .thumbnail = {p->thumbnail, sizeof p->thumbnail}};
}

// The ids [n,RG_ID_SIZE] of these pictures. free() it.
static inline uint8_t *ids_of(const unsigned *numbers, size_t n)
{
    uint8_t *ids = rg_alloc((n + 1) * RG_ID_SIZE);
    for (size_t i = 0; i < n; i++) {
        picture_t p;
        picture(&p, numbers[i]);
        memcpy(ids + i * RG_ID_SIZE, p.id, RG_ID_SIZE);
    }
    return ids;
}

// A model of that name with the sizes of pictures.
static inline rg_store_model_t model_of(const char *name)
{
    rg_store_model_t model = {.embed_dim = D, .features_shape = {H, W, C}};
    snprintf(model.name, sizeof model.name, "%s", name);
    return model;
}

#endif
