// Late copies of requests: one to add does not bring an image back that was removed since, and one to remove does not
// take out an image that was added since.
#include "tests/unit/retrieval/sets.h"

#include "common/core/clock.h"

enum { MANY = 1500, BATCH = 50 };
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
    rg_set_removal_t removal;
    picture(&p, n);
    assert_ok(rg_set_remove(set, p.id, 1, asked_us, &removal));
    assert_true(removal.removed + removal.newer <= 1);
    return removal.removed;
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
    assert_int_equal(remove_asked(set, 1, now - 4), 1);  // at the same time: the removal counts
    assert_int_equal(remove_asked(set, 1, now - 20), 0); // the later removal still counts
    assert_int_equal(add_asked(set, 1, now - 4).fate, RG__V1__FATE__REFUSED);
    assert_int_equal(add_asked(set, 1, 0).fate, RG__V1__FATE__ADDED); // a client that gives no times
    assert_int_equal(add_asked(set, 2, now - 10).fate, RG__V1__FATE__ADDED);
    rg_set_close(&set);
}

// A removal was sent twice. The second copy was acknowledged, and the image was added again; now the first copy comes.
static void a_late_removal_does_not_undo_an_addition(void **state)
{
    const uint64_t now = rg_clock_wall_us();
    rg_set_t *set = open_set(*state);
    use(set, "m");
    assert_int_equal(add_asked(set, 1, now - 30).fate, RG__V1__FATE__ADDED);
    assert_int_equal(remove_asked(set, 1, now - 20), 1);
    assert_int_equal(add_asked(set, 1, now - 10).fate, RG__V1__FATE__ADDED);
    for (int reopened = 0; reopened < 2; reopened++) {
        const uint64_t generation = rg_set_generation(set);
        assert_int_equal(remove_asked(set, 1, now - 20), 0);
        assert_int_equal(rg_set_generation(set), generation);
        assert_true(is_found(set, 1));
        assert_int_equal(add_asked(set, 1, now - 30).fate, RG__V1__FATE__DUPLICATE); // comes late, too
        rg_set_close(&set);
        set = open_set(*state);
    }
    assert_int_equal(remove_asked(set, 1, now - 9), 1);
    assert_int_equal(add_asked(set, 1, now - 9).fate, RG__V1__FATE__REFUSED);
    rg_set_close(&set);
}

// An addition that finds its image stored is acknowledged, so it holds against a removal that was asked for before.
static void a_duplicate_counts_as_an_addition(void **state)
{
    const uint64_t now = rg_clock_wall_us();
    rg_set_t *set = open_set(*state);
    use(set, "m");
    assert_int_equal(add_asked(set, 1, now - 30).fate, RG__V1__FATE__ADDED);
    assert_int_equal(add_asked(set, 1, now - 10).fate, RG__V1__FATE__DUPLICATE);
    rg_set_close(&set);
    set = open_set(*state);
    assert_int_equal(remove_asked(set, 1, now - 20), 0);
    assert_true(is_found(set, 1));
    assert_int_equal(add_asked(set, 2, now - 10).fate, RG__V1__FATE__ADDED);
    assert_int_equal(add_asked(set, 2, now - 30).fate, RG__V1__FATE__DUPLICATE); // the later one counts
    assert_int_equal(remove_asked(set, 2, now - 20), 0);
    assert_int_equal(add_asked(set, 2, 0).fate, RG__V1__FATE__DUPLICATE); // a client that gives no times: now
    assert_int_equal(remove_asked(set, 2, now - 1), 0);
    assert_int_equal(count_of(set), 2);
    rg_set_close(&set);
}

// A model that embeds the stored images anew adds no image: a removal that is on the way still counts.
static void the_next_model_does_not_count_as_an_addition(void **state)
{
    const uint64_t now = rg_clock_wall_us();
    rg_set_t *set = open_set(*state);
    use(set, "m");
    assert_int_equal(add_asked(set, 1, now - 30).fate, RG__V1__FATE__ADDED);
    assert_int_equal(add_asked(set, 2, now - 30).fate, RG__V1__FATE__ADDED);
    assert_int_equal(use(set, "n"), 2);
    assert_ok(add(set, "n", 1, 1, NULL));
    assert_int_equal(remove_asked(set, 1, now - 20), 1);
    rg_set_close(&set);
}

static void clocks_that_are_wrong_are_bounded(void **state)
{
    const uint64_t now = rg_clock_wall_us();
    rg_set_t *set = open_set(*state);
    use(set, "m");
    assert_ok(add(set, "m", 1, 3, NULL));
    assert_int_equal(add_asked(set, 1, now + 300 * DAY).fate, RG__V1__FATE__DUPLICATE);
    assert_int_equal(remove_asked(set, 1, now + 3500 * SECOND), 0);
    assert_int_equal(remove_asked(set, 1, now + 300 * DAY), 1);
    assert_int_equal(add_asked(set, 1, now + 10 * SECOND).fate, RG__V1__FATE__REFUSED);
    assert_int_equal(add_asked(set, 1, now + 3700 * SECOND).fate, RG__V1__FATE__ADDED);
    const rg_set_outcome_t old = add_asked(set, 4, now - 8 * DAY);
    assert_int_equal(old.fate, RG__V1__FATE__REFUSED);
    assert_non_null(strstr(old.reason, "more than seven days ago"));
    assert_int_equal(add_asked(set, 4, UINT64_MAX).fate, RG__V1__FATE__ADDED);
    rg_set_close(&set);
}

// The client of an addition was killed, and the image is removed before the addition arrives.
static void a_late_add_does_not_undo_a_removal_that_found_nothing(void **state)
{
    const uint64_t now = rg_clock_wall_us();
    rg_set_t *set = open_set(*state);
    use(set, "m");
    const uint64_t generation = rg_set_generation(set);
    assert_int_equal(remove_asked(set, 1, now - 5), 0);
    assert_int_equal(rg_set_generation(set), generation);
    rg_set_close(&set);
    set = open_set(*state);
    const rg_set_outcome_t late = add_asked(set, 1, now - 6);
    assert_int_equal(late.fate, RG__V1__FATE__REFUSED);
    assert_non_null(strstr(late.reason, "it was removed after the request was made"));
    assert_int_equal(count_of(set), 0);
    assert_int_equal(add_asked(set, 1, now - 4).fate, RG__V1__FATE__ADDED);
    rg_set_close(&set);
}

// Removes MANY images that are not stored, in batches, as a client did that asked for it at a time, and looks at
// the number of tombstones.
static void remove_many(rg_set_t *set, unsigned first, uint64_t asked_us, uint64_t step_us, uint64_t most)
{
    for (unsigned n = 0; n < MANY; n += BATCH) {
        unsigned numbers[BATCH];
        rg_set_removal_t removal;
        for (unsigned i = 0; i < BATCH; i++) numbers[i] = first + n + i;
        uint8_t *ids = ids_of(numbers, BATCH);
        assert_ok(rg_set_remove(set, ids, BATCH, asked_us + n / BATCH * step_us, &removal));
        assert_int_equal(removal.removed, 0);
        free(ids);
        assert_true(tombstones_of(set) < most + BATCH);
    }
}

static void old_tombstones_are_swept(void **state)
{
    rg_set_t *set = open_set(*state);
    use(set, "m");
    remove_many(set, 0, rg_clock_wall_us() - 8 * DAY, 0, 1024);
    rg_set_close(&set);
}

// Removals of any number of ids that are not stored do not fill the store; what it forgets is refused by its time.
static void a_flood_of_removals_is_bounded(void **state)
{
    const uint64_t now = rg_clock_wall_us(), begin = now - 100 * SECOND, most = MAP_BYTES / (16 << 10);
    rg_set_t *set = open_set(*state);
    use(set, "m");
    for (unsigned i = 0; i < 4; i++) remove_many(set, i * MANY, begin + i * SECOND, SECOND / 1000, most);
    assert_true(tombstones_of(set) >= most / 2);
    for (int reopened = 0; reopened < 2; reopened++) {
        const rg_set_outcome_t late = add_asked(set, 1, begin - 1); // its tombstone is among the forgotten
        assert_int_equal(late.fate, RG__V1__FATE__REFUSED);
        assert_non_null(strstr(late.reason, "not all of them are remembered"));
        rg_set_close(&set);
        set = open_set(*state);
    }
    assert_int_equal(add_asked(set, 4 * MANY - 1, begin).fate, RG__V1__FATE__REFUSED); // it has its tombstone
    assert_int_equal(add_asked(set, 1, now).fate, RG__V1__FATE__ADDED);
    rg_set_close(&set);
}

// Removals from the future that are forgotten do not keep additions out.
static void a_flood_from_the_future_refuses_nothing_later(void **state)
{
    rg_set_t *set = open_set(*state);
    use(set, "m");
    for (unsigned i = 0; i < 4; i++)
        remove_many(set, i * MANY, rg_clock_wall_us() + DAY, 0, MAP_BYTES / (16 << 10));
    assert_int_equal(add_asked(set, 4 * MANY, rg_clock_wall_us() + 1).fate, RG__V1__FATE__ADDED);
    rg_set_close(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(a_late_add_does_not_bring_an_image_back),
        IN_FOLDER(a_late_removal_does_not_undo_an_addition),
        IN_FOLDER(a_duplicate_counts_as_an_addition),
        IN_FOLDER(the_next_model_does_not_count_as_an_addition),
        IN_FOLDER(clocks_that_are_wrong_are_bounded),
        IN_FOLDER(a_late_add_does_not_undo_a_removal_that_found_nothing),
        IN_FOLDER(old_tombstones_are_swept),
        IN_FOLDER(a_flood_of_removals_is_bounded),
        IN_FOLDER(a_flood_from_the_future_refuses_nothing_later),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
