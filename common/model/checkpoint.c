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
// Loading compares what the checkpoint is before it takes anything from it (check_identity): a code's
// dimensions belong to attributes by their position, and some keys, such as attr_std, leave no trace in the
// shapes of tensors. Then every tensor that the configuration needs must be in the file, in its shape.
// Tensors beyond these are what a user added in Python, if the metadata says that the architecture is the
// same.
#include "common/model/checkpoint.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/file.h"
#include "common/core/log.h"
#include "common/model/safetensors.h"
#include "common/model/stage.h"

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
    {"data_contents", offsetof(rg_checkpoint_info_t, contents)},
    {"set_generation", offsetof(rg_checkpoint_info_t, set_generation)},
    {"retrieved", offsetof(rg_checkpoint_info_t, retrieved)},
    {"retrieved_new", offsetof(rg_checkpoint_info_t, retrieved_new)},
    {"last_new_generation", offsetof(rg_checkpoint_info_t, last_new_generation)},
    {"missing_neighbours", offsetof(rg_checkpoint_info_t, missing_neighbours)},
    {"others", offsetof(rg_checkpoint_info_t, others)},
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

static char *join_names(const rg_names_t *names, const char *separator)
{
    char *text = rg_strdup("");
    for (int i = 0; i < names->count; i++) {
        char *longer = rg_format("%s%s%s", text, i ? separator : "", names->name[i]);
        free(text);
        text = longer;
    }
    return text;
}

// "FINGERPRINT@ITERATION FINGERPRINT@ITERATION", in hexadecimal and decimal digits.
static char *join_data_sets(const rg_checkpoint_info_t *info)
{
    const rg_data_sets_t *sets = &info->data_sets;
    char *text = rg_strdup("");
    for (int i = 0; i < sets->n; i++) {
        char *longer = rg_format("%s%s%016" PRIx64 "@%" PRIu64, text, i ? " " : "", sets->item[i].fingerprint,
                                 sets->item[i].from);
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
    char *yaml = rg_config_dump(config), *attributes = join_names(&info->attributes, " "),
         *data_sets = join_data_sets(info), number[N_NUMBERS][24];
    rg_safetensors_metadata_t metadata[N_NUMBERS + 7] = {
        {"format", "pt"},           {"rg_version", "1"}, {"stage", info->stage},
        {"attributes", attributes}, {"config", yaml},    {"git_revision", RG_GIT_REVISION},
        {"data_sets", data_sets}};
    for (int i = 0; i < N_NUMBERS; i++) {
        snprintf(number[i], sizeof number[i], "%" PRIu64, *number_of(info, i));
        metadata[7 + i] = (rg_safetensors_metadata_t){NUMBERS[i].key, number[i]};
    }
    int err = rg_safetensors_write(path, tensors, count, metadata, sizeof metadata / sizeof *metadata);
    free(attributes);
    free(data_sets);
    free(yaml);
    free(tensors);
    return err;
}

// ---- the previous checkpoint

char *rg_checkpoint_previous(const char *path)
{
    return rg_format("%s.previous", path);
}

// The file gets a second name before it is replaced, and that name becomes the previous one's only when the
// new file is in its place: whatever is killed in between, the old or the new file is there, whole.
int rg_checkpoint_advance(const char *path, const rg_config_t *config, rg_params_t *const *sets, int n,
                          const rg_checkpoint_info_t *info, int first)
{
    char *previous = rg_checkpoint_previous(path), *before = rg_temporary_path(path);
    int linked = !first && link(path, before) == 0;
    if (!first && !linked)
        rg_log(RG_LOG_WARN, "no-previous", "path=%s reason=\"%s\"", previous, strerror(errno));
    int err = rg_checkpoint_save(path, config, sets, n, info);
    if (!err && linked) rename(before, previous);
    if (!err && first) unlink(previous);
    if (linked) unlink(before);
    free(previous);
    free(before);
    return err;
}

int rg_checkpoint_damaged(int err)
{
    return err == RG_EFORMAT || err == RG_EIO || err == RG_ELIMIT; // a length that cannot be
}

int rg_checkpoint_restore(const char *path)
{
    char *previous = rg_checkpoint_previous(path), *damaged = rg_format("%s.damaged", path);
    unlink(damaged);
    if (link(path, damaged) != 0) rg_log(RG_LOG_WARN, "damaged-not-kept", "path=%s", path);
    int err = rename(previous, path) == 0 ? 0 : rg_fail_errno(RG_EIO, "%s: cannot rename", previous);
    free(previous);
    free(damaged);
    return err;
}

// ---- loading

// A checkpoint of before there were several has one data set, of all its iterations.
static void read_data_sets(const char *text, rg_checkpoint_info_t *info)
{
    rg_data_sets_t *sets = &info->data_sets;
    int used = 0;
    uint64_t fingerprint, from;
    for (; text && sets->n < RG_DATA_SETS_MAX &&
           sscanf(text, "%" SCNx64 "@%" SCNu64 "%n", &fingerprint, &from, &used) == 2;
         text += used) {
        sets->item[sets->n].fingerprint = fingerprint;
        sets->item[sets->n++].from = from;
    }
    if (sets->n == 0 || sets->item[sets->n - 1].fingerprint != info->fingerprint) {
        *sets = (rg_data_sets_t){.n = 1};
        sets->item[0].fingerprint = info->fingerprint;
    }
}

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
    read_data_sets(rg_safetensors_metadata(file, "data_sets"), info);
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

// ---- identity

#define TRAIN_ANEW "or train anew, in another run directory (key run) or with rg-ctl train --restart"

// The keys that form a set; NULL: every set.
static const struct {
    const char *set, *key;
} FORMS[] = {
    {NULL, "data.img_size"},
    {"content", "model.gf"},
    {"content", "model.n_res"},
    {"attribute", "model.attr_dims"},
    {"attribute", "model.attr_std"},
    {"generator", "model.mlp"},
    {"generator", "model.detail"},
    {"discriminator", "model.df"},
    {"discriminator", "model.d_layers"},
    {"discriminator", "model.d_scales"},
    {"embedder", "model.retrieval"},
    {"embedder", "model.embed_dim"},
    {"fusion", "model.fusion"},
};
enum { N_FORMS = sizeof FORMS / sizeof *FORMS, LIST_SIZE = 128 };

static int has_set(rg_params_t *const *sets, int n, const char *name)
{
    for (int i = 0; i < n; i++)
        if (strcmp(sets[i]->name, name) == 0) return 1;
    return 0;
}

// The fusion may be without parameters, and then without a set; stage 3 has it.
static int forms(const char *name, rg_params_t *const *sets, int n, const rg_checkpoint_info_t *info)
{
    return has_set(sets, n, name) || (strcmp(name, rg_part_name(RG_FUSION)) == 0 &&
                                      strcmp(info->stage, rg_stage_name(RG_STAGE_3)) == 0);
}

static int check_form(const rg_safetensors_t *file, const char *path, const rg_config_t *config,
                      rg_params_t *const *sets, int n, const rg_checkpoint_info_t *info)
{
    const char *dump = rg_safetensors_metadata(file, "config"), *keys[N_FORMS];
    int count = 0;
    for (int i = 0; i < N_FORMS; i++)
        if (!FORMS[i].set || forms(FORMS[i].set, sets, n, info)) keys[count++] = FORMS[i].key;
    char *differences = dump ? rg_config_compare(config, dump, keys, count) : NULL;
    if (!differences) return 0;
    int err =
        rg_fail(RG_EMODEL,
                "%s: a checkpoint of another architecture: it was trained with %.200s; set these keys as in "
                "its training, " TRAIN_ANEW,
                path, differences);
    free(differences);
    return err;
}

// Writes names as "A, B, C". A list that is too long begins at `from`, and ends where the space ends.
static void list_names(const rg_names_t *names, int from, char out[LIST_SIZE])
{
    char *all = join_names(names, ", ");
    if (strlen(all) < LIST_SIZE) from = 0;
    free(all);
    size_t n = (size_t)snprintf(out, LIST_SIZE, "%s", from ? "..., " : "");
    for (int i = from; i < names->count; i++) {
        int last = i + 1 == names->count;
        if (n + strlen(names->name[i]) + sizeof ", ..." > LIST_SIZE) {
            snprintf(out + n, LIST_SIZE - n, "...");
            return;
        }
        n += (size_t)snprintf(out + n, LIST_SIZE - n, "%s%s", names->name[i], last ? "" : ", ");
    }
}

static int check_attributes(const char *path, const rg_checkpoint_wanted_t *wanted, const rg_names_t *trained)
{
    const rg_names_t *own = wanted->attributes;
    char lists[2][LIST_SIZE];
    int i = 0;
    while (i < own->count && i < trained->count && strcmp(own->name[i], trained->name[i]) == 0) i++;
    if (i == own->count && i == trained->count) return 0;
    list_names(trained, i, lists[0]);
    list_names(own, i, lists[1]);
    if (own == &wanted->config->data.attributes)
        return rg_fail(
            RG_EMODEL,
            "%s: trained for the attributes [%s], but data.attributes is [%s]: set data.attributes "
            "as in its training, names and order, " TRAIN_ANEW,
            path, lists[0], lists[1]);
    return rg_fail(
        RG_EMODEL,
        "%s: trained for the attributes [%s], but the data set annotates [%s]: use the data set of "
        "its training, " TRAIN_ANEW,
        path, lists[0], lists[1]);
}

static int check_identity(const rg_safetensors_t *file, const char *path,
                          const rg_checkpoint_wanted_t *wanted, rg_params_t *const *sets, int n,
                          const rg_checkpoint_info_t *info)
{
    int err = wanted->attributes ? check_attributes(path, wanted, &info->attributes) : 0;
    return err ? err : check_form(file, path, wanted->config, sets, n, info);
}

// ---- tensors

static int load_block(const rg_safetensors_t *file, const char *path, rg_params_t *set, int block, float *to)
{
    int err = 0;
    for (int i = 0; !err && i < set->n; i++) {
        char name[128];
        tensor_name(name, block, set->list[i]);
        const rg_param_t *param = set->list[i];
        err = rg_safetensors_read(file, path, name, param->rank, param->shape, to + param->offset);
        if (err == RG_EMODEL)
            err = rg_fail(
                err, "%s: a checkpoint of another architecture; the keys model.* must be as in its training",
                rg_error());
    }
    return err;
}

// A tensor's name without the prefix of its block.
static const char *without_block(const char *name)
{
    for (int block = 1; block < N_BLOCKS; block++) {
        size_t length = strlen(BLOCKS[block].prefix);
        if (strncmp(name, BLOCKS[block].prefix, length) == 0) return name + length;
    }
    return name;
}

static int begins_with(const char *name, const char *set)
{
    size_t length = strlen(set);
    return strncmp(name, set, length) == 0 && name[length] == '.';
}

// 1: a tensor that no version of this program wrote for this configuration. The tensors of parts that the
// caller does not load are not judged.
static int is_additional(const char *tensor, rg_params_t *const *sets, int n)
{
    const char *name = without_block(tensor);
    for (int i = 0; i < n; i++)
        if (begins_with(name, sets[i]->name)) return !rg_params_find(sets[i], name);
    for (enum rg_part part = 0; part < RG_PARTS; part++)
        if (begins_with(name, rg_part_name(part))) return 0;
    return 1;
}

// Without the configuration of the training nothing tells a tensor that a user added from a part of the
// network that this configuration does not have.
static int check_additional(const rg_safetensors_t *file, const char *path, rg_params_t *const *sets, int n,
                            enum rg_checkpoint_use use)
{
    const rg_safetensor_t *tensor, *first = NULL;
    int count = 0;
    for (size_t i = 0; (tensor = rg_safetensors_at(file, i)); i++) {
        if (!is_additional(tensor->name, sets, n)) continue;
        if (!count++) first = tensor;
    }
    if (count == 0) return 0;
    if (!rg_safetensors_metadata(file, "config"))
        return rg_fail(RG_EMODEL,
                       "%s: %s has no place in this configuration: a checkpoint of another architecture; the "
                       "keys model.* must be as in its training",
                       path, first->name);
    if (use == RG_CHECKPOINT_RESUME)
        return rg_fail(
            RG_EMODEL,
            "%s: %s%s has no place in the networks, and the next save would lose it: remove it from "
            "the file to resume, " TRAIN_ANEW,
            path, first->name, count > 1 ? " (and others)" : "");
    rg_log(RG_LOG_WARN, "tensors-ignored", "path=%s tensors=%d first=%s", path, count, first->name);
    return 0;
}

// To start, the averaged weights become the values, where the file has them. A set that did not train in its
// stage has none: its values are final.
static int load_set(const rg_safetensors_t *file, const char *path, rg_params_t *set,
                    enum rg_checkpoint_use use)
{
    char averaged[128];
    int err = 0;
    tensor_name(averaged, AVERAGED, set->list[0]);
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

int rg_checkpoint_load(const char *path, const rg_checkpoint_wanted_t *wanted, rg_params_t *const *sets,
                       int n, rg_checkpoint_info_t *info)
{
    rg_safetensors_t *file;
    int err = rg_safetensors_open(&file, path);
    if (err) return err;
    err = read_info(file, path, info);
    if (!err) err = check_identity(file, path, wanted, sets, n, info);
    for (int s = 0; !err && s < n; s++) err = load_set(file, path, sets[s], wanted->use);
    if (!err) err = check_additional(file, path, sets, n, wanted->use);
    rg_safetensors_close(&file);
    return err;
}

// ---- the checkpoints of a run

// The retrieval set must not fill with the embeddings of a retrieval net that is still being trained.
int rg_checkpoint_unfinished(const rg_checkpoint_info_t *info)
{
    return strcmp(info->stage, rg_stage_name(RG_STAGE_2)) == 0 && info->iteration < info->iterations;
}

int rg_checkpoint_newest(const rg_config_t *config, char path[RG_PATH_SIZE])
{
    for (enum rg_stage stage = RG_STAGE_3; stage >= RG_STAGE_1; stage--) {
        rg_checkpoint_info_t info;
        rg_stage_checkpoint(stage, config, path);
        if (!rg_exists(path)) continue;
        int err = rg_checkpoint_peek(path, &info);
        if (err) return err;
        if (!rg_checkpoint_unfinished(&info)) return 0;
    }
    return rg_fail(RG_ENOENT, "%s: no checkpoint here yet: train stage 1 first", config->run);
}

int rg_checkpoint_peek_stage(const rg_config_t *config, enum rg_stage stage, char path[RG_PATH_SIZE],
                             rg_checkpoint_info_t *info)
{
    rg_stage_checkpoint(stage, config, path);
    if (!rg_exists(path))
        return rg_fail(RG_ENOENT, "%s: no such checkpoint; rg-ctl train --stage %s makes it", path,
                       rg_stage_argument(stage));
    int err = rg_checkpoint_peek(path, info);
    if (!err && strcmp(info->stage, rg_stage_name(stage)) != 0)
        err = rg_fail(RG_EMODEL, "%s: holds %s, not %s", path, info->stage, rg_stage_name(stage));
    return err;
}
