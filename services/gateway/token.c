#include "services/gateway/token.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/file.h"
#include "common/core/file.h"
#include "common/wire/curve.h"

enum { RANDOM_BYTES = 32, FILE_MAX = 1024, OTHERS = 077 };

// What may stand in a cookie and in a header.
static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~+/=";

static int make_token(const char *path)
{
    unsigned char bytes[RANDOM_BYTES];
    char text[RG_TOKEN_SIZE];
    if (sodium_init() < 0) return rg_fail(RG_EIO, "%s: no random numbers", path);
    randombytes_buf(bytes, sizeof bytes);
    sodium_bin2base64(text, sizeof text, bytes, sizeof bytes, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    char *line = rg_format("%s\n", text);
    int err = rg_mkdirs_for(path);
    if (!err) err = rg_file_write_secret(path, line, strlen(line));
    free(line);
    return err;
}

static int take_token(const char *path, const char *text, char token[RG_TOKEN_SIZE])
{
    size_t length = strspn(text, letters);
    if (text[length + strspn(text + length, " \r\n")] != 0)
        return rg_fail(RG_EFORMAT, "%s: a token is one line of letters, digits and -_.~+/=", path);
    if (length < RG_TOKEN_MIN || length >= RG_TOKEN_SIZE)
        return rg_fail(RG_EFORMAT, "%s: a token has %d to %d characters, not %zu", path, RG_TOKEN_MIN,
                       RG_TOKEN_SIZE - 1, length);
    memcpy(token, text, length);
    token[length] = 0;
    return 0;
}

int rg_token_load(const char *path, int make, char token[RG_TOKEN_SIZE])
{
    unsigned char *text;
    size_t size;
    int err = make && !rg_exists(path) ? make_token(path) : 0;
    if (!err) err = rg_file_read(path, FILE_MAX, &text, &size);
    if (err) return err;
    err = rg_curve_check_mode(path, OTHERS);
    if (!err) err = take_token(path, (const char *)text, token);
    sodium_memzero(text, size);
    free(text);
    return err;
}
