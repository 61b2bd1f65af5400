#include "common/config/check.h"

#include <assert.h>
#include <string.h>

#include "common/config/table.h"
#include "common/core/endpoint.h"
#include "common/core/err.h"

static int check_device(const char *key, const char *device)
{
    const char *const words[] = {"cpu", "gpu", "auto"};
    for (int i = 0; i < 3; i++)
        if (strcmp(device, words[i]) == 0) return 0;
    size_t digits = strncmp(device, "gpu:", 4) == 0 ? strspn(device + 4, "0123456789") : 0;
    if (digits > 0 && digits < 4 && device[4 + digits] == 0) return 0;
    return rg_fail(RG_ECONFIG, "%s: %s is not cpu, gpu, gpu:N or auto", key, device);
}

// A path that is too long for a socket is told by the service that listens there: other commands may use it.
static int check_endpoints(const rg_config_t *config)
{
    const struct {
        const char *name, *text;
    } all[] = {{"loader", config->endpoints.loader},       {"encoder", config->endpoints.encoder},
               {"retrieval", config->endpoints.retrieval}, {"trainer", config->endpoints.trainer},
               {"evaluator", config->endpoints.evaluator}, {"gateway", config->endpoints.gateway}};
    rg_endpoint_t endpoint;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (rg_endpoint_parse(all[i].text, &endpoint) != 0)
            return rg_fail(RG_ECONFIG, "endpoints.%s: %s", all[i].name, rg_error());
    return 0;
}

// The perceptual loss needs its network, and maps of more than one pixel (model/perceptual.h).
static int check_loss(const rg_config_t *config, const char *section, const rg_loss_weights_t *loss)
{
    if (loss->perceptual > 0 && !*loss->vgg16)
        return rg_fail(RG_ECONFIG, "%s.perceptual: needs %s.vgg16, an ONNX file of that network", section,
                       section);
    if (loss->perceptual > 0 && config->data.img_size < 32)
        return rg_fail(RG_ECONFIG, "%s.perceptual: needs a data.img_size of 32 or more, not %d", section,
                       config->data.img_size);
    return 0;
}

// The values of a network of the user are selected by name.
static int check_networks(const rg_config_t *config)
{
    const rg_evaluation_config_t *keys = &config->evaluation;
    const struct {
        const char *file, *key;
        int named;
    } all[] = {{keys->extractor.file, "extractor.features", *keys->extractor.features != 0},
               {keys->identity.file, "identity.features", *keys->identity.features != 0},
               {keys->lpips.file, "lpips.layers", keys->lpips.layers.count}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (*all[i].file && !all[i].named)
            return rg_fail(RG_ECONFIG, "evaluation.%s: names no value of %s", all[i].key, all[i].file);
    return 0;
}

// 1 if the key of choices has this one. The enum itself belongs to a module above this folder.
static int chosen(const rg_config_t *config, const char *name, const char *choice)
{
    rg_key_t key;
    int position = rg_keys_find(name, &key);
    assert(position >= 0 && key.type == RG_KEY_CHOICE);
    return strcmp(key.choices[*(const int *)((const char *)config + key.offset)], choice) == 0;
}

int rg__config_check(const rg_config_t *config)
{
    const rg_names_t *attributes = &config->data.attributes, *exclusive = &config->data.exclusive;
    int size = config->data.img_size, layers = config->model.d_layers, scales = config->model.d_scales;
    if (!*config->run) return rg_fail(RG_ECONFIG, "run: is empty");
    if (!attributes->count) return rg_fail(RG_ECONFIG, "data.attributes: names no attribute");
    for (int i = 0; i < exclusive->count; i++)
        if (rg_names_find(attributes, exclusive->name[i]) < 0)
            return rg_fail(RG_ECONFIG, "data.exclusive: %s is not among data.attributes", exclusive->name[i]);
    if (size % 4) return rg_fail(RG_ECONFIG, "data.img_size: %d is not divisible by 4", size);
    if (((size >> (scales - 1)) >> layers) < 1)
        return rg_fail(RG_ECONFIG, "model.d_layers: %d halvings leave nothing of %d pixels on scale %d of D",
                       layers, size, scales);
    if (config->model.k > config->retrieval.k_max)
        return rg_fail(RG_ECONFIG, "model.k: %d exceeds retrieval.k_max, %d", config->model.k,
                       config->retrieval.k_max);
    if (config->retrieval.pool > config->retrieval.k_max)
        return rg_fail(RG_ECONFIG, "retrieval.pool: %d exceeds retrieval.k_max, %d", config->retrieval.pool,
                       config->retrieval.k_max);
    if (!(config->triplet.easy || config->triplet.medium || config->triplet.hard || config->triplet.hardest))
        return rg_fail(RG_ECONFIG, "triplet: all kinds of negatives are off");
    if (chosen(config, "stage3.encoders", "trained") && config->retrieval.neighbours != RG_NEIGHBOURS_NONE)
        return rg_fail(RG_ECONFIG, "stage3.encoders: trained only with retrieval.neighbours: none");
    if (chosen(config, "model.retrieval", "ranked") && config->stage2.batch < 2)
        return rg_fail(RG_ECONFIG,
                       "stage2.batch: a ranked R (model.retrieval) needs 2 or more images to rank");
    if (config->classifier_images == RG_CLASSIFIER_OTHERS && config->data.annotated >= 1)
        return rg_fail(RG_ECONFIG, "classifier.images: others needs data.annotated below 1");
    int err = check_device("device", config->device);
    if (!err) err = check_device("inference.device", config->inference.device);
    if (!err) err = check_endpoints(config);
    if (!err) err = check_loss(config, "stage1.loss", &config->stage1_loss);
    if (!err) err = check_loss(config, "stage3.loss", &config->stage3_loss);
    return err ? err : check_networks(config);
}
