// Each split is scored against the mean of its own images, as published, and not against the mean of all
// images.
#include "services/evaluator/metrics/metrics.h"

#include <math.h>
#include <stdlib.h>

#include "common/core/alloc.h"
#include "common/core/err.h"

static const double SUM_TOLERANCE = 1e-3; // of a softmax in single precision

int rg_inception_splits(size_t n)
{
    size_t most = n / RG_INCEPTION_SPLIT_MIN;
    return most < 1 ? 1 : most > RG_INCEPTION_SPLITS ? RG_INCEPTION_SPLITS : (int)most;
}

static int is_distribution(const float *p, int classes)
{
    double sum = 0;
    for (int c = 0; c < classes; c++) {
        if (!(p[c] >= 0)) return 0;
        sum += p[c];
    }
    return fabs(sum - 1) <= SUM_TOLERANCE;
}

static double kl_divergence(const float *p, const double *q, int classes)
{
    double sum = 0;
    for (int c = 0; c < classes; c++)
        if (p[c] > 0) sum += p[c] * log(p[c] / q[c]);
    return sum;
}

// The score of one split; mean [classes] is scratch.
static double score_split(const float *probability, size_t n, int classes, double *mean)
{
    double sum = 0;
    for (int c = 0; c < classes; c++) mean[c] = 0;
    for (size_t i = 0; i < n; i++)
        for (int c = 0; c < classes; c++) mean[c] += probability[i * (size_t)classes + (size_t)c] / (double)n;
    for (size_t i = 0; i < n; i++) sum += kl_divergence(probability + i * (size_t)classes, mean, classes);
    return exp(sum / (double)n);
}

int rg_inception_score(rg_estimate_t *score, const float *probability, size_t n, int classes, int splits)
{
    if (splits < 1 || n < (size_t)splits)
        return rg_fail(RG_EINVAL, "an inception score in %d splits needs as many images: there are %zu",
                       splits, n);
    for (size_t i = 0; i < n; i++)
        if (!is_distribution(probability + i * (size_t)classes, classes))
            return rg_fail(RG_ENUMERIC,
                           "the extractor's classes of image %zu are not probabilities; "
                           "evaluation.extractor.classes names the output of a softmax",
                           i);
    size_t each = n / (size_t)splits;
    double *mean = rg_alloc((size_t)classes * sizeof *mean), sum = 0, squares = 0;
    for (int s = 0; s < splits; s++) {
        double of_split = score_split(probability + (size_t)s * each * (size_t)classes, each, classes, mean);
        sum += of_split;
        squares += of_split * of_split;
    }
    free(mean);
    *score = rg_estimate(sum, squares, splits);
    return 0;
}
