// rg-ctl data check: reads the configured data set as a whole and says what is wrong with it.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/err.h"
#include "common/wire/json.h"
#include "services/ctl/command.h"
#include "services/ctl/data_check.h"
#include "services/ctl/output.h"

enum { LISTED_MAX = 50 }; // lines of each kind in a text; JSON has all

typedef struct {
    int checks; // 1: the word "check" was given
    int threads;
} data_t;

static const rg_command_option_t data_options[] = {
    {"threads", 0, "N", "Threads that read images (default: one per processor)",
     RG_OPTION_NUMBER(data_t, threads, 1, 64)},
    {0},
};

static int data_argument(void *own, char *text)
{
    if (strcmp(text, "check") != 0 || ((data_t *)own)->checks)
        return rg_fail(RG_EUSAGE, "%s: expected check", text);
    ((data_t *)own)->checks = 1;
    return 0;
}

static int data_require_check(const void *own)
{
    return ((const data_t *)own)->checks ? 0 : rg_fail(RG_EUSAGE, "an action is missing: check");
}

static const char *split_name(int split)
{
    static const char *const names[RG_SPLITS] = {"train", "validation", "test"};
    return names[split];
}

static const char *format_name(int format)
{
    static const char *const names[RG_IMAGE_FORMATS] = {"unknown", "JPEG", "PNG", "WebP"};
    return names[format];
}

// ---- counts

// How many images of a split have the label of a column.
static uint32_t count_label(const rg_dataset_t *set, int split, int column)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < set->n[split]; i++)
        count += set->labels[(size_t)set->index[split][i] * (size_t)set->attributes.count + (size_t)column];
    return count;
}

// A configured attribute that all training images have, or none, cannot be learned.
static int is_constant(const rg_data_check_t *check, int column)
{
    const rg_dataset_t *set = check->set;
    uint32_t count = count_label(set, RG_SPLIT_TRAIN, column);
    return rg_names_find(&check->config->data.attributes, set->attributes.name[column]) >= 0 &&
           (count == 0 || count == set->n[RG_SPLIT_TRAIN]);
}

static uint32_t count_constant(const rg_data_check_t *check)
{
    uint32_t count = 0;
    for (int c = 0; c < check->set->attributes.count; c++) count += (uint32_t)is_constant(check, c);
    return count;
}

static uint32_t count_format(const rg_data_check_t *check, int format)
{
    uint32_t count = 0;
    for (size_t i = 0; i < check->set->count; i++)
        count += check->image[i].width > 0 && check->image[i].format == (enum rg_image_format)format;
    return count;
}

// The images with the fewest and the most pixels; NULL if none could be decoded.
static void find_sizes(const rg_data_check_t *check, const rg_checked_t **least, const rg_checked_t **most)
{
    *least = *most = NULL;
    for (size_t i = 0; i < check->set->count; i++) {
        const rg_checked_t *image = &check->image[i];
        long long pixels = (long long)image->width * image->height;
        if (!pixels) continue;
        if (!*least || pixels < (long long)(*least)->width * (*least)->height) *least = image;
        if (!*most || pixels > (long long)(*most)->width * (*most)->height) *most = image;
    }
}

// ---- JSON

static json_t *list_json(const rg_data_check_t *check, enum rg_finding finding)
{
    json_t *list = json_array();
    for (size_t i = 0; i < check->set->count; i++)
        if (check->image[i].finding == finding)
            json_array_append_new(list, json_pack("{s:o, s:o}", "name", rg_json_text(check->set->name[i]),
                                                  "reason", rg_json_text(check->image[i].reason)));
    return list;
}

static json_t *twins_json(const rg_data_check_t *check)
{
    const rg_dataset_t *set = check->set;
    json_t *list = json_array();
    for (uint32_t t = 0; t < check->twins; t++) {
        const rg_twin_t *twin = &check->twin[t];
        json_array_append_new(
            list,
            json_pack("{s:[o, o], s:[s, s], s:b}", "names", rg_json_text(set->name[twin->first]),
                      rg_json_text(set->name[twin->second]), "splits", split_name(set->split[twin->first]),
                      split_name(set->split[twin->second]), "same_labels", !twin->labels));
    }
    return list;
}

static json_t *splits_json(const rg_dataset_t *set)
{
    json_t *splits = json_object();
    for (int s = 0; s < RG_SPLITS; s++) {
        json_t *counts = json_object();
        for (int c = 0; c < set->attributes.count; c++)
            json_object_set_new(counts, set->attributes.name[c], json_integer(count_label(set, s, c)));
        json_object_set_new(splits, split_name(s),
                            json_pack("{s:i, s:o}", "images", (int)set->n[s], "with", counts));
    }
    return splits;
}

static void print_json(const rg_data_check_t *check, uint32_t problems)
{
    const rg_dataset_t *set = check->set;
    const rg_checked_t *least, *most;
    char fingerprint[17];
    json_t *formats = json_object(), *constant = json_array();
    find_sizes(check, &least, &most);
    rg_hash_hex(set->fingerprint, fingerprint);
    for (int f = 1; f < RG_IMAGE_FORMATS; f++)
        json_object_set_new(formats, format_name(f), json_integer(count_format(check, f)));
    for (int c = 0; c < set->attributes.count; c++)
        if (is_constant(check, c)) json_array_append_new(constant, json_string(set->attributes.name[c]));
    json_t *object = json_pack("{s:s, s:o, s:s, s:s, s:I, s:I, s:I, s:o}", "form", set->form, "folder",
                               rg_json_text(set->folder), "split_by", set->splits, "fingerprint", fingerprint,
                               "images", (json_int_t)set->count, "passed_over", (json_int_t)set->passed_over,
                               "bytes", (json_int_t)check->bytes, "formats", formats);
    if (least) {
        json_object_set_new(object, "smallest", json_pack("[i, i]", least->width, least->height));
        json_object_set_new(object, "largest", json_pack("[i, i]", most->width, most->height));
    }
    json_object_set_new(object, "splits", splits_json(set));
    json_object_set_new(object, "broken", list_json(check, RG_FINDING_BROKEN));
    json_object_set_new(object, "missing", list_json(check, RG_FINDING_MISSING));
    json_object_set_new(object, "odd", list_json(check, RG_FINDING_ODD));
    json_object_set_new(object, "same_content", twins_json(check));
    json_object_set_new(object, "constant_attributes", constant);
    json_object_set_new(object, "problems", json_integer(problems));
    rg_output_json(object);
}

// ---- text

static void print_findings(const rg_data_check_t *check, enum rg_finding finding, const char *label)
{
    uint32_t shown = 0, count = check->count[finding];
    for (size_t i = 0; i < check->set->count && shown < LISTED_MAX; i++)
        if (check->image[i].finding == finding) {
            const char *name = check->set->name[i], *reason = check->image[i].reason;
            int named = finding != RG_FINDING_ODD; // the reason begins with the path
            rg_output_line("%-9s %s%s%s", label, named ? "" : name, named ? "" : ": ", reason);
            shown++;
        }
    if (count > shown) printf("%-9s and %u more (--json lists all)\n", label, count - shown);
}

static void print_twins(const rg_data_check_t *check)
{
    const rg_dataset_t *set = check->set;
    for (uint32_t t = 0; t < check->twins && t < LISTED_MAX; t++) {
        const rg_twin_t *twin = &check->twin[t];
        rg_output_line("%-9s %s (%s) and %s (%s)%s", "the same", set->name[twin->first],
                       split_name(set->split[twin->first]), set->name[twin->second],
                       split_name(set->split[twin->second]), twin->labels ? ", with different labels" : "");
    }
    if (check->twins > LISTED_MAX)
        printf("%-9s and %u more pairs (--json lists all)\n", "the same", check->twins - LISTED_MAX);
}

static void print_counts(const rg_data_check_t *check)
{
    const rg_dataset_t *set = check->set;
    printf("\n%-24s %9s %10s %9s\n%-24s %9u %10u %9u\n", "", "train", "validation", "test", "images",
           set->n[RG_SPLIT_TRAIN], set->n[RG_SPLIT_VALIDATION], set->n[RG_SPLIT_TEST]);
    for (int c = 0; c < set->attributes.count; c++)
        rg_output_line("%-24s %9u %10u %9u%s", set->attributes.name[c], count_label(set, RG_SPLIT_TRAIN, c),
                       count_label(set, RG_SPLIT_VALIDATION, c), count_label(set, RG_SPLIT_TEST, c),
                       is_constant(check, c) ? "  all training images are alike" : "");
    printf("\n");
}

static void print_text(const rg_data_check_t *check)
{
    const rg_dataset_t *set = check->set;
    const rg_checked_t *least, *most;
    find_sizes(check, &least, &most);
    rg_output_line("%s in %s: %zu images, %.1f MiB; splits %s", set->form, set->folder, set->count,
                   (double)check->bytes / (1 << 20), set->splits);
    for (int f = 1; f < RG_IMAGE_FORMATS; f++)
        if (count_format(check, f)) printf("%u %s  ", count_format(check, f), format_name(f));
    if (least) printf("from %dx%d to %dx%d pixels\n", least->width, least->height, most->width, most->height);
    if (set->passed_over) printf("%zu files are not images by their names\n", set->passed_over);
    print_counts(check);
    print_findings(check, RG_FINDING_BROKEN, "broken");
    print_findings(check, RG_FINDING_MISSING, "missing");
    print_findings(check, RG_FINDING_ODD, "odd");
    print_twins(check);
    printf("%u broken, %u missing, %u odd, %u pairs with the same content (%u in two splits, %u with "
           "different labels)\n",
           check->count[RG_FINDING_BROKEN], check->count[RG_FINDING_MISSING], check->count[RG_FINDING_ODD],
           check->twins, check->twins_across, check->twins_differ);
}

// ---- the command

static int report_check(const rg_options_t *options, const rg_data_check_t *check)
{
    uint32_t problems = rg_data_check_problems(check) + count_constant(check);
    if (options->json)
        print_json(check, problems);
    else
        print_text(check);
    fflush(stdout);
    return problems ? rg_fail(RG_EFORMAT, "the data set has %u problems", problems) : 0;
}

static int data_run(const rg_options_t *options, const void *input)
{
    const data_t *own = input;
    rg_dataset_t set;
    rg_data_check_t check;
    rg_progress_bar_t progress;
    int err = rg_dataset_open(&set, &options->config);
    if (err) return err;
    rg_progress_bar_init(&progress, "data check", "images", options->json);
    err = rg_data_check_run(&check, &options->config, &set, own->threads, &progress);
    rg_progress_bar_clear(&progress);
    if (!err) err = report_check(options, &check);
    rg_data_check_fini(&check);
    rg_dataset_close(&set);
    return err;
}

const rg_command_t rg_command_data = {
    .name = "data",
    .summary = "Check every image and label of the data set",
    .args = "check",
    .help = "Reads every image and label of the configured data set, without a running service, and writes "
            "nothing. Exit code 1 and their names: images that are broken or missing, images with the same "
            "content (worst in training and test at once), attributes that all training images have or none. "
            "Odd images, of which the decoder warns or which are tiny or long strips, are listed, too, but "
            "can be used.\n\n"
            "Training leaves broken and missing images out, up to data.broken_share.",
    .examples = "  rg-ctl data check --set data.root=afhq\n"
                "  rg-ctl data check --config configs/celeba128.yaml --json\n",
    .options = data_options,
    .argument = data_argument,
    .check = data_require_check,
    .size = sizeof(data_t),
    .config = RG_COMMAND_DEFAULTS,
    .run = data_run,
};
