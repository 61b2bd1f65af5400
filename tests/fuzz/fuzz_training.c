// Checkpoints that someone else has written: what is in them besides tensors (checkpoint.c). Whatever a file holds,
// it is loaded or refused, to resume and to start. What was loaded can be saved, and is the same when it is loaded
// again.
#include <string.h>

#include "common/core/err.h"
#include "common/model/checkpoint.h"
#include "common/core/log.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/scratch.h"

enum { SETS = 2, PATH_SIZE = 128 };

typedef struct {
    rg_config_t config;
    rg_params_t set[SETS], *sets[SETS];
    char path[PATH_SIZE];
} training_t;

static training_t training;

static void close_training(void)
{
    for (int i = 0; i < SETS; i++) rg_params_fini(&training.set[i]);
}

// The sets that a checkpoint of stage 1 fills, with fewer weights.
static training_t *open_training(void)
{
    static const char *const names[SETS] = {"content", "generator"};
    training_t *self = &training;
    if (*self->path) return self;
    snprintf(self->path, sizeof self->path, "%s/stage1.safetensors", scratch_open());
    rg_log_init("fuzz", RG_LOG_ERROR);
    rg_config_init(&self->config);
    self->config.data.attributes = (rg_names_t){.count = 2, .name = {"Male", "Young"}};
    for (int i = 0; i < SETS; i++) {
        self->sets[i] = &self->set[i];
        rg_params_init(&self->set[i], names[i]);
        rg_params_add(&self->set[i], "in.weight", 2, (const int[4]){2, 3});
        rg_params_add(&self->set[i], "in.bias", 1, (const int[4]){2});
        rg_params_alloc(&self->set[i], 1);
    }
    atexit(close_training);
    return self;
}

static int load(training_t *self, enum rg_checkpoint_use use, rg_checkpoint_info_t *info)
{
    const rg_checkpoint_wanted_t wanted = {&self->config, &self->config.data.attributes, use};
    return rg_checkpoint_load(self->path, &wanted, self->sets, SETS, info);
}

static void check_again(training_t *self, const rg_checkpoint_info_t *info)
{
    rg_checkpoint_info_t again;
    if (rg_checkpoint_save(self->path, &self->config, self->sets, SETS, info) != 0 ||
        load(self, RG_CHECKPOINT_RESUME, &again) != 0) {
        fprintf(stderr, "%s\n", rg_error());
        abort();
    }
    if (memcmp(&again, info, sizeof again) != 0) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    training_t *self = open_training();
    rg_checkpoint_info_t info;
    scratch_write(self->path, data, size);
    if (rg_checkpoint_peek(self->path, &info) == 0) rg_checkpoint_unfinished(&info);
    load(self, RG_CHECKPOINT_START, &info);
    if (load(self, RG_CHECKPOINT_RESUME, &info) == 0) check_again(self, &info);
    return 0;
}

static size_t save_seed(training_t *self, const rg_checkpoint_info_t *info, int n, uint8_t *out,
                        size_t capacity)
{
    if (rg_checkpoint_save(self->path, &self->config, self->sets, n, info) != 0) abort();
    return scratch_read(self->path, out, capacity);
}

// Whole checkpoints, and one of another stage without all sets.
size_t rg_fuzz_seed(size_t i, uint8_t *out, size_t capacity)
{
    training_t *self = open_training();
    rg_checkpoint_info_t info = {.stage = "stage1",
                                 .iteration = 7,
                                 .iterations = 9,
                                 .fingerprint = 5,
                                 .data_sets = {2, {{77, 0}, {5, 4}}},
                                 .attributes = self->config.data.attributes};
    if (i == 0) return save_seed(self, &info, SETS, out, capacity);
    if (i == 1) {
        info.data_sets = (rg_data_sets_t){1, {{5, 0}}};
        info.retrieved = UINT64_MAX;
        return save_seed(self, &info, SETS, out, capacity);
    }
    if (i > 2) return 0;
    snprintf(info.stage, sizeof info.stage, "stage2");
    info.attributes.count = 1;
    return save_seed(self, &info, 1, out, capacity);
}
