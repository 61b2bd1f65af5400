#include "services/ctl/shard.h"

#include <archive.h>
#include <archive_entry.h>

#include "tests/support/archive_files.h"
#include "tests/support/test.h"

enum { MEMBER_MAX = 1000 };

// A shard in memory.
typedef struct {
    archive_file_t *file;
    rg_input_t input;
    rg_left_out_t left_out;
    rg_shard_t *shard;
} fixture_t;

static void open_bytes(fixture_t *fixture, const uint8_t *bytes, size_t size)
{
    archive_file_input(&fixture->input, bytes, size);
    assert_ok(rg_shard_open(&fixture->shard, &fixture->input, "s.tar", MEMBER_MAX, &fixture->left_out));
}

static void open_file(fixture_t *fixture)
{
    size_t size;
    const uint8_t *bytes = archive_file_finish(fixture->file, &size);
    open_bytes(fixture, bytes, size);
}

static void end(fixture_t *fixture)
{
    rg_shard_close(&fixture->shard);
    rg_input_close(&fixture->input);
    archive_file_destroy(&fixture->file);
}

static void assert_next(fixture_t *fixture, const char *name, const char *problem)
{
    rg_shard_member_t member;
    assert_ok(rg_shard_next(fixture->shard, &member));
    if (!name) {
        assert_null(member.name);
        return;
    }
    assert_string_equal(member.name, name);
    if (!problem) {
        assert_null(member.problem);
        return;
    }
    assert_non_null(member.problem);
    assert_non_null(strstr(member.problem, problem));
}

static void assert_read(fixture_t *fixture, const char *want)
{
    uint8_t *bytes;
    size_t size;
    assert_ok(rg_shard_read(fixture->shard, &bytes, &size));
    assert_int_equal(size, strlen(want));
    assert_memory_equal(bytes, want, size);
    free(bytes);
}

static void test_images_and_text(void **state)
{
    (void)state;
    static const int filters[] = {ARCHIVE_FILTER_NONE, ARCHIVE_FILTER_GZIP, ARCHIVE_FILTER_BZIP2,
                                  ARCHIVE_FILTER_XZ, ARCHIVE_FILTER_ZSTD};
    for (size_t i = 0; i < sizeof filters / sizeof *filters; i++) {
        fixture_t fixture = {.file = archive_file_new(filters[i], ARCHIVE_FILTER_NONE)};
        archive_file_add(fixture.file, "0.jpg", "one", 3);
        archive_file_add(fixture.file, "0.json", "{}", 2);
        archive_file_add(fixture.file, "1.png", "second", 6);
        archive_file_add(fixture.file, "1.json", "{}", 2);
        open_file(&fixture);
        assert_next(&fixture, "0.jpg", NULL);
        assert_read(&fixture, "one");
        assert_next(&fixture, "1.png", NULL);
        assert_read(&fixture, "second");
        assert_next(&fixture, NULL, NULL);
        assert_int_equal(fixture.left_out.total, 2);
        end(&fixture);
    }
}

// Names are only names. What is no picture in a regular file is a problem, or left out.
static void test_hostile_members(void **state)
{
    (void)state;
    fixture_t fixture = {.file = archive_file_new(ARCHIVE_FILTER_NONE, ARCHIVE_FILTER_NONE)};
    archive_file_add(fixture.file, "/etc/a.jpg", "a", 1);
    archive_file_add(fixture.file, "../../b.jpg", "b", 1);
    archive_file_add_special(fixture.file, "folder.jpg", AE_IFDIR);
    archive_file_add_special(fixture.file, "link.jpg", AE_IFLNK);
    archive_file_add_special(fixture.file, "fifo.jpg", AE_IFIFO);
    archive_file_add_special(fixture.file, "fifo", AE_IFIFO);
    archive_file_add_sparse(fixture.file, "sparse.jpg", 1 << 20, 8);
    archive_file_add(fixture.file, "large.jpg", NULL, MEMBER_MAX + 1);
    archive_file_add(fixture.file, "._hidden.jpg", "c", 1);
    archive_file_add(fixture.file, "\xc3\xa9.jpg", "e", 1);
    open_file(&fixture);
    assert_next(&fixture, "/etc/a.jpg", NULL);
    assert_next(&fixture, "../../b.jpg", NULL);
    assert_next(&fixture, "link.jpg", "not a regular file");
    assert_next(&fixture, "fifo.jpg", "not a regular file");
    assert_next(&fixture, "sparse.jpg", "a sparse file");
    assert_next(&fixture, "large.jpg", "1001 bytes exceed limits.image_max_mib");
    assert_next(&fixture, "\xc3\xa9.jpg", NULL);
    assert_read(&fixture, "e");
    assert_next(&fixture, NULL, NULL);
    assert_int_equal(fixture.left_out.total, 1);
    end(&fixture);
}

// What was read before the end is not lost, and the number of an image does not depend on what was read.
static void test_cut_off(void **state)
{
    (void)state;
    fixture_t fixture = {.file = archive_file_new(ARCHIVE_FILTER_NONE, ARCHIVE_FILTER_NONE)};
    rg_shard_member_t member;
    uint8_t *read;
    size_t size;
    archive_file_add(fixture.file, "0.jpg", "one", 3);
    archive_file_add(fixture.file, "1.jpg", NULL, 900);
    const uint8_t *bytes = archive_file_finish(fixture.file, &size);
    open_bytes(&fixture, bytes, 512 * 3 + 100); // ends in the second image
    assert_next(&fixture, "0.jpg", NULL);
    assert_ok(rg_shard_next(fixture.shard, &member));
    assert_int_equal(member.number, 1);
    assert_fails(rg_shard_read(fixture.shard, &read, &size), RG_EFORMAT, "the archive is damaged here");
    assert_fails(rg_shard_next(fixture.shard, &member), RG_EFORMAT, "s.tar: damaged behind 2 images");
    end(&fixture);
}

static void test_damaged_header(void **state)
{
    (void)state;
    fixture_t fixture = {.file = archive_file_new(ARCHIVE_FILTER_NONE, ARCHIVE_FILTER_NONE)};
    size_t size;
    for (int i = 0; i < 4; i++) archive_file_add(fixture.file, "0.jpg", "one", 3);
    uint8_t *bytes = (uint8_t *)archive_file_finish(fixture.file, &size);
    memset(bytes + 1024, 0xa5, 1024); // the second header and its data
    open_bytes(&fixture, bytes, size);
    assert_next(&fixture, "0.jpg", NULL);
    assert_next(&fixture, "", "a header is damaged");
    assert_next(&fixture, "0.jpg", NULL);
    assert_next(&fixture, "0.jpg", NULL);
    assert_next(&fixture, NULL, NULL);
    end(&fixture);
}

static void test_two_archives_in_a_row(void **state)
{
    (void)state;
    fixture_t fixture = {.file = archive_file_new(ARCHIVE_FILTER_NONE, ARCHIVE_FILTER_NONE)};
    size_t size;
    archive_file_add(fixture.file, "0.jpg", "one", 3);
    const uint8_t *bytes = archive_file_finish(fixture.file, &size);
    uint8_t *twice = malloc(2 * size);
    memcpy(twice, bytes, size);
    memcpy(twice + size, bytes, size);
    open_bytes(&fixture, twice, 2 * size);
    assert_next(&fixture, "0.jpg", NULL);
    assert_next(&fixture, "0.jpg", NULL);
    assert_next(&fixture, NULL, NULL);
    free(twice);
    end(&fixture);
}

static void test_not_an_archive(void **state)
{
    (void)state;
    static const char page[] = "<html>not found</html>";
    rg_left_out_t left_out = {0};
    rg_shard_t *shard;
    rg_input_t input;
    archive_file_input(&input, page, sizeof page);
    assert_fails(rg_shard_open(&shard, &input, "s.tar", MEMBER_MAX, &left_out), RG_EFORMAT,
                 "s.tar: not a tar archive");
    rg_input_close(&input);
    archive_file_input(&input, page, 0);
    assert_fails(rg_shard_open(&shard, &input, "s.tar", MEMBER_MAX, &left_out), RG_EFORMAT, "empty file");
    rg_input_close(&input);
}

// 256 MiB of zeros in a few kilobytes are not unpacked to their end.
static void test_bomb(void **state)
{
    (void)state;
    fixture_t fixture = {.file = archive_file_new(ARCHIVE_FILTER_ZSTD, ARCHIVE_FILTER_NONE)};
    rg_shard_member_t member;
    archive_file_add(fixture.file, "0.jpg", "one", 3);
    archive_file_add(fixture.file, "zeros.bin", NULL, 1 << 28);
    archive_file_add(fixture.file, "1.jpg", "two", 3);
    open_file(&fixture);
    assert_next(&fixture, "0.jpg", NULL);
    assert_fails(rg_shard_next(fixture.shard, &member), RG_EFORMAT, "s.tar: it expands more than 100 times");
    end(&fixture);
}

static void test_compressed_twice(void **state)
{
    (void)state;
    fixture_t fixture = {.file = archive_file_new(ARCHIVE_FILTER_GZIP, ARCHIVE_FILTER_ZSTD)};
    size_t size;
    archive_file_add(fixture.file, "0.jpg", "one", 3);
    const uint8_t *bytes = archive_file_finish(fixture.file, &size);
    archive_file_input(&fixture.input, bytes, size);
    assert_fails(rg_shard_open(&fixture.shard, &fixture.input, "s.tar", MEMBER_MAX, &fixture.left_out),
                 RG_EFORMAT, "s.tar: compressed more than once");
    end(&fixture);
}

static void test_names_of_archives(void **state)
{
    (void)state;
    static const char *const yes[] = {"a.tar", "x/00000.TAR", "a.tar.gz", "a.tgz", "a.tar.zst"};
    static const char *const no[] = {".tar", "tar", "a.tar.jpg", "a.gz", "a.tarx", ""};
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++) assert_true(rg_shard_name_known(yes[i]));
    for (size_t i = 0; i < sizeof no / sizeof *no; i++) assert_false(rg_shard_name_known(no[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_images_and_text),
        cmocka_unit_test(test_hostile_members),
        cmocka_unit_test(test_cut_off),
        cmocka_unit_test(test_damaged_header),
        cmocka_unit_test(test_two_archives_in_a_row),
        cmocka_unit_test(test_not_an_archive),
        cmocka_unit_test(test_bomb),
        cmocka_unit_test(test_compressed_twice),
        cmocka_unit_test(test_names_of_archives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
