// Identity: cosines of the embeddings of faces. They are summed for each domain, as the wanted accuracy is
// (accuracy.c), so that a report can say which edits change the person.
#include <math.h>

#include "common/core/rng.h"
#include "services/evaluator/metrics/metrics.h"

double rg_cosine(const float *a, const float *b, int d)
{
    double product = 0, square_a = 0, square_b = 0;
    for (int i = 0; i < d; i++) {
        product += (double)a[i] * b[i];
        square_a += (double)a[i] * a[i];
        square_b += (double)b[i] * b[i];
    }
    double lengths = sqrt(square_a) * sqrt(square_b);
    return lengths > 0 ? product / lengths : 0;
}

void rg_identity_add(rg_identity_mean_t *identity, const rg_target_t *target, double cosine)
{
    int wanted = target->wanted[target->asked];
    identity->sum[target->asked][wanted] += cosine;
    identity->n[target->asked][wanted]++;
}

double rg_identity_mean(const rg_identity_mean_t *identity, const rg_domain_t *domain)
{
    double sum = 0;
    uint64_t n = 0;
    for (int a = 0; a < RG_ATTRIBUTES_MAX; a++)
        for (int value = 0; value < 2; value++) {
            if (domain && (domain->attribute != a || domain->value != value)) continue;
            sum += identity->sum[a][value];
            n += identity->n[a][value];
        }
    return n ? sum / (double)n : NAN;
}

double rg_identity_of_pairs(const rg_vectors_t *faces, uint64_t seed)
{
    const uint32_t n = (uint32_t)faces->n;
    double sum = 0;
    rg_rng_t rng;
    if (n < 2) return NAN;
    rg_rng_init(&rng, seed, RG_RNG_PAIRS, 0);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t other = (i + 1 + rg_rng_below(&rng, n - 1)) % n; // any but i
        sum += rg_cosine(faces->row + (size_t)i * (size_t)faces->d,
                         faces->row + (size_t)other * (size_t)faces->d, faces->d);
    }
    return sum / n;
}
