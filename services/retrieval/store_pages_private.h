// Inside the check of data.mdb: what store_pages.c (all pages at once) and store_steps.c (a large file, piece by
// piece) share. The format is that of LMDB 0.9 on a machine with 64 bits (mdb.c: MDB_page, MDB_node, MDB_db,
// MDB_meta).
#ifndef RG_RETRIEVAL_STORE_PAGES_PRIVATE_H
#define RG_RETRIEVAL_STORE_PAGES_PRIVATE_H

#include "services/retrieval/bitset.h"
#include "services/retrieval/store_private.h"

enum { RG__PAGE_BRANCH = 1, RG__PAGE_HEAD = 16, RG__TABLES_MAX = 32 };

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
} rg__page_t;

typedef struct {
    uint16_t low, high; // of the size of the value; of the number of the page below, with the flags
    uint16_t flags, key_size;
    unsigned char key[];
} rg__pages_node_t;

typedef struct {
    uint32_t page_size; // of the free list only
    uint16_t flags, depth;
    uint64_t branch_pages, leaf_pages, overflow_pages, entries, root; // root UINT64_MAX: empty
} rg__table_head_t;

typedef struct {
    uint32_t magic, version;
    uint64_t address, map_bytes;
    rg__table_head_t tables[2]; // the free list, and the table of all other tables
    uint64_t last_page, transaction;
} rg__meta_page_t;

// The mapped file while it is checked.
typedef struct {
    char *path;
    const unsigned char *map;
    size_t bytes, page_size;
    uint64_t pages;
    rg_bitset_t unused;  // pages that have not been met yet; without words: that is not asked
    uint64_t unknown_on; // page that names an unknown table; 0: none
    int is_outline;      // leaf pages are left out where they lead to no other page
} rg__pages_t;

// A table while it is followed.
typedef struct {
    rg__pages_t *file;
    const rg__table_head_t *head;
    int number;             // 0: the free list, 1: the table of tables, 2: any other one
    rg__table_head_t found; // counts
} rg__walk_t;

// Keys of a page lie between two bounds.
typedef struct {
    const unsigned char *bytes;
    size_t size; // 0: no bound
} rg__bound_t;

// Maps the file of an open store as the transaction of this number has left it. RG_EBUSY if two others have
// been committed since. Always unmap.
int rg__pages_map(rg__pages_t *file, rg_store_t *store, uint64_t transaction, rg__meta_page_t *meta);
void rg__pages_unmap(rg__pages_t *file);

// Checks a page, and those below it. RG_EFORMAT naming the page.
int rg__pages_check(rg__walk_t *table, uint64_t number, unsigned level, rg__bound_t low, rg__bound_t high);

// The entries of a page that has been checked.
const rg__page_t *rg__pages_at(const rg__pages_t *file, uint64_t number);
size_t rg__pages_entries(const rg__page_t *page);
const rg__pages_node_t *rg__pages_node(const rg__page_t *page, size_t i);
uint64_t rg__pages_below(const rg__pages_node_t *node); // page that an entry of a branch page leads to

// Orders two keys of a table.
int rg__pages_compare(const rg__table_head_t *head, rg__bound_t a, rg__bound_t b);

// The tables of the program, with the seeds of their checksums (rg__table_t). The table of tables has been
// checked. Returns their number.
typedef struct {
    uint64_t seed;
    rg__table_head_t head;
} rg__pages_table_t;
size_t rg__pages_tables(const rg__pages_t *file, const rg__meta_page_t *meta,
                        rg__pages_table_t tables[RG__TABLES_MAX]);

#endif
