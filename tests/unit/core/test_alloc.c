#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "tests/support/emulated.h"

enum { THREADS = 4, BLOCKS = 500, BLOCK = 60000, CALLS = 5 }; // 114 MiB in all
static const double mib = 1 << 20;

typedef struct {
    int pinned; // 1: a small block stays behind each, so that the heap does not shrink when the large ones go
    char *block[BLOCKS], *pin[BLOCKS];
} flood_t;

static void *flood(void *data)
{
    flood_t *flood = data;
    for (int i = 0; i < BLOCKS; i++) {
        flood->block[i] = rg_alloc(BLOCK);
        memset(flood->block[i], 1, BLOCK);
        flood->pin[i] = flood->pinned ? rg_alloc(64) : NULL;
    }
    return NULL;
}

static void flood_threads(flood_t *floods, int pinned)
{
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        floods[i].pinned = pinned;
        assert_int_equal(pthread_create(&threads[i], NULL, flood, &floods[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
}

static void free_blocks(flood_t *floods)
{
    for (int i = 0; i < THREADS; i++)
        for (int j = 0; j < BLOCKS; j++) free(floods[i].block[j]);
}

static void free_pins(flood_t *floods)
{
    for (int i = 0; i < THREADS; i++)
        for (int j = 0; j < BLOCKS; j++) free(floods[i].pin[j]);
}

static void settle(rg_alloc_watch_t *watch, int calls)
{
    for (int i = 0; i < calls; i++) rg_alloc_settle(watch);
}

static void memory_of_a_flood_is_given_back(void **state)
{
    (void)state;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    skip(); // their heaps keep what is freed
#endif
    skip_if_emulated("qemu keeps it");
    flood_t *floods = rg_alloc(THREADS * sizeof *floods);
    rg_alloc_watch_t watch = {0};
    rg_alloc_keep();
    const double before = rg_memory_bytes();
    for (int round = 0; round < 4; round++) { // each is like the first
        const int pinned = round % 2;
        flood_threads(floods, pinned);
        settle(&watch, 3 * CALLS); // a flood may stay for any time
        free_blocks(floods);
        settle(&watch, CALLS - 1);
        if (pinned) assert_true(rg_memory_bytes() > before + 80 * mib); // not while it may still be in use
        settle(&watch, 1);
        assert_true(rg_memory_bytes() < before + 20 * mib);
        free_pins(floods);
    }
    free(floods);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(memory_of_a_flood_is_given_back)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
