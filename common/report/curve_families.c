#include "common/report/curve_families.h"

#include <stddef.h>
#include <string.h>

const rg_curve_family_t rg_training_families[] = {
    {"Adversarial", {"g_adversarial", "d_adversarial"}},
    {"Classification", {"g_classify", "d_classify", "classify"}},
    {"Reconstruction", {"recon", "cycle"}},
    {"Codes", {"attribute", "content"}},
    {"Prior", {"kl", "earth_mover"}},
    {"Ranking", {"ranking", "triplet"}},
    {"Isometry", {"isometry"}},
    {"Perceptual", {"perceptual"}},
    {"Learning rate", {"lr"}, .is_rate = 1},
    {"Images per second", {"images_per_s"}, .is_rate = 1},
    {"Share of waiting", {"wait_share"}, .is_rate = 1},
    {0},
};

const rg_curve_family_t rg_measure_families[] = {
    {"Accuracy", {"accuracy_edited", "accuracy_all"}},
    {"Wanted attribute seen",
     {"wanted_accuracy_latent", "wanted_accuracy_reference", "wanted_accuracy_latent_random"}},
    {"Untouched attributes kept", {"untouched_accuracy_latent", "untouched_accuracy_reference"}},
    {"Frechet inception distance", {"fid_latent", "fid_reference", "fid_latent_random"}},
    {"Frechet distance", {"frechet_latent", "frechet_reference", "frechet_latent_random"}},
    {"Coverage", {"coverage_latent", "coverage_reference"}},
    {"Precision and recall", {"precision_latent", "recall_latent"}},
    {"Diversity", {"lpips_latent", "diversity_latent"}},
    {"Reconstruction, of 255", {"reconstruction_l1_255"}},
    {"P@10, average",
     {"p10.trained.average", "p10.untrained.average", "p10.code.average", "p10.random.average"}},
    {0},
};

const rg_curve_family_t *rg_training_family_find(const char *key)
{
    for (const rg_curve_family_t *family = rg_training_families; family->title; family++)
        for (int i = 0; i < RG_CURVE_FAMILY_KEYS && family->key[i]; i++)
            if (strcmp(family->key[i], key) == 0) return family;
    return NULL;
}
