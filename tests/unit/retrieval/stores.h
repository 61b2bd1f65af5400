// Stores that hold pictures.
#ifndef RG_TEST_RETRIEVAL_STORES_H
#define RG_TEST_RETRIEVAL_STORES_H

#include "services/retrieval/store.h"
#include "tests/unit/retrieval/pictures.h"

static inline rg_store_t *open_store(const char *path)
{
    rg_store_t *store = NULL;
    assert_ok(rg_store_open(&store, path, MAP_BYTES));
    return store;
}

// Stores what a model derives from picture n, in the model's slot.
static inline int make_picture(rg_store_txn_t *txn, unsigned n, uint64_t label, uint32_t slot)
{
    picture_t p;
    picture(&p, n);
    const rg_store_value_t made[RG_DERIVED_KINDS] = {{p.embedding, sizeof p.embedding},
                                                     {p.features, sizeof p.features}};
    return rg_store_put_derived(txn, label, slot, made);
}

// Stores picture n, whole. *label: the image's.
static inline int put_picture(rg_store_txn_t *txn, unsigned n, uint64_t *label)
{
    picture_t p;
    picture(&p, n);
    rg_store_image_t image = {.generation = 7, .time_ms = 1000 + n, .annotated = n % 2};
    memcpy(image.id, p.id, sizeof p.id);
    strcpy(image.name, p.name);
    int err = rg_store_put(txn, &image, (rg_store_value_t){p.thumbnail, sizeof p.thumbnail});
    if (!err) err = make_picture(txn, n, image.label, 0);
    if (!err) *label = image.label;
    return err;
}

// The same in a transaction of its own. Returns the label.
static inline uint64_t store_one(rg_store_t *store, unsigned n)
{
    rg_store_txn_t *txn = NULL;
    uint64_t label = 0;
    assert_ok(rg_store_begin_write(store, &txn));
    assert_ok(put_picture(txn, n, &label));
    assert_ok(rg_store_commit(&txn));
    return label;
}

static inline uint64_t count_stored(rg_store_t *store)
{
    rg_store_txn_t *txn = NULL;
    uint64_t count;
    assert_ok(rg_store_begin_read(store, &txn));
    assert_ok(rg_store_count(txn, &count));
    rg_store_abort(&txn);
    return count;
}

#endif
