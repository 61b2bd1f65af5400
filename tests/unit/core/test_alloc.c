#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "tests/support/test.h"

enum { THREADS = 4, BLOCKS = 1000, BLOCK = 60000 }; // 229 MiB in all

// Fills blocks, and keeps a small one behind each, so that the heap does not shrink when the large ones go.
static void *flood(void *pins)
{
    char *blocks[BLOCKS], **pin = pins;
    for (int i = 0; i < BLOCKS; i++) {
        blocks[i] = rg_alloc(BLOCK);
        memset(blocks[i], 1, BLOCK);
        pin[i] = rg_alloc(64);
    }
    for (int i = 0; i < BLOCKS; i++) free(blocks[i]);
    return NULL;
}

static void memory_of_a_flood_is_given_back(void **state)
{
    (void)state;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    skip(); // their heaps keep what is freed
#endif
    pthread_t threads[THREADS];
    char *(*pins)[BLOCKS] = rg_alloc(THREADS * sizeof *pins);
    rg_alloc_watch_t watch = {0};
    rg_alloc_keep();
    const double mib = 1 << 20, before = rg_memory_bytes();
    for (int i = 0; i < THREADS; i++) assert_int_equal(pthread_create(&threads[i], NULL, flood, pins[i]), 0);
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    assert_true(rg_memory_bytes() > before + 150 * mib);
    for (int i = 0; i < 5; i++) rg_alloc_settle(&watch); // the first call sees a change
    assert_true(rg_memory_bytes() > before + 150 * mib); // not while memory may still be in use
    rg_alloc_settle(&watch);
    assert_true(rg_memory_bytes() < before + 20 * mib);
    for (int i = 0; i < THREADS; i++)
        for (int j = 0; j < BLOCKS; j++) free(pins[i][j]);
    free(pins);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(memory_of_a_flood_is_given_back)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
