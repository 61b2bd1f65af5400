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
    char *key = rg_format("extractor=%s judge=%s images=%016" PRIx64
                          " split=%s count=%u size=%d crop=%d attributes=%s",
                          evaluation->extractor.name, evaluation->nets.classifier_weights,
                          evaluation->images_hash, rg_evaluation_split(config), evaluation->n_images,
                          config->data.img_size, config->data.crop, attributes);
    free(attributes);
    return key;
}

void rg_real_init(rg_real_t *real, rg_evaluation_t *evaluation)
{
    const rg_extractor_t *extractor = &evaluation->extractor;
    int width = extractor->d + extractor->classes + evaluation->config->data.attributes.count;
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

// Between what is said of image first + i and its row, part by part: into the row where `keep`.
static void copy(const rg_real_t *real, const rg_said_t *said, uint32_t image, size_t i, int keep)
{
    const rg_extractor_t *extractor = &real->evaluation->extractor;
    const struct {
        float *of;
        int width;
    } parts[] = {{said->features, extractor->d},
                 {said->classes, extractor->classes},
                 {said->logits, real->evaluation->config->data.attributes.count}};
    float *row = real->said.row + (size_t)image * (size_t)real->said.width;
    for (size_t p = 0; p < sizeof parts / sizeof *parts; p++) {
        size_t width = (size_t)parts[p].width;
        if (width == 0) continue;
        float *there = parts[p].of + i * width;
        memcpy(keep ? row : there, keep ? there : row, width * sizeof *row);
        row += width;
    }
}

int rg_real_judge(rg_real_t *real, const rg_said_t *said, uint32_t first, const float *pixels, int n)
{
    int err = real->known ? 0 : rg_evaluation_judge(real->evaluation, said, pixels, n);
    for (uint32_t i = 0; i < (uint32_t)n && !err; i++) copy(real, said, first + i, i, !real->known);
    return err;
}

void rg_real_keep(rg_real_t *real)
{
    if (real->known) return;
    if (rg_cache_write(real->path, real->key, &real->said))
        rg_log(RG_LOG_WARN, "cache-not-written", "error=\"%s\"", rg_error());
    real->known = 1;
}
