#include "services/evaluator/evaluation.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/hash.h"
#include "common/core/log.h"
#include "services/evaluator/batch.h"

// ---- images

const char *rg_evaluation_split(const rg_config_t *config)
{
    return config->evaluation.split == RG_EVALUATE_VALIDATION ? "validation" : "test";
}

int rg_evaluation_usable(const rg_evaluation_t *self, uint32_t image)
{
    float *pixels = rg_alloc(rg_evaluation_image_size(self) * sizeof *pixels);
    int err = rg_evaluation_load(self, pixels, &image, 1);
    free(pixels);
    if (err) rg_log(RG_LOG_WARN, "broken-image", "error=\"%s\"", rg_error());
    return !err;
}

int rg_evaluation_select(rg_evaluation_t *self, const uint32_t *images, uint32_t n, uint32_t most,
                         uint32_t *out, uint32_t *count)
{
    const double share = self->config->data.broken_share;
    uint32_t broken = 0;
    *count = 0;
    for (uint32_t i = 0; i < n && *count < most; i++) {
        if (atomic_load(self->stop)) return rg_fail(RG_ESTOPPED, "the evaluation was stopped");
        if (rg_evaluation_usable(self, images[i])) {
            out[(*count)++] = images[i];
            continue;
        }
        self->broken++;
        if (++broken > ceil(share * n))
            return rg_fail(RG_EFORMAT,
                           "%u of %u images are broken or missing, more than data.broken_share: %g allows; "
                           "`rg-ctl data check' lists them; the last one: %s",
                           broken, n, share, rg_error());
    }
    return 0;
}

static int find_images(rg_evaluation_t *self)
{
    const rg_dataset_t *set = &self->data.set;
    enum rg_split split =
        self->config->evaluation.split == RG_EVALUATE_VALIDATION ? RG_SPLIT_VALIDATION : RG_SPLIT_TEST;
    uint32_t n = set->n[split], wanted = (uint32_t)self->config->evaluation.images;
    self->images = rg_alloc(n * sizeof *self->images);
    int err =
        rg_evaluation_select(self, set->index[split], n, wanted ? wanted : n, self->images, &self->n_images);
    if (err || self->n_images >= RG_IMAGES_MIN) return err;
    return rg_fail(RG_ENOENT,
                   "%s: an evaluation needs at least %d %s images, here are %u (evaluation.images: %d)",
                   set->folder, RG_IMAGES_MIN, rg_evaluation_split(self->config), self->n_images,
                   self->config->evaluation.images);
}

static int hash_image(const rg_evaluation_t *self, uint32_t image, uint64_t *hash)
{
    const rg_dataset_t *set = &self->data.set;
    size_t columns = (size_t)set->attributes.count, size;
    uint8_t *jpeg;
    int err = rg_dataset_read(set, image, &self->config->limits, &jpeg, &size);
    if (err) return err;
    *hash = rg_hash(set->name[image], strlen(set->name[image]), *hash);
    *hash = rg_hash(set->labels + image * columns, columns, *hash);
    *hash = rg_hash(jpeg, size, *hash);
    free(jpeg);
    return 0;
}

static int open_images(rg_evaluation_t *self)
{
    int err = rg_dataset_open(&self->data.set, self->config);
    if (!err) err = rg_dataset_columns(&self->data.set, &self->config->data, self->data.column);
    if (!err) err = find_images(self);
    for (uint32_t i = 0; !err && i < self->n_images; i++)
        err = hash_image(self, self->images[i], &self->images_hash);
    return err;
}

// ---- networks

// The classifier's images are a setting, so a classifier of another setting would be measured under a wrong
// name.
static int check_classifier_images(const rg_evaluation_t *self)
{
    static const char *const images[] = {"annotated", "others"};
    const int trained = self->inference->classifier_info.others != 0;
    if (trained == self->config->classifier_images) return 0;
    return rg_fail(
        RG_EMODEL,
        "the classifier was trained with classifier.images: %s; set it so, or rg-ctl train --stage "
        "classifier --restart trains another",
        images[trained]);
}

// Finds the classifier's outputs in the data set and in the config.
static int match_classes(rg_evaluation_t *self)
{
    const rg_names_t *classes = &self->inference->classifier_info.attributes,
                     *wanted = &self->config->data.attributes;
    for (int c = 0; c < classes->count; c++) {
        self->class_column[c] = rg_names_find(&self->data.set.attributes, classes->name[c]);
        if (self->class_column[c] < 0)
            return rg_fail(RG_EMODEL,
                           "the classifier predicts %s, which %s does not annotate; rg-ctl train --stage "
                           "classifier --restart trains another",
                           classes->name[c], self->data.set.folder);
    }
    for (int a = 0; a < wanted->count; a++) {
        self->class[a] = rg_names_find(classes, wanted->name[a]);
        if (self->class[a] < 0)
            return rg_fail(RG_EMODEL,
                           "the classifier does not predict %s; rg-ctl train --stage classifier --restart "
                           "trains another",
                           wanted->name[a]);
    }
    return 0;
}

// Stage 2 is measured by annotation alone; stages 1 and 3 also with the networks that compare images.
static int open_evaluation_networks(rg_evaluation_t *self, enum rg_stage stage)
{
    const rg_inference_spec_t spec = {.stage = stage, .with_classifier = stage != RG_STAGE_2};
    int err = rg_inference_open(&self->inference, self->config, &spec);
    if (err || stage == RG_STAGE_2) return err;
    err = check_classifier_images(self);
    if (!err) err = match_classes(self);
    if (err || stage == RG_STAGE_CLASSIFIER) return err;
    err = rg_extractor_open(&self->extractor, self->config, self->inference);
    if (!err) err = rg_lpips_open(&self->lpips, self->config, self->inference->tape);
    return err ? err : rg_identity_open(&self->identity, self->config, self->inference->tape);
}

// ---- the retrieval service

static int connect_retrieval(rg_evaluation_t *self)
{
    const rg_config_t *config = self->config;
    const char *model = self->inference->embedding;
    const rg_wire_options_t wire = rg_wire_options(config);
    int features[3],
        err = rg_link_new(&self->link, &wire, "retrieval", config->endpoints.retrieval, self->stop);
    if (err) return err;
    rg_fusion_features(config, features);
    rg_neighbours_init(&self->nearest, config, features, self->link, model);
    rg_neighbours_init(&self->random, config, features, self->link, model);
    self->random.random = 1;
    return 0;
}

// Searches with a query of zeros: only the generation of the reply counts.
int rg_evaluation_generation(rg_evaluation_t *self, uint64_t *generation)
{
    rg_neighbours_t *nearest = &self->nearest;
    const int *shape = nearest->features;
    float *query = rg_alloc((size_t)nearest->embed_dim * sizeof *query),
          *features = rg_alloc((size_t)(nearest->k * shape[0] * shape[1] * shape[2]) * sizeof *features);
    int err = rg_neighbours_find(nearest, query, 1, NULL, features);
    free(features);
    free(query);
    if (err) return err;
    if (nearest->retrieved == 0)
        return rg_fail(RG_ENOENT, "the retrieval set is empty; rg-ctl add-images fills it");
    *generation = nearest->generation;
    return 0;
}

// ---- all of it

int rg_evaluation_open(rg_evaluation_t *self, const rg_config_t *config, enum rg_stage stage,
                       rg_evaluation_progress_t *progress, const atomic_int *stop)
{
    *self = (rg_evaluation_t){.config = config, .progress = progress, .stop = stop};
    int err = open_images(self);
    if (!err) err = open_evaluation_networks(self, stage);
    if (!err && rg_stage_parts(stage, config) & RG_PART_BIT(RG_FUSION)) err = connect_retrieval(self);
    if (err) rg_evaluation_close(self);
    return err;
}

void rg_evaluation_close(rg_evaluation_t *self)
{
    rg_link_destroy(&self->link);
    rg_neighbours_fini(&self->nearest);
    rg_neighbours_fini(&self->random);
    rg_identity_close(&self->identity);
    rg_lpips_close(&self->lpips);
    rg_extractor_close(&self->extractor);
    rg_inference_close(&self->inference);
    rg_dataset_close(&self->data.set);
    free(self->images);
}

int rg_evaluation_advance(rg_evaluation_t *self, int n)
{
    atomic_fetch_add(&self->progress->done, (unsigned long long)n);
    return atomic_load(self->stop) ? rg_fail(RG_ESTOPPED, "the evaluation was stopped") : 0;
}
