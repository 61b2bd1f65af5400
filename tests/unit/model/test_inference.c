#include <math.h>

#include "tests/unit/model/tiny.h"

static const rg_checkpoint_info_t *load(tiny_t *f, const char *path)
{
    assert_ok(tiny_load(f, path));
    return &f->networks->info;
}

static void the_newest_usable_stage_is_loaded(void **state)
{
    tiny_t *f = *state;
    assert_fails(tiny_load(f, ""), RG_ENOENT, "train stage 1 first");
    tiny_save_stage1(f);
    assert_string_equal(load(f, "")->stage, "stage1");
    assert_int_equal(f->networks->info.iteration, 50);
    assert_string_equal(f->networks->embedding, "");
    tiny_save(f, &f->config, "stage2", RG_STAGE2_PARTS, RG_STAGE2_TRAINS, 99); // of 100
    assert_string_equal(load(f, "")->stage, "stage1");
    tiny_save_stage2(f);
    assert_string_equal(load(f, "")->stage, "stage2");
    assert_int_equal(strlen(f->networks->embedding), 16);
    char model[17];
    strcpy(model, f->networks->embedding);
    tiny_save_stage3(f);
    assert_string_equal(load(f, "")->stage, "stage3");
    char path[RG_PATH_SIZE];
    rg_config_path(&f->config, "stage2.safetensors", path);
    assert_string_equal(load(f, path)->stage, "stage2");
    assert_string_equal(f->networks->embedding, model);
}

static void what_is_not_trained_is_said(void **state)
{
    tiny_t *f = *state;
    assert_fails(rg_inference_can_translate(f->networks), RG_ENOENT, "train stage 1 first");
    assert_fails(rg_inference_can_embed(f->networks), RG_ENOENT, "train stages 1 and 2 first");
    tiny_save_stage1(f);
    load(f, "");
    assert_ok(rg_inference_can_translate(f->networks));
    assert_fails(rg_inference_can_embed(f->networks), RG_ENOENT, "train stages 1 and 2 first");
    tiny_save_stage2(f);
    load(f, "");
    assert_ok(rg_inference_can_embed(f->networks));
}

// The expected values: the checkpoint's networks are called directly, with all images at once.
typedef struct {
    float content[TINY_IMAGES * MAP], code[TINY_IMAGES * Z], embeddings[TINY_IMAGES * D];
    uint8_t translated[TINY_IMAGES * IMAGE];
} direct_t;

static direct_t *compute_directly(const tiny_t *f, const char *stage, unsigned parts)
{
    direct_t *out = rg_alloc(sizeof *out);
    rg_backend_t *backend;
    rg_tape_t *tape;
    rg_model_t *model;
    rg_params_t *sets[RG_PARTS];
    rg_checkpoint_info_t info;
    const rg_checkpoint_wanted_t wanted = {&f->config, &f->config.data.attributes, RG_CHECKPOINT_START};
    char path[RG_PATH_SIZE];
    rg_config_path(&f->config, stage, path);
    assert_ok(rg_cpu_backend_new(&backend, 0));
    assert_ok(rg_tape_new(&tape, backend));
    rg_model_new(&model, &f->config, parts, 0);
    assert_ok(rg_checkpoint_load(path, &wanted, sets, rg_model_sets(model, sets), &info));
    rg_tensor_t *x = rg_tape_tensor(tape, TINY_IMAGES, SIDE, SIDE, 3);
    rg_pixels_to_float(f->pixels, TINY_IMAGES * IMAGE, x->data);
    rg_tensor_t *content = rg_content_encode(tape, &model->content, x);
    rg_tensor_t *code = rg_attribute_encode(tape, &model->attribute, x);
    rg_tensor_t *e = rg_embed(tape, &model->embedder, content, code, NULL);
    rg_tensor_t *y = rg_generate(tape, &model->generator, content, code);
    memcpy(out->content, content->data, sizeof out->content);
    memcpy(out->code, code->data, sizeof out->code);
    memcpy(out->embeddings, e->data, sizeof out->embeddings);
    rg_pixels_to_u8(y->data, TINY_IMAGES * IMAGE, out->translated);
    rg_model_destroy(&model);
    rg_tape_destroy(&tape);
    rg_backend_destroy(&backend);
    return out;
}

static void assert_all_near(const float *got, const float *want, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!(got[i] - want[i] < 1e-4f && want[i] - got[i] < 1e-4f))
            fail_msg("element %zu: %g, not %g", i, (double)got[i], (double)want[i]);
}

// Translates, and turns the image into grey levels.
static int translate(tiny_t *f, uint8_t *pixels, rg_inference_source_t source, int n,
                     const rg_retriever_t *retriever)
{
    const size_t size = (size_t)n * IMAGE;
    float *image = rg_alloc(size * sizeof *image);
    int err = rg_inference_translate(f->networks, image, source, n, retriever);
    rg_pixels_to_u8(image, size, pixels);
    free(image);
    return err;
}

static void batches_compute_what_the_networks_do(void **state)
{
    tiny_t *f = *state;
    tiny_save_stage2(f);
    load(f, "");
    direct_t *want = compute_directly(f, "stage2.safetensors", RG_STAGE2_PARTS), *got = rg_alloc(sizeof *got);
    assert_int_equal(rg_content_size(&f->config), MAP);
    assert_ok(rg_inference_encode(f->networks, got->content, got->code, f->values, TINY_IMAGES));
    assert_ok(
        rg_inference_embed(f->networks, NULL, got->embeddings, got->content, got->code, TINY_IMAGES, 0));
    const rg_inference_source_t rebuilt = {f->values, got->content, got->code, got->code};
    assert_ok(translate(f, got->translated, rebuilt, TINY_IMAGES, NULL));
    assert_all_near(got->content, want->content, TINY_IMAGES * MAP);
    assert_all_near(got->code, want->code, TINY_IMAGES * Z);
    assert_all_near(got->embeddings, want->embeddings, TINY_IMAGES * D);
    for (size_t i = 0; i < TINY_IMAGES * IMAGE; i++)
        assert_in_range(got->translated[i] + 1, want->translated[i], want->translated[i] + 2);
    free(want);
    free(got);
}

// bf16 keeps 8 bits of each factor. Embeddings have the length 1, so their product is their cosine.
static void bf16_computes_nearly_the_same(void **state)
{
    tiny_t *f = *state;
    direct_t *exact = rg_alloc(sizeof *exact), *rounded = rg_alloc(sizeof *rounded);
    double change = 0;
    tiny_save_stage2(f);
    for (int bf16 = 0; bf16 < 2; bf16++) {
        direct_t *out = bf16 ? rounded : exact;
        f->config.inference.precision = bf16 ? RG_PRECISION_BF16 : RG_PRECISION_F32;
        int err = tiny_load(f, "");
        if (bf16 && (err == RG_EVERSION ||
                     err == RG_ECONFIG)) { // this processor, its library, or the device has no bf16
            free(exact);
            free(rounded);
            skip();
        }
        assert_ok(err);
        assert_ok(rg_inference_encode(f->networks, out->content, out->code, f->values, TINY_IMAGES));
        assert_ok(
            rg_inference_embed(f->networks, NULL, out->embeddings, out->content, out->code, TINY_IMAGES, 0));
    }
    for (int i = 0; i < TINY_IMAGES; i++) {
        double cosine = 0;
        for (int j = i * D; j < (i + 1) * D; j++) {
            cosine += (double)rounded->embeddings[j] * (double)exact->embeddings[j];
            change += fabs((double)(rounded->embeddings[j] - exact->embeddings[j]));
        }
        assert_true(cosine > .98);
    }
    assert_true(change > 0);
    free(exact);
    free(rounded);
}

static void a_device_has_no_bf16(void **state)
{
    tiny_t *f = *state;
    tiny_save_stage2(f);
    strcpy(f->config.inference.device, "gpu:0");
    f->config.inference.precision = RG_PRECISION_BF16;
    assert_fails(tiny_load(f, ""), RG_ECONFIG, "inference.precision: bf16 needs `inference.device: cpu`");
}

// With model.detail a translation is G(c,z') + x - G(c,z), so that x stays as it is where the code does not change.
// The reconstruction is G(c,z) as without it.
static void detail_is_what_the_reconstruction_lacks(void **state)
{
    enum { SIZE = TINY_IMAGES * IMAGE };
    tiny_t *f = *state;
    float *rebuilt = rg_alloc(3 * SIZE * sizeof *rebuilt), *edited = rebuilt + SIZE,
          *detailed = edited + SIZE;
    float *content = rg_alloc(TINY_IMAGES * (MAP + 2 * Z) * sizeof *content),
          *own = content + TINY_IMAGES * MAP, *wanted = own + TINY_IMAGES * Z;
    int cut_off = 0;
    tiny_save_stage2(f);
    load(f, "");
    assert_ok(rg_inference_encode(f->networks, content, own, f->values, TINY_IMAGES));
    memcpy(wanted, own, TINY_IMAGES * Z * sizeof *own);
    for (int i = 0; i < TINY_IMAGES; i++)
        if (i % 3 != 1) wanted[i * Z] = 3;
    const rg_inference_source_t same = {f->values, content, own, own},
                                other = {f->values, content, own, wanted},
                                without_pixels = {NULL, content, own, own};
    assert_ok(rg_inference_translate(f->networks, rebuilt, same, TINY_IMAGES, NULL));
    assert_ok(rg_inference_translate(f->networks, edited, other, TINY_IMAGES, NULL));
    f->config.model.detail = 1;
    tiny_save_stage2(f);
    load(f, "");
    assert_ok(rg_inference_translate(f->networks, detailed, other, TINY_IMAGES, NULL));
    for (int i = 0; i < SIZE; i++) {
        float want = edited[i] + (f->values[i] - rebuilt[i]);
        cut_off += want < -1 || want > 1;
        assert_float_equal(detailed[i], want < -1 ? -1 : want > 1 ? 1 : want, 1e-5);
    }
    assert_true(cut_off > 0);
    assert_ok(rg_inference_translate(f->networks, edited, without_pixels, TINY_IMAGES, NULL));
    for (int i = 0; i < SIZE; i++) assert_float_equal(edited[i], rebuilt[i], 1e-6);
    free(content);
    free(rebuilt);
}

// Checkpoints of stage 1 have averaged weights, and inference computes with them.
static void averaged_weights_are_used(void **state)
{
    tiny_t *f = *state;
    float averaged[Z], plain[Z];
    tiny_save_stage1(f);
    load(f, "");
    assert_ok(rg_inference_encode(f->networks, NULL, averaged, f->values, 1));
    tiny_save(f, &f->config, "stage1", RG_STAGE1_PARTS, 0, 50);
    load(f, "");
    assert_ok(rg_inference_encode(f->networks, NULL, plain, f->values, 1));
    for (int i = 0; i < Z; i++) assert_true(averaged[i] != plain[i]);
}

typedef struct {
    int features;      // floats of a neighbour
    int calls, images; // of find_fake, and images in all calls
    float fill;
} fake_retriever_t;

static int find_fake(void *self, const float *embeddings, int n, const unsigned char *exclude,
                     float *features)
{
    fake_retriever_t *fake = self;
    assert_non_null(embeddings);
    assert_null(exclude);
    fake->calls++;
    fake->images += n;
    if (fake->fill < 0) return rg_fail(RG_ETIMEOUT, "retrieval: no answer");
    for (int i = 0; i < n * fake->features * 2; i++) features[i] = fake->fill * (float)(i % 7);
    return 0;
}

static int found_fake(void *self)
{
    (void)self;
    return 0;
}

// Without a retriever to ask, the result is as with neighbours whose features are all zero.
static void check_unguided(tiny_t *f, rg_inference_source_t source, const rg_retriever_t *retriever)
{
    fake_retriever_t *fake = retriever->self;
    const rg_retriever_t none = {0};
    uint8_t guided[IMAGE], unguided[IMAGE], nothing[IMAGE];
    assert_ok(translate(f, guided, source, 1, retriever));
    fake->fill = 0;
    assert_ok(translate(f, nothing, source, 1, retriever));
    const int calls = fake->calls;
    assert_ok(translate(f, unguided, source, 1, &none));
    assert_int_equal(fake->calls, calls);
    assert_memory_equal(unguided, nothing, IMAGE);
    assert_memory_not_equal(unguided, guided, IMAGE);
}

static void check_neighbours(tiny_t *f, int features)
{
    tiny_save_stage3(f);
    load(f, "");
    direct_t *out = rg_alloc(sizeof *out);
    float wanted[TINY_IMAGES * Z];
    uint8_t other[IMAGE];
    fake_retriever_t fake = {.features = features, .fill = 1};
    const rg_retriever_t retriever = {find_fake, found_fake, &fake};
    assert_ok(rg_inference_encode(f->networks, out->content, out->code, f->values, TINY_IMAGES));
    for (int i = 0; i < TINY_IMAGES * Z; i++) wanted[i] = out->code[i] + (i % Z < DIMS ? 2 : 0);
    const rg_inference_source_t source = {f->values, out->content, out->code, wanted};
    assert_ok(translate(f, out->translated, source, TINY_IMAGES, &retriever));
    assert_int_equal(fake.calls, 2);
    assert_int_equal(fake.images, TINY_IMAGES);
    fake.fill = 50;
    assert_ok(translate(f, other, source, 1, &retriever));
    assert_memory_not_equal(other, out->translated, IMAGE);
    fake.fill = -1;
    assert_fails(translate(f, other, source, 1, &retriever), RG_ETIMEOUT, "no answer");
    fake.fill = 50;
    assert_ok(translate(f, other, source, 1, &retriever)); // the error does not last
    check_unguided(f, source, &retriever);
    free(out);
}

static void stage_3_decodes_with_neighbours(void **state)
{
    check_neighbours(*state, Z);
}

static void and_with_their_content_maps(void **state)
{
    tiny_t *f = *state;
    f->config.model.fusion = RG_FUSION_CONCAT;
    check_neighbours(f, MAP);
}

static void other_checkpoints_are_refused_and_change_nothing(void **state)
{
    tiny_t *f = *state;
    char path[RG_PATH_SIZE];
    float before[Z], after[Z];
    tiny_save_stage1(f);
    load(f, "");
    assert_ok(rg_inference_encode(f->networks, NULL, before, f->values, 1));
    rg_config_t other = f->config;
    other.model.gf = 2 * GF;
    tiny_save(f, &other, "stage2", RG_STAGE2_PARTS, RG_STAGE2_TRAINS, 100);
    assert_fails(tiny_load(f, ""), RG_EMODEL, "another architecture");
    other = f->config;
    strcpy(other.data.attributes.name[1], "Smiling");
    tiny_save(f, &other, "stage2", RG_STAGE2_PARTS, RG_STAGE2_TRAINS, 100);
    assert_fails(tiny_load(f, ""), RG_EMODEL,
                 "attributes [Blond_Hair, Smiling, Young], but data.attributes is [Blond_Hair, Male, Young]");
    other.data.attributes.count = 2;
    tiny_save(f, &other, "stage2", RG_STAGE2_PARTS, RG_STAGE2_TRAINS, 100);
    assert_fails(tiny_load(f, ""), RG_EMODEL, "trained for the attributes [Blond_Hair, Smiling]");
    tiny_save(f, &f->config, "classifier", RG_STAGE1_PARTS, 0, 100);
    rg_config_path(&f->config, "classifier.safetensors", path);
    assert_fails(tiny_load(f, path), RG_EMODEL, "a checkpoint of classifier");
    assert_fails(tiny_load(f, "/nowhere/stage1.safetensors"), RG_ENOENT, "/nowhere/stage1.safetensors");
    assert_string_equal(f->networks->info.stage, "stage1");
    assert_ok(rg_inference_encode(f->networks, NULL, after, f->values, 1));
    assert_memory_equal(before, after, sizeof before);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, tiny_open, tiny_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_newest_usable_stage_is_loaded),
        TEST(what_is_not_trained_is_said),
        TEST(batches_compute_what_the_networks_do),
        TEST(bf16_computes_nearly_the_same),
        TEST(a_device_has_no_bf16),
        TEST(detail_is_what_the_reconstruction_lacks),
        TEST(averaged_weights_are_used),
        TEST(stage_3_decodes_with_neighbours),
        TEST(and_with_their_content_maps),
        TEST(other_checkpoints_are_refused_and_change_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
