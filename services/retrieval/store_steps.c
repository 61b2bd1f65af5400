// The check of a large file while the store is used.
//
//   outline   on the thread that writes: which pages are used and which are free (store_pages.c)
//   step      on another thread: the next leaf pages of a table, in the order of its keys, in a read transaction
//             of its own, because a long one would keep LMDB from using pages again; when all tables are done,
//             the entries in ids and names of the next images
//   finish    on the thread that writes: mends ids and names (store_repair.c)
//
// Between outline and finish images can be added. LMDB then changes a leaf page only after the page was checked
// here (rg__store_touch). What deletes could join two leaf pages, and waits for the end.
#include <string.h>

#include "common/core/err.h"
#include "services/retrieval/store_pages_private.h"

enum {
    LEAVES = 2048,
    IMAGES = 4096,
    IMAGES_PER_LEAF = 16
}; // of a step; what the progress counts like a leaf

// ---- leaf pages

// Some leaf pages of a table.
typedef struct {
    rg__walk_t walk;
    rg__bound_t from; // key to begin with
    size_t left;      // how many may still be checked
    rg__bound_t next; // least key of the first one that was left; without size: all are done
} piece_t;

// The entry of a branch page that leads to a key.
static size_t find_entry(const rg__table_head_t *head, const rg__page_t *page, rg__bound_t key)
{
    size_t low = 0, high = rg__pages_entries(page);
    while (key.size && high - low > 1) {
        const size_t middle = low + (high - low) / 2;
        const rg__pages_node_t *node = rg__pages_node(page, middle);
        if (rg__pages_compare(head, (rg__bound_t){node->key, node->key_size}, key) <= 0)
            low = middle;
        else
            high = middle;
    }
    return low;
}

// The bounds of the page below entry i of a page with these bounds.
static void narrow(const rg__page_t *page, size_t i, rg__bound_t *low, rg__bound_t *high)
{
    const rg__pages_node_t *node = rg__pages_node(page, i);
    if (i) *low = (rg__bound_t){node->key, node->key_size};
    if (i + 1 >= rg__pages_entries(page)) return;
    node = rg__pages_node(page, i + 1);
    *high = (rg__bound_t){node->key, node->key_size};
}

static int check_leaves(piece_t *piece, uint64_t number, unsigned level, rg__bound_t low, rg__bound_t high)
{
    const rg__table_head_t *head = piece->walk.head;
    if (level + 1 == head->depth) {
        if (piece->left) return piece->left--, rg__pages_check(&piece->walk, number, level, low, high);
        piece->next = low;
        return 0;
    }
    const rg__page_t *page = rg__pages_at(piece->walk.file, number);
    int err = 0;
    for (size_t i = find_entry(head, page, piece->from); i < rg__pages_entries(page) && !err; i++) {
        rg__bound_t below = low, above = high;
        narrow(page, i, &below, &above);
        err = check_leaves(piece, rg__pages_below(rg__pages_node(page, i)), level + 1, below, above);
        if (piece->next.size) break;
    }
    return err;
}

static int check_entries(const rg__steps_t *steps, const rg__pages_t *file, const rg__table_head_t *head)
{
    if (steps->entries == head->entries) return 0;
    return rg_fail(RG_EFORMAT, "%s: page %llu is damaged: the table that begins here has lost entries",
                   file->path, (unsigned long long)head->root);
}

// Goes on in table steps->table. Its entries are counted as long as nobody writes.
static int check_piece(rg__steps_t *steps, rg__pages_t *file, const rg__table_head_t *head,
                       uint64_t transaction)
{
    piece_t piece = {.walk = {.file = file, .head = head, .number = 2},
                     .from = {steps->key, steps->key_size},
                     .left = LEAVES};
    const rg__bound_t none = {0};
    if (!steps->key_size) steps->entries = 0, steps->transaction = transaction;
    const int has_leaves = head->root != UINT64_MAX && !(head->flags & MDB_DUPSORT);
    int err = has_leaves ? check_leaves(&piece, head->root, 0, none, none) : 0;
    if (err) return err;
    steps->leaves += LEAVES - piece.left;
    steps->entries += piece.walk.found.entries;
    steps->key_size = piece.next.size;
    if (piece.next.size) {
        memcpy(steps->key, piece.next.bytes, piece.next.size);
        return 0;
    }
    steps->table++;
    return has_leaves && steps->transaction == transaction ? check_entries(steps, file, head) : 0;
}

static int check_tables(rg_store_t *store, rg_store_txn_t *txn)
{
    rg__steps_t *steps = &store->steps;
    rg__pages_table_t tables[RG__TABLES_MAX];
    rg__pages_t file;
    rg__meta_page_t meta;
    const uint64_t transaction = mdb_txn_id(txn->txn);
    int err = rg__pages_map(&file, store, transaction, &meta);
    const size_t n = err ? 0 : rg__pages_tables(&file, &meta, tables);
    steps->total = 0;
    for (size_t i = 0; i < n; i++) steps->total += tables[i].head.leaf_pages;
    if (!err && steps->table < n) err = check_piece(steps, &file, &tables[steps->table].head, transaction);
    steps->are_tables_done = !err && steps->table >= n;
    rg__pages_unmap(&file);
    return err == RG_EBUSY ? 0 : err; // the transaction was too old: the next step tries again
}

// ---- the steps

int rg_store_check_outline(rg_store_t *store)
{
    int err = rg__store_check_outline(store);
    if (err == RG_EFORMAT) rg__store_suspect(store);
    if (!err) atomic_store(&store->check, RG__STORE_OUTLINED);
    return err;
}

int rg_store_check_step(rg_store_t *store, double *share)
{
    rg__steps_t *steps = &store->steps;
    rg_store_txn_t *txn = NULL;
    uint64_t images = 0;
    int err = rg_store_begin_read(store, &txn);
    if (!err) err = rg_store_count(txn, &images);
    if (!err)
        err = steps->are_tables_done ? rg__store_compare_lists(txn, &steps->lists, IMAGES)
                                     : check_tables(store, txn);
    rg_store_abort(&txn);
    if (err == RG_EFORMAT) rg__store_suspect(store);
    const double total = (double)steps->total + (double)images / IMAGES_PER_LEAF;
    const double done = (double)steps->leaves + (double)steps->lists.images / IMAGES_PER_LEAF;
    *share = steps->lists.is_complete ? 1 : done < total ? 0.99 * done / total : 0.99;
    return err;
}

int rg_store_check_finish(rg_store_t *store)
{
    atomic_store(&store->check, RG__STORE_CHECKED);
    return rg__store_mend(store, &store->steps.lists);
}

// ---- changes before the end of the check

struct rg__touch {
    rg__pages_t file;
    rg__pages_table_t tables[RG__TABLES_MAX];
    size_t n;
};

int rg__store_touch_begin(rg_store_txn_t *txn)
{
    rg__meta_page_t meta;
    rg__touch_t *touch = txn->touch = rg_alloc(sizeof *touch);
    int err = rg__pages_map(&touch->file, txn->store, mdb_txn_id(txn->txn) - 1, &meta);
    if (!err) touch->n = rg__pages_tables(&touch->file, &meta, touch->tables);
    return err;
}

void rg__store_touch_end(rg_store_txn_t *txn)
{
    if (!txn->touch) return;
    rg__pages_unmap(&txn->touch->file);
    free(txn->touch);
    txn->touch = NULL;
}

// Checks the leaf page that holds a key, or would hold it.
static int check_leaf_of(rg__pages_t *file, const rg__table_head_t *head, rg__bound_t key)
{
    rg__walk_t walk = {.file = file, .head = head, .number = 2};
    rg__bound_t low = {0}, high = {0};
    uint64_t number = head->root;
    for (unsigned level = 0; level + 1 < head->depth; level++) {
        const rg__page_t *page = rg__pages_at(file, number);
        const size_t i = find_entry(head, page, key);
        narrow(page, i, &low, &high);
        number = rg__pages_below(rg__pages_node(page, i));
    }
    return rg__pages_check(&walk, number, head->depth - 1u, low, high);
}

int rg__store_touch(rg_store_txn_t *txn, const rg__table_t *table, const void *key, size_t key_size)
{
    rg__touch_t *touch = txn->touch;
    int err = 0;
    for (size_t i = 0; i < touch->n; i++)
        if (touch->tables[i].seed == table->seed && touch->tables[i].head.root != UINT64_MAX)
            err = check_leaf_of(&touch->file, &touch->tables[i].head, (rg__bound_t){key, key_size});
    if (err == RG_EFORMAT) rg__store_suspect(txn->store);
    return err;
}

int rg__store_may_delete(const rg_store_txn_t *txn)
{
    if (!txn->touch) return 0;
    return rg_fail(RG_EBUSY, "%s: the store is still being checked: try again", txn->store->path);
}
