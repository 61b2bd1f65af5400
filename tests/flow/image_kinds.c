// image_kinds FOLDER: writes a file of each kind of image that there is (tests/support/image_files.h), named
// 000001.jpg and so on, whatever its format.
#include <stdio.h>
#include <stdlib.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/file.h"
#include "tests/support/image_files.h"

static int write_kind(const char *folder, size_t i)
{
    uint8_t *bytes;
    size_t size;
    rg_test_image(i, &bytes, &size);
    char *path = rg_format("%s/%06zu.jpg", folder, i + 1);
    int err = rg_file_write(path, bytes, size);
    free(path);
    free(bytes);
    return err;
}

int main(int argc, char **argv)
{
    int err = 0;
    if (argc != 2) return fprintf(stderr, "usage: image_kinds FOLDER\n"), 2;
    for (size_t i = 0; i < RG_TEST_IMAGES && !err; i++) err = write_kind(argv[1], i);
    if (err) fprintf(stderr, "image_kinds: %s\n", rg_error());
    return err ? 1 : 0;
}
