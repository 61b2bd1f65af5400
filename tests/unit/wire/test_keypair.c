// Key files: a written pair is read back; a bad file is refused with its name.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/core/file.h"
#include "common/wire/keypair.h"
#include "tests/support/test.h"

static char path[600];

static const char *in(void **state, const char *name)
{
    snprintf(path, sizeof path, "%s/%s", (const char *)*state, name);
    return path;
}

static unsigned mode_of(const char *file)
{
    struct stat info;
    assert_int_equal(stat(file, &info), 0);
    return info.st_mode & 0777;
}

static void a_pair_comes_back(void **state)
{
    rg_keypair_t made, read;
    char public_key[RG_KEY_TEXT_SIZE];
    assert_ok(rg_keypair_make(&made));
    assert_true(rg_keypair_is_key(made.public_key));
    assert_ok(rg_keypair_write(*state, "ann", &made));
    assert_ok(rg_keypair_read(*state, "ann", &read));
    assert_memory_equal(&made, &read, sizeof made);
    assert_ok(rg_keypair_read_public(*state, "ann", public_key));
    assert_string_equal(public_key, made.public_key);
    assert_ok(rg_keypair_remove(*state, "ann"));
    assert_false(rg_exists(in(state, "ann.key")));
    assert_false(rg_exists(in(state, "ann.key_secret")));
    assert_ok(rg_keypair_remove(*state, "ann"));
}

static void secrets_are_the_owners_alone(void **state)
{
    rg_keypair_t curve;
    assert_ok(rg_keypair_make(&curve));
    mode_t kept = umask(0);
    assert_ok(rg_keypair_write(*state, "ann", &curve));
    umask(kept);
    assert_int_equal(mode_of(in(state, "ann.key_secret")), 0600);
    assert_int_equal(mode_of(in(state, "ann.key")), 0644);
    for (mode_t open = 0004; open <= 0040; open *= 8) {
        chmod(in(state, "ann.key_secret"), 0600 | open);
        assert_fails(rg_keypair_read(*state, "ann", &curve), RG_EACCES,
                     "ann.key_secret: users other than its owner may read it (mode 06");
    }
}

static void a_missing_file_is_named(void **state)
{
    rg_keypair_t curve;
    char key[RG_KEY_TEXT_SIZE];
    assert_fails(rg_keypair_read(*state, "ann", &curve), RG_ENOENT, in(state, "ann.key_secret"));
    assert_fails(rg_keypair_read_public(*state, "ann", key), RG_ENOENT, in(state, "ann.key"));
}

static void malformed_files_are_refused(void **state)
{
    char text[300];
    rg_keypair_t one, other, read;
    assert_ok(rg_keypair_make(&one));
    assert_ok(rg_keypair_make(&other));
    static const char *const bad[] = {"", "curve\n", "public-key", "curve\n    public-key = \"short\"\n",
                                      "public-key = \"~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~\"\n"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_ok(rg_file_write_secret(in(state, "ann.key_secret"), bad[i], strlen(bad[i])));
        assert_fails(rg_keypair_read(*state, "ann", &read), RG_EFORMAT, "ann.key_secret: has no public-key");
    }
    snprintf(text, sizeof text, "public-key = \"%s\"\n", one.public_key);
    assert_ok(rg_file_write_secret(in(state, "ann.key_secret"), text, strlen(text)));
    assert_fails(rg_keypair_read(*state, "ann", &read), RG_EFORMAT, "has no secret-key of 40 characters");
    snprintf(text, sizeof text, "public-key = \"%s\"\nsecret-key = \"%s\"\n", one.public_key,
             other.secret_key);
    assert_ok(rg_file_write_secret(in(state, "ann.key_secret"), text, strlen(text)));
    assert_fails(rg_keypair_read(*state, "ann", &read), RG_EFORMAT, "does not belong to its secret key");
}

static void names_are_file_names(void **state)
{
    rg_keypair_t curve;
    char key[RG_KEY_TEXT_SIZE], longest[RG_KEYPAIR_NAME_SIZE + 1] = "";
    static const char *const bad[] = {"", "a/b", "../ann", ".ann", "-ann", "an n", "ann\n"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_fails(rg_keypair_read(*state, bad[i], &curve), RG_EINVAL, "is not a name for a key");
        assert_fails(rg_keypair_read_public(*state, bad[i], key), RG_EINVAL, "is not a name for a key");
    }
    memset(longest, 'x', RG_KEYPAIR_NAME_SIZE - 1);
    assert_ok(rg_keypair_check_name(longest));
    longest[RG_KEYPAIR_NAME_SIZE - 1] = 'x';
    assert_fails(rg_keypair_check_name(longest), RG_EINVAL, "is not a name for a key");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(a_pair_comes_back),       IN_FOLDER(secrets_are_the_owners_alone),
        IN_FOLDER(a_missing_file_is_named), IN_FOLDER(malformed_files_are_refused),
        IN_FOLDER(names_are_file_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
