#include "common/wire/keypair.h"

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

int rg_keypair_make(rg_keypair_t *pair)
{
    if (zmq_curve_keypair(pair->public_key, pair->secret_key) == 0) return 0;
    return rg_fail(RG_EINVAL, "cannot make a key pair: %s", zmq_strerror(zmq_errno()));
}

int rg_keypair_is_key(const char *text)
{
    unsigned char bytes[KEY_BYTES];
    return strlen(text) == RG_KEY_TEXT_SIZE - 1 && zmq_z85_decode(bytes, text) != NULL;
}

int rg_keypair_check_name(const char *name)
{
    static const char inside[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_";
    size_t length = strlen(name);
    if (length > 0 && length < RG_KEYPAIR_NAME_SIZE && strspn(name, inside) == length &&
        !strchr(".-_", name[0]))
        return 0;
    return rg_fail(
        RG_EINVAL,
        "'%s' is not a name for a key: expected 1 to %d letters, digits, dots, dashes and underscores", name,
        RG_KEYPAIR_NAME_SIZE - 1);
}

int rg_keypair_check_mode(const char *path, unsigned bits)
{
    struct stat info;
    if (stat(path, &info) != 0)
        return rg_fail_errno(errno == ENOENT ? RG_ENOENT : RG_EIO, "%s: cannot stat", path);
    if (!(info.st_mode & bits)) return 0;
    return rg_fail(RG_EACCES, "%s: users other than its owner may %s it (mode %04o); chmod go-%s it", path,
                   bits & S_IROTH ? "read" : "change", info.st_mode & 07777u, bits & S_IROTH ? "rwx" : "w");
}

// ---- writing
static int write_secret(const char *path, const rg_keypair_t *pair)
{
    char *text = rg_format("#   Secret: only the owner of this file may read it.\n"
                           "metadata\n"
                           "curve\n"
                           "    public-key = \"%s\"\n"
                           "    secret-key = \"%s\"\n",
                           pair->public_key, pair->secret_key);
    int err = rg_file_write_secret(path, text, strlen(text));
    explicit_bzero(text, strlen(text));
    free(text);
    return err;
}

static int write_public(const char *path, const rg_keypair_t *pair)
{
    char *text = rg_format("#   Public: anyone may have this file.\n"
                           "metadata\n"
                           "curve\n"
                           "    public-key = \"%s\"\n",
                           pair->public_key);
    int err = rg_file_write(path, text, strlen(text));
    free(text);
    return err;
}

int rg_keypair_write(const char *folder, const char *name, const rg_keypair_t *pair)
{
    char *public = rg_format("%s/%s.key", folder, name), *secret = rg_format("%s_secret", public);
    int err = write_public(public, pair);
    if (!err) err = write_secret(secret, pair);
    free(secret);
    free(public);
    return err;
}

int rg_keypair_remove(const char *folder, const char *name)
{
    char *public = rg_format("%s/%s.key", folder, name), *secret = rg_format("%s_secret", public);
    int err = 0;
    if (unlink(secret) != 0 && errno != ENOENT) err = rg_fail_errno(RG_EIO, "%s: cannot remove", secret);
    if (unlink(public) != 0 && errno != ENOENT) err = rg_fail_errno(RG_EIO, "%s: cannot remove", public);
    free(secret);
    free(public);
    return err;
}

// ---- reading
// The value of a line `    name = "value"`, quotes of either kind.
static int read_value(const char *path, const char *text, const char *name, char key[RG_KEY_TEXT_SIZE])
{
    char value[RG_KEY_TEXT_SIZE];
    const char *at = strstr(text, name);
    int found = at && sscanf(at + strlen(name), " = %*1[\"']%40[^\"'\n]", value) == 1;
    if (!found || !rg_keypair_is_key(value))
        return rg_fail(RG_EFORMAT, "%s: has no %s of %d characters", path, name, RG_KEY_TEXT_SIZE - 1);
    memcpy(key, value, sizeof value);
    return 0;
}

static int read_pair(const char *path, const char *text, rg_keypair_t *pair)
{
    char derived[RG_KEY_TEXT_SIZE];
    rg_keypair_t found;
    int err = read_value(path, text, "public-key", found.public_key);
    if (!err) err = read_value(path, text, "secret-key", found.secret_key);
    if (!err && (zmq_curve_public(derived, found.secret_key) != 0 || strcmp(derived, found.public_key) != 0))
        err = rg_fail(RG_EFORMAT, "%s: its public key does not belong to its secret key", path);
    if (!err) *pair = found;
    explicit_bzero(&found, sizeof found);
    return err;
}

static int read_secret_file(const char *path, rg_keypair_t *pair)
{
    unsigned char *text;
    size_t size;
    int err = rg_keypair_check_mode(path, S_IRWXG | S_IRWXO);
    if (!err) err = rg_file_read(path, FILE_BYTES_MAX, &text, &size);
    if (err) return err;
    err = read_pair(path, (const char *)text, pair);
    explicit_bzero(text, size);
    free(text);
    return err;
}

static int read_public_file(const char *path, char key[RG_KEY_TEXT_SIZE])
{
    unsigned char *text;
    size_t size;
    int err = rg_file_read(path, FILE_BYTES_MAX, &text, &size);
    if (err) return err;
    err = read_value(path, (const char *)text, "public-key", key);
    free(text);
    return err;
}

int rg_keypair_read(const char *folder, const char *name, rg_keypair_t *pair)
{
    int err = rg_keypair_check_name(name);
    if (err) return err;
    char *path = rg_format("%s/%s.key_secret", folder, name);
    err = read_secret_file(path, pair);
    free(path);
    return err;
}

int rg_keypair_read_public(const char *folder, const char *name, char key[RG_KEY_TEXT_SIZE])
{
    int err = rg_keypair_check_name(name);
    if (err) return err;
    char *path = rg_format("%s/%s.key", folder, name);
    err = read_public_file(path, key);
    free(path);
    return err;
}
