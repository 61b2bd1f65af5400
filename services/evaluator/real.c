#include "services/evaluator/real.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/log.h"

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

static char *make_key(const rg_evaluation_t *evaluation)
{
    const rg_config_t *config = evaluation->config;
    char *attributes = list_attributes(&config->data.attributes);
    char *key =
        rg_format("extractor=%s images=%016" PRIx64 " split=%s count=%u size=%d crop=%d attributes=%s",
                  evaluation->extractor.name, evaluation->images_hash, rg_evaluation_split(config),
                  evaluation->n_images, config->data.img_size, config->data.crop, attributes);
    free(attributes);
    return key;
}

void rg_real_init(rg_real_t *real, rg_evaluation_t *evaluation)
{
    int width = evaluation->extractor.d + evaluation->config->data.attributes.count;
    *real = (rg_real_t){.evaluation = evaluation};
    real->key = make_key(evaluation);
    rg_cache_path(evaluation->config, real->key, real->path);
    real->said = (rg_matrix_t){rg_alloc((size_t)evaluation->n_images * (size_t)width * sizeof(float)),
                               evaluation->n_images, width};
    real->known = rg_cache_read(real->path, real->key, &real->said);
}

void rg_real_fini(rg_real_t *real)
{
    free(real->key);
    free(real->said.row);
}

static float *row_of(const rg_real_t *real, uint32_t image)
{
    return real->said.row + (size_t)image * (size_t)real->said.width;
}

// Row i of features and logits beside each other in `said`, and back.
static void note(const rg_real_t *real, const float *features, const float *logits, uint32_t first, int n)
{
    size_t d = (size_t)real->evaluation->extractor.d, attributes = (size_t)real->said.width - d;
    for (uint32_t i = 0; i < (uint32_t)n; i++) {
        float *row = row_of(real, first + i);
        memcpy(row, features + i * d, d * sizeof *row);
        memcpy(row + d, logits + i * attributes, attributes * sizeof *row);
    }
}

static void recall(const rg_real_t *real, float *features, float *logits, uint32_t first, int n)
{
    size_t d = (size_t)real->evaluation->extractor.d, attributes = (size_t)real->said.width - d;
    for (uint32_t i = 0; i < (uint32_t)n; i++) {
        const float *row = row_of(real, first + i);
        memcpy(features + i * d, row, d * sizeof *row);
        memcpy(logits + i * attributes, row + d, attributes * sizeof *row);
    }
}

int rg_real_judge(rg_real_t *real, float *features, float *logits, uint32_t first, const float *pixels, int n)
{
    if (real->known) {
        recall(real, features, logits, first, n);
        return 0;
    }
    int err = rg_evaluation_judge(real->evaluation, features, logits, pixels, n);
    if (!err) note(real, features, logits, first, n);
    return err;
}

void rg_real_keep(rg_real_t *real)
{
    if (real->known) return;
    if (rg_cache_write(real->path, real->key, &real->said))
        rg_log(RG_LOG_WARN, "cache-not-written", "error=\"%s\"", rg_error());
    real->known = 1;
}
