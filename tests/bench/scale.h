// What the steps of scale.sh share.
#ifndef RG_BENCH_SCALE_H
#define RG_BENCH_SCALE_H

#include "tests/bench/faiss_peer.h"
#include "tests/bench/retrieval_client.h"
#include "tests/bench/scale_vectors.h"
#include "tests/bench/timing.h"

enum { SCALE_K = 10, SCALE_SAMPLE = 1000 };

typedef struct {
    rg_config_t config;
    rg_link_t *link;
    scale_vectors_t *vectors;
    uint32_t n;
    float *queries; // [SCALE_SAMPLE,CLIENT_D]
    peer_t *peer;   // or NULL
    int nprobe;     // of the peer
} scale_t;

// A row of the table. peer 0: FAISS has no part in it.
void scale_print_row(const char *measure, double own, double peer, int digits);

// The share of the neighbours in `right` [n,SCALE_K] that `found` [n,SCALE_K] holds, too.
double scale_recall(const int64_t *found, const int64_t *right, size_t n);

// ---- scale_upkeep.c

// Searches with filters: what they cost, and what they find beside an exact search whose hits are filtered here.
int scale_filters(scale_t *b);

// Removes COUNT images from number FIRST on.
int scale_remove(scale_t *b);

// Reads all images with embeddings and thumbnails, page by page, as rg-ctl export does.
int scale_list(scale_t *b);

// Embeds all images by another model, as an encoder does.
int scale_reindex(scale_t *b);

// Single searches until the file UNTIL is there. Prints their 99 % in ms.
int scale_watch(scale_t *b);

#endif
