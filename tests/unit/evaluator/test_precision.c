#include "tests/unit/evaluator/cases.h"

#include <math.h>

#include "services/evaluator/precision.h"
#include "tests/support/near.h"

static void counts_by_hand(void **state)
{
    (void)state;
    uint8_t labels[] = {
        // x  R  P  Q  y
        1, 0, 1, 0, 0, // the query: P
        1, 0, 0, 1, 0, // all attributes as wanted, both of the content
        0, 0, 0, 1, 0, // all attributes, half of the content
        0, 1, 1, 0, 1, // none, none
    };
    const uint32_t found[] = {1, 2, 3}, second[] = {3, 3, 3};
    rg_config_t config;
    rg_labelled_t data;
    uint32_t images[4];
    cases_config(&config);
    cases_labelled(&data, labels, images, 4);
    const rg_target_t target = {.image = 0, .asked = 1, .source = {1, 0, 0}, .wanted = {0, 1, 0}};
    rg_precision_t precision = {0};
    rg_precision_add(&precision, &data, &config, &target, found, 3);
    rg_precision_at_t at = rg_precision_mean(&precision);
    assert_near(at.attributes, 2.0 / 3, 1e-12);
    assert_near(at.content, 0.5, 1e-12);
    assert_near(at.average, 7.0 / 12, 1e-12);
    assert_near(at.strict, 2.0 / 3, 1e-12);
    rg_precision_add(&precision, &data, &config, &target, second, 3); // a query that finds nothing right
    at = rg_precision_mean(&precision);
    assert_near(at.attributes, 1.0 / 3, 1e-12);
    assert_near(at.content, 0.25, 1e-12);
    assert_near(at.strict, 1.0 / 3, 1e-12);
}

static void knows_no_content_without_other_labels(void **state)
{
    (void)state;
    uint8_t labels[] = {1, 0, 0, 0, 1, 0};
    const uint32_t found[] = {1};
    rg_config_t config;
    rg_labelled_t data = {.column = {0, 1, 2}};
    cases_config(&config);
    data.set.labels = labels;
    data.set.attributes.count = 3;
    const rg_target_t target = {.source = {1, 0, 0}, .wanted = {0, 1, 1}};
    rg_precision_t precision = {0};
    rg_precision_add(&precision, &data, &config, &target, found, 1);
    rg_precision_at_t at = rg_precision_mean(&precision);
    assert_near(at.attributes, 2.0 / 3, 1e-12);
    assert_near(at.strict, 0, 0);
    assert_true(isnan(at.content) && isnan(at.average));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_by_hand),
        cmocka_unit_test(knows_no_content_without_other_labels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
