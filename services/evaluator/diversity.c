#include "services/evaluator/diversity.h"

#include <assert.h>
#include <math.h>

static double distance(const float *a, const float *b, int d)
{
    double sum = 0;
    for (int i = 0; i < d; i++) sum += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
    return sqrt(sum);
}

double rg_diversity(const rg_vectors_t *vectors, int outputs)
{
    assert(outputs >= 2);
    size_t sources = vectors->n / (size_t)outputs, width = (size_t)vectors->d;
    double sum = 0;
    for (size_t s = 0; s < sources; s++) {
        const float *group = vectors->row + s * (size_t)outputs * width;
        for (int i = 0; i < outputs; i++)
            for (int j = i + 1; j < outputs; j++)
                sum += distance(group + (size_t)i * width, group + (size_t)j * width, vectors->d);
    }
    double pairs = (double)sources * outputs * (outputs - 1) / 2;
    return sources ? sum / pairs : NAN;
}
