// What a checkpoint holds. Tensors of each parameter set, named as PyTorch would name them:
//
//     content.in.weight        the values
//     ema.content.in.weight    the averaged weights, of sets that train and have them
//     m.content.in.weight      the optimiser's first moments, of sets that train
//     v.content.in.weight      the second moments
//
// Metadata: format (pt), rg_version, stage, attributes (separated by spaces), config (the whole YAML),
// git_revision, and the numbers of rg_checkpoint_info_t.
//
// Loading is strict in both directions: a tensor that the configuration needs must be in the file, and a set
// must not have a tensor in the file that the configuration does not know. Otherwise a network that was trained
// with a part, such as attention, would be used without it.
#include "common/model/checkpoint.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/model/safetensors.h"

// The blocks of a set, and the prefix of their tensors' names.
static const struct {
    const char *prefix;
    size_t field; // offset of the block's pointer in rg_params_t
} BLOCKS[] = {
    {"", offsetof(rg_params_t, value)},
    {"ema.", offsetof(rg_params_t, ema)},
    {"m.", offsetof(rg_params_t, m)},
    {"v.", offsetof(rg_params_t, v)},
};
enum { AVERAGED = 1, N_BLOCKS = sizeof BLOCKS / sizeof *BLOCKS };

static float *block_of(const rg_params_t *set, int block)
{
    return *(float *const *)((const char *)set + BLOCKS[block].field);
}

static void tensor_name(char out[128], int block, const rg_param_t *param)
{
    snprintf(out, 128, "%s%s", BLOCKS[block].prefix, param->name);
}

// The numbers of rg_checkpoint_info_t and their metadata keys.
static const struct {
    const char *key;
    size_t field;
} NUMBERS[] = {
    {"iteration", offsetof(rg_checkpoint_info_t, iteration)},
    {"iterations", offsetof(rg_checkpoint_info_t, iterations)},
    {"data_fingerprint", offsetof(rg_checkpoint_info_t, fingerprint)},
    {"set_generation", offsetof(rg_checkpoint_info_t, set_generation)},
    {"retrieved", offsetof(rg_checkpoint_info_t, retrieved)},
    {"retrieved_new", offsetof(rg_checkpoint_info_t, retrieved_new)},
    {"last_new_generation", offsetof(rg_checkpoint_info_t, last_new_generation)},
};
enum { N_NUMBERS = sizeof NUMBERS / sizeof *NUMBERS };

static uint64_t *number_of(const rg_checkpoint_info_t *info, int i)
{
    return (uint64_t *)((char *)info + NUMBERS[i].field);
}

// ---- saving

static size_t list_tensors(rg_safetensor_t *out, rg_params_t *const *sets, int n)
{
    size_t count = 0;
    for (int block = 0; block < N_BLOCKS; block++)
        for (int s = 0; s < n; s++) {
            const float *values = block_of(sets[s], block);
            for (int i = 0; values && i < sets[s]->n; i++) {
                const rg_param_t *param = sets[s]->list[i];
                rg_safetensor_t *tensor = &out[count++];
                *tensor = (rg_safetensor_t){
                    .rank = param->rank, .data = values + param->offset, .count = param->count};
                memcpy(tensor->shape, param->shape, sizeof tensor->shape);
                tensor_name(tensor->name, block, param);
            }
        }
    return count;
}

static char *join_names(const rg_names_t *names)
{
    char *text = rg_strdup("");
    for (int i = 0; i < names->count; i++) {
        char *longer = rg_format("%s%s%s", text, i ? " " : "", names->name[i]);
        free(text);
        text = longer;
    }
    return text;
}

int rg_checkpoint_save(const char *path, const rg_config_t *config, rg_params_t *const *sets, int n,
                       const rg_checkpoint_info_t *info)
{
    size_t room = 0;
    for (int s = 0; s < n; s++) room += (size_t)sets[s]->n * N_BLOCKS;
    rg_safetensor_t *tensors = rg_alloc(room * sizeof *tensors);
    size_t count = list_tensors(tensors, sets, n);
    char *yaml = rg_config_dump(config), *attributes = join_names(&info->attributes), number[N_NUMBERS][24];
    rg_safetensors_metadata_t metadata[N_NUMBERS + 6] = {
        {"format", "pt"},           {"rg_version", "1"}, {"stage", info->stage},
        {"attributes", attributes}, {"config", yaml},    {"git_revision", RG_GIT_REVISION}};
    for (int i = 0; i < N_NUMBERS; i++) {
        snprintf(number[i], sizeof number[i], "%" PRIu64, *number_of(info, i));
        metadata[6 + i] = (rg_safetensors_metadata_t){NUMBERS[i].key, number[i]};
    }
    int err = rg_safetensors_write(path, tensors, count, metadata, sizeof metadata / sizeof *metadata);
    free(attributes);
    free(yaml);
    free(tensors);
    return err;
}

// ---- loading

static int read_info(const rg_safetensors_t *file, const char *path, rg_checkpoint_info_t *info)
{
    const char *version = rg_safetensors_metadata(file, "rg_version"),
               *stage = rg_safetensors_metadata(file, "stage");
    if (!version || strcmp(version, "1") != 0 || !stage)
        return rg_fail(RG_EVERSION, "%s: not a checkpoint of this program (rg_version is %.16s, needed is 1)",
                       path, version ? version : "missing");
    memset(info, 0, sizeof *info);
    snprintf(info->stage, sizeof info->stage, "%s", stage);
    for (int i = 0; i < N_NUMBERS; i++) {
        const char *text = rg_safetensors_metadata(file, NUMBERS[i].key);
        *number_of(info, i) = text ? strtoull(text, NULL, 10) : 0;
    }
    const char *names = rg_safetensors_metadata(file, "attributes");
    char *copy = rg_strdup(names ? names : ""), *rest = copy;
    for (char *name; (name = strsep(&rest, " ")) && info->attributes.count < RG_ATTRIBUTES_MAX;)
        if (*name) snprintf(info->attributes.name[info->attributes.count++], RG_NAME_SIZE, "%s", name);
    free(copy);
    return 0;
}

int rg_checkpoint_peek(const char *path, rg_checkpoint_info_t *info)
{
    rg_safetensors_t *file;
    int err = rg_safetensors_open(&file, path);
    if (err) return err;
    err = read_info(file, path, info);
    rg_safetensors_close(&file);
    return err;
}

static int load_block(const rg_safetensors_t *file, const char *path, rg_params_t *set, int block, float *to)
{
    int err = 0;
    for (int i = 0; !err && i < set->n; i++) {
        char name[128];
        tensor_name(name, block, set->list[i]);
        const rg_param_t *param = set->list[i];
        err = rg_safetensors_read(file, path, name, param->rank, param->shape, to + param->offset);
        if (err)
            err = rg_fail(
                err, "%s: a checkpoint of another architecture; the keys model.* must be as in its training",
                rg_error());
    }
    return err;
}

// Every tensor of this set in the file must have a parameter.
static int check_surplus(const rg_safetensors_t *file, const char *path, const rg_params_t *set)
{
    size_t length = strlen(set->name);
    const rg_safetensor_t *tensor;
    for (size_t i = 0; (tensor = rg_safetensors_at(file, i)); i++)
        if (strncmp(tensor->name, set->name, length) == 0 && tensor->name[length] == '.' &&
            !rg_params_find(set, tensor->name))
            return rg_fail(
                RG_EMODEL,
                "%s: %s has no place in this configuration: a checkpoint of another architecture; the keys "
                "model.* must be as in its training",
                path, tensor->name);
    return 0;
}

// To start, the averaged weights become the values, where the file has them. A set that did not train in its
// stage has none: its values are final.
static int load_set(const rg_safetensors_t *file, const char *path, rg_params_t *set,
                    enum rg_checkpoint_use use)
{
    char averaged[128];
    tensor_name(averaged, AVERAGED, set->list[0]);
    int err = check_surplus(file, path, set);
    if (err) return err;
    if (use == RG_CHECKPOINT_START) {
        err = load_block(file, path, set, rg_safetensors_find(file, averaged) ? AVERAGED : 0, set->value);
        if (!err && set->ema) memcpy(set->ema, set->value, set->count * sizeof *set->ema);
    } else {
        for (int block = 0; !err && block < N_BLOCKS; block++)
            if (block_of(set, block)) err = load_block(file, path, set, block, block_of(set, block));
    }
    rg_params_changed(set);
    return err;
}

int rg_checkpoint_load(const char *path, rg_params_t *const *sets, int n, enum rg_checkpoint_use use,
                       rg_checkpoint_info_t *info)
{
    rg_safetensors_t *file;
    int err = rg_safetensors_open(&file, path);
    if (err) return err;
    err = read_info(file, path, info);
    for (int s = 0; !err && s < n; s++) err = load_set(file, path, sets[s], use);
    rg_safetensors_close(&file);
    return err;
}
