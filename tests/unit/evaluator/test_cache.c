#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/core/file.h"
#include "services/evaluator/cache.h"
#include "tests/support/folder.h"
#include "tests/support/result.h"

enum { N = 5, WIDTH = 3 };
static const char KEY[] = "extractor=a images=b";

static char path[RG_PATH_SIZE];
static float written[N * WIDTH];

static int set_up(void **state)
{
    int failed = folder_make(state);
    rg_config_t config;
    rg_config_init(&config);
    snprintf(config.evaluation.cache, RG_CONFIG_TEXT, "%.200s/shared/features", (char *)*state);
    rg_cache_path(&config, KEY, path);
    for (int i = 0; i < N * WIDTH; i++) written[i] = 0.5f * (float)i;
    return failed;
}

static void write_whole(void)
{
    assert_ok(rg_cache_write(path, KEY, &(rg_matrix_t){written, N, WIDTH}));
}

static int is_read(const char *key, uint32_t n, int width)
{
    float rows[2 * N * WIDTH] = {0};
    int found = rg_cache_read(path, key, &(rg_matrix_t){rows, n, width});
    if (found) assert_memory_equal(rows, written, sizeof written);
    return found;
}

static void reads_what_was_written(void **state)
{
    (void)state;
    assert_false(is_read(KEY, N, WIDTH)); // not there yet
    write_whole();
    assert_true(is_read(KEY, N, WIDTH));
}

static void keeps_keys_apart(void **state)
{
    rg_config_t config;
    char other[RG_PATH_SIZE], own[RG_PATH_SIZE];
    (void)state;
    rg_config_init(&config);
    snprintf(config.run, RG_CONFIG_TEXT, "somewhere");
    rg_cache_path(&config, KEY, own);
    rg_cache_path(&config, "extractor=c", other);
    assert_string_not_equal(own, other);
    assert_memory_equal(own, "somewhere/features/", 19);
    write_whole();
    assert_false(is_read("extractor=c", N, WIDTH)); // though it lies where that would
    assert_false(is_read(KEY, N - 1, WIDTH));
    assert_false(is_read(KEY, N, WIDTH + 1));
}

// Whatever byte is wrong, and wherever the file ends.
static void trusts_no_damaged_file(void **state)
{
    (void)state;
    unsigned char *bytes;
    size_t size;
    write_whole();
    assert_ok(rg_file_read(path, 1 << 16, &bytes, &size));
    size_t data = size - sizeof written;
    for (size_t i = 0; i < size; i++) {
        bytes[i] ^= 1;
        assert_ok(rg_file_write(path, bytes, size));
        if (i >= data || i < 8) assert_false(is_read(KEY, N, WIDTH)); // in the header some may not matter
        (void)is_read(KEY, N, WIDTH);
        bytes[i] ^= 1;
    }
    for (size_t end = 0; end < size; end += 7) {
        assert_ok(rg_file_write(path, bytes, end));
        assert_false(is_read(KEY, N, WIDTH));
    }
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_was_written),
        cmocka_unit_test(keeps_keys_apart),
        cmocka_unit_test(trusts_no_damaged_file),
    };
    return cmocka_run_group_tests(tests, set_up, folder_remove);
}
