// What the retrieval tests share: images whose bytes follow from a number, in a folder of their own.
#ifndef RG_TEST_RETRIEVAL_PICTURES_H
#define RG_TEST_RETRIEVAL_PICTURES_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/file.h"
#include "services/retrieval/set.h"
#include "tests/support/folder.h"

#define assert_ok(call)                                                                                      \
    do {                                                                                                     \
        int err_ = (call);                                                                                   \
        if (err_) fail_msg("%s: %s: %s", #call, rg_errname(err_), rg_error());                               \
    } while (0)

#define assert_fails(call, code)                                                                             \
    do {                                                                                                     \
        int err_ = (call);                                                                                   \
        if (err_ != (code))                                                                                  \
            fail_msg("%s: expected %s, got %s: %s", #call, rg_errname(code), rg_errname(err_), rg_error());  \
    } while (0)

// Of the error the call before gave.
#define assert_says(text)                                                                                    \
    do {                                                                                                     \
        if (!strstr(rg_error(), text)) fail_msg("'%s' is not in: %s", text, rg_error());                     \
    } while (0)

enum { MAP_BYTES = 64 << 20, D = 8, H = 2, W = 2, C = 4, FEATURES = H * W * C };

// Image number n: its id, name, embedding (all n, but for the first dim, 1), features and thumbnail. Up to
// 1500 their products are exact in float.
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

static inline rg_store_model_t model_of(const char *name)
{
    rg_store_model_t model = {.embed_dim = D, .features_shape = {H, W, C}};
    strcpy(model.name, name);
    return model;
}

#endif
