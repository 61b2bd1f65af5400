// The snapshot of the index: a file beside the store, so that an index that takes long to build is not built
// again when the service starts.
//
// A snapshot is a cache. One that is damaged, or that belongs to another model or another kind of index, is
// not used, and the reason is reported.
#ifndef RG_RETRIEVAL_SNAPSHOT_H
#define RG_RETRIEVAL_SNAPSHOT_H

#include "services/retrieval/view.h"

typedef struct rg_snapshot {
    uint64_t file_number; // of the file of rows (rows_file.h) that holds the first ones
    size_t in_file;       // how many of the rows it holds
    size_t rows;          // that the index covers
    int64_t *labels;      // [rows - in_file], ascending: those of the others; owned
    rg_index_t *index;    // over these rows, owned; NULL if there are no rows or searches are exact
} rg_snapshot_t;

// Writes the index of a view, or the fact that it has none, and syncs the file. RG_EFULL, RG_EIO: the file is
// as before.
int rg_snapshot_write(const char *path, const rg_view_t *view, const char *factory);

// RG_ENOENT if there is no file, RG_EFORMAT if it is damaged, RG_EVERSION, RG_EMODEL if it belongs to another
// model or another kind of index.
int rg_snapshot_read(rg_snapshot_t *snapshot, const char *path, const rg_store_model_t *model,
                     const char *factory);
void rg_snapshot_fini(rg_snapshot_t *snapshot);

#endif
