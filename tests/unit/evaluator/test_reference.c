// The measures against the same formulas in PyTorch (make_reference.py), and the ends of their ranges.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "services/evaluator/frechet.h"
#include "services/evaluator/inception.h"
#include "services/evaluator/kid.h"
#include "services/evaluator/lpips.h"
#include "services/evaluator/prdc.h"
#include "tests/support/fixture.h"
#include "tests/support/near.h"
#include "tests/support/result.h"

static const double TOLERANCE = 1e-5; // relative: the fixture is in single precision

static rg_fixture_t *fixture;

static int set_up(void **state)
{
    (void)state;
    fixture = rg_fixture_open("tests/unit/evaluator/fixtures/metrics.bin");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    rg_fixture_close(&fixture);
    return 0;
}

static void agrees(double found, double expected)
{
    assert_near(found, expected, TOLERANCE * (fabs(expected) + 1e-3));
}

static rg_vectors_t vectors(const char *name)
{
    rg_fixture_tensor_t tensor = rg_fixture_tensor(fixture, "%s", name);
    return (rg_vectors_t){tensor.data, (size_t)tensor.shape[0], tensor.shape[1]};
}

static void moments_of(rg_moments_t *moments, const rg_vectors_t *x)
{
    rg_moments_init(moments, x->d);
    rg_moments_add(moments, x->row, x->n);
}

static void the_frechet_distance_agrees(void **state)
{
    (void)state;
    rg_vectors_t real = vectors("real"), made = vectors("made");
    rg_moments_t of_real, of_made;
    double distance;
    moments_of(&of_real, &real);
    moments_of(&of_made, &made);
    assert_ok(rg_frechet(&distance, &of_real, &of_made));
    agrees(distance, rg_fixture_number(fixture, "frechet"));
    rg_moments_fini(&of_real);
    rg_moments_fini(&of_made);
}

static void the_kernel_distance_agrees(void **state)
{
    (void)state;
    rg_vectors_t real = vectors("real"), made = vectors("made");
    rg_kid_t kid;
    assert_ok(rg_kid(&kid, &real, &made, 1, real.n, 1));
    agrees(kid.mean, rg_fixture_number(fixture, "kid"));
}

static void precision_and_the_others_agree(void **state)
{
    (void)state;
    rg_vectors_t real = vectors("real"), made = vectors("made");
    const float *expected = rg_fixture_tensor(fixture, "prdc").data;
    rg_prdc_t prdc;
    assert_ok(rg_prdc(&prdc, &real, &made, 5));
    agrees(prdc.precision, expected[0]);
    agrees(prdc.recall, expected[1]);
    agrees(prdc.density, expected[2]);
    agrees(prdc.coverage, expected[3]);
}

static void the_inception_score_agrees(void **state)
{
    (void)state;
    rg_vectors_t said = vectors("probability");
    const float *expected = rg_fixture_tensor(fixture, "inception").data;
    rg_inception_score_t score;
    assert_ok(rg_inception_score(&score, said.row, said.n, said.d, 3));
    agrees(score.mean, expected[0]);
    agrees(score.spread, expected[1]);
}

// From 1, where all images look alike, to the number of classes, where each is another one for certain.
static void the_inception_score_counts_classes(void **state)
{
    (void)state;
    const float alike[] = {0.2f, 0.8f, 0.2f, 0.8f}, each[] = {1, 0, 0, 0, 1, 0, 0, 0, 1};
    rg_inception_score_t score;
    assert_ok(rg_inception_score(&score, alike, 2, 2, 1));
    assert_near(score.mean, 1, 1e-12);
    assert_ok(rg_inception_score(&score, each, 3, 3, 1));
    assert_near(score.mean, 3, 1e-12);
    assert_ok(rg_inception_score(&score, each, 3, 3, 3)); // an image is all there is in its split
    assert_near(score.mean, 1, 1e-12);
    assert_near(score.spread, 0, 1e-12);
}

static void the_inception_score_wants_probabilities(void **state)
{
    (void)state;
    const float logits[] = {0.5f, 0.5f, 2, -1}, unknown[] = {NAN, 1};
    rg_inception_score_t score;
    assert_fails(rg_inception_score(&score, logits, 2, 2, 1), RG_ENUMERIC, "of image 1 are no probabilities");
    assert_fails(rg_inception_score(&score, unknown, 1, 2, 1), RG_ENUMERIC, "of image 0");
    assert_fails(rg_inception_score(&score, logits, 1, 2, 2), RG_EINVAL, "there are 1");
}

static rg_lpips_layer_t layer(int i, int weighted)
{
    rg_fixture_tensor_t map = rg_fixture_tensor(fixture, "map%d", i);
    return (rg_lpips_layer_t){map.data, map.shape[1], map.shape[2], map.shape[3],
                              weighted ? rg_fixture_tensor(fixture, "weight%d", i).data : NULL};
}

static void the_perceptual_distance_agrees(void **state)
{
    (void)state;
    const rg_lpips_layer_t weighted[] = {layer(0, 1), layer(1, 1)}, plain[] = {layer(0, 0), layer(1, 0)};
    agrees(rg_lpips(weighted, 2, 0, 1), rg_fixture_number(fixture, "lpips"));
    agrees(rg_lpips(plain, 2, 1, 0), rg_fixture_number(fixture, "lpips.ones"));
    assert_near(rg_lpips(weighted, 2, 1, 1), 0, 0);
}

// Positions (3,4), (0,0) against (0,2), (0,0): (.6,.8) and (0,1) differ by .36 and .04, weighted 1 and 10.
static void the_perceptual_distance_is_that_of_the_formula(void **state)
{
    (void)state;
    const float map[] = {3, 4, 0, 0, 0, 2, 0, 0}, weight[] = {1, 10};
    const rg_lpips_layer_t one = {map, 1, 2, 2, weight};
    assert_near(rg_lpips(&one, 1, 0, 1), (0.36 + 10 * 0.04) / 2, 1e-9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_frechet_distance_agrees),
        cmocka_unit_test(the_kernel_distance_agrees),
        cmocka_unit_test(precision_and_the_others_agree),
        cmocka_unit_test(the_inception_score_agrees),
        cmocka_unit_test(the_inception_score_counts_classes),
        cmocka_unit_test(the_inception_score_wants_probabilities),
        cmocka_unit_test(the_perceptual_distance_agrees),
        cmocka_unit_test(the_perceptual_distance_is_that_of_the_formula),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
