#include "services/gateway/subject.h"

#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/hash.h"
#include "common/data/picture.h"
#include "services/gateway/ask.h"
#include "services/gateway/params.h"

void rg_subject_fini(rg_subject_t *subject)
{
    free(subject->pixels);
    free(subject->jpeg);
}

static int decode(void *self)
{
    rg_subject_t *subject = self;
    const rg_config_t *config = &subject->gateway->config;
    if (subject->stored)
        return rg_picture_decode_stored(config, subject->jpeg, subject->size, "the stored image",
                                        subject->pixels);
    return rg_picture_decode(config, subject->jpeg, subject->size, "the image", subject->pixels);
}

static void decoded(void *self, int err)
{
    rg_subject_t *subject = self;
    free(subject->jpeg);
    subject->jpeg = NULL;
    subject->fn(subject->self, err);
}

static int begin_decoding(rg_subject_t *subject)
{
    subject->pixels = rg_alloc(rg_picture_size(&subject->gateway->config));
    return rg_chores_add(subject->gateway->chores, &(rg_chore_t){decode, decoded, subject});
}

static void take_thumbnail(void *self, int err, const rg_msg_t *reply)
{
    rg_subject_t *subject = self;
    rg_payload_t jpeg;
    if (!err) err = rg_ask_image_taken(reply, &jpeg);
    if (!err) {
        subject->size = jpeg.size;
        subject->jpeg = rg_alloc(jpeg.size + 1);
        memcpy(subject->jpeg, jpeg.data, jpeg.size);
        err = begin_decoding(subject);
    }
    if (err) subject->fn(subject->self, err);
}

int rg_subject_load(rg_subject_t *subject)
{
    const char *image = rg_http_query(subject->request, "image");
    size_t size;
    if (image) {
        int err = rg_param_id("image", image, subject->id);
        if (err) return err;
        subject->stored = 1;
        return rg_ask_image(subject->gateway, subject->id, take_thumbnail, subject);
    }
    if (!rg_http_body(subject->request, &size))
        return rg_fail(RG_EINVAL, "an image is missing: a JPEG as the body, or the id of one as `image`");
    subject->jpeg = rg_http_take_body(subject->request, &subject->size);
    rg_content_id(subject->jpeg, subject->size, subject->id);
    return begin_decoding(subject);
}
