// How often the classifier sees what was wanted: counts of right answers, apart from any network. Logits are
// given in the order of the config's attributes; above 0 says that the attribute is set.
#ifndef RG_EVALUATOR_TALLY_H
#define RG_EVALUATOR_TALLY_H

#include "common/data/target.h"
#include "services/evaluator/domain.h"

typedef struct {
    uint64_t right, n;
} rg_rate_t;

void rg_rate_add(rg_rate_t *rate, float logit, int label);
double rg_rate(const rg_rate_t *rate); // NAN of nothing

// Translations against what was wanted of them.
typedef struct {
    rg_rate_t wanted[RG_ATTRIBUTES_MAX][2]; // [asked attribute][wanted label]
    rg_rate_t untouched;                    // attributes whose wanted label is the source's
} rg_tally_t;

void rg_tally_add(rg_tally_t *tally, const rg_target_t *target, const float *logits, int attributes);
double rg_tally_wanted(const rg_tally_t *tally, const rg_domain_t *domain); // NULL: of all domains

// What the classifier reaches on real images that show what was wanted: the rate at which it agrees with the
// label of an attribute and value, weighted by how often that was wanted.
typedef struct {
    rg_rate_t real[RG_ATTRIBUTES_MAX][2]; // [attribute][label]
    uint64_t wanted[RG_ATTRIBUTES_MAX][2];
} rg_ceiling_t;

void rg_ceiling_add(rg_ceiling_t *ceiling, const rg_target_t *target, const float *logits, int attributes);
double rg_ceiling(const rg_ceiling_t *ceiling, const rg_domain_t *domain); // NULL: of all domains

#endif
