#include "services/evaluator/cache.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/file.h"
#include "common/core/hash.h"
#include "common/core/log.h"
#include "common/model/safetensors.h"

static const char TENSOR[] = "rows", KEY[] = "key", CHECKSUM[] = "checksum";

static void folder_of(const rg_config_t *config, char path[RG_PATH_SIZE])
{
    if (config->evaluation.cache[0])
        snprintf(path, RG_PATH_SIZE, "%s", config->evaluation.cache);
    else
        rg_config_path(config, "features", path);
}

void rg_cache_path(const rg_config_t *config, const char *key, char path[RG_PATH_SIZE])
{
    char folder[RG_PATH_SIZE];
    folder_of(config, folder);
    snprintf(path, RG_PATH_SIZE, "%.*s/%016" PRIx64 ".safetensors", RG_CONFIG_TEXT, folder,
             rg_hash(key, strlen(key), 0));
}

static size_t count_of(const rg_matrix_t *matrix)
{
    return (size_t)matrix->n * (size_t)matrix->width;
}

static void checksum_of(const rg_matrix_t *matrix, char text[17])
{
    rg_hash_hex(rg_hash(matrix->row, count_of(matrix) * sizeof *matrix->row, 0), text);
}

static int check_note(const rg_safetensors_t *file, const char *path, const char *note, const char *expected)
{
    const char *found = rg_safetensors_metadata(file, note);
    if (found && strcmp(found, expected) == 0) return 0;
    return rg_fail(RG_EFORMAT, "%s: its %s is not what it should be", path, note);
}

static int read_file(const rg_safetensors_t *file, const char *path, const char *key,
                     const rg_matrix_t *matrix)
{
    char checksum[17];
    int err = check_note(file, path, KEY, key);
    if (!err)
        err = rg_safetensors_read(file, path, TENSOR, 2, (int[]){(int)matrix->n, matrix->width}, matrix->row);
    if (err) return err;
    checksum_of(matrix, checksum);
    return check_note(file, path, CHECKSUM, checksum);
}

int rg_cache_read(const char *path, const char *key, const rg_matrix_t *matrix)
{
    if (!rg_exists(path)) return 0;
    rg_safetensors_t *file = NULL;
    int err = rg_safetensors_open(&file, path);
    if (!err) err = read_file(file, path, key, matrix);
    rg_safetensors_close(&file);
    if (err) rg_log(RG_LOG_WARN, "cache-damaged", "error=\"%s\"", rg_error());
    return !err;
}

int rg_cache_write(const char *path, const char *key, const rg_matrix_t *matrix)
{
    char checksum[17];
    checksum_of(matrix, checksum);
    const rg_metadata_t notes[] = {{KEY, key}, {CHECKSUM, checksum}};
    rg_safetensor_t rows = {
        .rank = 2, .shape = {(int)matrix->n, matrix->width}, .data = matrix->row, .count = count_of(matrix)};
    snprintf(rows.name, sizeof rows.name, "%s", TENSOR);
    int err = rg_mkdirs_for(path);
    return err ? err : rg_safetensors_write(path, &rows, 1, notes, sizeof notes / sizeof *notes);
}
