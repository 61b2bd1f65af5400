// Snapshot files of an index with arbitrary bytes. Each input is read twice: as it is, and with a head whose
// size and checksum fit the bytes, so that the code behind the checksum is reached. FAISS is never reached,
// because that head says that there are no rows.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/core/hash.h"
#include "services/retrieval/snapshot.h"
#include "tests/fuzz/fuzz.h"

enum { HEAD = 64, IN_FILE_AT = 32, ROWS_AT = 40, SIZE_AT = 48, SUM_AT = 56, DIM = 4 };

static const char FACTORY[] = "HNSW8", MODEL[] = "m";

static void read_file(const uint8_t *bytes, size_t size)
{
    const rg_store_model_t model = {.name = "m", .embed_dim = DIM, .features_shape = {1, 1, 1}};
    rg_snapshot_t snapshot = {0};
    char path[64];
    int fd = memfd_create("snapshot", MFD_CLOEXEC);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (fd < 0 || write(fd, bytes, size) != (ssize_t)size) abort();
    if (rg_snapshot_read(&snapshot, path, &model, FACTORY) == 0) {
        if (snapshot.rows || snapshot.index)
            abort(); // the seeds have no rows, and mutations do not pass the checksum
        rg_snapshot_fini(&snapshot);
    }
    if (snapshot.labels || snapshot.index) abort();
    close(fd);
}

static void fit_head(uint8_t *bytes, size_t size)
{
    const uint64_t rows = 0, all = size;
    rg_hasher_t *hasher = rg_hasher_new();
    memcpy(bytes + IN_FILE_AT, &rows, sizeof rows);
    memcpy(bytes + ROWS_AT, &rows, sizeof rows);
    memcpy(bytes + SIZE_AT, &all, sizeof all);
    rg_hasher_add(hasher, bytes, SUM_AT);
    rg_hasher_add(hasher, bytes + HEAD, size - HEAD);
    const uint64_t sum = rg_hasher_finish(&hasher);
    memcpy(bytes + SUM_AT, &sum, sizeof sum);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    read_file(data, size);
    if (size < HEAD) return 0;
    uint8_t *bytes = malloc(size);
    if (!bytes) abort();
    memcpy(bytes, data, size);
    fit_head(bytes, size);
    read_file(bytes, size);
    free(bytes);
    return 0;
}

// Snapshots without rows; the second one has bytes behind the texts.
size_t rg_fuzz_seed(size_t i, uint8_t *out, size_t capacity)
{
    const uint32_t fields[] = {2, DIM, sizeof MODEL - 1, sizeof FACTORY - 1};
    size_t size = HEAD + sizeof MODEL - 1 + sizeof FACTORY - 1 + 100 * i;
    if (i > 1 || capacity < size) return 0;
    memset(out, 0, size);
    memcpy(out, "RGINDEX", 8);
    memcpy(out + 8, fields, sizeof fields);
    memcpy(out + HEAD, MODEL, sizeof MODEL - 1);
    memcpy(out + HEAD + sizeof MODEL - 1, FACTORY, sizeof FACTORY - 1);
    fit_head(out, size);
    return size;
}
