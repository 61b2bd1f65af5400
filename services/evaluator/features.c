#include "services/evaluator/features.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/file.h"
#include "common/core/hash.h"
#include "common/core/log.h"
#include "common/model/safetensors.h"

// ---- a set of images

void rg_features_init(rg_features_t *features, uint32_t capacity, int d, int classes)
{
    size_t n = capacity;
    *features = (rg_features_t){.d = d,
                                .classes = classes,
                                .row = rg_alloc(n * (size_t)d * sizeof(float)),
                                .probability = rg_alloc(n * (size_t)classes * sizeof(float)),
                                .target = rg_alloc(n * sizeof(rg_target_t))};
}

void rg_features_fini(rg_features_t *features)
{
    free(features->row);
    free(features->probability);
    free(features->target);
}

rg_predictions_t rg_features_append(rg_features_t *features, const rg_target_t *targets, int n, float *logits)
{
    size_t first = features->n;
    memcpy(features->target + first, targets, (size_t)n * sizeof *targets);
    features->n += (uint32_t)n;
    return (rg_predictions_t){features->row + first * (size_t)features->d,
                              features->probability + first * (size_t)features->classes, logits, NULL};
}

rg_vectors_t rg_features_all(const rg_features_t *features)
{
    return (rg_vectors_t){features->row, features->n, features->d};
}

static int shows_domain(const rg_target_t *target, rg_domain_t domain)
{
    return target->source[domain.attribute] == domain.value;
}

static int becomes_domain(const rg_target_t *target, rg_domain_t domain)
{
    return target->asked == domain.attribute && target->wanted[domain.attribute] == domain.value;
}

static rg_vectors_t gather_rows(const rg_features_t *features,
                                int (*belongs)(const rg_target_t *, rg_domain_t), rg_domain_t domain,
                                float *part)
{
    size_t n = 0, width = (size_t)features->d;
    for (uint32_t i = 0; i < features->n; i++)
        if (belongs(&features->target[i], domain))
            memcpy(part + n++ * width, features->row + i * width, width * sizeof *part);
    return (rg_vectors_t){part, n, features->d};
}

rg_vectors_t rg_features_showing(const rg_features_t *features, rg_domain_t domain, float *part)
{
    return gather_rows(features, shows_domain, domain, part);
}

rg_vectors_t rg_features_becoming(const rg_features_t *features, rg_domain_t domain, float *part)
{
    return gather_rows(features, becomes_domain, domain, part);
}

// ---- the file of predictions for real images

static const char TENSOR[] = "rows", KEY[] = "key";

static size_t count_values(const rg_real_predictions_t *real)
{
    return (size_t)real->n * (size_t)real->width;
}

static int read_values(const rg_safetensors_t *file, const rg_real_predictions_t *real)
{
    const char *key = rg_safetensors_metadata(file, KEY);
    if (!key || strcmp(key, real->key) != 0)
        return rg_fail(RG_EFORMAT, "%s: its key is wrong; the file is written again", real->path);
    return rg_safetensors_read(file, real->path, TENSOR, 2, (int[]){(int)real->n, real->width}, real->row);
}

// 1 if all values were read; 0 if there is no file or if it cannot be used.
static int read_cache(const rg_real_predictions_t *real)
{
    if (!rg_exists(real->path)) return 0;
    rg_safetensors_t *file = NULL;
    int err = rg_safetensors_open(&file, real->path);
    if (!err) err = read_values(file, real);
    rg_safetensors_close(&file);
    if (err) rg_log(RG_LOG_WARN, "cache-damaged", "error=\"%s\"", rg_error());
    return !err;
}

static int write_cache(const rg_real_predictions_t *real)
{
    const rg_safetensors_metadata_t metadata = {KEY, real->key};
    rg_safetensor_t rows = {
        .rank = 2, .shape = {(int)real->n, real->width}, .data = real->row, .count = count_values(real)};
    snprintf(rows.name, sizeof rows.name, "%s", TENSOR);
    int err = rg_mkdirs_for(real->path);
    return err ? err : rg_safetensors_write(real->path, &rows, 1, &metadata, 1);
}

static char *list_attributes(const rg_names_t *names)
{
    char *list = rg_strdup("");
    for (int a = 0; a < names->count; a++) {
        char *longer = rg_format("%s %s", list, names->name[a]);
        free(list);
        list = longer;
    }
    return list;
}

static char *make_cache_key(const rg_evaluation_t *evaluation)
{
    const rg_config_t *config = evaluation->config;
    char *attributes = list_attributes(&config->data.attributes);
    char *key = rg_format("extractor=%s judge=%s%s%s images=%016" PRIx64
                          " split=%s count=%u size=%d crop=%d attributes=%s",
                          evaluation->extractor.name, evaluation->inference->classifier_weights,
                          evaluation->identity.d ? " identity=" : "", evaluation->identity.name,
                          evaluation->images_hash, rg_evaluation_split(config), evaluation->n_images,
                          config->data.img_size, config->data.crop, attributes);
    free(attributes);
    return key;
}

static void find_cache(const rg_config_t *config, const char *key, char path[RG_PATH_SIZE])
{
    char folder[RG_PATH_SIZE], hash[17];
    if (config->evaluation.cache[0])
        snprintf(folder, RG_PATH_SIZE, "%s", config->evaluation.cache);
    else
        rg_config_path(config, "features", folder);
    rg_hash_hex(rg_hash(key, strlen(key), 0), hash);
    snprintf(path, RG_PATH_SIZE, "%.*s/%s.safetensors", RG_CONFIG_TEXT, folder, hash);
}

// ---- predictions for real images

void rg_real_predictions_init(rg_real_predictions_t *real, rg_evaluation_t *evaluation)
{
    const rg_extractor_t *extractor = &evaluation->extractor;
    *real =
        (rg_real_predictions_t){.evaluation = evaluation,
                                .key = make_cache_key(evaluation),
                                .n = evaluation->n_images,
                                .width = extractor->d + extractor->classes +
                                         evaluation->config->data.attributes.count + evaluation->identity.d};
    real->row = rg_alloc(count_values(real) * sizeof *real->row);
    find_cache(evaluation->config, real->key, real->path);
    real->complete = read_cache(real);
}

void rg_real_predictions_fini(rg_real_predictions_t *real)
{
    free(real->key);
    free(real->row);
}

// Copies prediction i of a batch to the row of `image`, or, if all predictions are there, from it.
static void copy_prediction(const rg_real_predictions_t *real, const rg_predictions_t *batch, size_t i,
                            uint32_t image)
{
    const rg_extractor_t *extractor = &real->evaluation->extractor;
    const struct {
        float *of;
        int width;
    } parts[] = {{batch->features, extractor->d},
                 {batch->classes, extractor->classes},
                 {batch->logits, real->evaluation->config->data.attributes.count},
                 {batch->faces, real->evaluation->identity.d}};
    float *row = real->row + (size_t)image * (size_t)real->width;
    for (size_t p = 0; p < sizeof parts / sizeof *parts; p++) {
        size_t width = (size_t)parts[p].width;
        if (width == 0) continue;
        float *in_batch = parts[p].of + i * width;
        memcpy(real->complete ? in_batch : row, real->complete ? row : in_batch, width * sizeof *row);
        row += width;
    }
}

int rg_real_predictions_get(rg_real_predictions_t *real, const rg_predictions_t *predictions, uint32_t first,
                            const float *pixels, int n)
{
    int err = real->complete ? 0 : rg_evaluation_predict(real->evaluation, predictions, pixels, n);
    for (uint32_t i = 0; i < (uint32_t)n && !err; i++) copy_prediction(real, predictions, i, first + i);
    return err;
}

void rg_real_predictions_save(rg_real_predictions_t *real)
{
    if (real->complete) return;
    if (write_cache(real)) rg_log(RG_LOG_WARN, "cache-not-written", "error=\"%s\"", rg_error());
    real->complete = 1;
}
