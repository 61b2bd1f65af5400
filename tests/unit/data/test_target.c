#include <stdio.h>
#include <string.h>

#include "common/data/target.h"
#include "tests/support/test.h"

// Attributes P and Q exclude each other, R is free.
static void configure(rg_config_t *config)
{
    static const char names[][2] = {"P", "Q", "R"};
    rg_config_init(config);
    config->data.attributes.count = 3;
    config->data.exclusive.count = 2;
    for (int i = 0; i < 3; i++) snprintf(config->data.attributes.name[i], RG_NAME_SIZE, "%s", names[i]);
    for (int i = 0; i < 2; i++) snprintf(config->data.exclusive.name[i], RG_NAME_SIZE, "%s", names[i]);
}

static const int COLUMN[] = {2, 3, 1};

// x R P Q y
static uint8_t labels[] = {
    1, 0, 1, 0, 0, //
    0, 0, 0, 1, 0, //
    0, 1, 1, 0, 1, //
    1, 1, 0, 1, 1, //
};

// All images are annotated training images.
static void annotate(rg_dataset_t *set, uint32_t images[4])
{
    *set = (rg_dataset_t){.count = 4,
                          .labels = labels,
                          .attributes.count = 5,
                          .train_annotated = images,
                          .n_train_annotated = 4};
    for (uint32_t i = 0; i < 4; i++) images[i] = i;
}

static void flips_one_and_finds_a_reference(void **state)
{
    (void)state;
    rg_config_t config;
    rg_dataset_t set;
    uint32_t images[4];
    int asked[3] = {0};
    configure(&config);
    annotate(&set, images);
    for (uint64_t i = 0; i < 64; i++) {
        rg_target_t target;
        rg_rng_t rng;
        unsigned char reference[3];
        rg_rng_init(&rng, 1, RG_RNG_EVALUATE, i);
        rg_target_draw(&target, &set, COLUMN, &config.data, 0, &rng);
        assert_int_equal(target.source[0], 1);
        assert_int_equal(target.source[1], 0);
        assert_int_equal(target.wanted[0] + target.wanted[1],
                         target.asked != 0); // P and Q exclude each other
        assert_int_not_equal(target.wanted[target.asked], target.source[target.asked]);
        rg_labels_read(&set, COLUMN, &config.data, target.reference, reference);
        if (target.asked == 0)
            assert_int_equal(reference[0], 0); // no image shows none of the three
        else
            assert_memory_equal(reference, target.wanted, 3);
        asked[target.asked]++;
    }
    assert_true(asked[0] > 0 && asked[1] > 0 && asked[2] > 0);
}

static void draw(rg_target_t *target, const rg_dataset_t *set, const rg_config_t *config, uint32_t image,
                 uint64_t i)
{
    rg_rng_t rng;
    rg_rng_init(&rng, 1, RG_RNG_EVALUATE, i);
    rg_target_draw(target, set, COLUMN, &config->data, image, &rng);
}

// The only reference shows Q=1 R=1.
static void falls_back_to_the_asked_attribute(void **state)
{
    (void)state;
    rg_config_t config;
    rg_dataset_t set;
    uint32_t images[4];
    configure(&config);
    annotate(&set, images);
    set.train_annotated = images + 3;
    set.n_train_annotated = 1;
    for (uint64_t i = 0; i < 32; i++) {
        rg_target_t target;
        draw(&target, &set, &config, 0, i); // P: asks P=0, Q=1 with R=0, or R=1 with Q=0
        assert_int_equal(target.reference, 3);
        draw(&target, &set, &config, 2, i); // P R: asks P=0, Q=1 with R=1, or R=0
        assert_int_equal(target.reference, target.asked == 2 ? RG_NO_REFERENCE : 3);
    }
    set.n_train_annotated = 0;
    rg_target_t target;
    draw(&target, &set, &config, 0, 0);
    assert_int_equal(target.reference, RG_NO_REFERENCE);
}

static void a_grid_column_turns_an_exclusive_attribute_on(void **state)
{
    (void)state;
    static const unsigned char p[] = {1, 0, 0}, q[] = {0, 1, 0}, p_and_r[] = {1, 0, 1};
    unsigned char wanted[3];
    rg_config_t config;
    configure(&config);
    rg_labels_column(&config.data, p, 0, wanted);
    assert_memory_equal(wanted, p, 3);
    rg_labels_column(&config.data, p, 1, wanted);
    assert_memory_equal(wanted, q, 3);
    rg_labels_column(&config.data, p, 2, wanted);
    assert_memory_equal(wanted, p_and_r, 3);
    rg_labels_column(&config.data, p_and_r, 2, wanted);
    assert_memory_equal(wanted, p, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flips_one_and_finds_a_reference),
        cmocka_unit_test(falls_back_to_the_asked_attribute),
        cmocka_unit_test(a_grid_column_turns_an_exclusive_attribute_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
