// The file of predictions for real images (features.c), with any content: it is used as it was written, or not at all.
#include <string.h>

#include "common/core/log.h"
#include "services/evaluator/features.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/scratch.h"

enum { D = 3, CLASSES = 2, LABELS = 2, IMAGES = 4, WIDTH = D + CLASSES + LABELS };

static rg_config_t config;
static rg_inference_t inference = {.classifier_weights = "0123456789abcdef"};
static rg_evaluation_t evaluation = {.config = &config, .inference = &inference, .n_images = IMAGES};

static void configure(void)
{
    if (*config.evaluation.cache) return;
    rg_log_init("fuzz", RG_LOG_ERROR);
    rg_config_init(&config);
    snprintf(config.evaluation.cache, sizeof config.evaluation.cache, "%s", scratch_open());
    config.data.attributes = (rg_names_t){.count = LABELS, .name = {"Male", "Young"}};
    snprintf(evaluation.extractor.name, sizeof evaluation.extractor.name, "fuzz");
    evaluation.extractor.d = D;
    evaluation.extractor.classes = CLASSES;
}

// Opens the predictions when there is a file of this content, or none.
static void open_predictions(rg_real_predictions_t *real, const uint8_t *data, size_t size)
{
    configure();
    rg_real_predictions_init(real, &evaluation);
    if (!data) return;
    scratch_write(real->path, data, size);
    rg_real_predictions_fini(real);
    rg_real_predictions_init(real, &evaluation);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    rg_real_predictions_t real;
    float features[D], classes[CLASSES], logits[LABELS];
    const rg_predictions_t one = {features, classes, logits, NULL};
    open_predictions(&real, data, size);
    for (uint32_t i = 0; real.complete && i < IMAGES; i++) {
        const float *row = real.row + i * WIDTH;
        if (rg_real_predictions_get(&real, &one, i, NULL, 1) != 0) abort();
        if (memcmp(features, row, sizeof features) || memcmp(classes, row + D, sizeof classes) ||
            memcmp(logits, row + D + CLASSES, sizeof logits))
            abort();
    }
    rg_real_predictions_fini(&real);
    return 0;
}

size_t rg_fuzz_seed(size_t i, uint8_t *out, size_t capacity)
{
    rg_real_predictions_t real;
    if (i > 1) return 0;
    configure();
    evaluation.images_hash = i; // the second one has another key
    open_predictions(&real, NULL, 0);
    for (int j = 0; j < IMAGES * WIDTH; j++) real.row[j] = (float)j;
    real.complete = 0;
    rg_real_predictions_save(&real);
    size_t size = scratch_read(real.path, out, capacity);
    unlink(real.path);
    rg_real_predictions_fini(&real);
    evaluation.images_hash = 0;
    return size;
}
