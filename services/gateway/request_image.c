// How the image of a request is loaded:
//
//   in the body   rg_request_image_load -> job: image_decode -> image_decoded -> fn
//   stored        rg_request_image_load -> retrieval service -> image_take_thumbnail -> job, as above
//
// The id is the hash of the file in the body, or the given id of a stored image. A search leaves the image of
// this id out of its results.
#include "services/gateway/request_image.h"

#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/hash.h"
#include "common/data/image.h"
#include "services/gateway/http_api.h"

void rg_request_image_fini(rg_request_image_t *image)
{
    free(image->pixels);
    free(image->jpeg);
}

static int image_decode(void *self)
{
    rg_request_image_t *image = self;
    const rg_config_t *config = &image->gateway->config;
    if (image->stored)
        return rg_image_decode_stored(config, image->jpeg, image->size, "the stored image", image->pixels);
    return rg_image_decode(config, image->jpeg, image->size, "the image", image->pixels);
}

static void image_decoded(void *self, int err)
{
    rg_request_image_t *image = self;
    free(image->jpeg);
    image->jpeg = NULL;
    image->fn(image->self, err);
}

static int image_start_decoding(rg_request_image_t *image)
{
    image->pixels = rg_alloc(rg_image_bytes(&image->gateway->config));
    return rg_jobs_add_task(image->gateway->jobs, image_decode, image_decoded, image);
}

static void image_take_thumbnail(void *self, int err, const rg_msg_t *reply)
{
    rg_request_image_t *image = self;
    rg_payload_t jpeg;
    if (!err) err = rg_upstream_thumbnail(reply, &jpeg);
    if (!err) {
        image->size = jpeg.size;
        image->jpeg = rg_alloc(jpeg.size + 1);
        memcpy(image->jpeg, jpeg.data, jpeg.size);
        err = image_start_decoding(image);
    }
    if (err) image->fn(image->self, err);
}

static int image_read_edits(rg_request_image_t *image)
{
    const char *attributes = rg_http_query(image->request, "attributes");
    rg_edits_init(&image->edits);
    if (!attributes || !*attributes) return 0;
    return rg_edits_parse(&image->edits, &image->gateway->config, attributes);
}

int rg_request_image_load(rg_request_image_t *image)
{
    const char *id = rg_http_query(image->request, "image");
    size_t size;
    int err = image_read_edits(image);
    if (err) return err;
    if (id) {
        err = rg_api_param_id("image", id, image->id);
        if (err) return err;
        image->stored = 1;
        return rg_upstream_get_image(image->gateway->upstream, image->id, image_take_thumbnail, image);
    }
    if (!rg_http_body(image->request, &size))
        return rg_fail(
            RG_EINVAL,
            "an image is missing: send a JPEG, PNG or WebP as the body, or name a stored image with `image`");
    image->jpeg = rg_http_take_body(image->request, &image->size);
    rg_content_id(image->jpeg, image->size, image->id);
    return image_start_decoding(image);
}

Rg__V1__Edit **rg_request_image_put(const rg_request_image_t *image, rg_msg_t *msg, size_t *n_edits)
{
    const rg_config_t *config = &image->gateway->config;
    const uint32_t side = (uint32_t)config->data.img_size;
    rg_msg_copy(msg, "pixels", RG__V1__DTYPE__U8, 4, (uint32_t[]){1, side, side, 3}, image->pixels);
    return rg_edits_message(&image->edits, config, msg, n_edits);
}
