#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/core/arena.h"
#include "common/core/err.h"
#include "tests/support/emulated.h"

static void pieces_are_aligned_and_apart(void **state)
{
    (void)state;
    rg_arena_t arena;
    assert_int_equal(rg_arena_init(&arena, 1 << 20), 0);
    char *end = NULL;
    for (size_t size = 1; size < 300; size += 7) {
        char *piece = rg_arena_alloc(&arena, size);
        assert_int_equal((uintptr_t)piece % 64, 0);
        assert_true(!end || piece >= end);
        memset(piece, 0xab, size);
        end = piece + size;
    }
    rg_arena_fini(&arena);
    assert_null(arena.base);
}

static void reset_gives_the_same_memory_again_and_peak_stays(void **state)
{
    (void)state;
    rg_arena_t arena;
    assert_int_equal(rg_arena_init(&arena, 1 << 20), 0);
    void *first = rg_arena_alloc(&arena, 1000);
    rg_arena_alloc(&arena, 1000);
    rg_arena_reset(&arena);
    assert_int_equal(arena.used, 0);
    assert_int_equal(arena.peak, 2048);
    assert_ptr_equal(rg_arena_alloc(&arena, 10), first);
    assert_int_equal(arena.peak, 2048);
    rg_arena_fini(&arena);
}

static void a_piece_given_back_is_used_again(void **state)
{
    (void)state;
    rg_arena_t arena;
    assert_int_equal(rg_arena_init(&arena, 1 << 20), 0);
    char *a = rg_arena_alloc(&arena, 8000), *b = rg_arena_alloc(&arena, 6000),
         *c = rg_arena_alloc(&arena, 9000);
    size_t used = arena.used;
    rg_arena_give(&arena, a, 8000);
    rg_arena_give(&arena, b, 6000); // neighbours join
    assert_ptr_equal(rg_arena_alloc(&arena, 14000), a);
    rg_arena_give(&arena, a, 14000);
    assert_ptr_equal(rg_arena_alloc(&arena, 5000), a); // the rest stays
    assert_ptr_equal(rg_arena_alloc(&arena, 5000), a + 5056);
    assert_true((char *)rg_arena_alloc(&arena, 6000) >= c + 9000);
    assert_int_equal(arena.used, used + 6016);
    rg_arena_reset(&arena); // spares are forgotten
    assert_ptr_equal(rg_arena_alloc(&arena, 4096), a);
    assert_int_equal(arena.used, 4096);
    rg_arena_fini(&arena);
}

static void the_smallest_spare_that_fits_is_taken(void **state)
{
    (void)state;
    rg_arena_t arena;
    assert_int_equal(rg_arena_init(&arena, 1 << 20), 0);
    char *large = rg_arena_alloc(&arena, 20480);
    rg_arena_alloc(&arena, 64);
    char *small = rg_arena_alloc(&arena, 8192);
    char *end = rg_arena_alloc(&arena, 64);
    rg_arena_give(&arena, large, 20480);
    rg_arena_give(&arena, small, 8192);
    assert_ptr_equal(rg_arena_alloc(&arena, 8000), small);
    assert_ptr_equal(rg_arena_alloc(&arena, 8000), large);
    assert_true((char *)rg_arena_alloc(&arena, 100) > end); // too small to look for
    rg_arena_fini(&arena);
}

static void giving_back_the_last_piece_lowers_the_end(void **state)
{
    (void)state;
    rg_arena_t arena;
    assert_int_equal(rg_arena_init(&arena, 1 << 20), 0);
    char *a = rg_arena_alloc(&arena, 4096), *b = rg_arena_alloc(&arena, 4096);
    rg_arena_give(&arena, a, 4096);
    rg_arena_give(&arena, b, 4096);
    assert_int_equal(arena.used, 0);
    for (int i = 0; i < 2 * RG_ARENA_SPARES; i++) { // more holes than the table holds are lost, not mixed up
        rg_arena_give(&arena, rg_arena_alloc(&arena, 4096), 4096);
        rg_arena_alloc(&arena, 64);
    }
    rg_arena_fini(&arena);
}

static void all_of_the_range_can_be_used(void **state)
{
    (void)state;
    rg_arena_t arena;
    assert_int_equal(rg_arena_init(&arena, 8192), 0);
    memset(rg_arena_alloc(&arena, 8192), 1, 8192);
    rg_arena_fini(&arena);
}

static void an_impossible_range_is_halved(void **state)
{
    (void)state;
    skip_if_emulated("qemu notes every page of a range that is reserved");
    rg_arena_t arena;
    assert_int_equal(rg_arena_init(&arena, SIZE_MAX / 2), 0);
    assert_true(arena.capacity >= RG_ARENA_MIN && arena.capacity < SIZE_MAX / 4);
    memset(rg_arena_alloc(&arena, 8192), 1, 8192);
    rg_arena_fini(&arena);
}

// What an arena of 64 GiB gets in a child process with this limit of addresses: MiB, 255 at most; 254 after an
// error with the right sentence.
static int capacity_within(rlim_t limit)
{
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        rg_arena_t arena;
        const struct rlimit addresses = {limit, limit};
        setrlimit(RLIMIT_AS, &addresses);
        int err = rg_arena_init(&arena, (size_t)64 << 30);
        if (err) _exit(err == RG_ELIMIT && strstr(rg_error(), "ulimit -v") ? 254 : 253);
        _exit(arena.capacity >> 20 < 252 ? (int)(arena.capacity >> 20) : 252);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void a_limit_of_addresses_is_respected(void **state)
{
    (void)state;
#ifdef RG_SANITIZED
    skip(); // a sanitizer needs terabytes of addresses
#endif
    skip_if_emulated("qemu ignores limits of addresses");
    assert_int_equal(capacity_within((rlim_t)1 << 30), 252); // 256 MiB or more
    assert_int_equal(capacity_within((rlim_t)32 << 20), 254);
}

// The exit status of a child process that allocates this much in a small arena.
static int end_of_child(size_t size)
{
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        rg_arena_t arena;
        if (!freopen("/dev/null", "w", stderr) || rg_arena_init(&arena, 4096) != 0) _exit(2);
        signal(SIGABRT, SIG_DFL);
        rg_arena_alloc(&arena, size);
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void exhaustion_ends_the_process(void **state)
{
    (void)state;
    assert_int_equal(end_of_child(4096), 0);
    int status = end_of_child(4097);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    status = end_of_child(SIZE_MAX - 10); // rounding up must not wrap
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_aligned_and_apart),
        cmocka_unit_test(reset_gives_the_same_memory_again_and_peak_stays),
        cmocka_unit_test(a_piece_given_back_is_used_again),
        cmocka_unit_test(the_smallest_spare_that_fits_is_taken),
        cmocka_unit_test(giving_back_the_last_piece_lowers_the_end),
        cmocka_unit_test(all_of_the_range_can_be_used),
        cmocka_unit_test(an_impossible_range_is_halved),
        cmocka_unit_test(a_limit_of_addresses_is_respected),
        cmocka_unit_test(exhaustion_ends_the_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
