#include "services/evaluator/evaluation.h"

#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/hash.h"
#include "common/data/image.h"

// ------------------------------------------------------------------ images
const char *rg_evaluation_split(const rg_config_t *config)
{
    return config->evaluation.split == RG_EVALUATE_VALIDATION ? "validation" : "test";
}

static size_t file_max(const rg_config_t *config)
{
    return (size_t)config->limits.image_max_mib << 20;
}

static int hash_image(const rg_evaluation_t *self, uint32_t image, uint64_t *hash)
{
    const rg_dataset_t *set = &self->data.set;
    size_t columns = (size_t)set->attributes.count, size;
    uint8_t *jpeg;
    int err = rg_dataset_read(set, image, file_max(self->config), &jpeg, &size);
    if (err) return err;
    *hash = rg_hash(set->name[image], strlen(set->name[image]), *hash);
    *hash = rg_hash(set->labels + image * columns, columns, *hash);
    *hash = rg_hash(jpeg, size, *hash);
    free(jpeg);
    return 0;
}

static int hash_images(rg_evaluation_t *self)
{
    int err = 0;
    for (uint32_t i = 0; i < self->n_images && !err; i++)
        err = hash_image(self, self->images[i], &self->images_hash);
    return err;
}

// ------------------------------------------------------------------ life
static int find_images(rg_evaluation_t *self)
{
    const rg_dataset_t *set = &self->data.set;
    enum rg_split split =
        self->config->evaluation.split == RG_EVALUATE_VALIDATION ? RG_SPLIT_VALIDATION : RG_SPLIT_TEST;
    uint32_t n = set->n[split], wanted = (uint32_t)self->config->evaluation.images;
    self->images = set->index[split];
    self->n_images = wanted && wanted < n ? wanted : n;
    if (self->n_images >= RG_IMAGES_MIN) return 0;
    return rg_fail(RG_ENOENT,
                   "%s: an evaluation needs at least %d %s images, here are %u (evaluation.images: %d)",
                   set->folder, RG_IMAGES_MIN, rg_evaluation_split(self->config), self->n_images,
                   self->config->evaluation.images);
}

// What the classifier's outputs mean, in the data set and in the config.
static int match_classes(rg_evaluation_t *self)
{
    const rg_names_t *classes = &self->nets.classifier_info.attributes,
                     *wanted = &self->config->data.attributes;
    for (int c = 0; c < classes->count; c++) {
        self->class_column[c] = rg_names_find(&self->data.set.attributes, classes->name[c]);
        if (self->class_column[c] < 0)
            return rg_fail(RG_EMODEL,
                           "the classifier tells %s, which %s does not annotate; rg-ctl train --stage "
                           "classifier --restart trains another",
                           classes->name[c], self->data.set.folder);
    }
    for (int a = 0; a < wanted->count; a++) {
        self->class[a] = rg_names_find(classes, wanted->name[a]);
        if (self->class[a] < 0)
            return rg_fail(RG_EMODEL,
                           "the classifier does not tell %s; rg-ctl train --stage classifier --restart "
                           "trains another",
                           wanted->name[a]);
    }
    return 0;
}

static int connect_retrieval(rg_evaluation_t *self)
{
    const rg_config_t *config = self->config;
    rg_model_id(self->nets.model, self->embedding_model);
    const rg_wire_options_t wire = rg_wire_options(config);
    int features[3],
        err = rg_link_new(&self->link, &wire, "retrieval", config->endpoints.retrieval, self->stop);
    if (err) return err;
    rg_fusion_features(config, features);
    rg_neighbours_init(&self->nearest, config, features, self->link, self->embedding_model);
    rg_neighbours_init(&self->random, config, features, self->link, self->embedding_model);
    self->random.random = 1;
    return 0;
}

// Those that compare images.
static int open_networks(rg_evaluation_t *self)
{
    int err = rg_extractor_open(&self->extractor, self->config, &self->nets);
    return err ? err : rg_perception_open(&self->perception, self->config, self->nets.tape);
}

int rg_evaluation_open(rg_evaluation_t *self, const rg_config_t *config, const rg_nets_spec_t *spec,
                       rg_evaluation_progress_t *progress, const atomic_int *stop)
{
    *self = (rg_evaluation_t){.config = config, .progress = progress, .stop = stop};
    int err = rg_nets_open(&self->nets, config, spec);
    if (!err) err = rg_dataset_open(&self->data.set, config);
    if (!err) err = rg_dataset_columns(&self->data.set, &config->data, self->data.column);
    if (!err) err = find_images(self);
    if (!err) err = hash_images(self);
    if (!err && spec->with_classifier) err = match_classes(self);
    if (!err && spec->with_classifier && spec->parts) err = open_networks(self);
    if (!err && spec->parts & RG_PART_BIT(RG_FUSION)) err = connect_retrieval(self);
    if (err) rg_evaluation_close(self);
    return err;
}

void rg_evaluation_close(rg_evaluation_t *self)
{
    rg_link_destroy(&self->link);
    rg_neighbours_fini(&self->nearest);
    rg_neighbours_fini(&self->random);
    rg_perception_close(&self->perception);
    rg_extractor_close(&self->extractor);
    rg_nets_close(&self->nets);
    rg_dataset_close(&self->data.set);
}

// ------------------------------------------------------------------ batches
int rg_evaluation_batch(const rg_evaluation_t *self, uint32_t first, uint32_t n)
{
    uint32_t most = (uint32_t)self->config->evaluation.batch;
    return (int)(n - first < most ? n - first : most);
}

int rg_evaluation_advance(rg_evaluation_t *self, int n)
{
    atomic_fetch_add(&self->progress->done, (unsigned long long)n);
    return atomic_load(self->stop) ? rg_fail(RG_ESTOPPED, "the evaluation was stopped") : 0;
}

size_t rg_evaluation_pixels(const rg_evaluation_t *self)
{
    return (size_t)self->config->data.img_size * (size_t)self->config->data.img_size * 3;
}

size_t rg_evaluation_content(const rg_evaluation_t *self)
{
    size_t side = (size_t)rg_content_side(self->config);
    return side * side * (size_t)rg_content_channels(self->config);
}

static int load_one(const rg_evaluation_t *self, uint32_t image, uint8_t *pixels)
{
    const rg_config_t *config = self->config;
    const rg_jpeg_limits_t limits = {.max_bytes = file_max(config),
                                     .max_side = config->limits.image_max_side};
    uint8_t *jpeg;
    size_t size;
    int err = rg_dataset_read(&self->data.set, image, limits.max_bytes, &jpeg, &size);
    if (err) return err;
    err = rg_image_load(jpeg, size, &limits, config->data.crop, config->data.img_size,
                        self->data.set.name[image], pixels);
    free(jpeg);
    return err;
}

int rg_evaluation_load(const rg_evaluation_t *self, float *pixels, const uint32_t *images, int n)
{
    size_t size = rg_evaluation_pixels(self);
    uint8_t *bytes = rg_alloc(size);
    int err = 0;
    for (int i = 0; i < n && !err; i++) {
        err = load_one(self, images[i], bytes);
        if (!err) rg_pixels_to_float(bytes, size, pixels + (size_t)i * size);
    }
    free(bytes);
    return err;
}

int rg_evaluation_judge(rg_evaluation_t *self, const rg_said_t *said, const float *pixels, int n)
{
    int classes = self->nets.classifier_info.attributes.count,
        attributes = self->config->data.attributes.count;
    rg_said_t whole = *said;
    whole.logits = rg_alloc((size_t)(n * classes) * sizeof *whole.logits);
    int err = rg_extractor_run(&self->extractor, &whole, pixels, n);
    for (int i = 0; i < n && !err; i++)
        for (int a = 0; a < attributes; a++)
            said->logits[i * attributes + a] = whole.logits[i * classes + self->class[a]];
    free(whole.logits);
    return err;
}

// ------------------------------------------------------------------ decoding
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

int rg_evaluation_translate(rg_evaluation_t *self, float *image, rg_nets_source_t source, int n,
                            rg_neighbours_t *neighbours)
{
    const rg_retriever_t retriever = {rg_neighbours_ask, rg_neighbours_wait, neighbours};
    return rg_nets_translate(&self->nets, image, source, n, rg_evaluation_fuses(self) ? &retriever : NULL);
}

// ------------------------------------------------------------------ targets
void rg_evaluation_target(const rg_evaluation_t *self, rg_target_t *target, uint32_t i, rg_rng_t *rng)
{
    rg_rng_init(rng, self->config->seed, RG_RNG_EVALUATE, i);
    rg_target_draw(target, &self->data.set, self->data.column, &self->config->data, self->images[i], rng);
}

void rg_evaluation_keep(const rg_evaluation_t *self, float *code, const float *own, const rg_target_t *target)
{
    int width = rg_code_width(self->config);
    unsigned char *keep = rg_alloc((size_t)width);
    rg_code_keep(self->config, target->source, target->wanted, 1, keep);
    for (int i = 0; i < width; i++)
        if (keep[i]) code[i] = own[i];
    free(keep);
}

void rg_evaluation_code(const rg_evaluation_t *self, float *code, const float *own, const rg_target_t *target,
                        rg_rng_t *rng)
{
    rg_code_of_labels(self->config, target->wanted, 1, rng, code);
    rg_evaluation_keep(self, code, own, target);
}
