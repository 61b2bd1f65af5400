#include "services/evaluator/perception.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/hash.h"
#include "common/model/safetensors.h"

static size_t channels(const rg_perception_t *perception)
{
    size_t sum = 0;
    for (int l = 0; l < perception->layers; l++) sum += (size_t)perception->layer[l].c;
    return sum;
}

static int read_layer(const rg_safetensors_t *file, const char *path, int l, int c, float *weights)
{
    char name[32];
    snprintf(name, sizeof name, "lin%d.model.1.weight", l);
    int err = rg_safetensors_read(file, path, name, 4, (int[]){1, c, 1, 1}, weights);
    for (int i = 0; i < c && !err; i++)
        if (!(weights[i] >= 0))
            err =
                rg_fail(RG_EMODEL, "%s: %s holds %g, a weight is 0 or more", path, name, (double)weights[i]);
    return err;
}

static int read_weights(rg_perception_t *perception, const char *path)
{
    rg_safetensors_t *file;
    int err = rg_safetensors_open(&file, path);
    if (err) return err;
    float *weights = perception->weights = rg_alloc(channels(perception) * sizeof *weights);
    for (int l = 0; l < perception->layers && !err; l++) {
        rg_lpips_layer_t *layer = &perception->layer[l];
        err = read_layer(file, path, l, layer->c, weights);
        layer->weight = weights;
        weights += layer->c;
    }
    rg_safetensors_close(&file);
    return err;
}

static void find_layers(rg_perception_t *perception)
{
    for (int l = 0; l < perception->layers; l++) {
        rg_onnx_shape_t shape = rg_network_shape(&perception->network, l);
        perception->layer[l] = (rg_lpips_layer_t){.h = shape.h, .w = shape.w, .c = shape.c};
    }
}

// The layers and their weights are told by a hash of both.
static void tell(rg_perception_t *perception, const rg_names_t *layers)
{
    char network[RG_NETWORK_NAME];
    uint64_t hash = 0;
    for (int l = 0; l < layers->count; l++)
        hash = rg_hash(layers->name[l], strlen(layers->name[l]) + 1, hash);
    if (perception->weights)
        hash = rg_hash(perception->weights, channels(perception) * sizeof *perception->weights, hash);
    rg_network_name(&perception->network, network);
    snprintf(perception->name, sizeof perception->name, "%s layers=%d %s=%016llx", network,
             perception->layers, perception->weights ? "weights" : "unweighted", (unsigned long long)hash);
}

int rg_perception_open(rg_perception_t *perception, const rg_config_t *config, rg_tape_t *tape)
{
    const rg_names_t *layers = &config->evaluation.lpips.layers;
    const char *values[RG_ATTRIBUTES_MAX];
    *perception = (rg_perception_t){.layers = layers->count};
    if (!*config->evaluation.lpips.file) return 0;
    for (int l = 0; l < layers->count; l++) values[l] = layers->name[l];
    const rg_network_spec_t spec = {.file = config->evaluation.lpips.file,
                                    .values = values,
                                    .n = layers->count,
                                    .side = config->data.img_size,
                                    .size = config->evaluation.lpips.size,
                                    .pixels = RG_PIXELS_IMAGENET};
    int err = rg_network_open(&perception->network, &spec, tape);
    if (err) return err;
    find_layers(perception);
    if (*config->evaluation.lpips.weights) err = read_weights(perception, config->evaluation.lpips.weights);
    if (!err) tell(perception, layers);
    if (err) rg_perception_close(perception);
    return err;
}

void rg_perception_close(rg_perception_t *perception)
{
    rg_network_close(&perception->network);
    free(perception->weights);
    perception->weights = NULL;
}

int rg_perception_pairs(const rg_perception_t *perception, double *mean, const float *pixels, int n)
{
    rg_tensor_t *value[RG_ATTRIBUTES_MAX];
    rg_lpips_layer_t layer[RG_ATTRIBUTES_MAX];
    double sum = 0;
    rg_network_look(&perception->network, pixels, n, value);
    for (int l = 0; l < perception->layers; l++) {
        layer[l] = perception->layer[l];
        layer[l].map = value[l]->data;
    }
    for (size_t i = 0; i < (size_t)n; i++)
        for (size_t j = i + 1; j < (size_t)n; j++) sum += rg_lpips_distance(layer, perception->layers, i, j);
    *mean = sum / ((double)n * (n - 1) / 2);
    return rg_network_done(&perception->network);
}
