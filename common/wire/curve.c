#include "common/wire/curve.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <zmq.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/file.h"

enum { FILE_BYTES_MAX = 1 << 14, KEY_BYTES = 32 };

int rg_curve_make(rg_curve_t *curve)
{
    if (zmq_curve_keypair(curve->public_key, curve->secret_key) == 0) return 0;
    return rg_fail(RG_EINVAL, "cannot make a key pair: %s", zmq_strerror(zmq_errno()));
}

int rg_curve_is_key(const char *text)
{
    unsigned char bytes[KEY_BYTES];
    return strlen(text) == RG_CURVE_KEY_SIZE - 1 && zmq_z85_decode(bytes, text) != NULL;
}

int rg_curve_check_name(const char *name)
{
    static const char inside[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_";
    size_t length = strlen(name);
    if (length > 0 && length < RG_CURVE_NAME_SIZE && strspn(name, inside) == length &&
        !strchr(".-_", name[0]))
        return 0;
    return rg_fail(RG_EINVAL,
                   "'%s' is no name for a key: 1 to %d letters, digits, dots, dashes and underscores", name,
                   RG_CURVE_NAME_SIZE - 1);
}

int rg_curve_check_mode(const char *path, unsigned bits)
{
    struct stat info;
    if (stat(path, &info) != 0)
        return rg_fail_errno(errno == ENOENT ? RG_ENOENT : RG_EIO, "%s: cannot stat", path);
    if (!(info.st_mode & bits)) return 0;
    return rg_fail(RG_EACCES, "%s: others than its owner may %s it (mode %04o): chmod go-%s it", path,
                   bits & S_IROTH ? "read" : "change", info.st_mode & 07777u, bits & S_IROTH ? "rwx" : "w");
}

// ------------------------------------------------------------------ writing
static int write_secret(const char *path, const rg_curve_t *curve)
{
    char *text = rg_format("#   Of this file nobody but its owner may know.\n"
                           "metadata\n"
                           "curve\n"
                           "    public-key = \"%s\"\n"
                           "    secret-key = \"%s\"\n",
                           curve->public_key, curve->secret_key);
    int err = rg_file_write_secret(path, text, strlen(text));
    explicit_bzero(text, strlen(text));
    free(text);
    return err;
}

static int write_public(const char *path, const rg_curve_t *curve)
{
    char *text = rg_format("#   Everybody may know this file.\n"
                           "metadata\n"
                           "curve\n"
                           "    public-key = \"%s\"\n",
                           curve->public_key);
    int err = rg_file_write(path, text, strlen(text));
    free(text);
    return err;
}

int rg_curve_write(const char *folder, const char *name, const rg_curve_t *curve)
{
    char *open = rg_format("%s/%s.key", folder, name), *secret = rg_format("%s_secret", open);
    int err = write_public(open, curve);
    if (!err) err = write_secret(secret, curve);
    free(secret);
    free(open);
    return err;
}

int rg_curve_remove(const char *folder, const char *name)
{
    char *open = rg_format("%s/%s.key", folder, name), *secret = rg_format("%s_secret", open);
    int err = 0;
    if (unlink(secret) != 0 && errno != ENOENT) err = rg_fail_errno(RG_EIO, "%s: cannot remove", secret);
    if (unlink(open) != 0 && errno != ENOENT) err = rg_fail_errno(RG_EIO, "%s: cannot remove", open);
    free(secret);
    free(open);
    return err;
}

// ------------------------------------------------------------------ reading
// The value of a line `    name = "value"`, quotes of either kind.
static int read_value(const char *path, const char *text, const char *name, char key[RG_CURVE_KEY_SIZE])
{
    char value[RG_CURVE_KEY_SIZE];
    const char *at = strstr(text, name);
    int found = at && sscanf(at + strlen(name), " = %*1[\"']%40[^\"'\n]", value) == 1;
    if (!found || !rg_curve_is_key(value))
        return rg_fail(RG_EFORMAT, "%s: has no %s of %d characters", path, name, RG_CURVE_KEY_SIZE - 1);
    memcpy(key, value, sizeof value);
    return 0;
}

static int read_pair(const char *path, const char *text, rg_curve_t *curve)
{
    char derived[RG_CURVE_KEY_SIZE];
    rg_curve_t found;
    int err = read_value(path, text, "public-key", found.public_key);
    if (!err) err = read_value(path, text, "secret-key", found.secret_key);
    if (!err && (zmq_curve_public(derived, found.secret_key) != 0 || strcmp(derived, found.public_key) != 0))
        err = rg_fail(RG_EFORMAT, "%s: its public and secret key do not belong together", path);
    if (!err) *curve = found;
    explicit_bzero(&found, sizeof found);
    return err;
}

static int read_secret_file(const char *path, rg_curve_t *curve)
{
    unsigned char *text;
    size_t size;
    int err = rg_curve_check_mode(path, S_IRWXG | S_IRWXO);
    if (!err) err = rg_file_read(path, FILE_BYTES_MAX, &text, &size);
    if (err) return err;
    err = read_pair(path, (const char *)text, curve);
    explicit_bzero(text, size);
    free(text);
    return err;
}

static int read_public_file(const char *path, char key[RG_CURVE_KEY_SIZE])
{
    unsigned char *text;
    size_t size;
    int err = rg_file_read(path, FILE_BYTES_MAX, &text, &size);
    if (err) return err;
    err = read_value(path, (const char *)text, "public-key", key);
    free(text);
    return err;
}

int rg_curve_read(const char *folder, const char *name, rg_curve_t *curve)
{
    int err = rg_curve_check_name(name);
    if (err) return err;
    char *path = rg_format("%s/%s.key_secret", folder, name);
    err = read_secret_file(path, curve);
    free(path);
    return err;
}

int rg_curve_read_public(const char *folder, const char *name, char key[RG_CURVE_KEY_SIZE])
{
    int err = rg_curve_check_name(name);
    if (err) return err;
    char *path = rg_format("%s/%s.key", folder, name);
    err = read_public_file(path, key);
    free(path);
    return err;
}
