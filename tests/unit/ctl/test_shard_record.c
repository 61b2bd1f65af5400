#include "services/ctl/shard_record.h"

#include "common/core/alloc.h"
#include "common/core/file.h"
#include "tests/support/test.h"

static const uint8_t an_id[RG_ID_SIZE] = {1, 2, 3};

static const struct stat *info_of(off_t size)
{
    static struct stat info;
    info = (struct stat){.st_size = size, .st_mtim = {.tv_sec = 7}};
    return &info;
}

static rg_shard_record_t *open_record(const char *run, off_t size)
{
    rg_shard_record_t *record;
    assert_ok(rg_shard_record_open(&record, run, "x/0.tar", info_of(size)));
    return record;
}

static void test_acknowledged_images_are_remembered(void **state)
{
    rg_shard_record_t *record = open_record(*state, 100);
    assert_int_equal(rg_shard_record_count(record), 0);
    assert_ok(rg_shard_record_add(record, 16, 32, an_id)); // replies come in any order
    assert_ok(rg_shard_record_add(record, 3, 4, an_id));
    rg_shard_record_close(&record);
    record = open_record(*state, 100);
    assert_int_equal(rg_shard_record_count(record), 17);
    for (uint64_t i = 0; i < 100; i++)
        assert_int_equal(rg_shard_record_has(record, i), i == 3 || (i >= 16 && i < 32));
    assert_false(rg_shard_record_done(record));
    rg_shard_record_close(&record);
}

static void test_another_file_has_another_record(void **state)
{
    rg_shard_record_t *record = open_record(*state, 100);
    assert_ok(rg_shard_record_add(record, 0, 5, an_id));
    rg_shard_record_close(&record);
    record = open_record(*state, 101);
    assert_int_equal(rg_shard_record_count(record), 0);
    rg_shard_record_close(&record);
}

static void test_a_shard_is_done_when_all_images_are_acknowledged(void **state)
{
    rg_shard_record_t *record = open_record(*state, 100);
    assert_ok(rg_shard_record_add(record, 0, 5, an_id));
    assert_ok(rg_shard_record_finish(record, 6));
    assert_false(rg_shard_record_done(record));
    assert_ok(rg_shard_record_add(record, 5, 6, an_id));
    assert_ok(rg_shard_record_finish(record, 6));
    assert_true(rg_shard_record_done(record));
    rg_shard_record_close(&record);
    record = open_record(*state, 100);
    assert_true(rg_shard_record_done(record));
    assert_int_equal(rg_shard_record_count(record), 6);
    rg_shard_record_close(&record);
}

// Overwrites the only record of the run.
static void write_record(const char *run, const char *text)
{
    char **names, *folder = rg_format("%s/shards", run);
    size_t n;
    assert_ok(rg_list_dir(folder, &names, &n));
    assert_int_equal(n, 1);
    char *path = rg_format("%s/%s", folder, names[0]);
    assert_ok(rg_file_write(path, text, strlen(text)));
    free(path);
    free(folder);
    rg_list_free(&names, n);
}

static void test_lines_that_are_cut_off_or_wrong_do_not_count(void **state)
{
    rg_shard_record_t *record = open_record(*state, 100);
    rg_shard_record_close(&record);
    write_record(*state, "shard x\n"
                         "0 4 00000000000000000000000000000001\n"
                         "9 8 00000000000000000000000000000001\n"
                         "0 99999999999999999999999 00000000000000000000000000000001\n"
                         "8 12 000000000000000000000000000000\n"
                         "done 5\n"
                         "4 8 0000");
    record = open_record(*state, 100);
    assert_int_equal(rg_shard_record_count(record), 4);
    assert_false(rg_shard_record_done(record));
    assert_ok(rg_shard_record_add(record, 4, 5, an_id)); // on a line of its own
    rg_shard_record_close(&record);
    record = open_record(*state, 100);
    assert_int_equal(rg_shard_record_count(record), 5);
    rg_shard_record_close(&record);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(test_acknowledged_images_are_remembered),
        IN_FOLDER(test_another_file_has_another_record),
        IN_FOLDER(test_a_shard_is_done_when_all_images_are_acknowledged),
        IN_FOLDER(test_lines_that_are_cut_off_or_wrong_do_not_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
