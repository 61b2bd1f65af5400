#include "tests/unit/evaluator/cases.h"

#include <math.h>

#include "services/evaluator/metrics/metrics.h"
#include "tests/support/test.h"

static const rg_domain_t P = {0, 1}, Q = {1, 1}, R = {2, 1}, NOT_R = {2, 0};

static void counts_wanted_and_untouched(void **state)
{
    (void)state;
    // P is turned off and Q on: only R stays untouched
    const rg_target_t hair = {.asked = 1, .source = {1, 0, 1}, .wanted = {0, 1, 1}};
    const rg_target_t plain = {.asked = 2, .source = {0, 0, 1}, .wanted = {0, 0, 0}};
    const float seen[] = {-1, 2, 3}, unseen[] = {1, -1, -2}, half[] = {2, -1, -3};
    rg_edit_accuracy_t accuracy = {0};
    rg_edit_accuracy_add(&accuracy, &hair, seen, 3);   // Q seen; R kept
    rg_edit_accuracy_add(&accuracy, &hair, unseen, 3); // Q not seen; R lost
    rg_edit_accuracy_add(&accuracy, &plain, half, 3);  // R removed as wanted; P lost, Q kept
    assert_near(rg_edit_accuracy_wanted(&accuracy, &Q), 0.5, 0);
    assert_near(rg_edit_accuracy_wanted(&accuracy, &NOT_R), 1, 0);
    assert_true(isnan(rg_edit_accuracy_wanted(&accuracy, &R)));
    assert_true(isnan(rg_edit_accuracy_wanted(&accuracy, &P)));
    assert_near(rg_edit_accuracy_wanted(&accuracy, NULL), 2.0 / 3, 1e-12);
    assert_int_equal(accuracy.untouched.n, 4);
    assert_near(rg_accuracy_value(&accuracy.untouched), 0.5, 0);
}

static void a_logit_of_zero_means_not_set(void **state)
{
    (void)state;
    rg_accuracy_t rate = {0};
    assert_true(isnan(rg_accuracy_value(&rate)));
    rg_accuracy_add(&rate, 0, 0);
    rg_accuracy_add(&rate, 0, 1);
    assert_near(rg_accuracy_value(&rate), 0.5, 0);
}

static void the_ceiling_is_weighted_by_the_wanted_labels(void **state)
{
    (void)state;
    const rg_target_t off = {.asked = 2, .source = {1, 0, 1}, .wanted = {1, 0, 0}};
    const rg_target_t on = {.asked = 2, .source = {1, 0, 0}, .wanted = {1, 0, 1}};
    const float says_on[] = {1, -1, 1};
    rg_accuracy_ceiling_t ceiling = {0};
    rg_accuracy_ceiling_add(&ceiling, &off, says_on, 3); // correct for the real R=1
    rg_accuracy_ceiling_add(&ceiling, &off, says_on, 3);
    rg_accuracy_ceiling_add(&ceiling, &on, says_on, 3); // wrong for the real R=0
    // wanted: twice R=0 (rate 0), once R=1 (rate 1)
    assert_near(rg_accuracy_ceiling(&ceiling, &R), 1, 0);
    assert_near(rg_accuracy_ceiling(&ceiling, &NOT_R), 0, 0);
    assert_near(rg_accuracy_ceiling(&ceiling, NULL), 1.0 / 3, 1e-12);
    assert_true(isnan(rg_accuracy_ceiling(&ceiling, &P)));
}

static void the_ceiling_skips_labels_that_no_real_image_has(void **state)
{
    (void)state;
    const rg_target_t on = {.asked = 2, .source = {0, 0, 0}, .wanted = {0, 0, 1}};
    const float logits[] = {-1, -1, -1};
    rg_accuracy_ceiling_t ceiling = {0};
    rg_accuracy_ceiling_add(&ceiling, &on, logits, 3);
    assert_true(isnan(rg_accuracy_ceiling(&ceiling, NULL)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_wanted_and_untouched),
        cmocka_unit_test(a_logit_of_zero_means_not_set),
        cmocka_unit_test(the_ceiling_is_weighted_by_the_wanted_labels),
        cmocka_unit_test(the_ceiling_skips_labels_that_no_real_image_has),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
