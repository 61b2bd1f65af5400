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
// The outline of a large file says which pages are used and which are free: all that, without the leaf pages of
// tables whose values all lie in leaf pages. Those are checked one by one (store_steps.c).
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
#include "services/retrieval/store_pages_private.h"

enum { BRANCH = RG__PAGE_BRANCH, LEAF = 2, OVERFLOW = 4, META = 8 }; // flags of a page
enum { LARGE = 1, SUBTABLE = 2 };                                    // flags of an entry
enum { PAGE_HEAD = RG__PAGE_HEAD, NODE_HEAD = 8, DEPTH_MAX = 32, FREE_LIST = 0, MAIN = 1 };
enum { RETRIES = 1000 };

static const uint32_t MAGIC = 0xBEEFC0DE;

_Static_assert(sizeof(rg__page_t) == PAGE_HEAD && sizeof(rg__pages_node_t) == NODE_HEAD, "as in the file");
_Static_assert(sizeof(rg__table_head_t) == 48 && sizeof(rg__meta_page_t) == 136, "as in the file");

static int check_table(rg__pages_t *file, const rg__table_head_t *head, int number);

static int fail_page(const rg__pages_t *file, uint64_t number, const char *what)
{
    return rg_fail(RG_EFORMAT, "%s: page %llu is damaged: %s: " RG__STORE_REMEDY, file->path,
                   (unsigned long long)number, what);
}

// Counts `count` pages from `number` as used. RG_EFORMAT if one does not exist or is used already.
static int use_pages(rg__pages_t *file, uint64_t number, uint64_t count)
{
    if (number < 2 || number >= file->pages || count > file->pages - number)
        return fail_page(file, number, "it is said to be used, but the file does not have it");
    for (uint64_t i = number; i < number + count && file->unused.words; i++) {
        if (!rg_bitset_get(&file->unused, i)) return fail_page(file, i, "it is used twice");
        rg_bitset_clear(&file->unused, i);
    }
    return 0;
}

const rg__page_t *rg__pages_at(const rg__pages_t *file, uint64_t number)
{
    return (const rg__page_t *)(file->map + number * file->page_size);
}

// ---- entries

static size_t value_size(const rg__pages_node_t *node)
{
    return node->low | (size_t)node->high << 16;
}

uint64_t rg__pages_below(const rg__pages_node_t *node)
{
    return node->low | (uint64_t)node->high << 16 | (uint64_t)node->flags << 32;
}

// Bytes of the entry within its page.
static size_t node_size(const rg__page_t *page, const rg__pages_node_t *node)
{
    size_t value = page->flags == BRANCH ? 0 : node->flags & LARGE ? sizeof(uint64_t) : value_size(node);
    return (NODE_HEAD + node->key_size + value + 1) & ~(size_t)1;
}

int rg__pages_compare(const rg__table_head_t *head, rg__bound_t a, rg__bound_t b)
{
    if (head->flags & MDB_INTEGERKEY) {
        uint64_t x, y;
        memcpy(&x, a.bytes, sizeof x);
        memcpy(&y, b.bytes, sizeof y);
        return (x > y) - (x < y);
    }
    int order = memcmp(a.bytes, b.bytes, a.size < b.size ? a.size : b.size);
    return order ? order : (a.size > b.size) - (a.size < b.size);
}

// The pages of a value that does not fit into a leaf. *value: where it begins.
static int check_overflow(rg__walk_t *table, const rg__pages_node_t *node, const unsigned char **value)
{
    rg__pages_t *file = table->file;
    uint64_t number, count = (PAGE_HEAD + value_size(node) - 1) / file->page_size + 1;
    memcpy(&number, node->key + node->key_size, sizeof number);
    int err = use_pages(file, number, count);
    if (err) return err;
    const rg__page_t *page = rg__pages_at(file, number);
    if (page->number != number || page->flags != OVERFLOW || page->overflow_pages != count)
        return fail_page(file, number, "it is not the beginning of a large value");
    table->found.overflow_pages += count;
    *value = (const unsigned char *)page + PAGE_HEAD;
    return 0;
}

// The value of an entry of the free list: how many pages, and which.
static int check_free(rg__pages_t *file, const unsigned char *value, size_t size)
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
static int is_known_table(const rg__pages_node_t *node, uint16_t flags)
{
    static const struct {
        const char *name;
        uint16_t flags;
    } known[] = {{"meta", 0},
                 {"ids", 0},
                 {"by_name", 0},
                 {"tombstones", 0},
                 {"removed", MDB_INTEGERKEY},
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

static int check_leaf_entry(rg__walk_t *table, const rg__page_t *page, const rg__pages_node_t *node)
{
    const unsigned char *value = node->key + node->key_size;
    int is_table = table->number == MAIN;
    if (node->flags != (is_table ? SUBTABLE : node->flags & LARGE) ||
        (node->flags & LARGE && !table->head->overflow_pages))
        return fail_page(table->file, page->number, "an entry is of another kind");
    table->found.entries++;
    int err = node->flags & LARGE ? check_overflow(table, node, &value) : 0;
    if (!err && table->number == FREE_LIST) err = check_free(table->file, value, value_size(node));
    if (err || !is_table) return err;
    rg__table_head_t head = {0};
    if (value_size(node) == sizeof head) memcpy(&head, value, sizeof head);
    if (value_size(node) != sizeof head || !is_known_table(node, head.flags)) {
        table->file->unknown_on = page->number;
        return 0;
    }
    return head.flags & MDB_DUPSORT ? 0 : check_table(table->file, &head, MAIN + 1);
}

// ---- pages

const rg__pages_node_t *rg__pages_node(const rg__page_t *page, size_t i)
{
    return (const rg__pages_node_t *)((const unsigned char *)page + page->at[i]);
}

size_t rg__pages_entries(const rg__page_t *page)
{
    return (size_t)(page->lower - PAGE_HEAD) / sizeof *page->at;
}

// Checks that the entries lie within the page and fill what is said to be used.
static int check_layout(const rg__walk_t *table, const rg__page_t *page, size_t n)
{
    const size_t page_size = table->file->page_size;
    size_t used = 0;
    for (size_t i = 0; i < n; i++) {
        size_t at = page->at[i];
        if (at < page->upper || at % 2 || at + NODE_HEAD > page_size) return 0;
        const rg__pages_node_t *node = rg__pages_node(page, i);
        if (at + node_size(page, node) > page_size) return 0;
        used += node_size(page, node);
    }
    return used == page_size - page->upper;
}

// The first key of a branch page means "all that is less than the second".
static int check_keys(const rg__walk_t *table, const rg__page_t *page, size_t n, rg__bound_t low,
                      rg__bound_t high)
{
    const int is_integer = table->head->flags & MDB_INTEGERKEY;
    for (size_t i = page->flags == BRANCH; i < n; i++) {
        const rg__pages_node_t *node = rg__pages_node(page, i);
        if (is_integer ? node->key_size != sizeof(uint64_t) : node->key_size == 0) return 0;
        if (low.size) {
            int order = rg__pages_compare(table->head, low, (rg__bound_t){node->key, node->key_size});
            if (order > 0 || (order == 0 && i > 0)) return 0;
        }
        low = (rg__bound_t){node->key, node->key_size};
    }
    return !high.size || !low.size || rg__pages_compare(table->head, low, high) < 0;
}

static const char *page_problem(const rg__walk_t *table, const rg__page_t *page, uint64_t number,
                                unsigned level)
{
    if (page->number != number) return "it has the number of another page";
    if (page->flags != (level + 1 < table->head->depth ? BRANCH : LEAF)) return "it is of another kind";
    if (page->lower <= PAGE_HEAD || page->lower % 2 || page->lower > page->upper ||
        page->upper > table->file->page_size)
        return "it has another size";
    return NULL;
}

// The outline leaves out the leaf pages of a table without large values.
static int is_left_out(const rg__walk_t *table, unsigned level)
{
    const int is_leaf = level + 1 == table->head->depth;
    return is_leaf && table->file->is_outline && table->number > MAIN && !table->head->overflow_pages;
}

int rg__pages_check(rg__walk_t *table, uint64_t number, unsigned level, rg__bound_t low, rg__bound_t high)
{
    int err = use_pages(table->file, number, 1);
    if (err) return err;
    if (is_left_out(table, level)) return table->found.leaf_pages++, 0;
    const rg__page_t *page = rg__pages_at(table->file, number);
    const char *problem = page_problem(table, page, number, level);
    if (problem) return fail_page(table->file, number, problem);
    const size_t n = rg__pages_entries(page);
    if (page->flags == BRANCH && n < 2 && table->number != FREE_LIST)
        return fail_page(table->file, number, "it leads to one page only");
    if (!check_layout(table, page, n)) return fail_page(table->file, number, "its entries do not fill it");
    if (!check_keys(table, page, n, low, high))
        return fail_page(table->file, number, "its keys are not in order");
    *(page->flags == BRANCH ? &table->found.branch_pages : &table->found.leaf_pages) += 1;
    for (size_t i = 0; i < n && !err; i++) {
        const rg__pages_node_t *node = rg__pages_node(page, i),
                               *after = i + 1 < n ? rg__pages_node(page, i + 1) : NULL;
        if (page->flags == LEAF)
            err = check_leaf_entry(table, page, node);
        else
            err = rg__pages_check(table, rg__pages_below(node), level + 1,
                                  i ? (rg__bound_t){node->key, node->key_size} : low,
                                  after ? (rg__bound_t){after->key, after->key_size} : high);
    }
    return err;
}

static int check_table(rg__pages_t *file, const rg__table_head_t *head, int number)
{
    rg__walk_t table = {.file = file, .head = head, .number = number};
    const int is_empty = head->root == UINT64_MAX;
    const rg__bound_t none = {0};
    if (head->depth > DEPTH_MAX || is_empty != (head->depth == 0))
        return fail_page(file, head->root, "a table has an impossible depth");
    int err = is_empty ? 0 : rg__pages_check(&table, head->root, 0, none, none);
    if (err) return err;
    const rg__table_head_t *found = &table.found;
    const int has_entries = !head->depth || !is_left_out(&table, head->depth - 1u);
    if (found->branch_pages != head->branch_pages || found->leaf_pages != head->leaf_pages ||
        found->overflow_pages != head->overflow_pages || (has_entries && found->entries != head->entries))
        return fail_page(file, head->root, "the table that begins here has lost entries");
    return 0;
}

// ---- the file

static int has_meta(const rg__pages_t *file, size_t page_size, uint64_t number, rg__meta_page_t *meta)
{
    const rg__page_t *page = (const rg__page_t *)(file->map + number * page_size);
    if ((number + 1) * page_size > file->bytes || !(page->flags & META)) return 0;
    memcpy(meta, (const unsigned char *)page + PAGE_HEAD, sizeof *meta);
    return meta->magic == MAGIC && meta->version == 1;
}

// Reads both meta pages [2]. The transactions of a new file are 0; later one follows the other. LMDB believes the newer
// one's size of pages when it looks for the other.
static int read_metas(rg__pages_t *file, rg__meta_page_t *metas)
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
    if (metas[1].tables[FREE_LIST].page_size != size)
        return fail_page(file, 1, "it has another size of pages");
    const uint64_t first = metas[0].transaction, second = metas[1].transaction;
    if (first + 1 != second && second + 1 != first && (first | second) != 0)
        return fail_page(file, first > second, "it has the number of another transaction");
    return 0;
}

static int check_size(rg__pages_t *file, const rg__meta_page_t *meta)
{
    file->pages = meta->last_page + 1;
    if (meta->last_page <= (UINT64_MAX >> 16) && file->pages * file->page_size <= file->bytes) return 0;
    return rg_fail(RG_EFORMAT, "%s: the file is cut short: it has %zu bytes of %llu: " RG__STORE_REMEDY,
                   file->path, file->bytes, (unsigned long long)(file->pages * file->page_size));
}

// The version of the records, from tables that have been checked; 0 if it is not where all versions since the
// fourth have it (rg_store_state).
static uint32_t find_version(const rg__pages_t *file, const rg__meta_page_t *meta)
{
    rg__pages_table_t tables[RG__TABLES_MAX];
    const size_t n = rg__pages_tables(file, meta, tables);
    uint32_t version = 0;
    for (size_t t = 0; t < n; t++) {
        if (tables[t].seed != rg_hash("meta", 4, 0) || tables[t].head.depth != 1) continue;
        const rg__page_t *page = rg__pages_at(file, tables[t].head.root);
        for (size_t i = 0; i < rg__pages_entries(page); i++) {
            const rg__pages_node_t *node = rg__pages_node(page, i);
            if (node->key_size == 5 && memcmp(node->key, "state", 5) == 0 &&
                value_size(node) >= sizeof version + sizeof(uint64_t))
                memcpy(&version, node->key + node->key_size, sizeof version);
        }
    }
    return version;
}

// A table that this program does not know is damage, unless a newer version has written the store.
static int fail_unknown(const rg__pages_t *file, const rg__meta_page_t *meta)
{
    const uint32_t version = find_version(file, meta);
    if (version > RG__STORE_VERSION) return rg__store_fail_version(file->path, version);
    return fail_page(file, file->unknown_on, "it names an unknown table");
}

static int check_all_pages(rg__pages_t *file, const rg__meta_page_t *meta)
{
    int err = check_size(file, meta);
    if (err) return err;
    rg_bitset_init(&file->unused, file->pages, 1);
    err = check_table(file, &meta->tables[FREE_LIST], FREE_LIST);
    if (!err) err = check_table(file, &meta->tables[MAIN], MAIN);
    if (!err && file->unknown_on) err = fail_unknown(file, meta);
    rg_bitset_fini(&file->unused);
    return err;
}

static int map_pages(rg__pages_t *file, int fd)
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

int rg__store_check_file(rg_store_t *store)
{
    rg__pages_t file = {.path = rg_format("%s/data.mdb", store->path)};
    rg__meta_page_t metas[2];
    int fd = open(file.path, O_RDONLY | O_CLOEXEC), err = 0;
    if (fd < 0 && errno != ENOENT) err = rg_fail_errno(RG_EIO, "%s: cannot open", file.path);
    if (fd >= 0) err = map_pages(&file, fd);
    if (!err && file.map) err = read_metas(&file, metas);
    const int is_large = file.bytes > RG_STORE_CHECKED_AT_ONCE && !rg_exists(store->suspect);
    atomic_store(&store->check, is_large ? RG__STORE_UNCHECKED : RG__STORE_CHECKED);
    const rg__meta_page_t *newest = &metas[metas[1].transaction > metas[0].transaction];
    if (!err && file.map) err = is_large ? check_size(&file, newest) : check_all_pages(&file, newest);
    if (file.map) munmap((void *)file.map, file.bytes);
    if (fd >= 0) close(fd);
    free(file.path);
    return err;
}

// ---- the file of an open store

int rg__pages_map(rg__pages_t *file, rg_store_t *store, uint64_t transaction, rg__meta_page_t *meta)
{
    rg__meta_page_t metas[2];
    mdb_filehandle_t fd;
    *file = (rg__pages_t){.path = rg_format("%s/data.mdb", store->path)};
    mdb_env_get_fd(store->env, &fd);
    int err = map_pages(file, fd);
    if (!err) err = read_metas(file, metas);
    if (err) return err;
    *meta = metas[metas[1].transaction == transaction];
    return meta->transaction == transaction ? check_size(file, meta) : RG_EBUSY;
}

void rg__pages_unmap(rg__pages_t *file)
{
    if (file->map) munmap((void *)file->map, file->bytes);
    free(file->path);
    *file = (rg__pages_t){0};
}

// Enters the tables below a page of the table of tables.
static size_t list_tables(const rg__pages_t *file, uint64_t number, rg__pages_table_t *tables, size_t n)
{
    const rg__page_t *page = rg__pages_at(file, number);
    for (size_t i = 0; i < rg__pages_entries(page) && n < RG__TABLES_MAX; i++) {
        const rg__pages_node_t *node = rg__pages_node(page, i);
        if (page->flags == BRANCH) {
            n = list_tables(file, rg__pages_below(node), tables, n);
            continue;
        }
        tables[n].seed = rg_hash(node->key, node->key_size, 0);
        memcpy(&tables[n++].head, node->key + node->key_size, sizeof tables->head);
    }
    return n;
}

size_t rg__pages_tables(const rg__pages_t *file, const rg__meta_page_t *meta,
                        rg__pages_table_t tables[RG__TABLES_MAX])
{
    const uint64_t root = meta->tables[MAIN].root;
    return root == UINT64_MAX ? 0 : list_tables(file, root, tables, 0);
}

static int check_open_file(rg_store_t *store, int is_outline)
{
    int err = RG_EBUSY;
    for (int i = 0; i < RETRIES && err == RG_EBUSY; i++) {
        rg__pages_t file = {0};
        rg__meta_page_t meta;
        rg_store_txn_t *txn = NULL;
        err = rg_store_begin_read(store, &txn);
        if (!err) err = rg__pages_map(&file, store, mdb_txn_id(txn->txn), &meta);
        file.is_outline = is_outline;
        if (!err) err = check_all_pages(&file, &meta);
        rg__pages_unmap(&file);
        rg_store_abort(&txn);
    }
    return err == RG_EBUSY ? rg_fail(err, "%s: the store changes too fast to be checked", store->path) : err;
}

int rg_store_check_pages(rg_store_t *store)
{
    return check_open_file(store, 0);
}

int rg__store_check_outline(rg_store_t *store)
{
    return check_open_file(store, 1);
}
