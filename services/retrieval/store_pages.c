// The structure of data.mdb, page by page.
//
// LMDB trusts the pages that it reads: a wrong offset or size in one leads it out of the page or out of the
// file. So this file follows all pages before LMDB does, and compares whatever can be compared:
//
//   meta pages (0, 1)   their transactions follow each other; the file has all pages that they count
//   branch, leaf page   its number, its kind and depth, room for all entries and no byte between them, keys in
//                       ascending order and within the bounds of the page above
//   overflow pages      their number and count, which have to be those of the value
//   table               its counts of pages and entries, its name
//   free list           no page is free and in use
//
// What the values hold is not looked at: they have checksums (store.c). A bit may flip unnoticed where it
// means nothing: between the entries of a page and its header, behind the end of a large value, in free
// pages.
//
// The format is that of LMDB 0.9 on a machine with 64 bits (mdb.c: MDB_page, MDB_node, MDB_db, MDB_meta).
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
#include "services/retrieval/bitset.h"
#include "services/retrieval/store_private.h"

enum { BRANCH = 1, LEAF = 2, OVERFLOW = 4, META = 8 }; // flags of a page
enum { LARGE = 1, SUBTABLE = 2 };                      // flags of an entry
enum { PAGE_HEAD = 16, NODE_HEAD = 8, DEPTH_MAX = 32, FREE_LIST = 0, MAIN = 1 };
enum { RETRIES = 1000 };

static const uint32_t MAGIC = 0xBEEFC0DE;

typedef struct {
    uint64_t number;
    uint16_t unused, flags;
    union {
        struct {
            uint16_t lower, upper; // the bytes between them are free
        };
        uint32_t overflow_pages;
    };
    uint16_t at[]; // of the entries, in the order of their keys
} page_t;

typedef struct {
    uint16_t low, high; // of the size of the value; of the number of the page below, with the flags
    uint16_t flags, key_size;
    unsigned char key[];
} node_t;

typedef struct {
    uint32_t page_size; // of table FREE_LIST only
    uint16_t flags, depth;
    uint64_t branch_pages, leaf_pages, overflow_pages, entries, root;
} table_head_t;

typedef struct {
    uint32_t magic, version;
    uint64_t address, map_bytes;
    table_head_t tables[2];
    uint64_t last_page, transaction;
} meta_page_t;

_Static_assert(sizeof(page_t) == PAGE_HEAD && sizeof(node_t) == NODE_HEAD, "as in the file");
_Static_assert(sizeof(table_head_t) == 48 && sizeof(meta_page_t) == 136, "as in the file");

// The mapped file while it is checked.
typedef struct {
    char *path;
    const unsigned char *map;
    size_t bytes, page_size;
    uint64_t pages;
    rg_bitset_t unused; // pages that have not been met yet
} pages_t;

// A table while it is followed.
typedef struct {
    pages_t *file;
    const table_head_t *head;
    int number;         // FREE_LIST, MAIN, or another one
    table_head_t found; // counts
} table_t;

typedef struct {
    const unsigned char *bytes;
    size_t size; // 0: no bound
} bound_t;

static int check_table(pages_t *file, const table_head_t *head, int number);

static int fail_page(const pages_t *file, uint64_t number, const char *what)
{
    return rg_fail(RG_EFORMAT, "%s: page %llu is damaged: %s: " RG__STORE_REMEDY, file->path,
                   (unsigned long long)number, what);
}

// Counts `count` pages from `number` as used. RG_EFORMAT if one does not exist or is used already.
static int use_pages(pages_t *file, uint64_t number, uint64_t count)
{
    if (number < 2 || number >= file->pages || count > file->pages - number)
        return fail_page(file, number, "it is said to be used, but the file does not have it");
    for (uint64_t i = number; i < number + count; i++) {
        if (!rg_bitset_get(&file->unused, i)) return fail_page(file, i, "it is used twice");
        rg_bitset_clear(&file->unused, i);
    }
    return 0;
}

static const page_t *page_at(const pages_t *file, uint64_t number)
{
    return (const page_t *)(file->map + number * file->page_size);
}

// ---- entries

static size_t value_size(const node_t *node)
{
    return node->low | (size_t)node->high << 16;
}

static uint64_t page_below(const node_t *node)
{
    return node->low | (uint64_t)node->high << 16 | (uint64_t)node->flags << 32;
}

// Bytes of the entry within its page.
static size_t node_size(const page_t *page, const node_t *node)
{
    size_t value = page->flags == BRANCH ? 0 : node->flags & LARGE ? sizeof(uint64_t) : value_size(node);
    return (NODE_HEAD + node->key_size + value + 1) & ~(size_t)1;
}

static int compare_keys(const table_t *table, const unsigned char *a, size_t a_size, const unsigned char *b,
                        size_t b_size)
{
    if (table->head->flags & MDB_INTEGERKEY) {
        uint64_t x, y;
        memcpy(&x, a, sizeof x);
        memcpy(&y, b, sizeof y);
        return (x > y) - (x < y);
    }
    int order = memcmp(a, b, a_size < b_size ? a_size : b_size);
    return order ? order : (a_size > b_size) - (a_size < b_size);
}

// The pages of a value that does not fit into a leaf. *value: where it begins.
static int check_overflow(table_t *table, const node_t *node, const unsigned char **value)
{
    pages_t *file = table->file;
    uint64_t number, count = (PAGE_HEAD + value_size(node) - 1) / file->page_size + 1;
    memcpy(&number, node->key + node->key_size, sizeof number);
    int err = use_pages(file, number, count);
    if (err) return err;
    const page_t *page = page_at(file, number);
    if (page->number != number || page->flags != OVERFLOW || page->overflow_pages != count)
        return fail_page(file, number, "it is not the beginning of a large value");
    table->found.overflow_pages += count;
    *value = (const unsigned char *)page + PAGE_HEAD;
    return 0;
}

// The value of an entry of the free list: how many pages, and which.
static int check_free(pages_t *file, const unsigned char *value, size_t size)
{
    uint64_t count, number;
    if (size < sizeof count) return fail_page(file, 0, "an entry of the free list is too short");
    memcpy(&count, value, sizeof count);
    if (count > size / sizeof number - 1) return fail_page(file, 0, "an entry of the free list is too long");
    int err = 0;
    for (uint64_t i = 1; i <= count && !err; i++) {
        memcpy(&number, value + i * sizeof number, sizeof number);
        err = use_pages(file, number, 1);
    }
    return err;
}

// Returns 1 if there is a table of this name with these flags.
static int is_known_table(const node_t *node, uint16_t flags)
{
    static const struct {
        const char *name;
        uint16_t flags;
    } known[] = {{"meta", 0},
                 {"ids", 0},
                 {"by_name", 0},
                 {"tombstones", 0},
                 {"images", MDB_INTEGERKEY},
                 {"thumbnails", MDB_INTEGERKEY},
                 {"embeddings.0", MDB_INTEGERKEY},
                 {"embeddings.1", MDB_INTEGERKEY},
                 {"features.0", MDB_INTEGERKEY},
                 {"features.1", MDB_INTEGERKEY},
                 {"names", MDB_DUPSORT | MDB_DUPFIXED | MDB_INTEGERDUP}}; // of version 3; it is not read
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strlen(known[i].name) == node->key_size && memcmp(known[i].name, node->key, node->key_size) == 0)
            return known[i].flags == flags;
    return 0;
}

static int check_leaf_entry(table_t *table, const page_t *page, const node_t *node)
{
    const unsigned char *value = node->key + node->key_size;
    int is_table = table->number == MAIN;
    if (node->flags != (is_table ? SUBTABLE : node->flags & LARGE))
        return fail_page(table->file, page->number, "an entry is of another kind");
    table->found.entries++;
    int err = node->flags & LARGE ? check_overflow(table, node, &value) : 0;
    if (!err && table->number == FREE_LIST) err = check_free(table->file, value, value_size(node));
    if (err || !is_table) return err;
    table_head_t head = {0};
    if (value_size(node) == sizeof head) memcpy(&head, value, sizeof head);
    if (value_size(node) != sizeof head || !is_known_table(node, head.flags))
        return fail_page(table->file, page->number, "it names an unknown table");
    return head.flags & MDB_DUPSORT ? 0 : check_table(table->file, &head, MAIN + 1);
}

// ---- pages

static const node_t *node_at(const page_t *page, size_t i)
{
    return (const node_t *)((const unsigned char *)page + page->at[i]);
}

// Checks that the entries lie within the page and fill what is said to be used.
static int check_layout(const table_t *table, const page_t *page, size_t n)
{
    const size_t page_size = table->file->page_size;
    size_t used = 0;
    for (size_t i = 0; i < n; i++) {
        size_t at = page->at[i];
        if (at < page->upper || at % 2 || at + NODE_HEAD > page_size) return 0;
        const node_t *node = node_at(page, i);
        if (at + node_size(page, node) > page_size) return 0;
        used += node_size(page, node);
    }
    return used == page_size - page->upper;
}

// The first key of a branch page means "all that is less than the second".
static int check_keys(const table_t *table, const page_t *page, size_t n, bound_t low, bound_t high)
{
    const int is_integer = table->head->flags & MDB_INTEGERKEY;
    for (size_t i = page->flags == BRANCH; i < n; i++) {
        const node_t *node = node_at(page, i);
        if (is_integer ? node->key_size != sizeof(uint64_t) : node->key_size == 0) return 0;
        if (low.size) {
            int order = compare_keys(table, low.bytes, low.size, node->key, node->key_size);
            if (order > 0 || (order == 0 && i > 0)) return 0;
        }
        low = (bound_t){node->key, node->key_size};
    }
    return !high.size || !low.size || compare_keys(table, low.bytes, low.size, high.bytes, high.size) < 0;
}

static const char *page_problem(const table_t *table, const page_t *page, uint64_t number, unsigned level)
{
    if (page->number != number) return "it has the number of another page";
    if (page->flags != (level + 1 < table->head->depth ? BRANCH : LEAF)) return "it is of another kind";
    if (page->lower <= PAGE_HEAD || page->lower % 2 || page->lower > page->upper ||
        page->upper > table->file->page_size)
        return "it has another size";
    return NULL;
}

static int check_page(table_t *table, uint64_t number, unsigned level, bound_t low, bound_t high)
{
    int err = use_pages(table->file, number, 1);
    if (err) return err;
    const page_t *page = page_at(table->file, number);
    const char *problem = page_problem(table, page, number, level);
    if (problem) return fail_page(table->file, number, problem);
    const size_t n = (size_t)(page->lower - PAGE_HEAD) / sizeof *page->at;
    if (page->flags == BRANCH && n < 2 && table->number != FREE_LIST)
        return fail_page(table->file, number, "it leads to one page only");
    if (!check_layout(table, page, n)) return fail_page(table->file, number, "its entries do not fill it");
    if (!check_keys(table, page, n, low, high))
        return fail_page(table->file, number, "its keys are not in order");
    *(page->flags == BRANCH ? &table->found.branch_pages : &table->found.leaf_pages) += 1;
    for (size_t i = 0; i < n && !err; i++) {
        const node_t *node = node_at(page, i), *after = i + 1 < n ? node_at(page, i + 1) : NULL;
        if (page->flags == LEAF)
            err = check_leaf_entry(table, page, node);
        else
            err =
                check_page(table, page_below(node), level + 1, i ? (bound_t){node->key, node->key_size} : low,
                           after ? (bound_t){after->key, after->key_size} : high);
    }
    return err;
}

static int check_table(pages_t *file, const table_head_t *head, int number)
{
    table_t table = {.file = file, .head = head, .number = number};
    const int is_empty = head->root == UINT64_MAX;
    const bound_t none = {0};
    if (head->depth > DEPTH_MAX || is_empty != (head->depth == 0))
        return fail_page(file, head->root, "a table has an impossible depth");
    int err = is_empty ? 0 : check_page(&table, head->root, 0, none, none);
    if (err) return err;
    const table_head_t *found = &table.found;
    if (found->branch_pages != head->branch_pages || found->leaf_pages != head->leaf_pages ||
        found->overflow_pages != head->overflow_pages || found->entries != head->entries)
        return fail_page(file, head->root, "the table that begins here has lost entries");
    return 0;
}

// ---- the file

static int has_meta(const pages_t *file, size_t page_size, uint64_t number, meta_page_t *meta)
{
    const page_t *page = (const page_t *)(file->map + number * page_size);
    if ((number + 1) * page_size > file->bytes || !(page->flags & META)) return 0;
    memcpy(meta, (const unsigned char *)page + PAGE_HEAD, sizeof *meta);
    return meta->magic == MAGIC && meta->version == 1;
}

// Reads both meta pages [2]. The transactions of a new file are 0; later one follows the other.
static int read_metas(pages_t *file, meta_page_t *metas)
{
    if (file->bytes < PAGE_HEAD + sizeof *metas || !has_meta(file, 0, 0, &metas[0]))
        return rg_fail(RG_EFORMAT,
                       "%s: it is not a retrieval store, or its beginning is damaged: " RG__STORE_REMEDY,
                       file->path);
    file->page_size = metas[0].tables[FREE_LIST].page_size;
    const size_t size = file->page_size;
    if (size < 512 || size > 32768 || (size & (size - 1)) || !has_meta(file, size, 0, &metas[0]) ||
        !has_meta(file, size, 1, &metas[1]))
        return fail_page(file, 0, "the beginning of the file is not that of a store");
    const uint64_t first = metas[0].transaction, second = metas[1].transaction;
    if (first + 1 != second && second + 1 != first && (first | second) != 0)
        return fail_page(file, first > second, "it has the number of another transaction");
    return 0;
}

static int check_all_pages(pages_t *file, const meta_page_t *meta)
{
    file->pages = meta->last_page + 1;
    if (meta->last_page > (UINT64_MAX >> 16) || file->pages * file->page_size > file->bytes)
        return rg_fail(RG_EFORMAT, "%s: the file is cut short: it has %zu bytes of %llu: " RG__STORE_REMEDY,
                       file->path, file->bytes, (unsigned long long)(file->pages * file->page_size));
    rg_bitset_init(&file->unused, file->pages, 1);
    int err = check_table(file, &meta->tables[FREE_LIST], FREE_LIST);
    if (!err) err = check_table(file, &meta->tables[MAIN], MAIN);
    rg_bitset_fini(&file->unused);
    return err;
}

static int map_pages(pages_t *file, int fd)
{
    struct stat info;
    if (fstat(fd, &info) != 0) return rg_fail_errno(RG_EIO, "%s: cannot read", file->path);
    file->bytes = (size_t)info.st_size;
    if (!file->bytes) return 0;
    void *map = mmap(NULL, file->bytes, PROT_READ, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED) return rg_fail_errno(RG_EIO, "%s: cannot map", file->path);
    file->map = map;
    return 0;
}

int rg__store_check_file(const rg_store_t *store)
{
    pages_t file = {.path = rg_format("%s/data.mdb", store->path)};
    meta_page_t metas[2];
    int fd = open(file.path, O_RDONLY | O_CLOEXEC), err = 0;
    if (fd < 0 && errno != ENOENT) err = rg_fail_errno(RG_EIO, "%s: cannot open", file.path);
    if (fd >= 0) err = map_pages(&file, fd);
    if (!err && file.map) err = read_metas(&file, metas);
    if (!err && file.map) err = check_all_pages(&file, &metas[metas[1].transaction > metas[0].transaction]);
    if (file.map) munmap((void *)file.map, file.bytes);
    if (fd >= 0) close(fd);
    free(file.path);
    return err;
}

// Checks the version that the transaction sees. RG_EBUSY if its meta page has been replaced already.
static int check_transaction(pages_t *file, MDB_txn *txn)
{
    meta_page_t metas[2];
    int err = read_metas(file, metas);
    for (int i = 0; i < 2 && !err; i++)
        if (metas[i].transaction == mdb_txn_id(txn)) return check_all_pages(file, &metas[i]);
    return err ? err : RG_EBUSY;
}

int rg_store_check_pages(rg_store_t *store)
{
    int err = RG_EBUSY;
    for (int i = 0; i < RETRIES && err == RG_EBUSY; i++) {
        pages_t file = {.path = rg_format("%s/data.mdb", store->path)};
        rg_store_txn_t *txn = NULL;
        mdb_filehandle_t fd;
        err = rg_store_begin_read(store, &txn);
        if (!err) mdb_env_get_fd(store->env, &fd);
        if (!err) err = map_pages(&file, fd);
        if (!err) err = check_transaction(&file, txn->txn);
        if (file.map) munmap((void *)file.map, file.bytes);
        rg_store_abort(&txn);
        free(file.path);
    }
    return err == RG_EBUSY ? rg_fail(err, "%s: the store changes too fast to be checked", store->path) : err;
}
