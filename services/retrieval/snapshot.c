// The format of a snapshot, little-endian:
//
//   offset  size
//   0       64        head_t: magic "RGINDEX", version, dim, lengths of the texts, rows, file size, checksum
//   64      ...       name of the model, factory string of the index; both without a final 0
//           8 n       labels, i64, ascending, of the n rows that do not lie in the file of rows
//           ...       the index in the format of FAISS, or the files of its lists: their number u64, their numbers
//                     u64; missing if rows is 0
//
// The checksum (xxh3-64) covers the head before it and everything behind the head. FAISS trusts what it
// reads, so a file is checked completely before FAISS sees it. The file is written under another name, synced
// and renamed: a kill leaves the last snapshot.
#include "services/retrieval/snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/core/err.h"
#include "common/core/file.h"
#include "common/core/hash.h"

enum { VERSION = 2, FACTORY_MAX = 1024, PIECE = 1 << 20 };

static const char MAGIC[8] = "RGINDEX";

typedef struct {
    char magic[8];
    uint32_t version, dim, model_length, factory_length;
    uint64_t file_number, in_file, rows; // as in rg_snapshot_t
    uint64_t size;                       // of the whole file
    uint64_t checksum;                   // of the fields before, and of everything behind the head
} head_t;

_Static_assert(sizeof(head_t) == 64, "the head has no padding");

// ---- checksum

// The checksum of a file with this head.
static int checksum_file(int fd, const char *path, const head_t *head, uint64_t *checksum)
{
    rg_hasher_t *hasher = rg_hasher_new();
    rg_hasher_add(hasher, head, offsetof(head_t, checksum));
    unsigned char *piece = rg_alloc(PIECE);
    off_t at = sizeof(head_t);
    ssize_t n;
    for (; (n = pread(fd, piece, PIECE, at)) > 0; at += n) rg_hasher_add(hasher, piece, (size_t)n);
    *checksum = rg_hasher_finish(&hasher);
    free(piece);
    return n < 0 ? rg_fail_errno(RG_EIO, "%s: cannot read", path) : 0;
}

// ---- writing

static int write_labels(FILE *file, const rg_view_t *view, size_t in_file)
{
    for (size_t row = in_file; row < rg_view_indexed(view); row++) {
        int64_t label = rg_rows_at(&view->rows, row).label;
        if (fwrite(&label, sizeof label, 1, file) != 1) return -1;
    }
    return 0;
}

// How many of the first `rows` rows lie in the file of rows.
static size_t rows_in_file(const rg_view_t *view, size_t rows)
{
    size_t chunks = 0;
    while (chunks < view->rows.n_chunks && view->rows.chunks[chunks]->file) chunks++;
    const size_t all = chunks * view->rows.chunk_rows;
    return all < rows ? all : rows;
}

static int write_body(FILE *file, const char *path, head_t *head, const rg_view_t *view, const char *factory)
{
    int failed = fwrite(head, sizeof *head, 1, file) != 1;
    if (!failed) failed = fwrite(view->model.name, 1, head->model_length, file) != head->model_length;
    if (!failed) failed = fwrite(factory, 1, head->factory_length, file) != head->factory_length;
    if (!failed) failed = write_labels(file, view, head->in_file) != 0;
    int err = failed ? rg_fail_errno(RG_EIO, "%s: cannot write", path) : 0;
    if (!err && view->index) err = rg_index_write(view->index, file);
    if (!err && fflush(file) != 0) err = rg_fail_errno(RG_EIO, "%s: cannot write", path);
    return err;
}

// Completes the head with the size and the checksum of what the file holds by then.
static int write_head(int fd, const char *path, head_t *head)
{
    struct stat info;
    if (fstat(fd, &info) != 0) return rg_fail_errno(RG_EIO, "%s: cannot read", path);
    head->size = (uint64_t)info.st_size;
    int err = checksum_file(fd, path, head, &head->checksum);
    if (!err && pwrite(fd, head, sizeof *head, 0) != sizeof *head)
        err = rg_fail_errno(RG_EIO, "%s: cannot write", path);
    return err;
}

static int write_snapshot_file(const char *path, head_t *head, const rg_view_t *view, const char *factory)
{
    FILE *file = fopen(path, "r+");
    if (!file) return rg_fail_errno(RG_EIO, "%s: cannot write", path);
    int err = write_body(file, path, head, view, factory);
    if (!err) err = write_head(fileno(file), path, head);
    if (fclose(file) != 0 && !err) err = rg_fail_errno(RG_EIO, "%s: cannot write", path);
    return err;
}

int rg_snapshot_write(const char *path, const rg_view_t *view, const char *factory)
{
    head_t head = {.version = VERSION,
                   .dim = view->model.embed_dim,
                   .model_length = (uint32_t)strlen(view->model.name),
                   .factory_length = (uint32_t)strlen(factory),
                   .rows = rg_view_indexed(view)};
    if (view->file) head.file_number = rg_rows_file_number(view->file);
    head.in_file = rows_in_file(view, head.rows);
    rg_file_t out;
    int err = rg_file_begin(&out, path);
    if (err) return err;
    memcpy(head.magic, MAGIC, sizeof MAGIC);
    err = write_snapshot_file(out.temporary, &head, view, factory);
    if (!err) return rg_file_commit(&out);
    rg_file_abandon(&out);
    return err;
}

// ---- reading

static int fail_damaged(const char *path, const char *what)
{
    return rg_fail(RG_EFORMAT, "%s: the snapshot of the index is damaged: %s", path, what);
}

static int check_head(int fd, const char *path, head_t *head)
{
    struct stat info;
    uint64_t checksum;
    if (fstat(fd, &info) != 0 || pread(fd, head, sizeof *head, 0) != sizeof *head)
        return fail_damaged(path, "it is shorter than its head");
    if (memcmp(head->magic, MAGIC, sizeof MAGIC) != 0)
        return rg_fail(RG_EFORMAT, "%s: the file is not a snapshot of an index", path);
    if (head->version != VERSION)
        return rg_fail(RG_EVERSION, "%s: the snapshot has version %u, but this program reads version %d",
                       path, head->version, VERSION);
    if (head->size != (uint64_t)info.st_size)
        return fail_damaged(path, "its size is not the size in its head");
    uint64_t body_size = head->size - sizeof *head;
    if (head->model_length > RG_TEXT_MAX || head->factory_length > FACTORY_MAX ||
        head->in_file > head->rows || head->rows - head->in_file > body_size / sizeof(int64_t) ||
        head->model_length + head->factory_length + (head->rows - head->in_file) * sizeof(int64_t) >
            body_size)
        return fail_damaged(path, "its head describes more than the file holds");
    int err = checksum_file(fd, path, head, &checksum);
    if (!err && checksum != head->checksum) err = fail_damaged(path, "its checksum is wrong");
    return err;
}

static int check_model_and_index(FILE *file, const char *path, const head_t *head,
                                 const rg_store_model_t *model, const char *factory)
{
    char name[RG_TEXT_MAX + 1] = "", kind[FACTORY_MAX + 1] = "";
    if (fseek(file, sizeof *head, SEEK_SET) != 0 ||
        fread(name, 1, head->model_length, file) != head->model_length ||
        fread(kind, 1, head->factory_length, file) != head->factory_length)
        return rg_fail_errno(RG_EIO, "%s: cannot read", path);
    if (strcmp(name, model->name) != 0 || head->dim != model->embed_dim)
        return rg_fail(RG_EMODEL, "%s: the snapshot belongs to model %.80s, not to %.80s", path, name,
                       model->name);
    if (strcmp(kind, factory) != 0)
        return rg_fail(RG_EMODEL, "%s: the snapshot holds an index '%.80s', but retrieval.index is '%.80s'",
                       path, kind, factory);
    return 0;
}

static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? rg_format("%.*s", (int)(slash - path), path) : rg_strdup(".");
}

static int read_index(FILE *file, const char *path, const head_t *head, const char *factory,
                      rg_snapshot_t *snapshot)
{
    char *folder = folder_of(path);
    int err = rg_index_read(&snapshot->index, file, head->dim, head->rows,
                            rg_index_is_lists(factory) ? folder : NULL);
    free(folder);
    return err;
}

static int read_labels_and_index(FILE *file, const char *path, const head_t *head, const char *factory,
                                 rg_snapshot_t *snapshot)
{
    const size_t n = head->rows - head->in_file;
    snapshot->file_number = head->file_number;
    snapshot->in_file = head->in_file;
    snapshot->rows = head->rows;
    snapshot->labels = rg_alloc((n + 1) * sizeof *snapshot->labels);
    if (fread(snapshot->labels, sizeof *snapshot->labels, n, file) != n)
        return rg_fail_errno(RG_EIO, "%s: cannot read", path);
    for (size_t i = 1; i < n; i++)
        if (snapshot->labels[i - 1] >= snapshot->labels[i])
            return fail_damaged(path, "its labels do not ascend");
    return head->rows ? read_index(file, path, head, factory, snapshot) : 0;
}

int rg_snapshot_read(rg_snapshot_t *out, const char *path, const rg_store_model_t *model, const char *factory)
{
    rg_snapshot_t snapshot = {0};
    head_t head;
    FILE *file = fopen(path, "r");
    if (!file) return rg_fail_errno(errno == ENOENT ? RG_ENOENT : RG_EIO, "%s: cannot open", path);
    int err = check_head(fileno(file), path, &head);
    if (!err) err = check_model_and_index(file, path, &head, model, factory);
    if (!err) err = read_labels_and_index(file, path, &head, factory, &snapshot);
    fclose(file);
    if (err)
        rg_snapshot_fini(&snapshot);
    else
        *out = snapshot;
    return err;
}

void rg_snapshot_fini(rg_snapshot_t *snapshot)
{
    free(snapshot->labels);
    rg_index_destroy(&snapshot->index);
    *snapshot = (rg_snapshot_t){0};
}
