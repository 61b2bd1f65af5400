// Inverted lists: an approximate index over the first rows of the retrieval set that lies in mapped files, so
// that it needs no memory per row and no long start.
//
// k-means divides the space into cells, one per list (Jegou, Douze, Schmid, "Product quantization for nearest
// neighbor search", TPAMI 2011, section 4: the inverted file). A list holds the rows whose vectors lie in its
// cell: their positions, and codes of 8 bits per number. A search visits the lists with the nearest centroids
// and compares their codes; the caller compares the candidates exactly with the vectors themselves.
//
// The index consists of segments, FOLDER/lists.N, each over some consecutive rows, all with the same cells.
// It grows by a segment over the new rows, which takes in smaller segments before it; so a row is written
// again only as often as the index doubles. Files are caches with checksums, as those of rows (rows_file.h);
// the snapshot names those that count.
#ifndef RG_RETRIEVAL_LISTS_H
#define RG_RETRIEVAL_LISTS_H

#include "common/core/thread.h"
#include "services/retrieval/bitset.h"
#include "services/retrieval/rows.h"
#include "services/retrieval/work.h"

typedef struct rg_lists rg_lists_t;

// Rows that are too few for an index of this kind.
enum { RG_LISTS_ROWS_MIN = 256 };

// Finds the cells by k-means over a sample of the rows and enters all rows. `old` not NULL: keeps its cells
// and segments and enters the rows behind them, unless the rows are four times as many by now or the new ones
// do not fit into the cells. Takes 4 bytes of memory per entered row and 64 MiB for the sample. RG_ELIMIT if
// the rows are too few, RG_ESTOPPED once the work is stopped, RG_EFULL, RG_EIO.
int rg_lists_build(rg_lists_t **lists, rg_lists_t *old, const rg_rows_t *rows, const char *folder,
                   rg_work_t *work);

// retain adds an owner and returns the same lists. release ends one ownership.
rg_lists_t *rg_lists_retain(rg_lists_t *lists);
void rg_lists_release(rg_lists_t **lists);

size_t rg_lists_count(const rg_lists_t *lists); // rows

// The lists that a search visits, unless it says otherwise: found when the index was built, so that a sample
// of the rows finds its neighbours.
uint32_t rg_lists_nprobe(const rg_lists_t *lists);

// Finds about the k nearest rows of each of n queries [n,D] among those whose bit is 1 in `alive` (NULL: all).
// Writes positions rows [n,k], nearest first by the codes, -1 where there are fewer. nprobe 0: rg_lists_nprobe.
// Threads of the pool share the queries if it is not NULL.
void rg_lists_search(const rg_lists_t *lists, int64_t *rows, const float *queries, size_t n, size_t k,
                     uint32_t nprobe, const rg_bitset_t *alive, rg_thread_pool_t *pool);

// ---- files

// The numbers of the files; returns how many, at most RG_LISTS_SEGMENTS_MAX.
enum { RG_LISTS_SEGMENTS_MAX = 64 };
size_t rg_lists_numbers(const rg_lists_t *lists, uint64_t numbers[RG_LISTS_SEGMENTS_MAX]);

// Opens the files of these numbers [n], which together cover `rows` rows of vectors of dim floats. RG_EFORMAT,
// RG_EVERSION, RG_EIO.
int rg_lists_open(rg_lists_t **lists, const char *folder, const uint64_t *numbers, size_t n, uint32_t dim,
                  size_t rows);

// Removes all files of lists in the folder except those of these [n], each of which may be NULL.
void rg_lists_remove_others(const rg_lists_t *const *lists, size_t n, const char *folder);

#endif
