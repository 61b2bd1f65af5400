// Data sets in the forms in which they are distributed.
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/config/classes.h"
#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/file.h"
#include "common/data/dataset.h"
#include "tests/support/test.h"

static rg_config_t config;
static rg_dataset_t set;

// Writes a file of the temporary folder, with the folders that it lies in.
static void write_text(void **state, const char *name, const char *text)
{
    char *path = rg_format("%s/%s", (const char *)*state, name);
    assert_ok(rg_mkdirs_for(path));
    assert_ok(rg_file_write(path, text, strlen(text)));
    free(path);
}

static void write_files(void **state, const char *const *names)
{
    for (; *names; names++) write_text(state, *names, "");
}

// Loads a configuration that gives nothing but data.root, and what is in `set` (NULL: nothing).
static void configure(void **state, const char *override)
{
    char *root = rg_format("data.root=%s", (const char *)*state);
    assert_ok(rg_config_load(&config, NULL, (const char *const[]){root, override}, override ? 2 : 1));
    free(root);
}

static void open_set(void **state, const char *override)
{
    configure(state, override);
    int err = rg_dataset_open(&set, &config);
    if (err) fail_msg("%s", rg_error());
}

static void assert_refused(void **state, int code, const char *override, const char *says)
{
    configure(state, override);
    assert_string_equal(rg_errname(rg_dataset_open(&set, &config)), rg_errname(code));
    if (!strstr(rg_error(), says)) fail_msg("\"%s\" does not say \"%s\"", rg_error(), says);
}

static void assert_names(const rg_names_t *names, int n, const char *const *want)
{
    assert_int_equal(names->count, n);
    for (int i = 0; i < n; i++) assert_string_equal(names->name[i], want[i]);
}

// ---- a folder per class

static const char *const afhq[] = {"train/cat/1.jpg",
                                   "train/cat/2.PNG",
                                   "train/dog/a.webp",
                                   "train/wild/x.jfif",
                                   "val/cat/3.jpg",
                                   "val/cat/4.jpg",
                                   "val/dog/b.png",
                                   "train/cat/._1.jpg",
                                   "train/cat/.hidden.png",
                                   "train/Thumbs.db",
                                   "train/dog/Thumbs.db",
                                   "train/dog/a.txt",
                                   NULL};

static void classes_become_exclusive_attributes(void **state)
{
    write_files(state, afhq);
    open_set(state, NULL);
    assert_names(&config.data.attributes, 3, (const char *const[]){"cat", "dog", "wild"});
    assert_names(&config.data.exclusive, 3, (const char *const[]){"cat", "dog", "wild"});
    assert_string_equal(set.form, "classes");
    assert_int_equal(set.count, 7);
    assert_int_equal(set.passed_over, 1);
    assert_string_equal(set.name[0], "train/cat/1.jpg");
    assert_string_equal(set.name[1], "train/cat/2.PNG");
    assert_memory_equal(set.labels, ((uint8_t[]){1, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 1, 0, 0}), 15);
    assert_int_equal(set.n[RG_SPLIT_TRAIN], 4);
    assert_int_equal(set.n_train_annotated, 4);
    // There is no test/: val/ is shared out.
    assert_int_equal(set.n[RG_SPLIT_TEST], 2);
    assert_int_equal(set.n[RG_SPLIT_VALIDATION], 1);
    assert_non_null(strstr(set.splits, "every second image of val is for testing"));
    char *path = rg_dataset_path(&set, 2);
    assert_true(rg_exists(path));
    free(path);
    rg_dataset_close(&set);
}

static void three_parts_are_three_splits(void **state)
{
    write_files(state, (const char *const[]){"train/a/1.png", "train/b/1.png", "validation/a/1.png",
                                             "test/b/1.png", "test/b/2.png", NULL});
    open_set(state, NULL);
    assert_memory_equal(set.split, ((uint8_t[]){0, 0, 1, 2, 2}), 5);
    rg_dataset_close(&set);
}

static void classes_without_train_are_split_evenly(void **state)
{
    char name[40];
    for (int i = 0; i < 20; i++) {
        snprintf(name, sizeof name, "%s/%02d.png", i % 2 ? "golden retriever" : "beagle", i);
        write_text(state, name, "");
    }
    open_set(state, NULL);
    assert_names(&config.data.attributes, 2, (const char *const[]){"beagle", "golden_retriever"});
    for (int c = 0; c < 2; c++) {
        assert_int_equal(set.split[10 * c + 7], RG_SPLIT_TRAIN);
        assert_int_equal(set.split[10 * c + 8], RG_SPLIT_VALIDATION);
        assert_int_equal(set.split[10 * c + 9], RG_SPLIT_TEST);
    }
    rg_dataset_close(&set);
}

static void explicit_attributes_rule(void **state)
{
    write_files(state, afhq);
    open_set(state, "data.attributes=[dog,cat]");
    assert_names(&config.data.attributes, 2, (const char *const[]){"dog", "cat"});
    assert_names(&config.data.exclusive, 2, (const char *const[]){"cat", "dog"});
    int columns[2];
    assert_ok(rg_dataset_columns(&set, &config.data, columns));
    assert_memory_equal(columns, ((int[]){1, 0}), sizeof columns);
    rg_dataset_close(&set);
    assert_refused(state, RG_ECONFIG, "data.attributes=[dog,bird]",
                   "do not annotate bird; choose from cat dog wild");
}

static void another_class_in_val_is_refused(void **state)
{
    write_files(state, afhq);
    write_text(state, "val/bird/1.jpg", "");
    assert_refused(state, RG_EFORMAT, NULL, "val/bird: ");
    assert_non_null(strstr(rg_error(), "train has no such class"));
}

static void folders_of_numbers_are_one_plain_set(void **state)
{
    write_files(state, (const char *const[]){"00000/00000.png", "00000/00001.png", "01000/01000.png",
                                             "license.txt", ".cache/x.png", NULL});
    open_set(state, NULL);
    assert_string_equal(set.form, "folder");
    assert_int_equal(config.data.attributes.count, 5);
    assert_int_equal(set.count, 3);
    assert_string_equal(set.name[2], "01000/01000.png");
    assert_int_equal(set.n_train_annotated, 0);
    assert_int_equal(set.passed_over, 1);
    rg_dataset_close(&set);
}

static void too_many_classes_are_refused(void **state)
{
    char name[32];
    for (int i = 0; i <= RG_ATTRIBUTES_MAX; i++) {
        snprintf(name, sizeof name, "train/c%d/1.png", i);
        write_text(state, name, "");
    }
    assert_refused(state, RG_ELIMIT, NULL, "more than 40 folders of images, each a class");
}

// ---- tables

static const char official[] = "2\nMale Young\na.jpg  1 -1\nb.jpg -1 -1\n";

static void kaggle_tables(void **state)
{
    write_text(state, "list_attr_celeba.csv",
               "\xef\xbb\xbfimage_id,5_o_Clock_Shadow,Male,Blond Hair\r\n000001.jpg,-1,1,-1\r\n"
               "\"000002.jpg\", 1, -1, 1 \r\n\r\n");
    write_text(state, "list_eval_partition.csv", "image_id,partition\r\n000002.jpg,2\r\n000001.jpg,0\r\n");
    write_text(state, "img_align_celeba/img_align_celeba/000001.jpg", "");
    open_set(state, "data.attributes=[Male,Blond_Hair]");
    assert_names(&set.attributes, 3, (const char *const[]){"5_o_Clock_Shadow", "Male", "Blond_Hair"});
    assert_memory_equal(set.labels, ((uint8_t[]){0, 1, 0, 1, 0, 1}), 6);
    assert_memory_equal(set.split, ((uint8_t[]){0, 2}), 2);
    assert_non_null(strstr(set.folder, "img_align_celeba/img_align_celeba"));
    assert_names(&config.data.exclusive, 1, (const char *const[]){"Blond_Hair"});
    rg_dataset_close(&set);
}

static void celeba_hq_has_the_default_split(void **state)
{
    write_text(state, "CelebAMask-HQ-attribute-anno.txt",
               "10\nMale Young\n0.jpg  -1 1\n1.jpg 0 1\n2.jpg 1 1\n3.jpg 1 1\n4.jpg 1 1\n5.jpg 1 1\n"
               "6.jpg 1 1\n7.jpg 1 1\n8.jpg 1 1\n9.jpg 1 1\n");
    write_text(state, "CelebA-HQ-img/0.jpg", "");
    open_set(state, "data.attributes=[Male,Young]");
    assert_string_equal(set.form, "CelebA-HQ");
    assert_int_equal(set.n[RG_SPLIT_TRAIN], 8);
    assert_int_equal(set.n[RG_SPLIT_VALIDATION], 1);
    assert_int_equal(set.n[RG_SPLIT_TEST], 1);
    assert_non_null(strstr(set.splits, "without a partition file: of every ten images eight"));
    rg_dataset_close(&set);
}

static void folders_of_the_official_archive(void **state)
{
    write_text(state, "Anno/list_attr_celeba.txt", official);
    write_text(state, "Eval/list_eval_partition.txt", "a.jpg 0\nb.jpg 1\n");
    write_text(state, "Img/img_align_celeba/a.jpg", "");
    open_set(state, "data.attributes=[Young]");
    assert_memory_equal(set.split, ((uint8_t[]){0, 1}), 2);
    assert_non_null(strstr(set.folder, "Img/img_align_celeba"));
    rg_dataset_close(&set);
}

static void images_of_celeba_without_annotation_are_not_whole(void **state)
{
    write_text(state, "img_align_celeba/a.jpg", "");
    write_text(state, "list_eval_partition.txt", "a.jpg 0\n");
    assert_refused(state, RG_ENOENT, NULL, "img_align_celeba has no annotation beside it");
    write_text(state, "list_attr_celeba.txt", "1\nMale\na.jpg 1\n");
    open_set(state, "data.attributes=[Male]");
    assert_int_equal(set.n[RG_SPLIT_TRAIN], 1);
    rg_dataset_close(&set);
}

static void names_may_have_blanks(void **state)
{
    write_text(state, "list_attr_celeba.txt",
               "\xef\xbb\xbf 2 \nMale Young\nmy face.jpg  1 0 \n\n./b 2.jpg 0 1\t\n");
    write_text(state, "list_eval_partition.txt", "b 2.jpg 2\n\nmy face.jpg 0\n");
    write_text(state, "img_align_celeba/my face.jpg", "");
    open_set(state, "data.attributes=[Male]");
    assert_string_equal(set.name[0], "my face.jpg");
    assert_string_equal(set.name[1], "b 2.jpg");
    assert_memory_equal(set.labels, ((uint8_t[]){1, 0, 0, 1}), 4);
    assert_memory_equal(set.split, ((uint8_t[]){0, 2}), 2);
    rg_dataset_close(&set);
}

static void list_as_people_write_them(void **state)
{
    char *text = rg_format("\xef\xbb\xbf"
                           "a b.jpg \t10\r\n\r\n/somewhere/else.jpg\t0 1 \r\n%s/c.png\t-1,1",
                           (const char *)*state),
         *list = rg_format("data.list=%s/list.txt", (const char *)*state);
    write_text(state, "list.txt", text);
    char *root = rg_format("data.root=%s", (const char *)*state);
    assert_ok(
        rg_config_load(&config, NULL, (const char *const[]){root, list, "data.attributes=[Male,Young]"}, 3));
    assert_ok(rg_dataset_open(&set, &config));
    assert_int_equal(config.data.exclusive.count, 0);
    assert_string_equal(set.name[0], "a b.jpg");
    assert_string_equal(set.name[2], "c.png");
    assert_memory_equal(set.labels, ((uint8_t[]){1, 0, 0, 1, 0, 1}), 6);
    char *path = rg_dataset_path(&set, 1);
    assert_string_equal(path, "/somewhere/else.jpg");
    rg_dataset_close(&set);
    free(path);
    free(root);
    free(list);
    free(text);
}

static void utf16_is_named(void **state)
{
    char *path = rg_format("%s/list_attr_celeba.txt", (const char *)*state);
    assert_ok(rg_file_write(path,
                            "\xff\xfe"
                            "2\0\n\0",
                            6));
    assert_refused(state, RG_EFORMAT, NULL, "save it as UTF-8 text (is it UTF-16?)");
    free(path);
}

// ---- the same image twice

static void a_name_twice_is_refused(void **state)
{
    write_text(state, "list_attr_celeba.txt", "3\nMale\na.jpg 1\nb.jpg 1\n./a.jpg -1\n");
    assert_refused(state, RG_EFORMAT, "data.attributes=[Male]",
                   "list_attr_celeba.txt:5: a.jpg is listed already in line 3: delete one of the two lines");
}

static void an_image_in_two_splits_is_refused(void **state)
{
    write_text(state, "list_attr_celeba.txt", official);
    write_text(state, "list_eval_partition.txt", "a.jpg 0\nb.jpg 0\na.jpg 2\n");
    assert_refused(state, RG_EFORMAT, "data.attributes=[Male]",
                   "list_eval_partition.txt:3: a.jpg is listed already in line 1");
}

// ---- nothing there

static void a_missing_root_is_named_absolutely(void **state)
{
    char folder[4096], want[4200];
    assert_non_null(getcwd(folder, sizeof folder));
    (void)state;
    rg_config_init(&config);
    snprintf(config.data.root, sizeof config.data.root, "no/such");
    assert_int_equal(rg_dataset_check(&config), RG_ENOENT);
    snprintf(want, sizeof want, "data.root: %s/no/such does not exist", folder);
    if (!strstr(rg_error(), want)) fail_msg("\"%s\" does not say \"%s\"", rg_error(), want);
    *config.data.root = 0;
    assert_ok(rg_dataset_check(&config));
    assert_int_equal(rg_dataset_open(&set, &config), RG_ECONFIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(classes_become_exclusive_attributes),
        IN_FOLDER(three_parts_are_three_splits),
        IN_FOLDER(classes_without_train_are_split_evenly),
        IN_FOLDER(explicit_attributes_rule),
        IN_FOLDER(another_class_in_val_is_refused),
        IN_FOLDER(folders_of_numbers_are_one_plain_set),
        IN_FOLDER(too_many_classes_are_refused),
        IN_FOLDER(kaggle_tables),
        IN_FOLDER(celeba_hq_has_the_default_split),
        IN_FOLDER(folders_of_the_official_archive),
        IN_FOLDER(images_of_celeba_without_annotation_are_not_whole),
        IN_FOLDER(names_may_have_blanks),
        IN_FOLDER(list_as_people_write_them),
        IN_FOLDER(utf16_is_named),
        IN_FOLDER(a_name_twice_is_refused),
        IN_FOLDER(an_image_in_two_splits_is_refused),
        IN_FOLDER(a_missing_root_is_named_absolutely),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
