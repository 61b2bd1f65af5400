// The measures agree with the same formulas in PyTorch (make_reference.py).
#include <math.h>

#include "services/evaluator/metrics/metrics.h"
#include "tests/support/reference.h"
#include "tests/support/test.h"

static const double TOLERANCE = 1e-5; // relative: the reference is in single precision

static rg_reference_t *reference;

static int set_up(void **state)
{
    (void)state;
    reference = rg_reference_open("tests/unit/evaluator/fixtures/metrics.bin");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    rg_reference_close(&reference);
    return 0;
}

static void agrees(double found, double expected)
{
    assert_near(found, expected, TOLERANCE * (fabs(expected) + 1e-3));
}

static rg_vectors_t vectors(const char *name)
{
    rg_reference_tensor_t tensor = rg_reference_tensor(reference, "%s", name);
    return (rg_vectors_t){tensor.data, (size_t)tensor.shape[0], tensor.shape[1]};
}

static void the_frechet_distance_agrees(void **state)
{
    (void)state;
    rg_vectors_t real = vectors("real"), generated = vectors("made");
    double distance;
    assert_ok(rg_frechet(&distance, &real, &generated));
    agrees(distance, rg_reference_number(reference, "frechet"));
}

static void the_kernel_distance_agrees(void **state)
{
    (void)state;
    rg_vectors_t real = vectors("real"), generated = vectors("made");
    rg_estimate_t kid;
    assert_ok(rg_kid(&kid, &real, &generated, 1, real.n, 1));
    agrees(kid.mean, rg_reference_number(reference, "kid"));
}

static void precision_and_the_others_agree(void **state)
{
    (void)state;
    rg_vectors_t real = vectors("real"), generated = vectors("made");
    const float *expected = rg_reference_tensor(reference, "prdc").data;
    rg_prdc_t prdc;
    assert_ok(rg_prdc(&prdc, &real, &generated, 5));
    agrees(prdc.precision, expected[0]);
    agrees(prdc.recall, expected[1]);
    agrees(prdc.density, expected[2]);
    agrees(prdc.coverage, expected[3]);
}

static void the_inception_score_agrees(void **state)
{
    (void)state;
    rg_vectors_t classes = vectors("probability");
    const float *expected = rg_reference_tensor(reference, "inception").data;
    rg_estimate_t score;
    assert_ok(rg_inception_score(&score, classes.row, classes.n, classes.d, 3));
    agrees(score.mean, expected[0]);
    agrees(score.spread, expected[1]);
}

static rg_lpips_layer_t layer(int i, int weighted)
{
    rg_reference_tensor_t map = rg_reference_tensor(reference, "map%d", i);
    return (rg_lpips_layer_t){map.data, map.shape[1], map.shape[2], map.shape[3],
                              weighted ? rg_reference_tensor(reference, "weight%d", i).data : NULL};
}

static void the_perceptual_distance_agrees(void **state)
{
    (void)state;
    const rg_lpips_layer_t weighted[] = {layer(0, 1), layer(1, 1)}, plain[] = {layer(0, 0), layer(1, 0)};
    agrees(rg_lpips_distance(weighted, 2, 0, 1), rg_reference_number(reference, "lpips"));
    agrees(rg_lpips_distance(plain, 2, 1, 0), rg_reference_number(reference, "lpips.ones"));
    assert_near(rg_lpips_distance(weighted, 2, 1, 1), 0, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_frechet_distance_agrees),    cmocka_unit_test(the_kernel_distance_agrees),
        cmocka_unit_test(precision_and_the_others_agree), cmocka_unit_test(the_inception_score_agrees),
        cmocka_unit_test(the_perceptual_distance_agrees),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
