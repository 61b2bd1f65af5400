#include "services/retrieval/lists.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/hash.h"
#include "services/retrieval/lists_private.h"
#include "services/retrieval/rows_file.h"

enum { ALIGN = 64, LISTS_MAX = 1 << 20 };

static const char MAGIC[8] = "RGLISTS";

// ---- format

static size_t aligned(size_t size)
{
    return (size + ALIGN - 1) / ALIGN * ALIGN;
}

size_t rg__lists_bytes(size_t rows, uint32_t width)
{
    return aligned(rows * sizeof(uint32_t)) + aligned(rows * width);
}

size_t rg__lists_table_offset(const rg__lists_head_t *head)
{
    return aligned(sizeof *head + head->lists * (head->dim + (size_t)1) * sizeof(float));
}

size_t rg__lists_front_bytes(const rg__lists_head_t *head)
{
    return rg__lists_table_offset(head) + aligned(head->lists * sizeof(rg__list_t));
}

uint64_t rg__lists_checksum(const char *map)
{
    rg__lists_head_t head;
    memcpy(&head, map, sizeof head);
    uint64_t hash = rg_hash(map, offsetof(rg__lists_head_t, checksum), 0);
    return rg_hash(map + sizeof head, rg__lists_front_bytes(&head) - sizeof head, hash);
}

char *rg__lists_path(const char *folder, uint64_t number)
{
    return rg_format("%s/lists.%llu", folder, (unsigned long long)number);
}

static int fail_lists(const char *path, const char *what)
{
    return rg_fail(RG_EFORMAT, "%s: the inverted lists are damaged: %s", path, what);
}

// ---- segments

static void release_segment(rg__segment_t *segment)
{
    if (segment->map) munmap((void *)segment->map, segment->head.size);
    free(segment->norms2);
    free(segment->is_checked);
    free(segment->path);
    free(segment);
}

static void find_columns(rg__segment_t *segment)
{
    const size_t dim = segment->head.dim, lists = segment->head.lists;
    segment->steps = (const float *)(segment->map + sizeof segment->head);
    segment->centroids = segment->steps + lists;
    segment->table = (const rg__list_t *)(segment->map + rg__lists_table_offset(&segment->head));
    segment->norms2 = rg_alloc(lists * sizeof *segment->norms2);
    segment->is_checked = rg_alloc(lists);
    for (size_t i = 0; i < lists * dim; i++)
        segment->norms2[i / dim] += segment->centroids[i] * segment->centroids[i];
}

static int check_head(const rg__segment_t *segment, uint64_t size, uint32_t dim)
{
    const rg__lists_head_t *head = &segment->head;
    if (memcmp(head->magic, MAGIC, sizeof MAGIC) == 0 && head->version != RG__LISTS_VERSION)
        return rg_fail(RG_EVERSION, "%s: the file has version %u, but this program reads version %d",
                       segment->path, head->version, RG__LISTS_VERSION);
    if (memcmp(head->magic, MAGIC, sizeof MAGIC) != 0 || head->size != size || head->dim != dim ||
        head->lists < 1 || head->lists > LISTS_MAX || head->nprobe < 1 || head->width < dim ||
        head->end <= head->first || rg__lists_front_bytes(head) > size)
        return fail_lists(segment->path, "the head does not describe the file");
    return 0;
}

// Checks what is in front of the lists, and that they lie in the file.
static int check_front(const rg__segment_t *segment)
{
    const rg__lists_head_t *head = &segment->head;
    uint64_t rows = 0;
    if (rg__lists_checksum(segment->map) != head->checksum)
        return fail_lists(segment->path, "the checksum is wrong");
    for (uint32_t i = 0; i < head->lists; i++) {
        const rg__list_t *list = &segment->table[i];
        rows += list->rows;
        if (list->rows > head->end - head->first || list->offset > head->size || list->offset % ALIGN ||
            rg__lists_bytes(list->rows, head->width) > head->size - list->offset)
            return fail_lists(segment->path, "a list lies outside of the file");
    }
    return rows == head->end - head->first ? 0 : fail_lists(segment->path, "the lists lack rows");
}

static int map_segment(rg__segment_t *segment, int fd, uint32_t dim)
{
    struct stat info;
    if (fstat(fd, &info) != 0) return rg_fail_errno(RG_EIO, "%s: cannot read", segment->path);
    if (pread(fd, &segment->head, sizeof segment->head, 0) != sizeof segment->head)
        return fail_lists(segment->path, "it is shorter than its head");
    int err = check_head(segment, (uint64_t)info.st_size, dim);
    if (err) return err;
    void *map = mmap(NULL, segment->head.size, PROT_READ, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED) return rg_fail_errno(RG_EIO, "%s: cannot map", segment->path);
    segment->map = map;
    find_columns(segment);
    return check_front(segment);
}

int rg__lists_open_segment(rg__segment_t **out, const char *folder, uint64_t number, uint32_t dim)
{
    rg__segment_t *segment = rg_alloc(sizeof *segment);
    *segment = (rg__segment_t){.path = rg__lists_path(folder, number), .number = number};
    int fd = open(segment->path, O_RDONLY | O_CLOEXEC);
    int err = fd < 0 ? rg_fail_errno(errno == ENOENT ? RG_EFORMAT : RG_EIO, "%s: cannot open", segment->path)
                     : map_segment(segment, fd, dim);
    if (fd >= 0) close(fd);
    if (err)
        release_segment(segment);
    else
        *out = segment;
    return err;
}

// A list with rows that are not of its segment was not written by this program.
static void check_list(const rg__segment_t *segment, uint32_t list)
{
    const rg__list_t *entry = &segment->table[list];
    const uint32_t *positions = (const uint32_t *)(segment->map + entry->offset);
    size_t outside = 0;
    if (rg_hash(positions, rg__lists_bytes(entry->rows, segment->head.width), list) != entry->checksum)
        rg_rows_end_damaged(segment->path, "the checksum of an inverted list is wrong");
    for (uint64_t i = 0; i < entry->rows; i++)
        outside += positions[i] < segment->head.first || positions[i] >= segment->head.end;
    if (outside) rg_rows_end_damaged(segment->path, "an inverted list has rows of other segments");
}

rg__list_view_t rg__lists_view(const rg__segment_t *segment, uint32_t list)
{
    const rg__list_t *entry = &segment->table[list];
    const char *at = segment->map + entry->offset;
    if (!atomic_load_explicit(&segment->is_checked[list], memory_order_relaxed)) {
        check_list(segment, list);
        atomic_store_explicit(&segment->is_checked[list], 1, memory_order_relaxed);
    }
    return (rg__list_view_t){(const uint32_t *)at,
                             (const uint8_t *)at + aligned(entry->rows * sizeof(uint32_t)), entry->rows};
}

// ---- lists

rg_lists_t *rg_lists_retain(rg_lists_t *lists)
{
    atomic_fetch_add(&lists->owners, 1);
    return lists;
}

void rg_lists_release(rg_lists_t **out)
{
    rg_lists_t *lists = *out;
    *out = NULL;
    if (!lists || atomic_fetch_sub(&lists->owners, 1) > 1) return;
    for (size_t i = 0; i < lists->n; i++) release_segment(lists->segments[i]);
    free(lists);
}

size_t rg_lists_count(const rg_lists_t *lists)
{
    return lists->segments[lists->n - 1]->head.end;
}

uint32_t rg_lists_nprobe(const rg_lists_t *lists)
{
    return lists->nprobe;
}

size_t rg_lists_numbers(const rg_lists_t *lists, uint64_t numbers[RG_LISTS_SEGMENTS_MAX])
{
    for (size_t i = 0; i < lists->n; i++) numbers[i] = lists->segments[i]->number;
    return lists->n;
}

// The segments follow each other and have the same cells.
static int check_segments(const rg_lists_t *lists, size_t rows)
{
    uint64_t end = 0;
    for (size_t i = 0; i < lists->n; i++) {
        const rg__lists_head_t *head = &lists->segments[i]->head, *of_first = &lists->segments[0]->head;
        if (head->first != end || head->cells != of_first->cells || head->lists != of_first->lists ||
            head->width != of_first->width)
            return fail_lists(lists->segments[i]->path, "it belongs to another index");
        end = head->end;
    }
    return end == rows ? 0 : rg_fail(RG_EFORMAT, "the inverted lists do not hold %zu rows", rows);
}

int rg_lists_open(rg_lists_t **out, const char *folder, const uint64_t *numbers, size_t n, uint32_t dim,
                  size_t rows)
{
    rg_lists_t *lists = rg_alloc(sizeof *lists);
    *lists = (rg_lists_t){.owners = 1};
    int err =
        n < 1 || n > RG_LISTS_SEGMENTS_MAX ? rg_fail(RG_EFORMAT, "%zu segments are not possible", n) : 0;
    for (size_t i = 0; i < n && !err; i++) {
        err = rg__lists_open_segment(&lists->segments[i], folder, numbers[i], dim);
        lists->n += !err;
    }
    if (!err) err = check_segments(lists, rows);
    if (!err) lists->nprobe = lists->segments[0]->head.nprobe;
    if (err)
        rg_lists_release(&lists);
    else
        *out = lists;
    return err;
}

// ---- the folder

// Calls fn with the number of each file of lists.
static void for_each_file(const char *folder,
                          void (*fn)(void *self, int dir, const char *name, uint64_t number), void *self)
{
    DIR *dir = opendir(folder);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        unsigned long long number;
        char rest;
        if (sscanf(entry->d_name, "lists.%llu%c", &number, &rest) == 1)
            fn(self, dirfd(dir), entry->d_name, number);
    }
    if (dir) closedir(dir);
}

static void take_largest(void *self, int dir, const char *name, uint64_t number)
{
    uint64_t *largest = self;
    (void)dir, (void)name;
    if (number > *largest) *largest = number;
}

uint64_t rg__lists_next_number(const char *folder)
{
    uint64_t largest = 0;
    for_each_file(folder, take_largest, &largest);
    return largest + 1;
}

typedef struct {
    const rg_lists_t *const *lists; // [n]
    size_t n;
} used_t;

static int has_segment(const rg_lists_t *lists, uint64_t number)
{
    for (size_t i = 0; lists && i < lists->n; i++)
        if (lists->segments[i]->number == number) return 1;
    return 0;
}

static void remove_unless_used(void *self, int dir, const char *name, uint64_t number)
{
    const used_t *used = self;
    for (size_t i = 0; i < used->n; i++)
        if (has_segment(used->lists[i], number)) return;
    unlinkat(dir, name, 0);
}

void rg_lists_remove_others(const rg_lists_t *const *lists, size_t n, const char *folder)
{
    used_t used = {lists, n};
    for_each_file(folder, remove_unless_used, &used);
}
