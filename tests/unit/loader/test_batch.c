#include "tests/unit/loader/fixture.h"

#include <math.h>

#include "common/core/hash.h"
#include "services/loader/batch.h"
#include "tests/support/test.h"

typedef struct {
    void *folder;
    rg_config_t config;
    rg_dataset_t set;
    rg_batcher_t *batcher;
} fixture_t;

static int open_batcher(void **state)
{
    fixture_t *f = rg_alloc(sizeof *f);
    *state = f;
    if (folder_make(&f->folder)) return -1;
    fixture_write_images(f->folder);
    fixture_configure(&f->config, f->folder);
    assert_ok(rg_dataset_open(&f->set, &f->config));
    rg_batcher_new(&f->batcher, &f->config, &f->set);
    return 0;
}

static int close_batcher(void **state)
{
    fixture_t *f = *state;
    rg_batcher_destroy(&f->batcher);
    rg_dataset_close(&f->set);
    int rc = folder_remove(&f->folder);
    free(f);
    return rc;
}

static int ask_part(rg_batcher_t *batcher, const char *stream, uint64_t index, uint32_t n, uint32_t m,
                    uint32_t part, uint32_t parts, rg_msg_t **reply)
{
    rg_msg_t *request = rg_msg_new(RG__V1__ENVELOPE__BODY_BATCH_REQUEST);
    Rg__V1__BatchRequest *body = rg_msg_body(request);
    body->stream = rg_msg_text(request, "%s", stream);
    body->index = index;
    body->images = n;
    body->references = m;
    body->part = part;
    body->parts = parts;
    *reply = NULL;
    int err = rg_batcher_answer(batcher, request, reply);
    rg_msg_destroy(&request);
    return err;
}

static int ask(rg_batcher_t *batcher, const char *stream, uint64_t index, uint32_t n, uint32_t m,
               rg_msg_t **reply)
{
    return ask_part(batcher, stream, index, n, m, 0, 0, reply);
}

static rg_msg_t *batch(rg_batcher_t *batcher, const char *stream, uint64_t index, uint32_t n, uint32_t m)
{
    rg_msg_t *reply;
    assert_ok(ask(batcher, stream, index, n, m, &reply));
    return reply;
}

static const void *payload(const rg_msg_t *msg, const char *name, Rg__V1__Dtype dtype, int rank)
{
    rg_payload_t found;
    assert_ok(rg_msg_payload(msg, name, dtype, rank, NULL, &found));
    return found.data;
}

static int same(const rg_msg_t *a, const rg_msg_t *b)
{
    rg_frame_t x, y;
    size_t i = 0;
    for (; rg_msg_frame(a, i, &x); i++)
        if (!rg_msg_frame(b, i, &y) || x.size != y.size || memcmp(x.data, y.data, x.size) != 0) return 0;
    return !rg_msg_frame(b, i, &y);
}

// The image that these pixels come from: the jitter moves them by less than half of the distance to the next.
static unsigned number_of(const float *pixels)
{
    return (unsigned)lroundf(((pixels[0] + 1) * 127.5f - 10) / 20);
}

static unsigned number_of_labels(const unsigned char *labels)
{
    return labels[0] | (unsigned)labels[1] << 1 | (unsigned)labels[2] << 2;
}

static const float *pixels_at(const rg_msg_t *reply, const char *name, uint32_t i)
{
    return (const float *)payload(reply, name, RG__V1__DTYPE__F32, 4) + (size_t)i * SIDE * SIDE * 3;
}

static void the_data_set_is_described(void **state)
{
    fixture_t *f = *state;
    rg_msg_t *reply = rg_batcher_describe(f->batcher);
    const Rg__V1__DatasetReply *body = rg_msg_body(reply);
    assert_int_equal(body->n_attributes, A);
    assert_string_equal(body->attributes[1], "Male");
    assert_int_equal(body->train, 8);
    assert_int_equal(body->annotated, ANNOTATED);
    assert_int_equal(body->validation, 1);
    assert_int_equal(body->test, 1);
    assert_true(body->fingerprint == f->set.fingerprint && body->fingerprint != 0);
    rg_msg_destroy(&reply);
}

static void the_same_request_gives_the_same_bytes(void **state)
{
    fixture_t *f = *state;
    rg_batcher_t *other;
    rg_batcher_new(&other, &f->config, &f->set);
    rg_msg_t *first = batch(f->batcher, "stage1", 7, 5, 3), *between = batch(f->batcher, "stage1", 900, 5, 3);
    rg_msg_t *again = batch(f->batcher, "stage1", 7, 5, 3), *elsewhere = batch(other, "stage1", 7, 5, 3);
    assert_true(same(first, again));
    assert_true(same(first, elsewhere));
    assert_false(same(first, between));
    rg_msg_destroy(&first);
    rg_msg_destroy(&between);
    rg_msg_destroy(&again);
    rg_msg_destroy(&elsewhere);
    rg_batcher_destroy(&other);
}

static void streams_and_seeds_have_their_own_order(void **state)
{
    fixture_t *f = *state;
    rg_batcher_t *reseeded;
    rg_config_t config = f->config;
    config.seed++;
    rg_batcher_new(&reseeded, &config, &f->set);
    rg_msg_t *one = batch(f->batcher, "stage1", 0, ANNOTATED, 0),
             *three = batch(f->batcher, "stage3", 0, ANNOTATED, 0);
    rg_msg_t *seed = batch(reseeded, "stage1", 0, ANNOTATED, 0);
    assert_memory_not_equal(payload(one, "ids", RG__V1__DTYPE__U8, 2),
                            payload(three, "ids", RG__V1__DTYPE__U8, 2), ANNOTATED * RG_ID_SIZE);
    assert_memory_not_equal(payload(one, "ids", RG__V1__DTYPE__U8, 2),
                            payload(seed, "ids", RG__V1__DTYPE__U8, 2), ANNOTATED * RG_ID_SIZE);
    rg_msg_destroy(&one);
    rg_msg_destroy(&three);
    rg_msg_destroy(&seed);
    rg_batcher_destroy(&reseeded);
}

// Batches of 3, epochs of 8 images: every 8 sources in a row, and every 8 targets, are the whole set.
static void every_epoch_has_each_image_once(void **state)
{
    fixture_t *f = *state;
    enum { N = 3, BATCHES = 16 };
    unsigned sources[BATCHES * N], targets[BATCHES * N];
    for (unsigned b = 0; b < BATCHES; b++) {
        rg_msg_t *reply = batch(f->batcher, "stage1", b, N, 0);
        const unsigned char *labels = payload(reply, "target_labels", RG__V1__DTYPE__U8, 2);
        for (unsigned i = 0; i < N; i++) {
            sources[b * N + i] = number_of(pixels_at(reply, "pixels", i));
            targets[b * N + i] = number_of_labels(labels + i * A);
        }
        const Rg__V1__BatchReply *body = rg_msg_body(reply);
        assert_int_equal(body->index, b);
        assert_true(fabs(body->epoch - (b + 1) * N / 8.0) < 1e-12);
        assert_false(rg_msg_has(reply, "references"));
        assert_false(rg_msg_has(reply, "reference_ids"));
        rg_msg_destroy(&reply);
    }
    unsigned epochs = BATCHES * N / ANNOTATED;
    for (unsigned e = 0; e < epochs; e++) {
        unsigned seen_sources = 0, seen_targets = 0;
        for (unsigned i = e * ANNOTATED; i < (e + 1) * ANNOTATED; i++) {
            seen_sources |= 1u << sources[i];
            seen_targets |= 1u << targets[i];
        }
        assert_int_equal(seen_sources, 0xff);
        assert_int_equal(seen_targets, 0xff);
    }
    assert_memory_not_equal(sources, sources + ANNOTATED, ANNOTATED * sizeof *sources);
    assert_memory_not_equal(sources, targets, sizeof sources);
}

// There is an image for every combination of labels, so each target differs from its source in exactly one.
static void flipped_targets_differ_in_one_attribute(void **state)
{
    fixture_t *f = *state;
    enum { N = 32 };
    unsigned flips = 0;
    rg_msg_t *request = rg_msg_new(RG__V1__ENVELOPE__BODY_BATCH_REQUEST), *reply;
    Rg__V1__BatchRequest *body = rg_msg_body(request);
    body->stream = rg_msg_text(request, "stage1");
    body->images = body->references = N;
    body->flipped = 1;
    assert_ok(rg_batcher_answer(f->batcher, request, &reply));
    const unsigned char *targets = payload(reply, "target_labels", RG__V1__DTYPE__U8, 2);
    for (unsigned i = 0; i < N; i++) {
        unsigned source = number_of(pixels_at(reply, "pixels", i)),
                 target = number_of_labels(targets + i * A);
        unsigned change = source ^ target;
        assert_true(change == 1 || change == 2 || change == 4);
        assert_int_equal(number_of(pixels_at(reply, "references", i)), target);
        flips |= change;
    }
    assert_int_equal(flips, 7);
    rg_msg_destroy(&reply);
    rg_msg_destroy(&request);
}

// Only references are flipped: the labels of the latent targets before them are those of random images.
static void latent_targets_are_not_flipped(void **state)
{
    fixture_t *f = *state;
    enum { N = 8, M = 2 };
    rg_msg_t *request = rg_msg_new(RG__V1__ENVELOPE__BODY_BATCH_REQUEST), *flipped;
    rg_msg_t *random = batch(f->batcher, "stage1", 0, N, M);
    Rg__V1__BatchRequest *body = rg_msg_body(request);
    body->stream = rg_msg_text(request, "stage1");
    body->images = N;
    body->references = M;
    body->flipped = 1;
    assert_ok(rg_batcher_answer(f->batcher, request, &flipped));
    assert_memory_equal(payload(flipped, "target_labels", RG__V1__DTYPE__U8, 2),
                        payload(random, "target_labels", RG__V1__DTYPE__U8, 2), (N - M) * A);
    rg_msg_destroy(&flipped);
    rg_msg_destroy(&random);
    rg_msg_destroy(&request);
}

static void pixels_labels_and_ids_belong_together(void **state)
{
    fixture_t *f = *state;
    enum { N = 6, M = 4 };
    rg_msg_t *reply = batch(f->batcher, "stage3", 2, N, M);
    const unsigned char *labels = payload(reply, "labels", RG__V1__DTYPE__U8, 2);
    const unsigned char *targets = payload(reply, "target_labels", RG__V1__DTYPE__U8, 2);
    const unsigned char *ids = payload(reply, "ids", RG__V1__DTYPE__U8, 2);
    const unsigned char *reference_ids = payload(reply, "reference_ids", RG__V1__DTYPE__U8, 2);
    for (unsigned i = 0; i < N + M; i++) {
        unsigned r = i - N; // of a reference
        unsigned number =
            number_of(i < N ? pixels_at(reply, "pixels", i) : pixels_at(reply, "references", r));
        uint8_t id[RG_ID_SIZE];
        size_t size;
        uint8_t *jpeg = make_jpeg(number, SIDE, &size);
        rg_content_id(jpeg, size, id);
        free(jpeg);
        assert_int_equal(number, number_of_labels(i < N ? labels + i * A : targets + (N - M + r) * A));
        assert_memory_equal(id, i < N ? ids + i * RG_ID_SIZE : reference_ids + r * RG_ID_SIZE, RG_ID_SIZE);
    }
    rg_msg_destroy(&reply);
}

// The same image in two places is augmented with two different draws.
static void each_place_has_its_own_augmentation(void **state)
{
    fixture_t *f = *state;
    float seen[4] = {0};
    f->config.data.jitter = 0.02;
    for (unsigned b = 0, n = 0; b < 4; b++) {
        rg_msg_t *reply = batch(f->batcher, "stage1", b, ANNOTATED, 0);
        for (unsigned i = 0; i < ANNOTATED; i++)
            if (number_of(pixels_at(reply, "pixels", i)) == 7) seen[n++] = *pixels_at(reply, "pixels", i);
        rg_msg_destroy(&reply);
    }
    assert_true(seen[0] != seen[1] && seen[1] != seen[2] && seen[2] != seen[3]);
}

static void larger_batches_than_epochs_work(void **state)
{
    fixture_t *f = *state;
    unsigned count[ANNOTATED] = {0};
    rg_msg_t *reply = batch(f->batcher, "classifier", 0, 20 * ANNOTATED, 0);
    for (unsigned i = 0; i < 20 * ANNOTATED; i++) count[number_of(pixels_at(reply, "pixels", i))]++;
    for (unsigned i = 0; i < ANNOTATED; i++) assert_int_equal(count[i], 20);
    rg_msg_destroy(&reply);
}

static void bad_requests_are_refused(void **state)
{
    fixture_t *f = *state;
    rg_msg_t *reply;
    assert_fails(ask(f->batcher, "", 0, 1, 0, &reply), RG_EINVAL, "name has 1 to 31 bytes, not 0");
    assert_fails(ask(f->batcher, "a stream of a name much too long", 0, 1, 0, &reply), RG_EINVAL, "not 32");
    assert_fails(ask(f->batcher, "stage1", 0, 0, 0, &reply), RG_EINVAL, "at least one");
    assert_fails(ask(f->batcher, "stage1", 0, 2, 3, &reply), RG_EINVAL, "2 images with 3 references");
    assert_fails(ask(f->batcher, "stage1", UINT64_MAX, 1, 0, &reply), RG_EINVAL, "18446744073709551615");
    assert_fails(ask(f->batcher, "stage1", 0, UINT32_MAX, 0, &reply), RG_ELIMIT,
                 "limits.message_max_mib: 64");
    assert_null(reply);
}

static void replace(const fixture_t *f, unsigned number, const void *data, size_t size)
{
    char *path = rg_format("%s/%u.jpg", (const char *)f->folder, number);
    if (data)
        assert_ok(rg_file_write(path, data, size));
    else
        assert_int_equal(remove(path), 0);
    free(path);
}

static uint64_t contents_of(const fixture_t *f)
{
    rg_batcher_t *batcher;
    rg_batcher_new(&batcher, &f->config, &f->set);
    rg_msg_t *reply = rg_batcher_describe(batcher);
    uint64_t contents = ((const Rg__V1__DatasetReply *)rg_msg_body(reply))->contents;
    rg_msg_destroy(&reply);
    rg_batcher_destroy(&batcher);
    return contents;
}

// Images 8 and 9 are not for training.
static void a_replaced_file_changes_the_contents(void **state)
{
    fixture_t *f = *state;
    const uint64_t before = contents_of(f);
    assert_true(before != 0 && contents_of(f) == before);
    replace(f, 9, "no image", 8);
    assert_true(contents_of(f) == before);
    replace(f, 1, "no image", 8);
    assert_true(contents_of(f) != before);
}

static int shows(const rg_msg_t *reply, unsigned number, unsigned n)
{
    unsigned count = 0;
    for (unsigned i = 0; i < n; i++) count += number_of(pixels_at(reply, "pixels", i)) == number;
    return (int)count;
}

// The batch does not depend on what was asked before, so that resumed training gets the same one.
static void a_broken_image_is_left_out(void **state)
{
    fixture_t *f = *state;
    rg_batcher_t *other;
    const char *last;
    size_t size;
    uint8_t *jpeg = make_jpeg(3, SIDE, &size);
    replace(f, 3, jpeg, size / 2);
    rg_msg_t *reply = batch(f->batcher, "stage1", 0, ANNOTATED, ANNOTATED);
    const Rg__V1__BatchReply *body = rg_msg_body(reply);
    const unsigned char *labels = payload(reply, "labels", RG__V1__DTYPE__U8, 2);
    assert_int_equal(shows(reply, 3, ANNOTATED), 0);
    for (unsigned i = 0; i < ANNOTATED; i++)
        assert_int_equal(number_of(pixels_at(reply, "pixels", i)), number_of_labels(labels + i * A));
    assert_int_equal(body->n_broken, 1);
    assert_string_equal(body->broken[0]->name, "3.jpg");
    assert_non_null(strstr(body->broken[0]->reason, "/3.jpg: "));
    assert_int_equal(rg_batcher_broken(f->batcher, &last), 1);
    assert_string_equal(last, "3.jpg");
    rg_batcher_new(&other, &f->config, &f->set);
    for (unsigned index = 4; index-- > 0;) {
        rg_msg_t *here = batch(f->batcher, "stage1", index, ANNOTATED, ANNOTATED),
                 *there = batch(other, "stage1", index, ANNOTATED, ANNOTATED);
        assert_true(same(here, there));
        rg_msg_destroy(&here);
        rg_msg_destroy(&there);
    }
    rg_batcher_destroy(&other);
    rg_msg_destroy(&reply);
    free(jpeg);
}

// A file without its end marker shows the whole picture. It is counted once.
static void an_odd_image_is_used_and_counted(void **state)
{
    fixture_t *f = *state;
    size_t size;
    uint8_t *jpeg = make_jpeg(3, SIDE, &size);
    replace(f, 3, jpeg, size - 2);
    for (unsigned index = 0; index < 2; index++) {
        rg_msg_t *reply = batch(f->batcher, "stage1", index, ANNOTATED, ANNOTATED);
        assert_int_equal(shows(reply, 3, ANNOTATED), 1);
        assert_int_equal(((const Rg__V1__BatchReply *)rg_msg_body(reply))->n_broken, 0);
        rg_msg_destroy(&reply);
    }
    assert_int_equal(rg_batcher_with_warnings(f->batcher), 1);
    free(jpeg);
}

// A part knows of the broken images of the other parts: its labels are those of the whole batch.
static void parts_leave_the_same_images_out(void **state)
{
    fixture_t *f = *state;
    rg_msg_t *part[2], *whole;
    replace(f, 3, NULL, 0);
    for (uint32_t p = 0; p < 2; p++) {
        rg_batcher_t *batcher;
        rg_batcher_new(&batcher, &f->config, &f->set);
        assert_ok(ask_part(batcher, "stage1", 0, ANNOTATED, 0, p, 2, &part[p]));
        rg_batcher_destroy(&batcher);
    }
    whole = batch(f->batcher, "stage1", 0, ANNOTATED, 0);
    for (uint32_t p = 0; p < 2; p++) {
        assert_memory_equal(payload(part[p], "labels", RG__V1__DTYPE__U8, 2),
                            payload(whole, "labels", RG__V1__DTYPE__U8, 2), ANNOTATED * A);
        assert_memory_equal(pixels_at(part[p], "pixels", 0), pixels_at(whole, "pixels", p * ANNOTATED / 2),
                            ANNOTATED / 2 * SIDE * SIDE * 3 * sizeof(float));
        rg_msg_destroy(&part[p]);
    }
    rg_msg_destroy(&whole);
}

static void a_broken_reference_is_left_out(void **state)
{
    fixture_t *f = *state;
    enum { N = 32 };
    rg_msg_t *request = rg_msg_new(RG__V1__ENVELOPE__BODY_BATCH_REQUEST), *reply;
    Rg__V1__BatchRequest *body = rg_msg_body(request);
    body->stream = rg_msg_text(request, "stage1");
    body->images = body->references = N;
    body->flipped = 1;
    replace(f, 3, NULL, 0);
    assert_ok(rg_batcher_answer(f->batcher, request, &reply));
    const unsigned char *targets = payload(reply, "target_labels", RG__V1__DTYPE__U8, 2);
    for (unsigned i = 0; i < N; i++) {
        assert_int_equal(number_of(pixels_at(reply, "references", i)), number_of_labels(targets + i * A));
        assert_int_not_equal(number_of_labels(targets + i * A), 3);
    }
    rg_msg_destroy(&reply);
    rg_msg_destroy(&request);
}

static void too_many_broken_images_are_an_error(void **state)
{
    fixture_t *f = *state;
    rg_msg_t *reply;
    replace(f, 3, "not a JPEG", 10);
    replace(f, 5, NULL, 0);
    assert_fails(ask(f->batcher, "stage1", 0, ANNOTATED, 0, &reply), RG_EFORMAT,
                 "2 of 8 training images are broken or missing, more than data.broken_share: 0.01 allows; "
                 "`rg-ctl data check' lists them; the last one: ");
    assert_null(reply);
}

static void without_a_share_the_first_broken_image_is_an_error(void **state)
{
    fixture_t *f = *state;
    rg_msg_t *reply;
    f->config.data.broken_share = 0;
    replace(f, 3, NULL, 0);
    assert_fails(ask(f->batcher, "stage1", 0, ANNOTATED, 0, &reply), RG_EFORMAT, "1 of 8 training images");
}

static void decoded_images_are_kept(void **state)
{
    fixture_t *f = *state;
    rg_msg_t *first = batch(f->batcher, "stage1", 0, ANNOTATED, ANNOTATED);
    for (unsigned i = 0; i < ANNOTATED; i++) replace(f, i, NULL, 0);
    rg_msg_t *again = batch(f->batcher, "stage1", 0, ANNOTATED, ANNOTATED);
    assert_true(same(first, again));
    rg_msg_destroy(&first);
    rg_msg_destroy(&again);
}

static void without_annotation_there_is_nothing_to_train_on(void **state)
{
    fixture_t *f = *state;
    rg_dataset_t bare;
    rg_batcher_t *batcher;
    rg_msg_t *reply;
    rg_config_t config = f->config;
    config.data.list[0] = 0;
    assert_ok(rg_dataset_open(&bare, &config));
    rg_batcher_new(&batcher, &config, &bare);
    assert_fails(ask(batcher, "stage1", 0, 1, 0, &reply), RG_ENOENT, "no training image here is annotated");
    rg_batcher_destroy(&batcher);
    rg_dataset_close(&bare);
}

// Eight images, the last four with references, in two parts: part 1 has images 2, 3, 6, 7 and references 2,
// 3.
static void a_part_is_of_the_whole_batch(void **state)
{
    enum { N = 8, M = 4, WHOLE_ROW = SIDE * SIDE * 3 };
    static const uint32_t rows[] = {2, 3, 6, 7};
    fixture_t *f = *state;
    rg_msg_t *whole = batch(f->batcher, "stage1", 3, N, M), *part;
    assert_ok(ask_part(f->batcher, "stage1", 3, N, M, 1, 2, &part));
    for (uint32_t i = 0; i < 4; i++)
        assert_memory_equal(pixels_at(part, "pixels", i), pixels_at(whole, "pixels", rows[i]),
                            WHOLE_ROW * sizeof(float));
    for (uint32_t i = 0; i < 2; i++)
        assert_memory_equal(pixels_at(part, "references", i), pixels_at(whole, "references", 2 + i),
                            WHOLE_ROW * sizeof(float));
    assert_memory_equal(payload(part, "target_labels", RG__V1__DTYPE__U8, 2),
                        payload(whole, "target_labels", RG__V1__DTYPE__U8, 2), N * A);
    rg_msg_destroy(&whole);
    rg_msg_destroy(&part);
}

static void parts_are_equal(void **state)
{
    fixture_t *f = *state;
    rg_msg_t *reply;
    assert_int_equal(ask_part(f->batcher, "stage1", 0, 9, 4, 0, 2, &reply), RG_EINVAL);
    assert_int_equal(ask_part(f->batcher, "stage1", 0, 8, 3, 0, 2, &reply), RG_EINVAL);
    assert_int_equal(ask_part(f->batcher, "stage1", 0, 8, 4, 2, 2, &reply), RG_EINVAL);
    assert_int_equal(ask_part(f->batcher, "stage1", 0, 4096, 0, 0, 2048, &reply), RG_ELIMIT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_batcher, close_batcher)

// The annotation that other stages do not see is the classifier's, if it is configured so.
static void the_classifier_learns_from_the_others(void **state)
{
    fixture_t *f = *state;
    enum { ROUNDS = 8 };
    int seen[2][IMAGES] = {{0}};
    static const char *const streams[] = {"classifier", "stage1"};
    rg_batcher_destroy(&f->batcher);
    rg_dataset_close(&f->set);
    f->config.data.annotated = 0.25;
    f->config.classifier_images = RG_CLASSIFIER_OTHERS;
    assert_ok(rg_dataset_open(&f->set, &f->config));
    rg_batcher_new(&f->batcher, &f->config, &f->set);
    for (int s = 0; s < 2; s++)
        for (uint64_t b = 0; b < ROUNDS; b++) {
            rg_msg_t *reply = batch(f->batcher, streams[s], b, 3, 0);
            const unsigned char *labels = payload(reply, "labels", RG__V1__DTYPE__U8, 2);
            for (uint32_t i = 0; i < 3; i++) {
                unsigned number = number_of(pixels_at(reply, "pixels", i));
                assert_int_equal(number_of_labels(labels + i * A), number);
                seen[s][number] = 1;
            }
            assert_true(((const Rg__V1__BatchReply *)rg_msg_body(reply))->epoch ==
                        (double)(b + 1) * 3 / (s ? 2 : 6));
            rg_msg_destroy(&reply);
        }
    for (int i = 0; i < ANNOTATED; i++) {
        assert_int_equal(seen[0][i], !f->set.annotated[i]);
        assert_int_equal(seen[1][i], f->set.annotated[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_classifier_learns_from_the_others, open_batcher, close_batcher),
        TEST(the_data_set_is_described),
        TEST(the_same_request_gives_the_same_bytes),
        TEST(streams_and_seeds_have_their_own_order),
        TEST(every_epoch_has_each_image_once),
        TEST(flipped_targets_differ_in_one_attribute),
        TEST(latent_targets_are_not_flipped),
        TEST(pixels_labels_and_ids_belong_together),
        TEST(each_place_has_its_own_augmentation),
        TEST(larger_batches_than_epochs_work),
        TEST(bad_requests_are_refused),
        TEST(a_part_is_of_the_whole_batch),
        TEST(parts_are_equal),
        TEST(a_replaced_file_changes_the_contents),
        TEST(a_broken_image_is_left_out),
        TEST(an_odd_image_is_used_and_counted),
        TEST(parts_leave_the_same_images_out),
        TEST(a_broken_reference_is_left_out),
        TEST(too_many_broken_images_are_an_error),
        TEST(without_a_share_the_first_broken_image_is_an_error),
        TEST(decoded_images_are_kept),
        TEST(without_annotation_there_is_nothing_to_train_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
