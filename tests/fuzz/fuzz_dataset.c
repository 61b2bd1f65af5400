// Tables and lists of a data set with any content. The first byte chooses the form; 0xff ends the annotation and
// begins the partition. A set that is accepted is consistent: every image has a name, a split and 0/1 labels.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/data/dataset.h"
#include "tests/fuzz/fuzz.h"

static char folder[64]; // with img_align_celeba/
static const char *const files[] = {
    "list_attr_celeba.txt",    "list_attr_celeba.csv",   "CelebAMask-HQ-attribute-anno.txt", "list.txt",
    "list_eval_partition.txt", "list_eval_partition.csv"};
enum { FILES = sizeof files / sizeof *files, LIST = 3, PARTITION = 4 };

static void path_of(const char *name, char path[128])
{
    snprintf(path, 128, "%s/%s", folder, name);
}

static void remove_files(void)
{
    char path[128];
    for (int i = 0; i < FILES; i++) {
        path_of(files[i], path);
        unlink(path);
    }
}

static void remove_folder(void)
{
    char path[128];
    remove_files();
    path_of("img_align_celeba", path);
    rmdir(path);
    rmdir(folder);
}

static void make_folder(void)
{
    char path[128];
    if (*folder) return;
    strcpy(folder, "/tmp/rg-fuzz-dataset-XXXXXX");
    if (!mkdtemp(folder)) abort();
    path_of("img_align_celeba", path);
    if (mkdir(path, 0755)) abort();
    atexit(remove_folder);
}

static void write_file(const char *name, const uint8_t *data, size_t size)
{
    char path[128];
    path_of(name, path);
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(data, 1, size, file) != size || fclose(file)) abort();
}

static void check_set(const rg_dataset_t *set)
{
    size_t columns = (size_t)set->attributes.count;
    if (set->n[0] + set->n[1] + set->n[2] != set->count) abort();
    for (size_t i = 0; i < set->count; i++) {
        if (!*set->name[i] || set->split[i] >= RG_SPLITS) abort();
        for (size_t c = 0; c < columns; c++)
            if (set->labels[i * columns + c] > 1) abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    rg_config_t config;
    rg_dataset_t set;
    if (size < 1) return 0;
    int form = data[0] % PARTITION;
    const uint8_t *end = memchr(data + 1, 0xff, size - 1);
    size_t annotation = end ? (size_t)(end - data - 1) : size - 1;
    make_folder();
    remove_files();
    write_file(files[form], data + 1, annotation);
    if (end && form != LIST) write_file(files[PARTITION + (form == 1)], end + 1, size - annotation - 2);
    rg_config_init(&config);
    snprintf(config.data.root, sizeof config.data.root, "%s", folder);
    if (form == LIST) snprintf(config.data.list, sizeof config.data.list, "%s/%s", folder, files[LIST]);
    config.data.attributes = (rg_names_t){.count = 2, .name = {"Male", "Young"}};
    if (rg_dataset_open(&set, &config) == 0) {
        check_set(&set);
        rg_dataset_close(&set);
    }
    return 0;
}

size_t rg_fuzz_seed(size_t i, uint8_t *out, size_t capacity)
{
    static const char *const seeds[] = {
        "\4"
        "2\nMale Young\na b.jpg  1 -1\nb.jpg -1 0\n\xff"
        "b.jpg 2\na b.jpg 0\n",
        "\1"
        "image_id,Male,Young\r\n\"a.jpg\",1,-1\r\nb.jpg, 0 ,1\r\n\xff"
        "image_id,partition\r\na.jpg,0\r\nb.jpg,1\r\n",
        "\2"
        "1\nYoung Male\n0.jpg 1 1\n",
        "\3"
        "\xef\xbb\xbf"
        "a.jpg\t10\n/b.jpg\t0 1\n./c.png \t-1,1\n",
        "\3"
        "./\t10\n",
    };
    if (i >= sizeof seeds / sizeof *seeds) return 0;
    int n = snprintf((char *)out, capacity, "%s", seeds[i]);
    return (size_t)n < capacity ? (size_t)n : capacity - 1;
}
