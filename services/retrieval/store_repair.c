// The tables `ids` and `by_name` hold what the image records hold, but for the times of requests in `ids`. So
// damage to them is mended when the store has been checked: they are written anew from the records, without the
// times. Damage to the other tables cannot be
// mended here; images that it concerns are left out (view.c) until somebody adds them again.
#include <string.h>
#include <unistd.h>

#include "common/core/err.h"
#include "common/core/log.h"
#include "services/retrieval/store_private.h"

// Returns 1 if both tables lead to the image, 0 if not, or an error.
static int is_listed(rg_store_txn_t *txn, const rg_store_image_t *image)
{
    char key[RG__NAME_KEY_SIZE];
    rg_store_value_t value;
    uint64_t label;
    int err = rg_store_find(txn, image->id, &label);
    if (!err && label != image->label) return 0;
    if (!err) err = rg__store_get(txn, &txn->store->names, key, rg__store_name_key(image, key), &value);
    return err == RG_ENOENT || err == RG_EFORMAT ? 0 : err ? err : 1;
}

int rg__store_compare_lists(rg_store_txn_t *txn, rg__lists_check_t *lists, size_t limit)
{
    rg_store_image_t image;
    for (size_t i = 0; i < limit; i++) {
        int err = rg_store_next(txn, lists->from, &image);
        lists->is_complete = err == RG_ENOENT;
        if (err == RG_ENOENT) return 0;
        if (err && err != RG_EFORMAT) return err;
        lists->from = image.label + 1;
        int listed = err ? 1 : is_listed(txn, &image);
        if (listed < 0) return listed;
        lists->images += !err;
        lists->unlisted += !listed;
    }
    return 0;
}

// Enters an image again. An older record of the same id, which was added again while its id was damaged,
// goes.
static int list_again(rg_store_txn_t *txn, const rg_store_image_t *image)
{
    uint64_t older;
    int err = rg_store_find(txn, image->id, &older);
    if (!err) err = rg_store_delete(txn, older);
    if (err && err != RG_ENOENT) return err;
    return rg__store_list_image(txn, image);
}

static int rebuild(rg_store_txn_t *txn)
{
    rg_store_image_t image;
    int rc = mdb_drop(txn->txn, txn->store->ids.dbi, 0);
    if (!rc) rc = mdb_drop(txn->txn, txn->store->names.dbi, 0);
    int err = rc ? rg__store_fail(txn->store, rc, "write to") : 0;
    for (uint64_t from = 0; !err; from = image.label + 1) {
        err = rg_store_next(txn, from, &image);
        if (!err) err = list_again(txn, &image);
        if (err == RG_EFORMAT) err = 0;
    }
    return err == RG_ENOENT ? 0 : err;
}

static int list_all_again(rg_store_t *store, const rg__lists_check_t *lists)
{
    rg_store_txn_t *txn = NULL;
    int err = rg_store_begin_write(store, &txn);
    if (!err) err = rebuild(txn);
    if (!err) err = rg_store_commit(&txn);
    rg_store_abort(&txn);
    if (!err)
        rg_log(RG_LOG_WARN, "store-repaired", "path=\"%s\" images=%llu lost_from_ids_or_names=%llu",
               store->path, (unsigned long long)lists->images, (unsigned long long)lists->unlisted);
    return err;
}

int rg__store_mend(rg_store_t *store, const rg__lists_check_t *lists)
{
    if (store->read_only) return 0;
    unlink(store->suspect);
    return lists->unlisted ? list_all_again(store, lists) : 0;
}

int rg__store_repair(rg_store_t *store)
{
    rg_store_txn_t *txn = NULL;
    rg__lists_check_t lists = {0};
    int err = rg_store_begin_read(store, &txn);
    if (!err) err = rg__store_compare_lists(txn, &lists, SIZE_MAX);
    rg_store_abort(&txn);
    return err ? err : rg__store_mend(store, &lists);
}
