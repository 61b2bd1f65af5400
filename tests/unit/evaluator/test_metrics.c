// The measures agree with values that were computed by hand.
#include "tests/unit/evaluator/cases.h"

#include <math.h>

#include "services/evaluator/metrics/metrics.h"
#include "tests/support/test.h"

// Kernel (x.y/2 + 1)^3 of (0,0), (2,2) and of (1,1), (3,3): within 1 and 64, across 1, 1, 27 and 343.
static void the_kernel_distance_is_that_of_the_formula(void **state)
{
    (void)state;
    const float a[] = {0, 0, 2, 2}, b[] = {1, 1, 3, 3};
    rg_estimate_t kid;
    assert_ok(rg_kid(&kid, &(rg_vectors_t){a, 2, 2}, &(rg_vectors_t){b, 2, 2}, 3, 2, 1));
    assert_near(kid.mean, (2 * 1 + 2 * 64) / 2.0 - 2 * (1 + 1 + 27 + 343) / 4.0, 1e-9);
    assert_near(kid.spread, 0, 1e-6); // every subset is the set
}

static void the_kernel_distance_of_one_distribution_is_about_zero(void **state)
{
    (void)state;
    enum { N = 400, D = 16 };
    float *a = cases_normal(N, D, 1, 1, 0), *b = cases_normal(N, D, 2, 1, 0),
          *far = cases_normal(N, D, 3, 1, 1);
    const rg_vectors_t va = {a, N, D}, vb = {b, N, D}, vf = {far, N, D};
    rg_estimate_t near_by, apart;
    assert_ok(rg_kid(&near_by, &va, &vb, 20, 200, 1));
    assert_ok(rg_kid(&apart, &va, &vf, 20, 200, 1));
    assert_true(fabs(near_by.mean) < 0.05);
    assert_true(near_by.spread > 0);
    assert_true(apart.mean > 1);
    assert_fails(rg_kid(&apart, &va, &vf, 20, N + 1, 1), RG_EINVAL, "there are 400 and 400");
    a[7] = NAN;
    assert_fails(rg_kid(&apart, &va, &vf, 1, N, 1), RG_ENUMERIC, "not finite");
    free(a);
    free(b);
    free(far);
}

// Real vectors 0, 1, 2, 10 have radii 1, 1, 1, 8; the generated 0.5, 20, 21 have 19.5, 1, 1.
static void balls_are_counted(void **state)
{
    (void)state;
    const float real[] = {0, 1, 2, 10}, generated[] = {0.5, 20, 21};
    rg_prdc_t prdc;
    assert_ok(rg_prdc(&prdc, &(rg_vectors_t){real, 4, 1}, &(rg_vectors_t){generated, 3, 1}, 1));
    assert_near(prdc.precision, 1.0 / 3, 1e-12); // only 0.5 lies in a real ball
    assert_near(prdc.recall, 1, 1e-12);          // all real vectors lie in the ball of 0.5
    assert_near(prdc.density, 2.0 / 3, 1e-12);   // 0.5 lies in the balls of 0 and 1
    assert_near(prdc.coverage, 2.0 / 4, 1e-12);  // those two balls of four
    assert_fails(rg_prdc(&prdc, &(rg_vectors_t){real, 4, 1}, &(rg_vectors_t){generated, 3, 1}, 3), RG_EINVAL,
                 "there are 4 and 3");
}

// The set has more vectors than one block.
static void a_set_covers_itself(void **state)
{
    (void)state;
    enum { N = 150, D = 8 };
    float *x = cases_normal(N, D, 5, 1, 3);
    const rg_vectors_t set = {x, N, D};
    rg_prdc_t prdc;
    assert_ok(rg_prdc(&prdc, &set, &set, 5));
    assert_near(prdc.precision, 1, 0);
    assert_near(prdc.recall, 1, 0);
    assert_near(prdc.coverage, 1, 0);
    assert_near(prdc.density, 6.0 / 5, 1e-9); // a ball contains its centre and five neighbours
    free(x);
}

static void diversity_is_the_mean_of_pairs_within_a_source(void **state)
{
    (void)state;
    const float x[] = {0, 1, 3, 5, 5, 5}; // distances 1, 3, 2; then 0
    assert_near(rg_diversity(&(rg_vectors_t){x, 6, 1}, 3), 1, 1e-12);
    assert_true(isnan(rg_diversity(&(rg_vectors_t){x, 2, 1}, 3)));
}

// The score is 1 if all images look alike, and the number of classes if each image surely shows another
// class.
static void the_inception_score_counts_classes(void **state)
{
    (void)state;
    const float alike[] = {0.2f, 0.8f, 0.2f, 0.8f}, each[] = {1, 0, 0, 0, 1, 0, 0, 0, 1};
    rg_estimate_t score;
    assert_ok(rg_inception_score(&score, alike, 2, 2, 1));
    assert_near(score.mean, 1, 1e-12);
    assert_ok(rg_inception_score(&score, each, 3, 3, 1));
    assert_near(score.mean, 3, 1e-12);
    assert_ok(rg_inception_score(&score, each, 3, 3, 3)); // one image per split
    assert_near(score.mean, 1, 1e-12);
    assert_near(score.spread, 0, 1e-12);
}

static void the_inception_score_wants_probabilities(void **state)
{
    (void)state;
    const float logits[] = {0.5f, 0.5f, 2, -1}, unknown[] = {NAN, 1};
    rg_estimate_t score;
    assert_fails(rg_inception_score(&score, logits, 2, 2, 1), RG_ENUMERIC,
                 "classes of image 1 are not probabilities");
    assert_fails(rg_inception_score(&score, unknown, 1, 2, 1), RG_ENUMERIC, "of image 0");
    assert_fails(rg_inception_score(&score, logits, 1, 2, 2), RG_EINVAL, "there are 1");
}

// Positions (3,4), (0,0) against (0,2), (0,0): (.6,.8) and (0,1) differ by .36 and .04, weighted 1 and 10.
static void the_perceptual_distance_is_that_of_the_formula(void **state)
{
    (void)state;
    const float map[] = {3, 4, 0, 0, 0, 2, 0, 0}, weight[] = {1, 10};
    const rg_lpips_layer_t one = {map, 1, 2, 2, weight};
    assert_near(rg_lpips_distance(&one, 1, 0, 1), (0.36 + 10 * 0.04) / 2, 1e-9);
}

static void identity_is_a_mean_of_cosines_by_domain(void **state)
{
    (void)state;
    const float a[] = {3, 4}, b[] = {8, 6}, none[] = {0, 0};
    const rg_domain_t becomes = {1, 1}, loses = {1, 0}, other = {0, 1};
    rg_target_t target = {.asked = 1};
    rg_identity_mean_t identity = {0};
    assert_near(rg_cosine(a, b, 2), 0.96, 1e-12);
    assert_near(rg_cosine(a, none, 2), 0, 0);
    target.wanted[1] = 1;
    rg_identity_add(&identity, &target, 0.5);
    rg_identity_add(&identity, &target, 0.7);
    target.wanted[1] = 0;
    rg_identity_add(&identity, &target, 0);
    assert_near(rg_identity_mean(&identity, &becomes), 0.6, 1e-12);
    assert_near(rg_identity_mean(&identity, &loses), 0, 0);
    assert_near(rg_identity_mean(&identity, NULL), 0.4, 1e-12);
    assert_true(isnan(rg_identity_mean(&identity, &other)));
}

// Orthogonal vectors: no vector is paired with itself.
static void a_person_is_paired_with_another_one(void **state)
{
    (void)state;
    const float faces[] = {1, 0, 0, 0, 2, 0, 0, 0, 3};
    for (uint64_t seed = 1; seed < 9; seed++)
        assert_near(rg_identity_of_pairs(&(rg_vectors_t){faces, 3, 3}, seed), 0, 0);
    assert_true(isnan(rg_identity_of_pairs(&(rg_vectors_t){faces, 1, 3}, 1)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(identity_is_a_mean_of_cosines_by_domain),
        cmocka_unit_test(a_person_is_paired_with_another_one),
        cmocka_unit_test(the_kernel_distance_is_that_of_the_formula),
        cmocka_unit_test(the_kernel_distance_of_one_distribution_is_about_zero),
        cmocka_unit_test(balls_are_counted),
        cmocka_unit_test(a_set_covers_itself),
        cmocka_unit_test(diversity_is_the_mean_of_pairs_within_a_source),
        cmocka_unit_test(the_inception_score_counts_classes),
        cmocka_unit_test(the_inception_score_wants_probabilities),
        cmocka_unit_test(the_perceptual_distance_is_that_of_the_formula),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
