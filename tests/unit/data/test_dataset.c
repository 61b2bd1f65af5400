#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/file.h"
#include "common/data/dataset.h"
#include "services/ctl/faces/faces.h"
#include "tests/support/test.h"

static rg_config_t config;

// A configuration for the temporary folder, with the five attributes of the paper.
static void configure(void **state)
{
    rg_config_init(&config);
    snprintf(config.data.root, sizeof config.data.root, "%s", (const char *)*state);
}

static void write_text(void **state, const char *name, const char *text)
{
    char *path = rg_format("%s/%s", (const char *)*state, name);
    assert_int_equal(rg_file_write(path, text, strlen(text)), 0);
    free(path);
}

static void use_list(void **state, const char *text)
{
    configure(state);
    write_text(state, "list.txt", text);
    snprintf(config.data.list, sizeof config.data.list, "%s/list.txt", (const char *)*state);
}

static void make_faces(void **state, uint32_t count, int plain)
{
    configure(state);
    assert_int_equal(
        rg_faces_make(&(rg_faces_spec_t){.folder = *state, .count = count, .seed = 3, .plain = plain}), 0);
}

static void assert_refused(int code, const char *says)
{
    rg_dataset_t set;
    int err = rg_dataset_open(&set, &config);
    assert_string_equal(rg_errname(err), rg_errname(code));
    if (!strstr(rg_error(), says)) fail_msg("\"%s\" does not say \"%s\"", rg_error(), says);
}

static void test_celeba(void **state)
{
    rg_dataset_t set;
    make_faces(state, 20, 0);
    assert_int_equal(rg_dataset_open(&set, &config), 0);
    assert_int_equal(set.count, 20);
    assert_int_equal(set.attributes.count, 40);
    assert_string_equal(set.name[0], "000001.jpg");
    assert_int_equal(set.n[RG_SPLIT_TRAIN], 16);
    assert_int_equal(set.n[RG_SPLIT_VALIDATION], 2);
    assert_int_equal(set.n[RG_SPLIT_TEST], 2);
    assert_int_equal(set.index[RG_SPLIT_VALIDATION][0], 8);
    assert_int_equal(set.index[RG_SPLIT_TEST][1], 19);
    assert_int_equal(set.n_train_annotated, 16);
    int columns[5];
    assert_int_equal(rg_dataset_columns(&set, &config.data, columns), 0);
    const int want[5] = {8, 9, 11, 20, 39};
    assert_memory_equal(columns, want, sizeof want);
    for (size_t i = 0; i < 20; i++) { // every face has exactly one hair colour
        const uint8_t *row = set.labels + 40 * i;
        assert_int_equal(row[8] + row[9] + row[11], 1);
    }
    uint8_t *jpeg;
    size_t size;
    assert_int_equal(rg_dataset_read(&set, 19, &config.limits, &jpeg, &size), 0);
    assert_int_equal(jpeg[0], 0xff);
    free(jpeg);
    config.limits.image_max_mib = 0;
    assert_int_equal(rg_dataset_read(&set, 19, &config.limits, &jpeg, &size), RG_ELIMIT);
    rg_dataset_close(&set);
}

// The official files end their lines with \r\n, and the partition may list images that are not annotated.
static void test_celeba_by_hand(void **state)
{
    configure(state);
    config.data.attributes = (rg_names_t){1, {"Young"}};
    char *folder = rg_format("%s/img_align_celeba", (const char *)*state);
    assert_int_equal(rg_mkdirs(folder), 0);
    free(folder);
    write_text(state, "list_attr_celeba.txt", "2\r\nMale Young \r\nb.jpg -1  1\r\nc.jpg  1 -1\r\n");
    write_text(state, "list_eval_partition.txt", "a.jpg 0\nb.jpg 2\nc.jpg 0\nd.jpg 1\n");
    rg_dataset_t set;
    assert_int_equal(rg_dataset_open(&set, &config), 0);
    assert_int_equal(set.count, 2);
    assert_memory_equal(set.labels, ((uint8_t[]){0, 1, 1, 0}), 4);
    assert_memory_equal(set.split, ((uint8_t[]){RG_SPLIT_TEST, RG_SPLIT_TRAIN}), 2);
    uint8_t *jpeg;
    size_t size;
    assert_int_equal(rg_dataset_read(&set, 0, &config.limits, &jpeg, &size), RG_ENOENT);
    assert_non_null(strstr(rg_error(), "img_align_celeba/b.jpg"));
    rg_dataset_close(&set);
}

static void test_celeba_malformed(void **state)
{
    static const struct {
        const char *annotation, *partition, *says;
    } cases[] = {
        {"", "", "list_attr_celeba.txt:1: expected the number of images"},
        {"many\nMale\n", "", ":1: expected the number"},
        {"2\n", "", ":2: expected the attribute names"},
        {"2\nMale Young\na.jpg 1 1\nb.jpg 1\n", "", ":4: 1 labels for 2 attributes"},
        {"2\nMale Young\na.jpg 1 1\nb.jpg 1 1 1\n", "", ":4: 3 labels for 2 attributes"},
        {"2\nMale Young\na.jpg 1 1\n\nb.jpg 1 2\n", "", ":5: 2 is not a label: expected 1 or 0, or 1 or -1"},
        {"3\nMale Young\na.jpg 1 1\n", "", "says it lists 3 images, but lists 1"},
        {"1\nMale Young\na.jpg 1 1\n", "a.jpg 3\n",
         "list_eval_partition.txt:1: expected a file name and 0, 1 or 2"},
        {"1\nMale Young\na.jpg 1 1\n", "b.jpg 0\nc.jpg\n", "list_eval_partition.txt:2: expected"},
        {"1\nMale Young\na.jpg 1 1\n", "b.jpg 0\n", "a.jpg is missing"},
    };
    configure(state);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_text(state, "list_attr_celeba.txt", cases[i].annotation);
        write_text(state, "list_eval_partition.txt", cases[i].partition);
        assert_refused(RG_EFORMAT, cases[i].says);
    }
}

static void test_celeba_without_images(void **state)
{
    configure(state);
    write_text(state, "list_attr_celeba.txt", "1\nMale\na.jpg 1\n");
    write_text(state, "list_eval_partition.txt", "a.jpg 0\n");
    assert_refused(RG_ENOENT, "no such folder of images: img_align_celeba");
}

static void test_list(void **state)
{
    use_list(
        state,
        "a.jpg\t10011\nsub/b c.jpg\t01000\r\n3\t00000\n4\t00000\n5\t00000\n6\t00000\n7\t00000\n8\t00000\n"
        "9\t00000\n10\t00000\n11\t00101\n");
    rg_dataset_t set;
    assert_int_equal(rg_dataset_open(&set, &config), 0);
    assert_int_equal(set.count, 11);
    assert_string_equal(set.name[1], "sub/b c.jpg");
    assert_memory_equal(set.labels, ((uint8_t[]){1, 0, 0, 1, 1, 0, 1, 0, 0, 0}), 10);
    assert_int_equal(set.n[RG_SPLIT_TRAIN], 9);
    assert_int_equal(set.index[RG_SPLIT_VALIDATION][0], 8);
    assert_int_equal(set.index[RG_SPLIT_TEST][0], 9);
    int columns[5];
    assert_int_equal(rg_dataset_columns(&set, &config.data, columns), 0);
    for (int i = 0; i < 5; i++) assert_int_equal(columns[i], i);
    rg_dataset_close(&set);
}

static void test_list_malformed(void **state)
{
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"a.jpg\t00000\nb.jpg 00101\n", "list.txt:2: expected a file name, a tab and labels"},
        {"a.jpg\t00000\n./\t00101\n", "list.txt:2: expected a file name, a tab and labels"},
        {"\t00000\n", "list.txt:1: expected a file name"},
        {"a.jpg\t0000\n",
         "list.txt:1: expected 5 labels of 0 or 1 for the configured attributes, found 0000"},
        {"a.jpg\t00000\n\nb.jpg\t00021\n", "list.txt:3: expected 5 labels"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        use_list(state, cases[i].text);
        assert_refused(RG_EFORMAT, cases[i].says);
    }
    use_list(state, "\n");
    assert_refused(RG_ENOENT, "list.txt: lists no images");
    configure(state);
    snprintf(config.data.list, sizeof config.data.list, "%s/none.txt", (const char *)*state);
    assert_refused(RG_ENOENT, "none.txt does not exist");
}

static void test_folder(void **state)
{
    make_faces(state, 3, 1);
    write_text(state, "Another.JPEG", "");
    write_text(state, "notes.txt", "");
    rg_dataset_t set;
    assert_int_equal(rg_dataset_open(&set, &config), 0);
    assert_int_equal(set.count, 4);
    assert_string_equal(set.name[3], "Another.JPEG");
    assert_int_equal(set.n[RG_SPLIT_TRAIN], 4);
    assert_int_equal(set.n_train_annotated, 0);
    assert_int_equal(set.attributes.count, 0);
    int columns[5];
    assert_int_equal(rg_dataset_columns(&set, &config.data, columns), RG_ECONFIG);
    assert_non_null(strstr(rg_error(), "not annotated, so no image has Black_Hair"));
    rg_dataset_close(&set);
}

static void test_missing_files(void **state)
{
    configure(state);
    assert_refused(RG_ENOENT, "neither list_attr_celeba.txt or .csv nor");
    strcat(config.data.root, "/missing");
    assert_refused(RG_ENOENT, "data.root: /");
}

static void test_unknown_attribute(void **state)
{
    make_faces(state, 2, 0);
    strcpy(config.data.attributes.name[1], "Blonde_Hair");
    assert_refused(RG_ECONFIG,
                   "data.attributes: the files do not annotate Blonde_Hair; choose from 5_o_Clock_Shadow");
}

static void annotated_set(double fraction, uint64_t seed, rg_dataset_t *set)
{
    config.data.annotated = fraction;
    config.seed = seed;
    assert_int_equal(rg_dataset_open(set, &config), 0);
}

static void test_annotated_fraction(void **state)
{
    rg_dataset_t all, some, same, other;
    make_faces(state, 50, 0);
    annotated_set(1, 1, &all);
    annotated_set(0.25, 1, &some);
    annotated_set(0.25, 1, &same);
    annotated_set(0.25, 2, &other);
    assert_int_equal(all.n_train_annotated, 40);
    assert_int_equal(some.n_train_annotated, 10);
    assert_memory_equal(some.annotated, same.annotated, 50);
    assert_memory_not_equal(some.annotated, other.annotated, 50);
    for (uint32_t i = 0; i < 10; i++) assert_int_equal(some.annotated[some.train_annotated[i]], 1);
    for (uint32_t i = 0; i < 5; i++) assert_int_equal(some.annotated[some.index[RG_SPLIT_TEST][i]], 1);
    assert_int_equal(all.n_train_others, 0);
    assert_int_equal(some.n_train_others, 30);
    for (uint32_t i = 0; i < 30; i++) {
        assert_int_equal(some.annotated[some.train_others[i]], 0);
        assert_int_equal(some.split[some.train_others[i]], RG_SPLIT_TRAIN);
        for (uint32_t j = 0; j < i; j++) assert_int_not_equal(some.train_others[i], some.train_others[j]);
    }
    assert_true(some.whole == all.fingerprint && some.fingerprint != some.whole);
    assert_memory_equal(some.labels, all.labels, 50 * 40); // still there for evaluation
    assert_true(some.fingerprint == same.fingerprint);
    assert_true(some.fingerprint != all.fingerprint);
    assert_true(some.fingerprint != other.fingerprint);
    rg_dataset_close(&all);
    rg_dataset_close(&some);
    rg_dataset_close(&same);
    rg_dataset_close(&other);
}

static uint64_t list_fingerprint(void **state, const char *text)
{
    rg_dataset_t set;
    use_list(state, text);
    assert_int_equal(rg_dataset_open(&set, &config), 0);
    uint64_t fingerprint = set.fingerprint;
    rg_dataset_close(&set);
    return fingerprint;
}

static void test_fingerprint(void **state)
{
    uint64_t first = list_fingerprint(state, "a\t00000\nb\t00001\n");
    assert_true(first == list_fingerprint(state, "a\t00000\nb\t00001\n"));
    assert_true(first != list_fingerprint(state, "a\t00000\nc\t00001\n"));
    assert_true(first != list_fingerprint(state, "a\t00000\nb\t00011\n"));
    assert_true(first != list_fingerprint(state, "a\t00000\nb\t00001\nc\t00000\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(test_celeba),
        IN_FOLDER(test_celeba_by_hand),
        IN_FOLDER(test_celeba_malformed),
        IN_FOLDER(test_celeba_without_images),
        IN_FOLDER(test_list),
        IN_FOLDER(test_list_malformed),
        IN_FOLDER(test_folder),
        IN_FOLDER(test_missing_files),
        IN_FOLDER(test_unknown_attribute),
        IN_FOLDER(test_annotated_fraction),
        IN_FOLDER(test_fingerprint),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
