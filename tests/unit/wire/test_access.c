// The allow list as a file.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/core/file.h"
#include "common/wire/access.h"
#include "tests/support/test.h"

#define KEY_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define KEY_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static char path[600];

static void write_list(void **state, const char *text)
{
    snprintf(path, sizeof path, "%s/allowed", (const char *)*state);
    assert_ok(rg_file_write(path, text, strlen(text)));
}

static void roles_have_names(void **state)
{
    (void)state;
    for (int role = 0; role < RG_ROLE_NONE; role++)
        assert_int_equal(rg_role_find(rg_role_name((enum rg_role)role)), role);
    assert_int_equal(rg_role_find("none"), -1);
    assert_int_equal(rg_role_find(""), -1);
}

static void a_list_is_read(void **state)
{
    rg_access_list_t allow;
    assert_ok(rg_access_list_read(&allow, *state)); // no file
    assert_int_equal(allow.count, 0);
    write_list(state, "# nobody\n\n  \nreader " KEY_A "  ann \t\r\n\tadmin " KEY_B " bob");
    assert_ok(rg_access_list_read(&allow, *state));
    assert_int_equal(allow.count, 2);
    assert_int_equal(rg_access_list_find_name(&allow, "ann")->role, RG_ROLE_READER);
    assert_string_equal(rg_access_list_find_key(&allow, KEY_B)->name, "bob");
    assert_null(rg_access_list_find_name(&allow, "an"));
    assert_null(rg_access_list_find_key(&allow, ""));
    rg_access_list_fini(&allow);
}

static void what_is_written_is_read(void **state)
{
    rg_access_list_t allow = {0};
    rg_access_list_add(&allow, &(rg_access_entry_t){.role = RG_ROLE_WRITER, .key = KEY_A, .name = "ann"});
    rg_access_list_add(&allow, &(rg_access_entry_t){.role = RG_ROLE_ADMIN, .key = KEY_B, .name = "bob"});
    assert_ok(rg_access_list_write(&allow, *state));
    rg_access_list_fini(&allow);
    assert_ok(rg_access_list_read(&allow, *state));
    assert_int_equal(rg_access_list_find_name(&allow, "ann")->role, RG_ROLE_WRITER);
    rg_access_list_remove(&allow, "ann");
    assert_int_equal(allow.count, 1);
    assert_int_equal(rg_access_list_find_key(&allow, KEY_B)->role, RG_ROLE_ADMIN);
    rg_access_list_fini(&allow);
}

static void bad_lines_are_named(void **state)
{
    static const struct {
        const char *text, *sentence;
    } bad[] = {
        {"reader\n", "allowed:1: expected ROLE PUBLIC-KEY NAME"},
        {"\nreader " KEY_A "\n", "allowed:2: expected ROLE PUBLIC-KEY NAME"},
        {"reader " KEY_A " ann lee\n", "allowed:1: expected ROLE PUBLIC-KEY NAME"},
        {"king " KEY_A " ann\n", "allowed:1: 'king' is not a role: expected reader, writer or admin"},
        {"none " KEY_A " ann\n", "'none' is not a role"},
        {"reader abc ann\n", "allowed:1: 'abc' is not a public key of 40 characters"},
        {"reader ~" KEY_A " ann\n", "is not a public key"},
        {"reader " KEY_A " ../ann\n", "allowed:1: '../ann' is not a name for a key"},
        {"reader " KEY_A " ann\nreader " KEY_B " ann\n", "allowed:2: ann is there twice"},
        {"reader " KEY_A " ann\nadmin " KEY_A " bob\n", "allowed:2: this key is there twice"},
    };
    rg_access_list_t allow;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        write_list(state, bad[i].text);
        assert_fails(rg_access_list_read(&allow, *state), RG_EFORMAT, bad[i].sentence);
    }
    assert_ok(rg_file_write(path, "reader\0", 7));
    assert_fails(rg_access_list_read(&allow, *state), RG_EFORMAT, "allowed: is not text");
}

static void a_list_that_others_may_change_is_refused(void **state)
{
    rg_access_list_t allow;
    write_list(state, "");
    chmod(path, 0664);
    assert_fails(rg_access_list_read(&allow, *state), RG_EACCES,
                 "allowed: users other than its owner may change it (mode 0664); chmod go-w it");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(roles_have_names),
        IN_FOLDER(a_list_is_read),
        IN_FOLDER(what_is_written_is_read),
        IN_FOLDER(bad_lines_are_named),
        IN_FOLDER(a_list_that_others_may_change_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
