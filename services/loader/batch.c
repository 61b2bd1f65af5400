// How a batch is made. A request (stream, index) names places p = index * images + i of the stream;
// everything else follows from a place:
//
//   place -> rank     the epoch p / n has a permutation of the stream's n images (rank_at), one for sources
//                     and one for targets; the last ones used are kept. Of a broken image the next ranks of
//                     the permutation are tried (usable_rank)
//   rank  -> pixels   decoded once and kept (fetch_image): the cache holds the images of the lowest ranks
//   place -> random   its own seed of the augmentation
//
// A part of a batch has labels of all places, and pixels of its own ones.
#include "services/loader/batch.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/hash.h"
#include "common/core/log.h"
#include "common/core/rng.h"
#include "common/data/image.h"
#include "common/data/target.h"

enum {
    PERMUTATIONS = 8, // two epochs of sources and of targets, for two streams
    NAME_SIZE = RG_BATCH_STREAM_MAX + 1,
    REFERENCE_DRAWS = 8, // of a flipped target, until one is usable
};

enum { UNKNOWN, USABLE, BROKEN }; // what is known of an image

typedef struct {
    uint32_t rank;
    char *reason; // owned
} broken_t;

// The images of a stream: ranks first..first+n-1. A rank is a position in set->train_annotated, or behind
// them in set->train_others.
typedef struct {
    uint32_t first, n;
} pool_t;

// The order of the images in one epoch of a stream.
typedef struct {
    char stream[NAME_SIZE];
    enum rg_rng_stream purpose; // RG_RNG_SHUFFLE: of sources, RG_RNG_TARGETS: of targets
    uint64_t epoch;
    uint32_t *rank; // [n of the stream's pool], NULL: this entry is free
} permutation_t;

struct rg_batcher {
    const rg_config_t *config;
    const rg_dataset_t *set;
    size_t image_size;             // S*S*3
    int column[RG_ATTRIBUTES_MAX]; // of the config's attributes
    int no_columns;                // 1: the data set lacks one of them
    uint64_t contents;             // hash of the sizes of the training images' files
    uint32_t *rank_of;             // [set->count], of annotated training images
    uint32_t ranks;                // images of all streams
    permutation_t permutations[PERMUTATIONS];
    int next_permutation;
    // the cache of decoded images
    uint32_t slots;            // images of rank < slots are kept
    uint8_t *pixels;           // [slots + 1,S,S,3]; the last slot is for images that are not kept
    uint8_t (*id)[RG_ID_SIZE]; // [slots + 1]
    uint32_t last;             // rank of the image in the last slot
    // broken images
    uint8_t *state;   // [ranks]
    broken_t *broken; // [n_broken], in the order found
    uint32_t n_broken;
    // images that were read with warnings
    uint8_t *odd; // [set->count]
    uint32_t n_odd;
};

// A file that is replaced nearly always has another size. Times are left out: a copy of the data set has others.
static uint64_t hash_contents(const rg_dataset_t *set)
{
    uint64_t hash = 0;
    for (uint32_t i = 0; i < set->n[RG_SPLIT_TRAIN]; i++) {
        struct stat info = {0};
        char *path = rg_dataset_path(set, set->index[RG_SPLIT_TRAIN][i]);
        uint64_t size = stat(path, &info) == 0 ? (uint64_t)info.st_size : 0;
        hash = rg_hash(&size, sizeof size, hash);
        free(path);
    }
    return hash;
}

void rg_batcher_new(rg_batcher_t **out, const rg_config_t *config, const rg_dataset_t *set)
{
    rg_batcher_t *self = rg_alloc(sizeof *self);
    self->config = config;
    self->set = set;
    self->image_size = (size_t)config->data.img_size * (size_t)config->data.img_size * 3;
    size_t slots = RG_BATCH_CACHE_BYTES / self->image_size;
    self->ranks = set->n_train_annotated;
    if (config->classifier_images == RG_CLASSIFIER_OTHERS) self->ranks += set->n_train_others;
    self->slots = self->ranks < slots ? self->ranks : (uint32_t)slots;
    self->pixels = rg_alloc((self->slots + 1) * self->image_size);
    self->id = rg_alloc((self->slots + 1) * sizeof *self->id);
    self->last = self->ranks;
    self->state = rg_alloc(self->ranks);
    self->odd = rg_alloc(set->count);
    self->contents = hash_contents(set);
    self->no_columns = rg_dataset_columns(set, &config->data, self->column) != 0;
    self->rank_of = rg_alloc(set->count * sizeof *self->rank_of);
    for (uint32_t rank = 0; rank < set->n_train_annotated; rank++)
        self->rank_of[set->train_annotated[rank]] = rank;
    *out = self;
}

void rg_batcher_destroy(rg_batcher_t **out)
{
    rg_batcher_t *self = *out;
    if (!self) return;
    for (int i = 0; i < PERMUTATIONS; i++) free(self->permutations[i].rank);
    free(self->pixels);
    free(self->id);
    for (uint32_t i = 0; i < self->n_broken; i++) free(self->broken[i].reason);
    free(self->broken);
    free(self->state);
    free(self->odd);
    free(self->rank_of);
    free(self);
    *out = NULL;
}

uint32_t rg_batcher_with_warnings(const rg_batcher_t *self)
{
    return self->n_odd;
}

rg_msg_t *rg_batcher_describe(const rg_batcher_t *self)
{
    const rg_dataset_t *set = self->set;
    rg_msg_t *reply = rg_msg_new(RG__V1__ENVELOPE__BODY_DATASET_REPLY);
    Rg__V1__DatasetReply *body = rg_msg_body(reply);
    body->n_attributes = (size_t)set->attributes.count;
    body->attributes = rg_msg_alloc(reply, body->n_attributes * sizeof *body->attributes);
    for (int i = 0; i < set->attributes.count; i++)
        body->attributes[i] = rg_msg_text(reply, "%s", set->attributes.name[i]);
    body->train = set->n[RG_SPLIT_TRAIN];
    body->annotated = set->n_train_annotated;
    body->validation = set->n[RG_SPLIT_VALIDATION];
    body->test = set->n[RG_SPLIT_TEST];
    body->fingerprint = set->fingerprint;
    body->contents = self->contents;
    return reply;
}

// ---- which image

static uint32_t image_of(const rg_batcher_t *self, uint32_t rank)
{
    const rg_dataset_t *set = self->set;
    return rank < set->n_train_annotated ? set->train_annotated[rank]
                                         : set->train_others[rank - set->n_train_annotated];
}

static pool_t pool_of(const rg_batcher_t *self, const char *stream)
{
    const uint32_t annotated = self->set->n_train_annotated;
    int others = self->config->classifier_images == RG_CLASSIFIER_OTHERS && strcmp(stream, "classifier") == 0;
    return others ? (pool_t){annotated, self->set->n_train_others} : (pool_t){0, annotated};
}

// The index of the random numbers that belong to (stream, number).
static uint64_t place_seed(const char *stream, uint64_t number)
{
    return rg_hash(stream, strlen(stream), number);
}

static void shuffle_epoch(const rg_batcher_t *self, permutation_t *permutation)
{
    const pool_t pool = pool_of(self, permutation->stream);
    rg_rng_t rng;
    permutation->rank = rg_realloc(permutation->rank, pool.n * sizeof *permutation->rank);
    for (uint32_t i = 0; i < pool.n; i++) permutation->rank[i] = pool.first + i;
    rg_rng_init(&rng, self->config->seed, permutation->purpose,
                place_seed(permutation->stream, permutation->epoch));
    rg_rng_shuffle(&rng, permutation->rank, pool.n);
}

static const uint32_t *permutation_of(rg_batcher_t *self, const char *stream, enum rg_rng_stream purpose,
                                      uint64_t epoch)
{
    for (int i = 0; i < PERMUTATIONS; i++) {
        const permutation_t *permutation = &self->permutations[i];
        if (permutation->rank && permutation->epoch == epoch && permutation->purpose == purpose &&
            strcmp(permutation->stream, stream) == 0)
            return permutation->rank;
    }
    permutation_t *permutation = &self->permutations[self->next_permutation++ % PERMUTATIONS];
    snprintf(permutation->stream, sizeof permutation->stream, "%s", stream);
    permutation->purpose = purpose;
    permutation->epoch = epoch;
    shuffle_epoch(self, permutation);
    return permutation->rank;
}

static uint32_t rank_at(rg_batcher_t *self, const char *stream, enum rg_rng_stream purpose, uint64_t place)
{
    uint32_t n = pool_of(self, stream).n;
    return permutation_of(self, stream, purpose, place / n)[place % n];
}

static void read_labels(const rg_batcher_t *self, uint32_t rank, uint8_t *labels)
{
    size_t columns = (size_t)self->set->attributes.count;
    memcpy(labels, self->set->labels + image_of(self, rank) * columns, columns);
}

// ---- pixels

// Counts an image that breaks the rules of its format, but was read whole.
static void note_odd(rg_batcher_t *self, uint32_t image, const char *origin, const char *warning)
{
    if (self->odd[image]) return;
    self->odd[image] = 1;
    self->n_odd++;
    rg_log(RG_LOG_WARN, "odd-image", "file=\"%s\" warning=\"%s\" odd=%u", origin, warning, self->n_odd);
}

static int read_image(rg_batcher_t *self, uint32_t image, uint8_t *pixels, uint8_t id[RG_ID_SIZE])
{
    const rg_config_t *config = self->config;
    uint8_t *jpeg;
    size_t size;
    int err = rg_dataset_read(self->set, image, &config->limits, &jpeg, &size);
    if (err) return err;
    char *origin = rg_dataset_path(self->set, image);
    rg_image_facts_t facts;
    err = rg_image_examine(config, jpeg, size, origin, pixels, &facts);
    if (!err && facts.warnings) note_odd(self, image, origin, facts.warning);
    if (!err) rg_content_id(jpeg, size, id);
    free(origin);
    free(jpeg);
    return err;
}

// The slot of this rank's decoded image. A slot beyond the cache is valid until the next call.
static int fetch_image(rg_batcher_t *self, uint32_t rank, size_t *slot)
{
    size_t at = rank < self->slots ? rank : self->slots;
    int present = at < self->slots ? self->state[rank] == USABLE : rank == self->last;
    if (!present) {
        if (at == self->slots) self->last = self->ranks;
        int err = read_image(self, image_of(self, rank), self->pixels + at * self->image_size, self->id[at]);
        if (err) return err;
        self->state[rank] = USABLE;
        if (at == self->slots) self->last = rank;
    }
    *slot = at;
    return 0;
}

// ---- broken images

// The rows of one kind of image, sources or targets, in a reply. Images from `first` on have pixels, if they
// belong to the part.
typedef struct {
    const Rg__V1__BatchRequest *asked;
    rg_msg_t *reply;
    enum rg_rng_stream purpose;
    uint32_t first;
    float *pixels;
    uint8_t *labels, *ids;
} rows_t;

uint32_t rg_batcher_broken(const rg_batcher_t *self, const char **last)
{
    *last = self->n_broken ? self->set->name[image_of(self, self->broken[self->n_broken - 1].rank)] : NULL;
    return self->n_broken;
}

// How many images may be broken: the share, rounded up, so that one of a small set may be.
static uint32_t broken_max(const rg_batcher_t *self)
{
    return (uint32_t)ceil(self->config->data.broken_share * self->ranks);
}

// Notes an image that rg_error() says cannot be used. RG_EFORMAT if there are too many of them.
static int leave_out(rg_batcher_t *self, uint32_t rank)
{
    uint32_t n = self->n_broken, most = broken_max(self);
    if ((n & (n - 1)) == 0) self->broken = rg_realloc(self->broken, (n ? 2 * n : 1) * sizeof *self->broken);
    self->broken[n] = (broken_t){rank, rg_strdup(rg_error())};
    self->state[rank] = BROKEN;
    self->n_broken++;
    rg_log(RG_LOG_WARN, "broken-image", "error=\"%s\" broken=%u allowed=%u", rg_error(), n + 1, most);
    if (n + 1 <= most) return 0;
    return rg_fail(RG_EFORMAT,
                   "%u of %u training images are broken or missing, more than data.broken_share: %g allows; "
                   "`rg-ctl data check' lists them; the last one: %s",
                   n + 1, self->ranks, self->config->data.broken_share, self->broken[n].reason);
}

static const char *reason_of(const rg_batcher_t *self, uint32_t rank)
{
    uint32_t i = 0;
    while (self->broken[i].rank != rank) i++;
    return self->broken[i].reason;
}

// Adds a broken image to the reply, once.
static void report_broken(const rg_batcher_t *self, uint32_t rank, rg_msg_t *reply)
{
    Rg__V1__BatchReply *body = rg_msg_body(reply);
    const char *name = self->set->name[image_of(self, rank)];
    for (size_t i = 0; i < body->n_broken; i++)
        if (strcmp(body->broken[i]->name, name) == 0) return;
    Rg__V1__BrokenImage **all =
        (Rg__V1__BrokenImage **)rg_msg_array(reply, &rg__v1__broken_image__descriptor, body->n_broken + 1);
    for (size_t i = 0; i < body->n_broken; i++) all[i] = body->broken[i];
    all[body->n_broken]->name = rg_msg_text(reply, "%s", name);
    all[body->n_broken]->reason = rg_msg_text(reply, "%s", reason_of(self, rank));
    body->broken = all;
    body->n_broken++;
}

// Whether the image can be decoded. fetch: it is decoded now, even if it could be before. An error is that of
// leave_out.
static int try_image(rg_batcher_t *self, uint32_t rank, int fetch, rg_msg_t *reply, int *usable)
{
    size_t slot;
    int err = 0;
    if (self->state[rank] == UNKNOWN || (fetch && self->state[rank] == USABLE))
        if (fetch_image(self, rank, &slot) != 0) err = leave_out(self, rank);
    *usable = self->state[rank] == USABLE;
    if (!err && !*usable) report_broken(self, rank, reply);
    return err;
}

// The image of this place, or the next usable one of the epoch.
static int usable_rank(rg_batcher_t *self, const rows_t *rows, enum rg_rng_stream purpose, uint64_t place,
                       int fetch, uint32_t *rank)
{
    uint32_t n = pool_of(self, rows->asked->stream).n;
    const uint32_t *order = permutation_of(self, rows->asked->stream, purpose, place / n);
    for (uint32_t i = 0; i < n; i++) {
        int usable;
        *rank = order[(place + i) % n];
        int err = try_image(self, *rank, fetch, rows->reply, &usable);
        if (err || usable) return err;
    }
    return rg_fail(RG_EFORMAT, "%s: none of the %u training images can be used", self->set->folder, n);
}

// An image that shows the source of this place with one attribute flipped. Without such an image it is one
// that shows at least the flipped attribute, and without that one, the source itself. Of a broken image
// another one is drawn. The labels are those of the image.
static int flipped_target(rg_batcher_t *self, const rows_t *rows, uint64_t place, int fetch, uint32_t *rank)
{
    const char *stream = rows->asked->stream;
    uint32_t source;
    rg_target_t target;
    rg_rng_t rng;
    int err = usable_rank(self, rows, RG_RNG_SHUFFLE, place, 0, &source);
    rg_rng_init(&rng, self->config->seed, RG_RNG_FLIPPED, place_seed(stream, place));
    for (int draw = 0; !err && draw < REFERENCE_DRAWS; draw++) {
        int usable = 0;
        rg_target_draw(&target, self->set, self->column, &self->config->data, image_of(self, source), &rng);
        if (target.reference == RG_NO_REFERENCE) break;
        *rank = self->rank_of[target.reference];
        err = try_image(self, *rank, fetch, rows->reply, &usable);
        if (usable) return err;
    }
    *rank = source;
    return err;
}

// ---- a batch

static uint32_t parts_of(const Rg__V1__BatchRequest *asked)
{
    return asked->parts ? asked->parts : 1;
}

// Whether image i of the batch belongs to the part that is asked for.
static int is_of_part(const Rg__V1__BatchRequest *asked, uint32_t i)
{
    uint32_t first = asked->images - asked->references;
    uint32_t part =
        i < first ? i / (first / parts_of(asked)) : (i - first) / (asked->references / parts_of(asked));
    return part == asked->part;
}

static int fill_pixels(rg_batcher_t *self, const rows_t *rows, uint32_t row, uint32_t rank, uint64_t draw)
{
    rg_rng_t rng;
    size_t slot;
    int err = fetch_image(self, rank, &slot);
    if (err) return err;
    rg_rng_init(&rng, self->config->seed, RG_RNG_AUGMENT, draw);
    rg_image_augment(self->pixels + slot * self->image_size, self->config->data.img_size,
                     self->config->data.jitter, &rng, rows->pixels + row * self->image_size);
    memcpy(rows->ids + (size_t)row * RG_ID_SIZE, self->id[slot], RG_ID_SIZE);
    return 0;
}

// The image of row i and its labels. A row whose pixels nobody gets shows an image whether it is usable or
// not.
static int find_image(rg_batcher_t *self, const rows_t *rows, uint32_t i, uint32_t *rank)
{
    const Rg__V1__BatchRequest *asked = rows->asked;
    uint64_t place = asked->index * asked->images + i;
    int err = 0, fetch = is_of_part(asked, i);
    if (i < rows->first)
        *rank = rank_at(self, asked->stream, rows->purpose, place);
    else if (rows->purpose == RG_RNG_TARGETS && asked->flipped)
        err = flipped_target(self, rows, place, fetch, rank);
    else
        err = usable_rank(self, rows, rows->purpose, place, fetch, rank);
    if (!err) read_labels(self, *rank, rows->labels + i * (size_t)self->set->attributes.count);
    return err;
}

static int fill_rows(rg_batcher_t *self, const rows_t *rows)
{
    const Rg__V1__BatchRequest *asked = rows->asked;
    uint32_t row = 0;
    int err = 0;
    for (uint32_t i = 0; i < asked->images && !err; i++) {
        uint64_t place = asked->index * asked->images + i;
        uint32_t rank;
        err = find_image(self, rows, i, &rank);
        uint64_t draw = place_seed(asked->stream, 2 * place + (rows->purpose == RG_RNG_TARGETS));
        if (!err && i >= rows->first && is_of_part(asked, i))
            err = fill_pixels(self, rows, row++, rank, draw);
    }
    return err;
}

static int check_request(const rg_batcher_t *self, const Rg__V1__BatchRequest *asked)
{
    size_t name = strlen(asked->stream), message = (size_t)self->config->limits.message_max_mib << 20;
    if (name < 1 || name > RG_BATCH_STREAM_MAX)
        return rg_fail(RG_EINVAL, "a stream's name has 1 to %d bytes, not %zu", RG_BATCH_STREAM_MAX, name);
    if (asked->images < 1 || asked->references > asked->images)
        return rg_fail(RG_EINVAL,
                       "a batch of %u images with %u references: at least one image is needed, and no more "
                       "references than images",
                       asked->images, asked->references);
    if (parts_of(asked) > RG_BATCH_PARTS_MAX)
        return rg_fail(RG_ELIMIT, "a batch in %u parts: at most %d are possible", parts_of(asked),
                       RG_BATCH_PARTS_MAX);
    if (asked->part >= parts_of(asked) || asked->images % parts_of(asked) ||
        asked->references % parts_of(asked))
        return rg_fail(RG_EINVAL,
                       "part %u of %u of a batch of %u images with %u references: images and references must "
                       "divide into equal parts",
                       asked->part, parts_of(asked), asked->images, asked->references);
    if (asked->images / parts_of(asked) > message / (self->image_size * sizeof(float)) ||
        asked->images > message / ((size_t)self->set->attributes.count + 1))
        return rg_fail(RG_ELIMIT, "a batch of %u images is larger than limits.message_max_mib: %d",
                       asked->images, self->config->limits.message_max_mib);
    if (asked->index > INT32_MAX)
        return rg_fail(RG_EINVAL, "batch %llu: the last one is %d", (unsigned long long)asked->index,
                       INT32_MAX);
    if (!pool_of(self, asked->stream).n)
        return rg_fail(RG_ENOENT, "%s: no training image here is annotated", self->set->folder);
    if (asked->flipped && self->no_columns)
        return rg_fail(RG_ECONFIG, "data.attributes: %s does not annotate all of them", self->set->folder);
    return 0;
}

int rg_batcher_answer(rg_batcher_t *self, const rg_msg_t *request, rg_msg_t **reply)
{
    const Rg__V1__BatchRequest *asked = rg_msg_body(request);
    int err = check_request(self, asked);
    if (err) return err;
    const uint32_t n = asked->images / parts_of(asked), m = asked->references / parts_of(asked),
                   side = (uint32_t)self->config->data.img_size;
    const uint32_t labels[] = {asked->images, (uint32_t)self->set->attributes.count};
    rg_msg_t *made = rg_msg_new(RG__V1__ENVELOPE__BODY_BATCH_REPLY);
    Rg__V1__BatchReply *body = rg_msg_body(made);
    body->index = asked->index;
    body->epoch = (double)(asked->index + 1) * asked->images / pool_of(self, asked->stream).n;
    rows_t sources = {.asked = asked, .reply = made, .purpose = RG_RNG_SHUFFLE},
           targets = {.asked = asked,
                      .reply = made,
                      .purpose = RG_RNG_TARGETS,
                      .first = asked->images - asked->references};
    sources.pixels =
        rg_msg_reserve(made, "pixels", RG__V1__DTYPE__F32, 4, (const uint32_t[]){n, side, side, 3});
    sources.labels = rg_msg_reserve(made, "labels", RG__V1__DTYPE__U8, 2, labels);
    sources.ids = rg_msg_reserve(made, "ids", RG__V1__DTYPE__U8, 2, (const uint32_t[]){n, RG_ID_SIZE});
    targets.labels = rg_msg_reserve(made, "target_labels", RG__V1__DTYPE__U8, 2, labels);
    if (m) {
        targets.pixels =
            rg_msg_reserve(made, "references", RG__V1__DTYPE__F32, 4, (const uint32_t[]){m, side, side, 3});
        targets.ids =
            rg_msg_reserve(made, "reference_ids", RG__V1__DTYPE__U8, 2, (const uint32_t[]){m, RG_ID_SIZE});
    }
    err = fill_rows(self, &sources);
    if (!err) err = fill_rows(self, &targets);
    if (err)
        rg_msg_destroy(&made);
    else
        *reply = made;
    return err;
}
