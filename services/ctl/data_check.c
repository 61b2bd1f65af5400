// The threads take the next image until none is left. Image i of the result belongs to the thread that took
// it, so they share nothing but two counters.
#include "services/ctl/data_check.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/thread.h"
#include "services/ctl/caller.h"

static const int ASPECT_MAX = 3; // of a shape that is not odd

// What the threads share.
typedef struct {
    rg_data_check_t *check;
    rg_progress_bar_t *progress;
    atomic_size_t next, done;
    atomic_ullong bytes;
} work_t;

// ---- one image

static void note(rg_checked_t *image, enum rg_finding finding, const char *reason)
{
    image->finding = finding;
    free(image->reason);
    image->reason = rg_strdup(reason);
}

// A picture that can be used, but is perhaps not meant.
static void judge_shape(const rg_data_check_t *check, rg_checked_t *image)
{
    int w = image->width, h = image->height, shorter = w < h ? w : h, longer = w < h ? h : w;
    char text[96];
    if (longer > ASPECT_MAX * shorter)
        snprintf(text, sizeof text, "%dx%d is a long strip", w, h);
    else if (2 * shorter < check->config->data.img_size)
        snprintf(text, sizeof text, "%dx%d is less than half of data.img_size, %d", w, h,
                 check->config->data.img_size);
    else
        return;
    note(image, RG_FINDING_ODD, text);
}

static void decode(const rg_data_check_t *check, rg_checked_t *image, const rg_image_file_t *file)
{
    rg_image_t picture = {0};
    rg_image_facts_t facts = {0};
    int err = rg_image_decode_scaled(file, 0, check->config->data.img_size, &picture, &facts);
    image->format = facts.format;
    if (err) {
        note(image, RG_FINDING_BROKEN, rg_error());
        return;
    }
    image->width = facts.width;
    image->height = facts.height;
    judge_shape(check, image);
    if (image->finding == RG_FINDING_FINE && facts.warnings) note(image, RG_FINDING_ODD, facts.warning);
    rg_image_fini(&picture);
}

static void check_image(work_t *work, size_t i)
{
    const rg_data_check_t *check = work->check;
    const rg_limits_config_t *limits = &check->config->limits;
    const rg_image_limits_t image_limits = rg_image_limits(limits);
    rg_checked_t *image = &check->image[i];
    char *path = rg_dataset_path(check->set, i);
    uint8_t *bytes;
    size_t size;
    int err = rg_image_read(limits, path, &bytes, &size);
    if (err) {
        note(image, err == RG_ENOENT ? RG_FINDING_MISSING : RG_FINDING_BROKEN, rg_error());
    } else {
        image->read = 1;
        rg_content_id(bytes, size, image->id);
        atomic_fetch_add(&work->bytes, size);
        decode(check, image, &(rg_image_file_t){bytes, size, path, &image_limits});
        free(bytes);
    }
    free(path);
}

// ---- all images

static void check_images(void *self, int thread)
{
    work_t *work = self;
    size_t count = work->check->set->count;
    for (size_t i; (i = atomic_fetch_add(&work->next, 1)) < count && !atomic_load(rg_interrupted());) {
        check_image(work, i);
        size_t done = atomic_fetch_add(&work->done, 1) + 1;
        if (thread == 0) rg_progress_bar_update(work->progress, done, count, NULL);
    }
}

static int compare_ids(const void *a, const void *b, void *self)
{
    const rg_checked_t *image = self;
    uint32_t i = *(const uint32_t *)a, j = *(const uint32_t *)b;
    int order = memcmp(image[i].id, image[j].id, sizeof image->id);
    return order ? order : i < j ? -1 : 1;
}

static void add_twin(rg_data_check_t *check, uint32_t first, uint32_t second)
{
    const rg_dataset_t *set = check->set;
    size_t columns = (size_t)set->attributes.count;
    rg_twin_t twin = {first, second, set->split[first] != set->split[second],
                      memcmp(set->labels + first * columns, set->labels + second * columns, columns) != 0};
    check->twin[check->twins++] = twin;
    check->twins_across += (uint32_t)twin.splits;
    check->twins_differ += (uint32_t)twin.labels;
}

// Images with the same bytes lie beside each other in the order of their hashes.
static void find_twins(rg_data_check_t *check)
{
    uint32_t *order = rg_alloc(check->set->count * sizeof *order), n = 0;
    for (uint32_t i = 0; i < check->set->count; i++)
        if (check->image[i].read) order[n++] = i;
    qsort_r(order, n, sizeof *order, compare_ids, check->image);
    check->twin = rg_alloc(n * sizeof *check->twin);
    for (uint32_t i = 1; i < n; i++)
        if (memcmp(check->image[order[i - 1]].id, check->image[order[i]].id, sizeof check->image->id) == 0)
            add_twin(check, order[i - 1], order[i]);
    free(order);
}

int rg_data_check_run(rg_data_check_t *check, const rg_config_t *config, const rg_dataset_t *set, int threads,
                      rg_progress_bar_t *progress)
{
    work_t work = {.check = check, .progress = progress};
    rg_thread_pool_t *pool = NULL;
    long processors = threads ? threads : sysconf(_SC_NPROCESSORS_ONLN);
    *check =
        (rg_data_check_t){.config = config, .set = set, .image = rg_alloc(set->count * sizeof *check->image)};
    rg_interrupted(); // begins to catch signals before there are threads
    int err = rg_thread_pool_new(&pool, processors < 1 ? 1 : processors > 64 ? 64 : (int)processors);
    if (err) return err;
    rg_thread_pool_run(pool, check_images, &work);
    rg_thread_pool_destroy(&pool);
    if (atomic_load(rg_interrupted())) return rg_fail(RG_ESTOPPED, "stopped after %zu images", work.done);
    for (size_t i = 0; i < set->count; i++) check->count[check->image[i].finding]++;
    check->bytes = work.bytes;
    find_twins(check);
    return 0;
}

void rg_data_check_fini(rg_data_check_t *check)
{
    for (size_t i = 0; check->image && i < check->set->count; i++) free(check->image[i].reason);
    free(check->image);
    free(check->twin);
    *check = (rg_data_check_t){0};
}

uint32_t rg_data_check_problems(const rg_data_check_t *check)
{
    return check->count[RG_FINDING_BROKEN] + check->count[RG_FINDING_MISSING] + check->twins;
}
