#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "services/retrieval/answers.h"

static uint64_t announce(rg_announcements_t *announcements, const char *model, const char *checkpoint)
{
    Rg__V1__ModelRequest request = RG__V1__MODEL_REQUEST__INIT;
    request.model = (char *)model;
    request.checkpoint = (char *)checkpoint;
    return rg_announcements_add(announcements, &request);
}

static void assert_served(rg_announcements_t *announcements, const char *current, const char *checkpoint,
                          uint64_t serial)
{
    rg_msg_t *reply = rg_announcements_reply(announcements, current);
    const Rg__V1__ServedReply *body = rg_msg_body(reply);
    assert_string_equal(body->model, current);
    assert_string_equal(body->checkpoint, checkpoint);
    assert_int_equal(body->serial, serial);
    rg_msg_destroy(&reply);
}

static void the_last_announcement_is_served(void **state)
{
    rg_announcements_t announcements = {0};
    (void)state;
    assert_served(&announcements, "", "", 0);
    assert_served(&announcements, "stored", "", 0); // before this service started
    uint64_t first = announce(&announcements, "a", "stage2");
    assert_true(first > 1600000000000); // milliseconds: larger than those of an earlier life
    assert_served(&announcements, "a", "stage2", first);
    uint64_t second = announce(&announcements, "a", "stage3");
    assert_true(second > first);
    assert_served(&announcements, "a", "stage3", second);
}

static void the_next_model_is_not_served_before_its_time(void **state)
{
    rg_announcements_t announcements = {0};
    (void)state;
    uint64_t old = announce(&announcements, "a", "old");
    assert_served(&announcements, "a", "old", old);
    uint64_t next = announce(&announcements, "b", "new");
    assert_served(&announcements, "a", "old", old);
    uint64_t again = announce(&announcements, "a", "old"); // by an encoder that starts meanwhile
    assert_true(again > next);
    assert_served(&announcements, "a", "old", again);
    assert_served(&announcements, "b", "new", next); // the set has switched
    uint64_t back = announce(&announcements, "a", "old");
    assert_served(&announcements, "b", "new", next);
    assert_served(&announcements, "a", "old", back);
    assert_served(&announcements, "c", "", 0);
}

static void a_path_that_is_too_long_is_not_cut(void **state)
{
    static char path[RG_PATH_SIZE + 1];
    rg_announcements_t announcements = {0};
    (void)state;
    memset(path, 'x', RG_PATH_SIZE);
    announce(&announcements, "a", path);
    assert_served(&announcements, "a", "", 0);
    path[RG_PATH_SIZE - 1] = 0;
    uint64_t serial = announce(&announcements, "a", path);
    assert_served(&announcements, "a", path, serial);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_announcement_is_served),
        cmocka_unit_test(the_next_model_is_not_served_before_its_time),
        cmocka_unit_test(a_path_that_is_too_long_is_not_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
