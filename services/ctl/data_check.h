// Reads every image of a data set, in parallel threads, and notes what is wrong with it. Writes nothing.
#ifndef RG_CTL_DATA_CHECK_H
#define RG_CTL_DATA_CHECK_H

#include "common/core/hash.h"
#include "common/data/dataset.h"
#include "common/data/image.h"
#include "services/ctl/output.h"

enum rg_finding {
    RG_FINDING_FINE,
    RG_FINDING_ODD,     // it can be used: warnings of the decoder, a tiny picture, an extreme shape
    RG_FINDING_BROKEN,  // it cannot be decoded
    RG_FINDING_MISSING, // there is no such file
    RG_FINDINGS
};

// What was found of an image.
typedef struct {
    enum rg_finding finding;
    char *reason;      // owned; NULL if it is fine
    uint8_t id[16];    // hash of the bytes of the file; valid if the file could be read
    int read;          // 1: it could
    int width, height; // 0 if broken
    enum rg_image_format format;
} rg_checked_t;

// Images with the same bytes, in the order of the data set.
typedef struct {
    uint32_t first, second;
    int splits; // 1: they are in two splits
    int labels; // 1: they have different labels
} rg_twin_t;

typedef struct {
    const rg_config_t *config; // borrowed, as is the set
    const rg_dataset_t *set;
    rg_checked_t *image; // [set->count]
    uint32_t count[RG_FINDINGS];
    rg_twin_t *twin; // pairs of neighbours among the images with the same bytes
    uint32_t twins, twins_across, twins_differ;
    uint64_t bytes; // of all files
} rg_data_check_t;

// threads: 0: one per processor. RG_ESTOPPED, RG_ELIMIT. End the check with rg_data_check_fini, also then.
int rg_data_check_run(rg_data_check_t *check, const rg_config_t *config, const rg_dataset_t *set, int threads,
                      rg_progress_bar_t *progress);
void rg_data_check_fini(rg_data_check_t *check); // accepts a zeroed struct

// The number of images and pairs that should be mended: broken, missing, twins.
uint32_t rg_data_check_problems(const rg_data_check_t *check);

#endif
