#include "services/evaluator/extractor.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/hash.h"
#include "common/core/log.h"
#include "common/data/image.h"
#include "common/model/safetensors.h"

// ---- an ONNX network on images
//
// pixels -1..1  --round-->  bytes, as in a file  --resize-->  bytes [size,size,3]  --range_of-->  the network

typedef struct {
    const char *file;
    const char *const *values; // [n] names of the values to compute
    int n;
    int size;   // of the images that it sees; 0: img_size
    int pixels; // enum rg_pixels
} network_spec_t;

static int network_open(rg_image_network_t *network, const rg_config_t *config, const network_spec_t *spec,
                        rg_tape_t *tape)
{
    const int side = config->data.img_size;
    *network = (rg_image_network_t){
        .tape = tape, .side = side, .size = spec->size ? spec->size : side, .pixels = spec->pixels};
    int err = rg_onnx_open(&network->onnx, spec->file);
    if (!err) err = rg_onnx_plan(network->onnx, network->size, network->size, spec->values, spec->n);
    if (err)
        rg_onnx_close(&network->onnx);
    else
        rg_log(RG_LOG_INFO, "network-opened", "file=%s hash=%s gmac_per_image=%.3g", spec->file,
               rg_onnx_hash(network->onnx), rg_onnx_work(network->onnx) / 1e9);
    return err;
}

enum { NETWORK_NAME = 64 };

// "onnx-HASH size=299 pixels=imagenet"
static void name_network(const rg_image_network_t *network, char name[NETWORK_NAME])
{
    static const char *const pixels[] = {"imagenet", "unit", "signed", "bytes"};
    snprintf(name, NETWORK_NAME, "onnx-%.16s size=%d pixels=%s", rg_onnx_hash(network->onnx), network->size,
             pixels[network->pixels]);
}

// The range of numbers that a network expects for each channel: byte * scale + shift.
typedef struct {
    float scale[3], shift[3];
} range_t;

static range_t range_of(int pixels)
{
    range_t range = {{1, 1, 1}, {0, 0, 0}};
    for (int c = 0; c < 3 && pixels != RG_PIXELS_BYTES; c++) {
        float width = pixels == RG_PIXELS_UNIT     ? 1
                      : pixels == RG_PIXELS_SIGNED ? 0.5f
                                                   : RG_IMAGENET_DEVIATION[c],
              zero = pixels == RG_PIXELS_UNIT     ? 0
                     : pixels == RG_PIXELS_SIGNED ? 0.5f
                                                  : RG_IMAGENET_MEAN[c];
        range.scale[c] = 1 / (255 * width);
        range.shift[c] = -zero / width;
    }
    return range;
}

// Rounds one image to bytes [side,side,3] and resizes it to seen [size,size,3].
static void resize_image(const rg_image_network_t *network, const float *pixels, uint8_t *bytes,
                         uint8_t *seen)
{
    int side = network->side;
    const rg_image_t image = {.width = side, .height = side, .rgb = bytes};
    rg_pixels_to_u8(pixels, (size_t)side * (size_t)side * 3, bytes);
    rg_image_resize(&image, 0, 0, side, side, network->size, seen);
}

// Computes the values of pixels [count,side,side,3]. They live until network_done.
static void network_run(const rg_image_network_t *network, const float *pixels, int count,
                        rg_tensor_t **value)
{
    size_t side = (size_t)network->side, size = (size_t)network->size, each = size * size * 3;
    const range_t range = range_of(network->pixels);
    uint8_t *bytes = rg_tape_alloc(network->tape, side * side * 3),
            *seen = rg_tape_alloc(network->tape, each);
    float *input = rg_tape_alloc(network->tape, (size_t)count * each * sizeof *input);
    for (size_t i = 0; i < (size_t)count; i++) {
        resize_image(network, pixels + i * side * side * 3, bytes, seen);
        for (size_t p = 0; p < each; p++)
            input[i * each + p] = (float)seen[p] * range.scale[p % 3] + range.shift[p % 3];
    }
    rg_tensor_t *x = rg_tape_input(network->tape, count, network->size, network->size, 3, input);
    rg_onnx_run(network->onnx, network->tape, x, value);
}

static int network_done(const rg_image_network_t *network)
{
    int err = rg_tape_error(network->tape);
    rg_tape_reset(network->tape);
    return err;
}

// ---- the extractor

enum { FEATURES, CLASSES, VALUES };

static int open_onnx_extractor(rg_extractor_t *extractor, const rg_config_t *config)
{
    const rg_extractor_config_t *keys = &config->evaluation.extractor;
    const char *const values[VALUES] = {keys->features, keys->classes};
    const network_spec_t spec = {.file = keys->file,
                                 .values = values,
                                 .n = *keys->classes ? VALUES : VALUES - 1,
                                 .size = keys->size,
                                 .pixels = keys->pixels};
    char name[NETWORK_NAME];
    int err = network_open(&extractor->network, config, &spec, extractor->inference->tape);
    if (err) return err;
    name_network(&extractor->network, name);
    snprintf(extractor->name, sizeof extractor->name, "%s features=%.64s%s%.64s", name, keys->features,
             *keys->classes ? " classes=" : "", keys->classes);
    extractor->d = rg_onnx_shape(extractor->network.onnx, FEATURES).c;
    if (spec.n == VALUES) extractor->classes = rg_onnx_shape(extractor->network.onnx, CLASSES).c;
    if (extractor->d <= RG_CLASSES_MAX && extractor->classes <= RG_CLASSES_MAX) return 0;
    rg_onnx_close(&extractor->network.onnx);
    return rg_fail(RG_EMODEL, "%s: %d features and %d classes; at most %d of each are supported", spec.file,
                   extractor->d, extractor->classes, RG_CLASSES_MAX);
}

int rg_extractor_open(rg_extractor_t *extractor, const rg_config_t *config, rg_inference_t *inference)
{
    *extractor = (rg_extractor_t){.inference = inference, .d = RG_CLASSIFIER_FEATURES};
    if (*config->evaluation.extractor.file) return open_onnx_extractor(extractor, config);
    snprintf(extractor->name, sizeof extractor->name, "builtin-classifier-%s", inference->classifier_weights);
    return 0;
}

void rg_extractor_close(rg_extractor_t *extractor)
{
    rg_onnx_close(&extractor->network.onnx);
}

// The mean over the positions of a value [n,h,w,c], to rows [n,c].
static void average_positions(rg_tape_t *tape, float *rows, const rg_tensor_t *value)
{
    const float *data = rg_tape_read(tape, value);
    size_t positions = (size_t)value->h * (size_t)value->w, c = (size_t)value->c;
    memset(rows, 0, (size_t)value->n * c * sizeof *rows);
    for (size_t i = 0; i < (size_t)value->n * positions * c; i++)
        rows[i / (positions * c) * c + i % c] += data[i] / (float)positions;
}

int rg_extractor_run(const rg_extractor_t *extractor, const rg_predictions_t *predictions,
                     const float *pixels, int n)
{
    const int builtin = !extractor->network.onnx;
    rg_tensor_t *value[VALUES];
    int err = 0;
    if (builtin || predictions->logits)
        err = rg_inference_classify(extractor->inference, builtin ? predictions->features : NULL,
                                    predictions->logits, pixels, n);
    if (err || builtin) return err;
    network_run(&extractor->network, pixels, n, value);
    average_positions(extractor->network.tape, predictions->features, value[FEATURES]);
    if (extractor->classes) average_positions(extractor->network.tape, predictions->classes, value[CLASSES]);
    return network_done(&extractor->network);
}

// ---- LPIPS

static size_t count_weights(const rg_lpips_t *lpips)
{
    size_t sum = 0;
    for (int l = 0; l < lpips->layers; l++) sum += (size_t)lpips->layer[l].c;
    return sum;
}

static int read_layer(const rg_safetensors_t *file, const char *path, int l, int c, float *weights)
{
    char name[32];
    snprintf(name, sizeof name, "lin%d.model.1.weight", l);
    int err = rg_safetensors_read(file, path, name, 4, (int[]){1, c, 1, 1}, weights);
    for (int i = 0; i < c && !err; i++)
        if (!(weights[i] >= 0))
            err = rg_fail(RG_EMODEL, "%s: %s has the weight %g; weights must be 0 or more", path, name,
                          (double)weights[i]);
    return err;
}

static int read_weights(rg_lpips_t *lpips, const char *path)
{
    rg_safetensors_t *file;
    int err = rg_safetensors_open(&file, path);
    if (err) return err;
    float *weights = lpips->weights = rg_alloc(count_weights(lpips) * sizeof *weights);
    for (int l = 0; l < lpips->layers && !err; l++) {
        rg_lpips_layer_t *layer = &lpips->layer[l];
        err = read_layer(file, path, l, layer->c, weights);
        layer->weight = weights;
        weights += layer->c;
    }
    rg_safetensors_close(&file);
    return err;
}

// The name contains a hash of the layers' names and of their weights.
static void name_lpips(rg_lpips_t *lpips, const rg_names_t *layers)
{
    char network[NETWORK_NAME], hex[17];
    uint64_t hash = 0;
    for (int l = 0; l < layers->count; l++)
        hash = rg_hash(layers->name[l], strlen(layers->name[l]) + 1, hash);
    if (lpips->weights) hash = rg_hash(lpips->weights, count_weights(lpips) * sizeof *lpips->weights, hash);
    rg_hash_hex(hash, hex);
    name_network(&lpips->network, network);
    snprintf(lpips->name, sizeof lpips->name, "%s layers=%d %s=%s", network, lpips->layers,
             lpips->weights ? "weights" : "unweighted", hex);
}

int rg_lpips_open(rg_lpips_t *lpips, const rg_config_t *config, rg_tape_t *tape)
{
    const rg_lpips_config_t *keys = &config->evaluation.lpips;
    const char *values[RG_ATTRIBUTES_MAX];
    *lpips = (rg_lpips_t){.layers = keys->layers.count};
    if (!*keys->file) return 0;
    for (int l = 0; l < lpips->layers; l++) values[l] = keys->layers.name[l];
    const network_spec_t spec = {.file = keys->file,
                                 .values = values,
                                 .n = lpips->layers,
                                 .size = keys->size,
                                 .pixels = RG_PIXELS_IMAGENET};
    int err = network_open(&lpips->network, config, &spec, tape);
    if (err) return err;
    for (int l = 0; l < lpips->layers; l++) {
        rg_onnx_shape_t shape = rg_onnx_shape(lpips->network.onnx, l);
        lpips->layer[l] = (rg_lpips_layer_t){.h = shape.h, .w = shape.w, .c = shape.c};
    }
    if (*keys->weights) err = read_weights(lpips, keys->weights);
    if (!err) name_lpips(lpips, &keys->layers);
    if (err) rg_lpips_close(lpips);
    return err;
}

void rg_lpips_close(rg_lpips_t *lpips)
{
    rg_onnx_close(&lpips->network.onnx);
    free(lpips->weights);
    lpips->weights = NULL;
}

int rg_lpips_mean_of_pairs(const rg_lpips_t *lpips, double *mean, const float *pixels, int n)
{
    rg_tensor_t *value[RG_ATTRIBUTES_MAX];
    rg_lpips_layer_t layer[RG_ATTRIBUTES_MAX];
    double sum = 0;
    network_run(&lpips->network, pixels, n, value);
    for (int l = 0; l < lpips->layers; l++) {
        layer[l] = lpips->layer[l];
        layer[l].map = rg_tape_read(lpips->network.tape, value[l]);
    }
    for (size_t i = 0; i < (size_t)n; i++)
        for (size_t j = i + 1; j < (size_t)n; j++) sum += rg_lpips_distance(layer, lpips->layers, i, j);
    *mean = sum / ((double)n * (n - 1) / 2);
    return network_done(&lpips->network);
}

// ---- identity

int rg_identity_open(rg_identity_t *identity, const rg_config_t *config, rg_tape_t *tape)
{
    const rg_identity_config_t *keys = &config->evaluation.identity;
    const char *const values[] = {keys->features};
    const network_spec_t spec = {
        .file = keys->file, .values = values, .n = 1, .size = keys->size, .pixels = keys->pixels};
    char name[NETWORK_NAME];
    *identity = (rg_identity_t){0};
    if (!*keys->file) return 0;
    int err = network_open(&identity->network, config, &spec, tape);
    if (err) return err;
    name_network(&identity->network, name);
    snprintf(identity->name, sizeof identity->name, "%s features=%.64s", name, keys->features);
    identity->d = rg_onnx_shape(identity->network.onnx, 0).c;
    if (identity->d <= RG_CLASSES_MAX) return 0;
    rg_identity_close(identity);
    return rg_fail(RG_EMODEL, "%s: %s is wider than %d numbers", spec.file, keys->features, RG_CLASSES_MAX);
}

void rg_identity_close(rg_identity_t *identity)
{
    rg_onnx_close(&identity->network.onnx);
}

int rg_identity_embed(const rg_identity_t *identity, float *faces, const float *pixels, int n)
{
    rg_tensor_t *value;
    network_run(&identity->network, pixels, n, &value);
    average_positions(identity->network.tape, faces, value);
    int err = network_done(&identity->network);
    for (size_t i = 0; !err && i < (size_t)n * (size_t)identity->d; i++)
        if (!isfinite(faces[i]))
            err = rg_fail(RG_ENUMERIC, "evaluation.identity: the network gives a number that is not finite");
    return err;
}

// ---- before the first evaluation

int rg_extractor_check(const rg_config_t *config)
{
    rg_inference_t none = {0}; // planning needs no tape
    rg_extractor_t extractor;
    rg_lpips_t lpips;
    rg_identity_t identity;
    int err = rg_extractor_open(&extractor, config, &none);
    if (err) return err;
    rg_extractor_close(&extractor);
    err = rg_lpips_open(&lpips, config, NULL);
    if (err) return err;
    rg_lpips_close(&lpips);
    err = rg_identity_open(&identity, config, NULL);
    if (!err) rg_identity_close(&identity);
    return err;
}
