#include "common/wire/zmtp.h"

#include <assert.h>
#include <string.h>

//     greeting, 64 bytes                                          then frames
//     ff 8 bytes 7f │ version, 2 bytes │ mechanism, 20 bytes │ 0 …   flags │ size, 1 or 8 bytes │ body
//
// A command is a frame whose body begins with the length of its name and the name. Once CURVE is ready, the
// body of each frame is encrypted, but flags and size stay readable.
enum {
    FLAG_LONG = 2,
    FLAG_COMMAND = 4,
    AT_SIGNATURE = 9,
    AT_VERSION = 10,
    AT_MECHANISM = 12,
    MECHANISM = 20
};
enum { CURVE_HELLO = 200, VERSION = 3, MINOR_VERSION = 1 };

static const char mechanisms[2][MECHANISM + 1] = {"NULL", "CURVE"};

// The same bytes that libzmq sends for a socket without an identity.
void rg__zmtp_greet(int is_curve, unsigned char out[RG__ZMTP_GREETING])
{
    memset(out, 0, RG__ZMTP_GREETING);
    out[0] = 0xff;
    out[AT_SIGNATURE - 1] = 1;
    out[AT_SIGNATURE] = 0x7f;
    out[AT_VERSION] = VERSION;
    out[AT_VERSION + 1] = MINOR_VERSION;
    memcpy(out + AT_MECHANISM, mechanisms[is_curve], MECHANISM);
}

static size_t header_size(const rg__zmtp_t *stream)
{
    return stream->n_head > 0 && (stream->head[0] & FLAG_LONG) ? 9 : 2;
}

static void begin_body(rg__zmtp_t *stream)
{
    stream->size = 0;
    for (size_t i = 1; i < stream->n_head; i++) stream->size = stream->size << 8 | stream->head[i];
    stream->left = stream->size;
    stream->in_body = 1;
    stream->count++;
    memset(stream->name, 0, sizeof stream->name);
}

enum rg__zmtp_event rg__zmtp_next(rg__zmtp_t *stream, const unsigned char **data, size_t *n)
{
    if (!stream->in_body) {
        for (; *n > 0 && stream->n_head < header_size(stream); ++*data, --*n)
            stream->head[stream->n_head++] = **data;
        if (stream->n_head < header_size(stream)) return RG__ZMTP_MORE;
        begin_body(stream);
        return RG__ZMTP_BEGIN;
    }
    size_t taken = *n < stream->left ? *n : (size_t)stream->left;
    for (size_t i = 0, at = (size_t)(stream->size - stream->left); i < taken && at + i < RG__ZMTP_NAME; i++)
        stream->name[at + i] = (*data)[i];
    *data += taken;
    *n -= taken;
    stream->left -= taken;
    if (stream->left > 0) return RG__ZMTP_MORE;
    stream->in_body = 0;
    stream->n_head = 0;
    return RG__ZMTP_END;
}

void rg__zmtp_skip(rg__zmtp_t *stream, uint64_t n)
{
    assert(stream->in_body && n < stream->left);
    stream->left -= n;
}

int rg__zmtp_is_command(const rg__zmtp_t *stream)
{
    return (stream->head[0] & FLAG_COMMAND) != 0;
}

int rg__zmtp_is_named(const rg__zmtp_t *stream, const char *name)
{
    size_t length = strlen(name);
    return rg__zmtp_is_command(stream) && stream->size > length && stream->name[0] == length &&
           memcmp(stream->name + 1, name, length) == 0;
}

static int is_greeting(int is_curve, const unsigned char *data)
{
    return data[AT_SIGNATURE] == 0x7f && data[AT_VERSION] >= VERSION &&
           memcmp(data + AT_MECHANISM, mechanisms[is_curve], MECHANISM) == 0;
}

int rg__zmtp_hello(int is_curve, const unsigned char *data, size_t n)
{
    rg__zmtp_t stream = {0};
    if (n > 0 && data[0] != 0xff) return -1;
    if (n < RG__ZMTP_GREETING) return 0;
    if (!is_greeting(is_curve, data)) return -1;
    data += RG__ZMTP_GREETING;
    n -= RG__ZMTP_GREETING;
    if (rg__zmtp_next(&stream, &data, &n) == RG__ZMTP_MORE) return 0;
    if (!rg__zmtp_is_command(&stream)) return -1;
    if (is_curve ? stream.size != CURVE_HELLO : stream.size > RG__ZMTP_COMMAND_MAX) return -1;
    if (rg__zmtp_next(&stream, &data, &n) == RG__ZMTP_MORE) return 0;
    return rg__zmtp_is_named(&stream, is_curve ? "HELLO" : "READY") ? 1 : -1;
}
