// The file of the retrieval store with arbitrary bytes. Each input is read twice: as it is, and with the
// size and the meta pages of a sound store, so that the checks behind those are reached. What the check of
// its structure lets pass is read completely and written to: LMDB must not be led astray by anything that
// is left.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/file.h"
#include "common/core/log.h"
#include "services/retrieval/store.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/scratch.h"
#include "tests/support/plain_store.h"

enum { MAP_BYTES = 1 << 20, IMAGES = 6, DIM = 2, META_BYTES = 2 * 4096 };

static char *path;
static unsigned char *sound; // a sound store, written densely so that it is small
static size_t sound_size;

static void end_store(void)
{
    free(path);
    free(sound);
}

static rg_store_image_t image_of(unsigned n)
{
    rg_store_image_t image = {.generation = 1, .time_ms = n, .id = {(uint8_t)n}};
    snprintf(image.name, sizeof image.name, "%u.jpg", n);
    return image;
}

// An image, and tombstones of two others.
static void put_image(rg_store_txn_t *txn, unsigned n)
{
    static const unsigned char large[3000], embedding[DIM * 4];
    rg_store_image_t image = image_of(n);
    const rg_store_value_t derived[RG_DERIVED_KINDS] = {{embedding, sizeof embedding}, {large, 2}};
    if (rg_store_put(txn, &image, (rg_store_value_t){large, n % 3 ? 20 : sizeof large}) == 0)
        rg_store_put_derived(txn, image.label, 0, derived);
    if (n % 2) rg_store_set_asked(txn, image.id, n);
    for (unsigned removed = 100; removed < 102; removed++)
        rg_store_put_tombstone(txn, image_of(2 * n + removed).id, n + removed);
    rg_store_put_removed(txn, image.label + 100);
}

static void count_label(void *count, uint64_t label)
{
    *(uint64_t *)count += label > 0;
}

static void read_image(rg_store_txn_t *txn, const rg_store_image_t *image)
{
    const rg_store_model_t model = {.embed_dim = DIM};
    rg_store_value_t value;
    uint64_t number;
    for (int kind = 0; kind < RG_DERIVED_KINDS; kind++)
        rg_store_derived(txn, image, 0, kind, DIM * 4, &value);
    rg_store_thumbnail(txn, image, &value);
    rg_store_check_image(txn, image, 0, &model);
    rg_store_find(txn, image->id, &number);
    rg_store_asked(txn, image->id, &number);
    rg_store_tombstone(txn, image->id, &number);
    rg_store_find_prefix(txn, image->name, count_label, &number);
}

static void read_all(rg_store_txn_t *txn)
{
    const uint8_t missing[RG_ID_SIZE] = {255};
    rg_store_image_t image;
    rg_store_state_t state;
    rg_store_entries_t entries;
    uint64_t count;
    int err = 0;
    for (uint64_t from = 0; !err; from = image.label + 1) {
        err = rg_store_next(txn, from, &image);
        if (!err) read_image(txn, &image);
    }
    rg_store_find_record(txn, missing, &count);
    rg_store_find_prefix(txn, "", count_label, &count);
    rg_store_list_removed(txn, count_label, &count);
    rg_store_median_tombstone(txn, &count);
    rg_store_rows_file(txn, &count);
    rg_store_forgotten(txn, &count);
    rg_store_entries(txn, &entries);
    rg_store_state(txn, &state);
    for (uint32_t slot = 0; slot < RG_STORE_SLOTS; slot++) rg_store_count_damaged(txn, slot, &count);
}

// What the service writes: more images, the times of additions, removals.
static void change_all(rg_store_txn_t *txn)
{
    rg_store_image_t image;
    uint64_t left;
    put_image(txn, IMAGES);
    put_image(txn, 1);
    if (rg_store_next(txn, 0, &image) == 0) rg_store_set_asked(txn, image.id, 1);
    rg_store_delete(txn, 2);
    rg_store_drop_tombstones(txn, 103, &left);
    rg_store_set_forgotten(txn, 103);
    rg_store_set_rows_file(txn, 2);
    rg_store_clear_slot(txn, 0);
}

static void open_store_file(const uint8_t *data, size_t size)
{
    rg_store_t *store = NULL;
    rg_store_txn_t *txn = NULL;
    scratch_write(path, data, size);
    if (rg_store_open(&store, scratch_open(), MAP_BYTES) != 0) return;
    if (rg_store_begin_read(store, &txn) == 0) read_all(txn);
    rg_store_abort(&txn);
    if (rg_store_begin_write(store, &txn) == 0) {
        change_all(txn);
        rg_store_commit(&txn);
    }
    rg_store_close(&store);
}

static void make_sound_store(void)
{
    rg_store_t *store = NULL;
    rg_store_txn_t *txn = NULL;
    if (sound) return;
    rg_log_init("fuzz", RG_LOG_ERROR);
    path = rg_format("%s/data.mdb", scratch_open());
    atexit(end_store);
    const rg_store_state_t state = {.generation = 1, .model = {.name = "m", .embed_dim = DIM}};
    if (rg_store_open(&store, scratch_open(), MAP_BYTES) || rg_store_begin_write(store, &txn)) abort();
    for (unsigned n = 0; n < IMAGES; n++) put_image(txn, n);
    if (rg_store_set_state(txn, &state) || rg_store_commit(&txn) || rg_store_copy(store) ||
        rg_store_use_copy(store))
        abort();
    rg_store_close(&store);
    if (rg_file_read(path, MAP_BYTES, &sound, &sound_size) != 0) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    make_sound_store();
    uint8_t *mixed = rg_alloc(sound_size);
    const size_t used = size < sound_size ? size : sound_size;
    memcpy(mixed, sound, META_BYTES);
    if (used > META_BYTES) memcpy(mixed + META_BYTES, data + META_BYTES, used - META_BYTES);
    open_store_file(data, size);
    open_store_file(mixed, sound_size);
    free(mixed);
    return 0;
}

// A store of version 3, which is converted when it is opened: nothing tells whether its values are what was written.
static size_t plain_seed(uint8_t *out, size_t capacity)
{
    char *folder = rg_format("%s/plain", scratch_open()), *plain = rg_format("%s/data.mdb", folder);
    scratch_write(path, sound, sound_size);
    if (rg_mkdirs(folder) != 0) abort();
    write_plain_store(scratch_open(), folder);
    size_t size = scratch_read(plain, out, capacity);
    free(plain);
    free(folder);
    return size;
}

size_t rg_fuzz_seed(size_t i, uint8_t *out, size_t capacity)
{
    make_sound_store();
    if (i == 1) return plain_seed(out, capacity);
    if (i > 0 || sound_size > capacity) return 0;
    memcpy(out, sound, sound_size);
    return sound_size;
}
