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
#include <strings.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/hash.h"
#include "common/core/text.h"
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

// ---- the body

// What a sentence quotes of a body.
enum { QUOTE_MAX = 60, TEXT_SEEN = 512 };

static int has_type(const rg_http_request_t *request, const char *beginning)
{
    const char *type = rg_http_header(request, "Content-Type");
    return type && strncasecmp(type, beginning, strlen(beginning)) == 0;
}

// Images have zero bytes, controls or bytes that are not UTF-8 in their first bytes; a name or JSON does not.
static int is_text(const unsigned char *body, size_t size)
{
    char seen[TEXT_SEEN + 1];
    size_t n = size < TEXT_SEEN ? size : TEXT_SEEN;
    memcpy(seen, body, n);
    seen[n] = 0;
    for (char *c = seen; *c; c++)
        if (strchr("\t\r\n", *c)) *c = ' ';
    while (n > 0 && n == TEXT_SEEN && (seen[n - 1] & 0x80)) seen[--n] = 0; // a character may be cut
    return strlen(seen) == n && rg_text_is_printable(seen);
}

static int fail_text(const char *text, size_t size)
{
    if (size <= QUOTE_MAX && !memchr(text, '\n', size))
        return rg_fail(RG_EFORMAT,
                       "the body is the text '%s', not an image: curl takes a file with @ before its name: "
                       "--data-binary '@%s'",
                       text, text);
    return rg_fail(RG_EFORMAT,
                   "the body is text, not an image: send the bytes of the file, as curl does with "
                   "--data-binary @FILE");
}

int rg_request_image_check_body(const rg_http_request_t *request)
{
    size_t size;
    const unsigned char *body = rg_http_body(request, &size);
    if (!body)
        return rg_fail(RG_EINVAL,
                       "an image is missing: send a JPEG, PNG or WebP as the body, as curl does with "
                       "--data-binary @FILE");
    if (has_type(request, "multipart/"))
        return rg_fail(RG_EFORMAT,
                       "the body is a form, not an image: send the bytes of the file alone, as curl "
                       "does with --data-binary @FILE (not -F)");
    if (has_type(request, "image/") || !is_text(body, size)) return 0;
    return fail_text((const char *)body, size);
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
            "an image is missing: send a JPEG, PNG or WebP as the body (curl --data-binary @FILE), or "
            "name a stored image with `image`");
    err = rg_request_image_check_body(image->request);
    if (err) return err;
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
