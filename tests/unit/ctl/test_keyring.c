// The folder of keys, as rg-ctl keys changes it.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/file.h"
#include "services/ctl/keyring.h"
#include "tests/support/test.h"

static int exists(void **state, const char *name)
{
    char path[600];
    snprintf(path, sizeof path, "%s/%s", (const char *)*state, name);
    return rg_exists(path);
}

// The role of a name. Checks that the listed key is the one in the key files.
static enum rg_role role_of(void **state, const char *name)
{
    rg_access_list_t allow;
    rg_keypair_t curve;
    enum rg_role role = RG_ROLE_NONE;
    assert_ok(rg_access_list_read(&allow, *state));
    const rg_access_entry_t *found = rg_access_list_find_name(&allow, name);
    if (found) {
        role = found->role;
        assert_ok(rg_keypair_read(*state, name, &curve));
        assert_string_equal(curve.public_key, found->key);
    }
    rg_access_list_fini(&allow);
    return role;
}

static void init_makes_both_pairs_once(void **state)
{
    char folder[600];
    rg_keypair_t first, second;
    snprintf(folder, sizeof folder, "%s/new/keys", (const char *)*state);
    assert_ok(rg_keyring_init(folder, "services"));
    assert_ok(rg_keypair_read(folder, "server", &first));
    assert_fails(rg_keyring_init(folder, "services"), RG_EINVAL, "has the services' keys already");
    assert_ok(rg_keypair_read(folder, "server", &second));
    assert_memory_equal(&first, &second, sizeof first);
}

static void init_goes_on_where_it_was_interrupted(void **state)
{
    rg_keypair_t first, second;
    assert_ok(rg_keyring_init(*state, "services"));
    assert_int_equal(role_of(state, "services"), RG_ROLE_ADMIN);
    assert_ok(rg_keypair_read(*state, "server", &first));
    assert_ok(rg_keyring_remove(*state, "services"));
    assert_ok(rg_keyring_init(*state, "services"));
    assert_int_equal(role_of(state, "services"), RG_ROLE_ADMIN);
    assert_ok(rg_keypair_read(*state, "server", &second));
    assert_memory_equal(&first, &second, sizeof first);
}

static void keys_come_and_go(void **state)
{
    assert_fails(rg_keyring_add(*state, "ann", RG_ROLE_READER), RG_ENOENT, "rg-ctl keys init makes them");
    assert_ok(rg_keyring_init(*state, "services"));
    assert_ok(rg_keyring_add(*state, "ann", RG_ROLE_READER));
    assert_ok(rg_keyring_add(*state, "bob", RG_ROLE_WRITER));
    assert_int_equal(role_of(state, "ann"), RG_ROLE_READER);
    assert_int_equal(role_of(state, "bob"), RG_ROLE_WRITER);
    assert_fails(rg_keyring_add(*state, "ann", RG_ROLE_ADMIN), RG_EINVAL, "ann is there already, as reader");
    assert_ok(rg_keyring_remove(*state, "ann"));
    assert_int_equal(role_of(state, "ann"), RG_ROLE_NONE);
    assert_false(exists(state, "ann.key"));
    assert_false(exists(state, "ann.key_secret"));
    assert_int_equal(role_of(state, "bob"), RG_ROLE_WRITER);
    assert_fails(rg_keyring_remove(*state, "ann"), RG_ENOENT, "allowed: there is no ann");
}

static void invalid_names_are_refused(void **state)
{
    assert_ok(rg_keyring_init(*state, "services"));
    assert_fails(rg_keyring_add(*state, "server", RG_ROLE_ADMIN), RG_EINVAL, "the services' own key");
    assert_fails(rg_keyring_remove(*state, "server"), RG_EINVAL, "the services' own key");
    assert_fails(rg_keyring_add(*state, "../ann", RG_ROLE_ADMIN), RG_EINVAL, "is not a name for a key");
}

static void a_list_that_cannot_be_read_is_not_replaced(void **state)
{
    char path[600];
    unsigned char *text;
    size_t size;
    assert_ok(rg_keyring_init(*state, "services"));
    snprintf(path, sizeof path, "%s/allowed", (const char *)*state);
    assert_ok(rg_file_write(path, "by hand\n", 8));
    assert_fails(rg_keyring_add(*state, "ann", RG_ROLE_READER), RG_EFORMAT, "allowed:1: ");
    assert_false(exists(state, "ann.key"));
    assert_ok(rg_file_read(path, 100, &text, &size));
    assert_string_equal((char *)text, "by hand\n");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(init_makes_both_pairs_once),
        IN_FOLDER(init_goes_on_where_it_was_interrupted),
        IN_FOLDER(keys_come_and_go),
        IN_FOLDER(invalid_names_are_refused),
        IN_FOLDER(a_list_that_cannot_be_read_is_not_replaced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
