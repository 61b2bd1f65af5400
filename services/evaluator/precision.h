// P@k of retrieval on [0,1] (RG-UNIT, section 4): what fraction of the labels of the retrieved images are
// right. The config's attributes are compared with the wanted labels, all others, the content, with the
// query's own.
#ifndef RG_EVALUATOR_PRECISION_H
#define RG_EVALUATOR_PRECISION_H

#include "common/data/target.h"

// The data set with the columns of the config's attributes.
typedef struct {
    rg_dataset_t set;
    int column[RG_ATTRIBUTES_MAX];
} rg_labelled_t;

typedef struct {
    double attributes, content, strict; // sums over queries; strict: images whose attributes all match
    uint64_t queries;
    int has_content; // the data set annotates more than the config's attributes
} rg_precision_t;

// Adds a query and the k images (positions in the data set) it found.
void rg_precision_add(rg_precision_t *precision, const rg_labelled_t *data, const rg_config_t *config,
                      const rg_target_t *target, const uint32_t *found, int k);

typedef struct {
    double attributes, content, average,
        strict; // content and average are NAN where nothing else is annotated
} rg_precision_at_t;

rg_precision_at_t rg_precision_mean(const rg_precision_t *precision);

#endif
