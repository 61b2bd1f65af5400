#include "services/evaluator/metrics/metrics.h"

#include <assert.h>
#include <math.h>

// ---- distance of feature vectors

static double euclidean_distance(const float *a, const float *b, int d)
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
                sum += euclidean_distance(group + (size_t)i * width, group + (size_t)j * width, vectors->d);
    }
    double pairs = (double)sources * outputs * (outputs - 1) / 2;
    return sources ? sum / pairs : NAN;
}

// ---- perceptual distance

// Added to each length: where every channel of a position is 0, the position has no direction.
static const double LENGTH_MIN = 1e-10;

static double channel_length(const float *x, int c)
{
    double sum = 0;
    for (int i = 0; i < c; i++) sum += (double)x[i] * x[i];
    return sqrt(sum) + LENGTH_MIN;
}

// Distance of the channels x, y [c] of one position.
static double position_distance(const float *x, const float *y, const float *weight, int c)
{
    double length_x = channel_length(x, c), length_y = channel_length(y, c), sum = 0;
    for (int i = 0; i < c; i++) {
        double step = x[i] / length_x - y[i] / length_y;
        sum += (weight ? weight[i] : 1) * step * step;
    }
    return sum;
}

static double layer_distance(const rg_lpips_layer_t *layer, size_t i, size_t j)
{
    size_t positions = (size_t)layer->h * (size_t)layer->w, c = (size_t)layer->c;
    const float *x = layer->map + i * positions * c, *y = layer->map + j * positions * c;
    double sum = 0;
    for (size_t p = 0; p < positions; p++)
        sum += position_distance(x + p * c, y + p * c, layer->weight, layer->c);
    return sum / (double)positions;
}

double rg_lpips_distance(const rg_lpips_layer_t *layer, int layers, size_t i, size_t j)
{
    double sum = 0;
    for (int l = 0; l < layers; l++) sum += layer_distance(&layer[l], i, j);
    return sum;
}
