// Inside the inverted lists: what lists.c (files), lists_build.c and lists_search.c share.
//
// The format of FOLDER/lists.N, little-endian:
//
//   rg__lists_head_t
//   f32 [L]        steps: code c of number d stands for centroid[d] + step (c - RG__LISTS_ZERO)
//   f32 [L,D]      centroids
//   L times        rg__list_t
//   L times        positions u32 [rows of the list], codes u8 [rows of the list, width]
//
// Table, positions and codes begin at multiples of 64 bytes.
//
// A checksum covers head, steps, centroids and table, and is compared when the file is opened. Each list
// has its own, which is compared when the list is first visited.
#ifndef RG_RETRIEVAL_LISTS_PRIVATE_H
#define RG_RETRIEVAL_LISTS_PRIVATE_H

#include "services/retrieval/lists.h"

enum { RG__LISTS_VERSION = 2 };

#define RG__LISTS_ZERO 127.5F

typedef struct {
    char magic[8];
    uint32_t version, dim;
    uint32_t lists, width; // L; bytes of a code: D, rounded up
    uint64_t first, end;   // rows of the segment
    uint64_t trained;      // rows of the set when the cells were found
    uint32_t nprobe, unused;
    uint64_t cells;    // hash of the centroids: equal in all segments of an index
    uint64_t size;     // of the whole file
    uint64_t checksum; // of the fields before, and of what is in front of the lists
} rg__lists_head_t;

typedef struct {
    uint64_t offset; // in the file
    uint64_t rows;
    uint64_t checksum;
} rg__list_t;

// A mapped file.
typedef struct {
    char *path;
    uint64_t number;
    const char *map;
    rg__lists_head_t head;
    const float *steps, *centroids; // [L], [L,D]
    const rg__list_t *table;        // [L]
    float *norms2;                  // [L] of the centroids; owned
    atomic_uchar *is_checked;       // [L]; owned
} rg__segment_t;

struct rg_lists {
    atomic_int owners;
    uint32_t nprobe;
    size_t n;
    rg__segment_t *segments[RG_LISTS_SEGMENTS_MAX]; // in the order of their rows
};

// What a list holds, checked.
typedef struct {
    const uint32_t *positions; // [rows]
    const uint8_t *codes;      // [rows,width]
    size_t rows;
} rg__list_view_t;

rg__list_view_t rg__lists_view(const rg__segment_t *segment, uint32_t list);

// The bytes of a list of so many rows in the file, the place of the table, and the bytes before the lists.
size_t rg__lists_bytes(size_t rows, uint32_t width);
size_t rg__lists_table_offset(const rg__lists_head_t *head);
size_t rg__lists_front_bytes(const rg__lists_head_t *head);

char *rg__lists_path(const char *folder, uint64_t number);
int rg__lists_open_segment(rg__segment_t **segment, const char *folder, uint64_t number, uint32_t dim);
uint64_t rg__lists_next_number(const char *folder);
uint64_t rg__lists_checksum(const char *map); // of a file whose head is complete but for the checksum

#endif
