// The reader of archives, and behind it the list of paths: every byte of an archive or a list may be hostile. The
// seeds are archives of each compression, with pictures, text, links and sparse members.
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include <archive.h>
#include <archive_entry.h>

#include "services/ctl/path_list.h"
#include "services/ctl/shard.h"
#include "tests/support/archive_files.h"

enum { MEMBER_MAX = 1 << 16 };

static int read_members(rg_shard_t *shard)
{
    rg_shard_member_t member;
    int err = 0;
    while (!err && (err = rg_shard_next(shard, &member)) == 0 && member.name) {
        uint8_t *bytes;
        size_t size;
        if (member.problem || rg_shard_read(shard, &bytes, &size) != 0) continue;
        if (size > MEMBER_MAX) abort();
        free(bytes);
    }
    return err;
}

static void read_list(rg_input_t *input)
{
    static rg_path_list_t list;
    const char *path;
    rg_path_list_init(&list, input);
    while (rg_path_list_next(&list, &path) == 0 && path)
        if (strlen(path) >= PATH_MAX) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    rg_left_out_t left_out = {0};
    rg_shard_t *shard;
    rg_input_t input;
    archive_file_input(&input, data, size);
    if (rg_shard_open(&shard, &input, "fuzz.tar", MEMBER_MAX, &left_out) == 0) {
        read_members(shard);
        rg_shard_close(&shard);
    }
    rg_input_close(&input);
    archive_file_input(&input, data, size);
    read_list(&input);
    rg_input_close(&input);
    return 0;
}

size_t rg_fuzz_seed(size_t i, uint8_t *out, size_t capacity)
{
    static const int filters[] = {ARCHIVE_FILTER_NONE, ARCHIVE_FILTER_GZIP, ARCHIVE_FILTER_BZIP2,
                                  ARCHIVE_FILTER_XZ,   ARCHIVE_FILTER_ZSTD, ARCHIVE_FILTER_LZ4};
    static const char long_name[] =
        "a/name/that/does/not/fit/into/the/header/of/an/old/archive/and/therefore/needs/"
        "another/header/of/its/own/before/it.jpg";
    size_t size;
    if (i >= sizeof filters / sizeof *filters) return 0;
    archive_file_t *file = archive_file_new(filters[i], ARCHIVE_FILTER_NONE);
    archive_file_add(file, "000.jpg", "\xff\xd8\xff\xe0 a picture", 14);
    archive_file_add(file, "000.json", "{}", 2);
    archive_file_add_special(file, "link.jpg", AE_IFLNK);
    archive_file_add_sparse(file, "sparse.png", 1 << 12, 64);
    archive_file_add(file, long_name, NULL, 700);
    archive_file_add(file, "\xc3\xa9.webp", "RIFF", 4);
    const uint8_t *bytes = archive_file_finish(file, &size);
    if (size > capacity) size = 0;
    memcpy(out, bytes, size);
    archive_file_destroy(&file);
    return size;
}
