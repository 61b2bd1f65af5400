// The format of FOLDER/rows.N, little-endian:
//
//   offset         size
//   0              4096    file_head_t: magic "RGROWS", version, D, rows of a chunk, checksum
//   4096 + i B     B       block i: block_head_t, then the columns (rows.c)
//
// A chunk is appended with one write and synced before the next. So only the last one can be incomplete after
// a power failure, and only that one is checked completely when the file is opened. The heads of all blocks
// are checked then; the columns when they are first used.
#include "services/retrieval/rows_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/file.h"
#include "common/core/hash.h"
#include "common/core/log.h"

enum { VERSION = 1, FILE_HEAD = 4096 };

static const char MAGIC[8] = "RGROWS";

typedef struct {
    char magic[8];
    uint32_t version, dim;
    uint64_t chunk_rows;
    uint64_t checksum; // of the fields before
} file_head_t;

typedef struct {
    uint64_t number; // of the chunk in the file
    int64_t first_label;
    uint64_t columns;  // checksum of everything behind the head
    uint64_t checksum; // of the fields before
    uint64_t unused[4];
} block_head_t;

_Static_assert(sizeof(block_head_t) == RG__ROWS_HEAD, "as in rows.h");

struct rg_rows_file {
    atomic_int owners;
    char *folder, *path;
    uint64_t number;
    rg_rows_t shape; // of its chunks; it has no rows
    size_t block_bytes;
    atomic_size_t chunks;
    atomic_int stays; // when it is closed
    int fd;           // -1 before the first chunk
};

static int fail_rows_file(const char *path, const char *what)
{
    return rg_fail(RG_EFORMAT, "%s: the file of rows is damaged: %s", path, what);
}

static off_t offset_of(const rg_rows_file_t *file, size_t chunk)
{
    return (off_t)(FILE_HEAD + chunk * file->block_bytes);
}

// ---- new, open and close

rg_rows_file_t *rg_rows_file_new(const char *folder, uint64_t number, uint32_t dim)
{
    rg_rows_file_t *file = rg_alloc(sizeof *file);
    *file = (rg_rows_file_t){.owners = 1,
                             .folder = rg_strdup(folder),
                             .path = rg_format("%s/rows.%llu", folder, (unsigned long long)number),
                             .number = number,
                             .fd = -1};
    rg_rows_init(&file->shape, dim);
    file->block_bytes = rg__rows_block_bytes(&file->shape);
    return file;
}

rg_rows_file_t *rg_rows_file_retain(rg_rows_file_t *file)
{
    if (file) atomic_fetch_add(&file->owners, 1);
    return file;
}

void rg_rows_file_release(rg_rows_file_t **out)
{
    rg_rows_file_t *file = *out;
    *out = NULL;
    if (!file || atomic_fetch_sub(&file->owners, 1) > 1) return;
    if (file->fd >= 0) close(file->fd);
    if (file->fd >= 0 && !atomic_load(&file->stays)) unlink(file->path);
    free(file->folder);
    free(file->path);
    free(file);
}

int rg_rows_file_stays(const rg_rows_file_t *file)
{
    return atomic_load(&file->stays);
}

void rg_rows_file_set_stays(rg_rows_file_t *file, int stays)
{
    atomic_store(&file->stays, stays);
}

static file_head_t head_of(const rg_rows_file_t *file)
{
    file_head_t head = {.version = VERSION, .dim = file->shape.dim, .chunk_rows = file->shape.chunk_rows};
    memcpy(head.magic, MAGIC, sizeof MAGIC);
    head.checksum = rg_hash(&head, offsetof(file_head_t, checksum), 0);
    return head;
}

static int check_file_head(const rg_rows_file_t *file)
{
    file_head_t head;
    const file_head_t want = head_of(file);
    if (pread(file->fd, &head, sizeof head, 0) != sizeof head)
        return fail_rows_file(file->path, "it is shorter than its head");
    if (memcmp(head.magic, MAGIC, sizeof MAGIC) == 0 && head.version != VERSION)
        return rg_fail(RG_EVERSION, "%s: the file has version %u, but this program reads version %d",
                       file->path, head.version, VERSION);
    return memcmp(&head, &want, sizeof head) == 0 ? 0 : fail_rows_file(file->path, "its head is not its own");
}

static int has_right_head(const block_head_t *head, size_t number)
{
    return head->checksum == rg_hash(head, offsetof(block_head_t, checksum), 0) && head->number == number;
}

static uint64_t hash_columns(const rg_rows_file_t *file, const void *block)
{
    return rg_hash((const char *)block + RG__ROWS_HEAD, file->block_bytes - RG__ROWS_HEAD, 0);
}

// A mapping of one block, or NULL.
static void *map_block(const rg_rows_file_t *file, size_t chunk)
{
    void *block = mmap(NULL, file->block_bytes, PROT_READ, MAP_SHARED, file->fd, offset_of(file, chunk));
    return block == MAP_FAILED ? NULL : block;
}

// Returns 1 if the block is right as a whole.
static int is_block_right(const rg_rows_file_t *file, size_t chunk)
{
    void *block = map_block(file, chunk);
    if (!block) return 0;
    const block_head_t *head = block;
    int right = has_right_head(head, chunk) && head->columns == hash_columns(file, block);
    munmap(block, file->block_bytes);
    return right;
}

static int check_block_heads(const rg_rows_file_t *file, size_t chunks)
{
    for (size_t i = 0; i < chunks; i++) {
        block_head_t head;
        if (pread(file->fd, &head, sizeof head, offset_of(file, i)) != sizeof head ||
            !has_right_head(&head, i))
            return fail_rows_file(file->path, "the head of a block is wrong");
    }
    return 0;
}

static int open_chunks(rg_rows_file_t *file)
{
    struct stat info;
    int err = check_file_head(file);
    if (err) return err;
    if (fstat(file->fd, &info) != 0) return rg_fail_errno(RG_EIO, "%s: cannot read", file->path);
    size_t chunks = info.st_size < FILE_HEAD ? 0 : ((size_t)info.st_size - FILE_HEAD) / file->block_bytes;
    if (chunks && !is_block_right(file, chunks - 1)) chunks--;
    err = check_block_heads(file, chunks);
    if (!err) atomic_store(&file->chunks, chunks);
    return err;
}

int rg_rows_file_open(rg_rows_file_t **out, const char *folder, uint64_t number, uint32_t dim)
{
    rg_rows_file_t *file = rg_rows_file_new(folder, number, dim);
    int err = 0;
    file->stays = 1;
    file->fd = open(file->path, O_RDWR | O_CLOEXEC);
    if (file->fd < 0 && (errno == EACCES || errno == EROFS || errno == EPERM))
        file->fd = open(file->path, O_RDONLY | O_CLOEXEC);
    if (file->fd < 0)
        err = rg_fail_errno(errno == ENOENT ? RG_ENOENT : RG_EIO, "%s: cannot open", file->path);
    if (!err) err = open_chunks(file);
    if (err)
        rg_rows_file_release(&file);
    else
        *out = file;
    return err;
}

// ---- reading

uint64_t rg_rows_file_number(const rg_rows_file_t *file)
{
    return file->number;
}

size_t rg_rows_file_count(const rg_rows_file_t *file)
{
    return file ? atomic_load(&file->chunks) * file->shape.chunk_rows : 0;
}

static rg_rows_chunk_t *chunk_over_block(rg_rows_file_t *file, void *block, int is_checked)
{
    rg_rows_chunk_t *chunk = rg__rows_chunk_over(&file->shape, block);
    chunk->file = rg_rows_file_retain(file);
    chunk->first_label = ((const block_head_t *)block)->first_label;
    atomic_store(&chunk->is_checked, is_checked);
    return chunk;
}

void rg_rows_file_map(rg_rows_file_t *file, rg_rows_t *rows)
{
    const size_t n = atomic_load(&file->chunks);
    *rows = file->shape;
    rows->chunks = rg_alloc((n + 1) * sizeof(rg_rows_chunk_t *));
    for (; rows->n_chunks < n; rows->n_chunks++) {
        void *block = map_block(file, rows->n_chunks);
        if (!block) abort(); // out of memory
        rows->chunks[rows->n_chunks] = chunk_over_block(file, block, 0);
    }
    rows->count = n * rows->chunk_rows;
}

int rg_rows_file_check(rg_rows_file_t *file)
{
    for (size_t i = 0; i < atomic_load(&file->chunks); i++)
        if (!is_block_right(file, i)) return fail_rows_file(file->path, "the checksum of a block is wrong");
    return 0;
}

_Noreturn void rg_rows_end_damaged(const char *path, const char *what)
{
    rg_fail(RG_EFORMAT, "%s: the file is damaged: %s: start again, and it is made again from the store", path,
            what);
    rg_log(RG_LOG_ERROR, "failed", "code=%s error=\"%s\"", rg_errname(RG_EFORMAT), rg_error());
    unlink(path);
    _exit(EXIT_FAILURE);
}

void rg_rows_file_check_block(rg_rows_file_t *file, const void *block)
{
    if (((const block_head_t *)block)->columns == hash_columns(file, block)) return;
    rg_rows_end_damaged(file->path, "the checksum of a block is wrong");
}

// ---- writing

static int create_file(rg_rows_file_t *file)
{
    unsigned char page[FILE_HEAD] = {0};
    const file_head_t head = head_of(file);
    memcpy(page, &head, sizeof head);
    file->fd = open(file->path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file->fd < 0) return rg_fail_errno(RG_EIO, "%s: cannot create", file->path);
    int err = rg_write_all(file->fd, file->path, page, sizeof page), folder = -1;
    if (!err) folder = open(file->folder, O_RDONLY | O_CLOEXEC);
    if (!err && (folder < 0 || fsync(folder) != 0))
        err = rg_fail_errno(RG_EIO, "%s: cannot sync", file->folder);
    if (folder >= 0) close(folder);
    if (!err) return 0;
    close(file->fd);
    file->fd = -1;
    unlink(file->path);
    return err;
}

static int write_block(rg_rows_file_t *file, size_t number, rg_rows_chunk_t *chunk)
{
    block_head_t head = {
        .number = number, .first_label = chunk->first_label, .columns = hash_columns(file, chunk->block)};
    head.checksum = rg_hash(&head, offsetof(block_head_t, checksum), 0);
    memcpy(chunk->block, &head, sizeof head);
    if (lseek(file->fd, offset_of(file, number), SEEK_SET) < 0)
        return rg_fail_errno(RG_EIO, "%s: cannot write", file->path);
    int err = rg_write_all(file->fd, file->path, chunk->block, file->block_bytes);
    if (!err && fdatasync(file->fd) != 0) err = rg_fail_errno(RG_EIO, "%s: cannot sync", file->path);
    return err;
}

static int take_chunk(rg_rows_file_t *file, size_t number, rg_rows_chunk_t **chunk)
{
    int err = file->fd < 0 ? create_file(file) : 0;
    if (!err) err = write_block(file, number, *chunk);
    void *block = err ? NULL : map_block(file, number);
    if (!err && !block) err = rg_fail_errno(RG_EIO, "%s: cannot map", file->path);
    if (err) return err;
    atomic_fetch_add(&file->chunks, 1);
    rg__rows_chunk_release(*chunk);
    *chunk = chunk_over_block(file, block, 1);
    return 0;
}

int rg_rows_file_take(rg_rows_file_t *file, rg_rows_t *rows)
{
    int err = 0;
    for (size_t i = atomic_load(&file->chunks); i < rows->count / rows->chunk_rows && !err; i++)
        err = take_chunk(file, i, &rows->chunks[i]);
    return err;
}

// ---- removing

void rg_rows_file_remove_others(const char *folder, uint64_t number)
{
    DIR *dir = opendir(folder);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        unsigned long long other;
        char rest;
        if (sscanf(entry->d_name, "rows.%llu%c", &other, &rest) != 1 || other == number) continue;
        unlinkat(dirfd(dir), entry->d_name, 0);
    }
    if (dir) closedir(dir);
}
