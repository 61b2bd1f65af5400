#include "services/ctl/shard.h"

#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <archive.h>
#include <archive_entry.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/image_name.h"

// Pictures are compressed already, and the text beside them shrinks to a tenth. What expands more than
// EXPANSION times, beyond the first EXPANSION_FREE bytes, is no archive of pictures. Blocks are small, so that the
// check comes after at most a few hundred megabytes, which the decoder of zeros makes in less than a second.
enum { BLOCK = 1 << 14, EXPANSION = 100, EXPANSION_FREE = 64 << 20, PROBLEM = 160 };

struct rg_shard {
    struct archive *archive;
    struct archive_entry *entry; // of the member; owned by archive
    rg_input_t *input;
    const char *name;
    uint64_t member_max, images;
    rg_left_out_t *left_out;
    int damaged;          // the header before was
    rg_failure_t failure; // of the input
    locale_t locale;      // in which names are UTF-8
    char problem[PROBLEM];
    uint8_t block[BLOCK];
};

int rg_shard_name_known(const char *path)
{
    static const char *const ends[] = {".tar",    ".tar.gz", ".tgz",     ".tar.bz2", ".tbz2",
                                       ".tar.xz", ".txz",    ".tar.zst", ".tzst",    ".tar.lz4"};
    size_t n = strlen(path);
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        size_t length = strlen(ends[i]);
        if (n > length && strcasecmp(path + n - length, ends[i]) == 0) return 1;
    }
    return 0;
}

// ---- what libarchive reads

static int check_expansion(rg_shard_t *shard)
{
    la_int64_t made = archive_filter_bytes(shard->archive, 0);
    if (made < 0 || (uint64_t)made <= EXPANSION_FREE + EXPANSION * shard->input->position) return 0;
    return rg_fail(RG_EFORMAT, "it expands more than %d times, which pictures do not", EXPANSION);
}

static la_ssize_t shard_feed(struct archive *archive, void *self, const void **block)
{
    rg_shard_t *shard = self;
    size_t got = 0;
    int err = check_expansion(shard);
    if (!err) err = rg_input_read(shard->input, shard->block, BLOCK, &got);
    rg_failure_keep(&shard->failure, err);
    if (err) archive_set_error(archive, EIO, "%s", rg_error());
    *block = shard->block;
    return err ? ARCHIVE_FATAL : (la_ssize_t)got;
}

static la_int64_t shard_skip(struct archive *archive, void *self, la_int64_t size)
{
    rg_shard_t *shard = self;
    (void)archive;
    return (la_int64_t)rg_input_skip(shard->input, (uint64_t)size);
}

static void support_formats(struct archive *archive)
{
    archive_read_support_format_tar(archive);
    archive_read_set_format_option(archive, "tar", "read_concatenated_archives", "1");
    archive_read_support_filter_gzip(archive);
    archive_read_support_filter_bzip2(archive);
    archive_read_support_filter_xz(archive);
    archive_read_support_filter_zstd(archive);
    archive_read_support_filter_lz4(archive);
}

// The failure of the last call of libarchive. An archive that libarchive does not know has no member yet.
static int shard_fail(const rg_shard_t *shard)
{
    const char *text = archive_error_string(shard->archive);
    if (shard->failure.err && shard->failure.err != RG_EFORMAT) return rg_failure_raise(&shard->failure);
    if (shard->failure.err) return rg_fail(RG_EFORMAT, "%s: %s", shard->name, shard->failure.sentence);
    if (archive_format(shard->archive) == 0)
        return rg_fail(RG_EFORMAT, "%s: not a tar archive%s", shard->name,
                       shard->input->position ? "" : ": empty file");
    return rg_fail(RG_EFORMAT, "%s: damaged behind %llu images (%s): copy it again", shard->name,
                   (unsigned long long)shard->images, text ? text : "unknown error");
}

// One compression at most: a few bytes that were compressed several times expand without end.
static int check_filters(const rg_shard_t *shard)
{
    if (archive_filter_count(shard->archive) <= 2) return 0; // the last one reads the input
    return rg_fail(RG_EFORMAT, "%s: compressed more than once: unpack it first", shard->name);
}

int rg_shard_open(rg_shard_t **out, rg_input_t *input, const char *name, uint64_t member_max,
                  rg_left_out_t *left_out)
{
    rg_shard_t *shard = rg_alloc(sizeof *shard);
    shard->input = input;
    shard->name = name;
    shard->member_max = member_max;
    shard->left_out = left_out;
    shard->locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    shard->archive = archive_read_new();
    if (!shard->archive) abort(); // out of memory
    support_formats(shard->archive);
    int code = archive_read_open2(shard->archive, shard, NULL, shard_feed, shard_skip, NULL);
    int err = code == ARCHIVE_OK ? check_filters(shard) : shard_fail(shard);
    if (err)
        rg_shard_close(&shard);
    else
        *out = shard;
    return err;
}

void rg_shard_close(rg_shard_t **out)
{
    rg_shard_t *shard = *out;
    if (!shard) return;
    archive_read_free(shard->archive);
    if (shard->locale) freelocale(shard->locale);
    free(shard);
    *out = NULL;
}

// ---- members

static const char *member_base(const char *name)
{
    const char *slash = strrchr(name, '/');
    return slash ? slash + 1 : name;
}

static const char *find_problem(rg_shard_t *shard)
{
    struct archive_entry *entry = shard->entry;
    la_int64_t size = archive_entry_size(entry);
    if (archive_entry_filetype(entry) != AE_IFREG || archive_entry_hardlink(entry))
        return "not a regular file";
    if (archive_entry_sparse_count(entry) > 0) return "a sparse file";
    if (size >= 0 && (uint64_t)size <= shard->member_max) return NULL;
    snprintf(shard->problem, sizeof shard->problem,
             "%lld bytes exceed limits.image_max_mib (%llu bytes): raise the key or shrink the image",
             (long long)size, (unsigned long long)shard->member_max);
    return shard->problem;
}

// Describes the member if its name is that of an image. Returns 1, or 0: it is passed over.
static int describe_member(rg_shard_t *shard, rg_shard_member_t *member)
{
    const char *name = archive_entry_pathname(shard->entry);
    if (!name) name = archive_entry_pathname_utf8(shard->entry);
    if (!name || archive_entry_filetype(shard->entry) == AE_IFDIR) return 0;
    const char *last = member_base(name);
    if (rg_image_name_known(last)) {
        *member = (rg_shard_member_t){.name = name,
                                      .problem = find_problem(shard),
                                      .number = shard->images++,
                                      .size = (uint64_t)archive_entry_size(shard->entry)};
        return 1;
    }
    if (!rg_image_name_quiet(last)) rg_left_out_count(shard->left_out, last);
    return 0;
}

// Names of members are read as UTF-8, whatever the locale of this process is.
static int next_header(rg_shard_t *shard)
{
    locale_t before = shard->locale ? uselocale(shard->locale) : (locale_t)0;
    int code = archive_read_next_header(shard->archive, &shard->entry);
    if (shard->locale) uselocale(before);
    return code;
}

// Several damaged headers in a row are one damage: libarchive looks for the next one block by block.
static int describe_damage(rg_shard_t *shard, rg_shard_member_t *member)
{
    if (shard->damaged) return 0;
    shard->damaged = 1;
    *member = (rg_shard_member_t){
        .name = "", .problem = "a header is damaged: copy the archive again", .number = shard->images++};
    return 1;
}

int rg_shard_next(rg_shard_t *shard, rg_shard_member_t *member)
{
    for (int found = 0; !found;) {
        int code = next_header(shard);
        if (code == ARCHIVE_EOF) {
            *member = (rg_shard_member_t){0};
            found = 1;
        } else if (code == ARCHIVE_RETRY) {
            found = describe_damage(shard, member);
        } else if (code == ARCHIVE_OK || code == ARCHIVE_WARN) {
            shard->damaged = 0;
            found = describe_member(shard, member);
        } else {
            return shard_fail(shard);
        }
    }
    return 0;
}

int rg_shard_read(rg_shard_t *shard, uint8_t **out, size_t *size)
{
    size_t n = (size_t)archive_entry_size(shard->entry);
    uint8_t *bytes = rg_realloc(NULL, n + 1);
    la_ssize_t got = archive_read_data(shard->archive, bytes, n);
    if (got == (la_ssize_t)n) {
        *out = bytes;
        *size = n;
        return 0;
    }
    free(bytes);
    if (shard->failure.err) return rg_failure_raise(&shard->failure);
    const char *text = archive_error_string(shard->archive);
    return rg_fail(RG_EFORMAT, "the archive is damaged here (%s): copy it again", text ? text : "it ends");
}
