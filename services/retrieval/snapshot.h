// The index on the disk: a file beside the store, so that an index that takes long to build need not be built
// again when the service starts.
//
//   file = head, model name, factory string, labels i64 [rows], FAISS's own format
//
// The head has magic, version, sizes and a checksum (xxh3-64) of all that follows it. A snapshot is a cache:
// one that is torn, of another model or of another kind of index is left aside with a reason.
#ifndef RG_RETRIEVAL_SNAPSHOT_H
#define RG_RETRIEVAL_SNAPSHOT_H

#include "services/retrieval/view.h"

typedef struct {
    int64_t *labels; // [rows], ascending; owned
    size_t rows;
    rg_index_t *index; // over these rows; owned, NULL for an exact one
} rg_snapshot_t;

// Writes the index of a view, which may have none, and syncs it. RG_EFULL, RG_EIO: the file is as before.
int rg_snapshot_write(const char *path, const rg_view_t *view, const char *factory);

// RG_ENOENT if there is none, RG_EFORMAT if it is torn, RG_EVERSION, RG_EMODEL if it is of another model or
// of another kind of index.
int rg_snapshot_read(rg_snapshot_t *snapshot, const char *path, const rg_model_t *model, const char *factory);
void rg_snapshot_fini(rg_snapshot_t *snapshot);

#endif
