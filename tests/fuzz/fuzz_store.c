// The file of the retrieval store with arbitrary bytes. Each input is read twice: as it is, and with the
// size and the meta pages of a sound store, so that the checks behind those are reached. What the check of
// its structure lets pass is read completely and written to: LMDB must not be led astray by anything that
// is left.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/core/alloc.h"
#include "common/core/file.h"
#include "services/retrieval/store.h"
#include "tests/fuzz/fuzz.h"

enum { MAP_BYTES = 1 << 20, IMAGES = 6, DIM = 2, META_BYTES = 2 * 4096 };

static char folder[] = "/tmp/rg-fuzz-store-XXXXXX", *path;
static unsigned char *sound; // a sound store, written densely so that it is small
static size_t sound_size;

static void end_store(void)
{
    static const char *const names[] = {"data.mdb", "lock.mdb", "owner.lock", "compacting/data.mdb",
                                        "compacting"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *name = rg_format("%s/%s", folder, names[i]);
        remove(name);
        free(name);
    }
    rmdir(folder);
    free(path);
    free(sound);
}

static rg_store_image_t image_of(unsigned n)
{
    rg_store_image_t image = {.generation = 1, .time_ms = n, .id = {(uint8_t)n}};
    snprintf(image.name, sizeof image.name, "%u.jpg", n);
    return image;
}

static void put_image(rg_store_txn_t *txn, unsigned n)
{
    static const unsigned char large[3000], embedding[DIM * 4];
    rg_store_image_t image = image_of(n);
    const rg_store_value_t derived[RG_DERIVED_KINDS] = {{embedding, sizeof embedding}, {large, 2}};
    if (rg_store_put(txn, &image, (rg_store_value_t){large, n % 3 ? 20 : sizeof large}) == 0)
        rg_store_put_derived(txn, image.label, 0, derived);
}

static void read_all(rg_store_txn_t *txn)
{
    rg_store_image_t image;
    rg_store_value_t value;
    uint64_t count;
    int err = 0;
    for (uint64_t from = 0; !err; from = image.label + 1) {
        err = rg_store_next(txn, from, &image);
        if (!err) rg_store_thumbnail(txn, &image, &value);
        for (int kind = 0; kind < RG_DERIVED_KINDS && !err; kind++)
            rg_store_derived(txn, &image, 0, kind, DIM * 4, &value);
    }
    for (uint32_t slot = 0; slot < RG_STORE_SLOTS; slot++) rg_store_count_damaged(txn, slot, &count);
}

static void open_store_file(const uint8_t *data, size_t size)
{
    rg_store_t *store = NULL;
    rg_store_txn_t *txn = NULL;
    FILE *file = fopen(path, "w");
    if (!file || fwrite(data, 1, size, file) != size || fclose(file) != 0) abort();
    if (rg_store_open(&store, folder, MAP_BYTES) != 0) return;
    if (rg_store_begin_read(store, &txn) == 0) read_all(txn);
    rg_store_abort(&txn);
    if (rg_store_begin_write(store, &txn) == 0) put_image(txn, IMAGES);
    rg_store_abort(&txn);
    rg_store_close(&store);
}

static void make_sound_store(void)
{
    rg_store_t *store = NULL;
    rg_store_txn_t *txn = NULL;
    if (sound) return;
    if (!mkdtemp(folder)) abort();
    atexit(end_store);
    path = rg_format("%s/data.mdb", folder);
    const rg_store_state_t state = {.generation = 1, .model = {.name = "m", .embed_dim = DIM}};
    if (rg_store_open(&store, folder, MAP_BYTES) || rg_store_begin_write(store, &txn)) abort();
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

size_t rg_fuzz_seed(size_t i, uint8_t *out, size_t capacity)
{
    make_sound_store();
    if (i > 0 || sound_size > capacity) return 0;
    memcpy(out, sound, sound_size);
    return sound_size;
}
