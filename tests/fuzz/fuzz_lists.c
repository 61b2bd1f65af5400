// Files of rows and of inverted lists with arbitrary bytes. Each input is opened as both, as it is and with
// checksums that fit the bytes, so that the code behind them is reached. Lists that open are searched.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/hash.h"
#include "services/retrieval/lists_private.h"
#include "services/retrieval/rows_file.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/scratch.h"

enum { DIM = 4, ROWS = 256, NUMBER = 1, ROWS_SUM_AT = 24, QUERIES = 2, K = 3 };

static void put_file(const char *name, const uint8_t *bytes, size_t size)
{
    char path[96];
    snprintf(path, sizeof path, "%s/%s.%d", scratch_open(), name, NUMBER);
    scratch_write(path, bytes, size);
}

// Finds rows that are there, each once at most in a list.
static void search(const rg_lists_t *lists)
{
    const float queries[QUERIES * DIM] = {0, 1, -1, 1e30F};
    int64_t found[QUERIES * K];
    rg_lists_search(lists, found, queries, QUERIES, K, 0, NULL, NULL);
    for (int i = 0; i < QUERIES * K; i++)
        if (found[i] < -1 || found[i] >= ROWS) abort();
}

static void open_both(const uint8_t *bytes, size_t size, int are_lists_sound)
{
    const uint64_t number = NUMBER;
    rg_rows_file_t *file = NULL;
    rg_lists_t *lists = NULL;
    rg_rows_t rows;
    put_file("rows", bytes, size);
    if (rg_rows_file_open(&file, scratch_open(), NUMBER, DIM) == 0) {
        rg_rows_file_map(file, &rows);
        if (rows.count != rg_rows_file_count(file)) abort();
        rg_rows_fini(&rows);
        rg_rows_file_release(&file);
    }
    put_file("lists", bytes, size);
    if (rg_lists_open(&lists, scratch_open(), &number, 1, DIM, ROWS) == 0) {
        if (rg_lists_count(lists) != ROWS) abort();
        if (are_lists_sound) search(lists); // a damaged list ends the process
        rg_lists_release(&lists);
    }
    if (file || lists) abort();
}

static void fit_rows(uint8_t *bytes, size_t size)
{
    if (size < ROWS_SUM_AT + sizeof(uint64_t)) return;
    const uint64_t sum = rg_hash(bytes, ROWS_SUM_AT, 0);
    memcpy(bytes + ROWS_SUM_AT, &sum, sizeof sum);
}

// Reads list i. Returns 1 if it lies in the file behind the table.
static int find_list(const uint8_t *bytes, const rg__lists_head_t *head, uint32_t i, rg__list_t *list)
{
    memcpy(list, bytes + rg__lists_table_offset(head) + i * sizeof *list, sizeof *list);
    return list->rows <= ROWS && list->offset % 64 == 0 && list->offset >= rg__lists_front_bytes(head) &&
           list->offset <= head->size &&
           rg__lists_bytes(list->rows, head->width) <= head->size - list->offset;
}

static void fit_positions(uint8_t *bytes, const rg__list_t *list)
{
    uint32_t *positions = (uint32_t *)(bytes + list->offset);
    for (uint64_t i = 0; i < list->rows; i++) positions[i] %= ROWS;
}

static void fit_checksum(uint8_t *bytes, const rg__lists_head_t *head, uint32_t i, rg__list_t *list)
{
    list->checksum = rg_hash(bytes + list->offset, rg__lists_bytes(list->rows, head->width), i);
    memcpy(bytes + rg__lists_table_offset(head) + i * sizeof *list, list, sizeof *list);
}

// Returns 1 if all lists can be visited. Lists may overlap, so all positions fit before the first checksum does.
static int fit_lists(uint8_t *bytes, size_t size)
{
    rg__lists_head_t head;
    if (size < sizeof head) return 0;
    memcpy(&head, bytes, sizeof head);
    head.size = size;
    head.lists &= 255;
    head.dim = DIM;
    if (rg__lists_front_bytes(&head) > size) return 0;
    int fit = 1;
    rg__list_t list;
    for (uint32_t i = 0; i < head.lists; i++)
        if (find_list(bytes, &head, i, &list))
            fit_positions(bytes, &list);
        else
            fit = 0;
    for (uint32_t i = 0; i < head.lists && fit; i++)
        if (find_list(bytes, &head, i, &list)) fit_checksum(bytes, &head, i, &list);
    memcpy(bytes, &head, sizeof head);
    head.checksum = rg__lists_checksum((const char *)bytes);
    memcpy(bytes, &head, sizeof head);
    return fit;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    open_both(data, size, 0);
    uint8_t *bytes = malloc(size + 1);
    if (!bytes) abort();
    memcpy(bytes, data, size);
    fit_rows(bytes, size);
    open_both(bytes, size, 0);
    memcpy(bytes, data, size);
    int are_lists_sound = fit_lists(bytes, size);
    open_both(bytes, size, are_lists_sound);
    free(bytes);
    return 0;
}

// The head of a file of rows without rows, and lists over ROWS rows: the first list holds all of them. The last seed
// visits no list.
size_t rg_fuzz_seed(size_t i, uint8_t *out, size_t capacity)
{
    static const char magic[2][8] = {"RGROWS", "RGLISTS"};
    rg__lists_head_t head = {.magic = "RGLISTS",
                             .version = RG__LISTS_VERSION,
                             .dim = DIM,
                             .lists = 2,
                             .width = 16,
                             .end = ROWS,
                             .trained = ROWS,
                             .nprobe = i == 1};
    const rg__list_t table[2] = {{.offset = rg__lists_front_bytes(&head), .rows = ROWS},
                                 {.offset = rg__lists_front_bytes(&head)}};
    const size_t size = i ? rg__lists_front_bytes(&head) + rg__lists_bytes(ROWS, head.width) : 4096;
    if (i > 2 || capacity < size) return 0;
    memset(out, 0, size);
    memcpy(out, magic[i > 0], sizeof magic[0]);
    memcpy(out + 8, &(uint32_t[]){1, DIM}, 2 * sizeof(uint32_t));
    fit_rows(out, i ? 0 : size);
    if (!i) return size;
    memcpy(out, &head, sizeof head);
    memcpy(out + sizeof head, (const float[]){1, 1}, 2 * sizeof(float));
    memcpy(out + rg__lists_table_offset(&head), table, sizeof table);
    fit_lists(out, size);
    return size;
}
