// What a removal leaves: a late copy of a request to add does not bring the image back.
#include "tests/unit/retrieval/sets.h"

#include "common/core/clock.h"

static const uint64_t SECOND = 1000000, DAY = 86400 * 1000000ull;

// Adds picture n as a client did that asked for it at this time.
static rg_set_outcome_t add_asked(rg_set_t *set, unsigned n, uint64_t asked_us)
{
    picture_t p;
    rg_set_outcome_t outcome;
    picture(&p, n);
    rg_set_item_t item = item_of(&p);
    item.asked_us = asked_us;
    assert_ok(rg_set_add(set, "m", &item, 1, &outcome));
    return outcome;
}

static size_t remove_asked(rg_set_t *set, unsigned n, uint64_t asked_us)
{
    picture_t p;
    size_t removed;
    picture(&p, n);
    assert_ok(rg_set_remove(set, p.id, 1, asked_us, &removed));
    return removed;
}

static uint64_t tombstones_of(rg_set_t *set)
{
    rg_store_entries_t entries;
    rg_read_view_t read = read_view_of(set);
    assert_ok(rg_store_entries(read.txn, &entries));
    rg_read_view_end(&read);
    return entries.tombstones;
}

static void a_late_add_does_not_bring_an_image_back(void **state)
{
    const uint64_t now = rg_clock_wall_us();
    rg_set_t *set = open_set(*state);
    use(set, "m");
    assert_int_equal(add_asked(set, 1, now - 10).fate, RG__V1__FATE__ADDED);
    assert_int_equal(add_asked(set, 1, now - 9).fate, RG__V1__FATE__DUPLICATE);
    assert_int_equal(remove_asked(set, 1, now - 5), 1);
    for (int reopened = 0; reopened < 2; reopened++) {
        for (uint64_t asked = now - 10; asked <= now - 5;
             asked++) { // also one that was asked at the same time
            const rg_set_outcome_t late = add_asked(set, 1, asked);
            assert_int_equal(late.fate, RG__V1__FATE__REFUSED);
            assert_non_null(strstr(late.reason, "it was removed after the request was made"));
        }
        assert_int_equal(count_of(set), 0);
        rg_set_close(&set);
        set = open_set(*state);
    }
    assert_int_equal(add_asked(set, 1, now - 4).fate, RG__V1__FATE__ADDED); // asked for later: wanted again
    assert_int_equal(remove_asked(set, 1, now - 20), 1);                    // the later removal still counts
    assert_int_equal(add_asked(set, 1, now - 5).fate, RG__V1__FATE__REFUSED);
    assert_int_equal(add_asked(set, 1, 0).fate, RG__V1__FATE__ADDED); // a client that gives no times
    assert_int_equal(add_asked(set, 2, now - 10).fate, RG__V1__FATE__ADDED);
    rg_set_close(&set);
}

static void clocks_that_are_wrong_are_bounded(void **state)
{
    const uint64_t now = rg_clock_wall_us();
    rg_set_t *set = open_set(*state);
    use(set, "m");
    assert_ok(add(set, "m", 1, 3, NULL));
    assert_int_equal(remove_asked(set, 1, now + 300 * DAY), 1);
    assert_int_equal(add_asked(set, 1, now + 10 * SECOND).fate, RG__V1__FATE__REFUSED);
    assert_int_equal(add_asked(set, 1, now + 3700 * SECOND).fate, RG__V1__FATE__ADDED);
    const rg_set_outcome_t old = add_asked(set, 4, now - 8 * DAY);
    assert_int_equal(old.fate, RG__V1__FATE__REFUSED);
    assert_non_null(strstr(old.reason, "more than seven days ago"));
    assert_int_equal(add_asked(set, 4, UINT64_MAX).fate, RG__V1__FATE__ADDED);
    rg_set_close(&set);
}

// A removal that finds nothing leaves nothing, and old tombstones are swept.
static void tombstones_are_bounded(void **state)
{
    enum { MANY = 1500, BATCH = 50 };
    const uint64_t now = rg_clock_wall_us();
    rg_set_t *set = open_set(*state);
    use(set, "m");
    assert_int_equal(remove_asked(set, 1, now), 0);
    assert_int_equal(tombstones_of(set), 0);
    assert_ok(add(set, "m", 0, MANY, NULL));
    for (unsigned n = 0; n < MANY; n += BATCH) {
        unsigned numbers[BATCH];
        size_t removed;
        for (unsigned i = 0; i < BATCH; i++) numbers[i] = n + i;
        uint8_t *ids = ids_of(numbers, BATCH);
        assert_ok(rg_set_remove(set, ids, BATCH, now - 8 * DAY, &removed));
        assert_int_equal(removed, BATCH);
        free(ids);
        assert_true(tombstones_of(set) < 1024 + BATCH);
    }
    rg_set_close(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(a_late_add_does_not_bring_an_image_back),
        IN_FOLDER(clocks_that_are_wrong_are_bounded),
        IN_FOLDER(tombstones_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
