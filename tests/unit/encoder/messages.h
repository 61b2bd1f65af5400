// Requests to the encoder, and what is read from its replies, for the tests of its conversations.
#ifndef RG_TEST_ENCODER_MESSAGES_H
#define RG_TEST_ENCODER_MESSAGES_H

#include "services/encoder/answer.h"
#include "tests/unit/model/tiny.h"

// Images `first` to first + n - 1 of the fixture.
static inline void put_pixels(const tiny_t *f, rg_msg_t *msg, const char *name, uint32_t first, uint32_t n)
{
    rg_msg_copy(msg, name, RG__V1__DTYPE__U8, 4, (const uint32_t[]){n, SIDE, SIDE, 3},
                f->pixels + first * IMAGE);
}

static inline const void *payload(const rg_msg_t *msg, const char *name, Rg__V1__Dtype dtype, int rank,
                                  const uint32_t *want)
{
    rg_payload_t found;
    assert_ok(rg_msg_payload(msg, name, dtype, rank, want, &found));
    return found.data;
}

static inline void set_edit(rg_msg_t *msg, Rg__V1__Edit ***edits, size_t *n, const char *attribute, int value)
{
    *edits = (Rg__V1__Edit **)rg_msg_array(msg, &rg__v1__edit__descriptor, 1);
    (*edits)[0]->attribute = rg_msg_text(msg, "%s", attribute);
    (*edits)[0]->value = value;
    *n = 1;
}

#endif
