#include "services/evaluator/lpips.h"

#include <math.h>

static const double LENGTH_MIN = 1e-10; // added: a position where no channel answers has no direction

static double length(const float *x, int c)
{
    double sum = 0;
    for (int i = 0; i < c; i++) sum += (double)x[i] * x[i];
    return sqrt(sum) + LENGTH_MIN;
}

// Of the channels of one position.
static double distance_at(const float *x, const float *y, const float *weight, int c)
{
    double length_x = length(x, c), length_y = length(y, c), sum = 0;
    for (int i = 0; i < c; i++) {
        double step = x[i] / length_x - y[i] / length_y;
        sum += (weight ? weight[i] : 1) * step * step;
    }
    return sum;
}

static double distance_in(const rg_lpips_layer_t *layer, size_t i, size_t j)
{
    size_t positions = (size_t)layer->h * (size_t)layer->w, c = (size_t)layer->c;
    const float *x = layer->map + i * positions * c, *y = layer->map + j * positions * c;
    double sum = 0;
    for (size_t p = 0; p < positions; p++) sum += distance_at(x + p * c, y + p * c, layer->weight, layer->c);
    return sum / (double)positions;
}

double rg_lpips(const rg_lpips_layer_t *layer, int count, size_t i, size_t j)
{
    double sum = 0;
    for (int l = 0; l < count; l++) sum += distance_in(&layer[l], i, j);
    return sum;
}
