// rg-ctl query: finds real images with the content of one image and the wanted attributes.
//
// One request does it: the encoder embeds the image with the wanted attributes, asks the retrieval service
// for the neighbours of the embedding, and passes its reply on (FindRequest). The image itself is excluded by
// the hash of its content.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/clock.h"
#include "common/core/err.h"
#include "common/core/hash.h"
#include "common/data/dataset.h"
#include "common/data/image.h"
#include "common/wire/edits.h"
#include "common/wire/json.h"
#include "common/wire/search_request.h"
#include "services/ctl/caller.h"
#include "services/ctl/command.h"
#include "services/ctl/output.h"
#include "services/ctl/pictures.h"

enum { PER_ROW = 10 };

// ---- the filter: which images may be found

enum { FILTER_IDS_MAX = 64 };

typedef struct {
    const char *name_prefix;
    int annotated, unannotated;
    uint64_t from_ms, until_ms; // milliseconds since 1970; 0: no bound
    uint8_t exclude[FILTER_IDS_MAX][RG_ID_SIZE];
    size_t n_exclude;
} filter_t;

static int filter_read_time(void *field, const char *text)
{
    return rg_time_parse(text, field) ? rg_fail(RG_EUSAGE, "%s", rg_error()) : 0;
}

static int filter_read_exclude(void *field, const char *text)
{
    filter_t *filter = field;
    if (filter->n_exclude == FILTER_IDS_MAX) return rg_fail(RG_EUSAGE, "at most %d ids", FILTER_IDS_MAX);
    if (!rg_id_parse(text, filter->exclude[filter->n_exclude++]))
        return rg_fail(RG_EUSAGE, "expected 32 hexadecimal digits");
    return 0;
}

static int filter_has_condition(const filter_t *filter)
{
    return filter->name_prefix || filter->annotated || filter->unannotated || filter->from_ms ||
           filter->until_ms || filter->n_exclude;
}

// The filter as a message that lives as long as msg; NULL if there is no condition.
static Rg__V1__Filter *filter_message(const filter_t *filter, rg_msg_t *msg)
{
    if (!filter_has_condition(filter)) return NULL;
    Rg__V1__Filter *body = rg_msg_array(msg, &rg__v1__filter__descriptor, 1)[0];
    if (filter->name_prefix) body->name_prefix = rg_msg_text(msg, "%s", filter->name_prefix);
    body->annotation = filter->unannotated ? RG__V1__ANNOTATION__UNANNOTATED
                       : filter->annotated ? RG__V1__ANNOTATION__ANNOTATED
                                           : RG__V1__ANNOTATION__ANY;
    body->added_from_ms = filter->from_ms;
    body->added_until_ms = filter->until_ms;
    body->n_exclude = filter->n_exclude;
    body->exclude = rg_msg_alloc(msg, (filter->n_exclude + 1) * sizeof *body->exclude);
    for (size_t i = 0; i < filter->n_exclude; i++)
        rg_msg_bytes(msg, &body->exclude[i], filter->exclude[i], RG_ID_SIZE);
    return body;
}

// ---- the command line

typedef struct {
    const char *image, *attributes, *out;
    int k, show;
    uint32_t nprobe, ef_search; // 0: as configured
    filter_t filter;
} query_t;

static const rg_command_option_t query_options[] = {
    {"image", 'i', "FILE", "The image to start from (JPEG, PNG or WebP)", RG_OPTION_TEXT(query_t, image),
     .required = 1},
    {"attr", 'a', "NAME=0|1,...", "Wanted attributes; those not named stay as they are",
     RG_OPTION_TEXT(query_t, attributes)},
    {NULL, 'k', "K", "How many images to find (default 10)", RG_OPTION_NUMBER(query_t, k, 1, 10000)},
    {"out", 'o', "FILE", "Write a picture (.png, .jpg or .webp): the source, then the results",
     RG_OPTION_TEXT(query_t, out)},
    {"show", 0, NULL, "Show that picture on the terminal (needs the program chafa)",
     RG_OPTION_FLAG(query_t, show)},
    {"nprobe", 0, "N", "Lists of the index to search", RG_OPTION_NUMBER(query_t, nprobe, 1, 65536)},
    {"ef-search", 0, "N", "Candidates that an HNSW index keeps",
     RG_OPTION_NUMBER(query_t, ef_search, 1, 4096)},
    {"name-prefix", 0, "TEXT", "Only images whose name begins with TEXT",
     RG_OPTION_TEXT(query_t, filter.name_prefix)},
    {"annotated", 0, NULL, "Only images that have an annotation", RG_OPTION_FLAG(query_t, filter.annotated)},
    {"unannotated", 0, NULL, "Only images without annotation", RG_OPTION_FLAG(query_t, filter.unannotated)},
    {"added-after", 0, "TIME",
     "Only images added after TIME: 2026-11-25, 2026-11-25T08:30 (local), 2026-11-25T08:30:15Z or +02:00, "
     "15m, 2h, 3d ago, or added_ms as --json prints it",
     RG_OPTION_READ(query_t, filter.from_ms, filter_read_time)},
    {"added-before", 0, "TIME", "Only images added before TIME",
     RG_OPTION_READ(query_t, filter.until_ms, filter_read_time)},
    {"exclude", 0, "HEX", "Leave out the image with this id; may be repeated",
     RG_OPTION_READ(query_t, filter, filter_read_exclude)},
    {0},
};

static int query_check(const void *own)
{
    const query_t *query = own;
    if (query->filter.annotated && query->filter.unannotated)
        return rg_fail(RG_EUSAGE, "--annotated and --unannotated exclude each other");
    if (query->filter.until_ms && query->filter.from_ms >= query->filter.until_ms)
        return rg_fail(RG_EUSAGE, "--added-after is not before --added-before: no image can meet both");
    return query->out ? rg_image_check_path(query->out) : 0;
}

static int wants_picture(const query_t *query)
{
    return query->out || query->show;
}

typedef struct {
    const rg_options_t *options;
    const query_t *own;
    rg_edits_t edits;
    uint8_t *cells; // [1+k,S,S,3]: the source, then the neighbours; white where missing
    uint8_t id[RG_ID_SIZE];
} search_t;

static int query_take_thumbnail(search_t *search, const rg_msg_t *reply, size_t i)
{
    const rg_config_t *config = &search->options->config;
    char name[24];
    rg_payload_t jpeg;
    snprintf(name, sizeof name, "%zu", i);
    int err = rg_msg_payload(reply, name, RG__V1__DTYPE__U8, 1, NULL, &jpeg);
    if (err) return err;
    return rg_image_decode_stored(config, jpeg.data, jpeg.size, "thumbnail",
                                  search->cells + (1 + i) * rg_image_bytes(config));
}

static void query_print(const search_t *search, const Rg__V1__SearchReply *body)
{
    char shortfall[RG_SHORTFALL_SIZE];
    rg_output_line("%4s  %10s  %10s  %9s  %s", "rank", "dist_l2sq", "generation", "annotated", "name");
    for (size_t i = 0; i < body->n_neighbours; i++) {
        const Rg__V1__Neighbour *found = body->neighbours[i];
        if (found->id.len == 0) continue;
        rg_output_line("%4zu  %10.4f  %10llu  %9s  %s", i + 1, found->dist_l2sq,
                       (unsigned long long)found->generation, found->annotated ? "yes" : "no", found->name);
    }
    if (rg_search_shortfall(body, filter_has_condition(&search->own->filter), shortfall))
        rg_output_line("%s", shortfall);
    rg_output_line("%llu images in the retrieval set (index generation %llu)",
                   (unsigned long long)body->images, (unsigned long long)body->generation);
}

static int query_take_reply(void *self, const rg_msg_t *reply)
{
    search_t *search = self;
    const Rg__V1__SearchReply *body = rg_msg_body(reply);
    int err = 0;
    if (body->n_neighbours != (size_t)search->own->k)
        return rg_fail(RG_ESHAPE, "%zu neighbours came where %d were asked for", body->n_neighbours,
                       search->own->k);
    if (!body->images)
        return rg_fail(RG_ENOENT, "the retrieval set is empty: rg-ctl add-images DIR fills it");
    for (size_t i = 0; i < body->n_neighbours && !err && wants_picture(search->own); i++)
        if (body->neighbours[i]->id.len) err = query_take_thumbnail(search, reply, i);
    if (err) return err;
    if (search->options->json)
        rg_output_json(rg_json_search(body, filter_has_condition(&search->own->filter)));
    else
        query_print(search, body);
    return 0;
}

static int query_ask(search_t *search)
{
    const rg_config_t *config = &search->options->config;
    const uint32_t side = (uint32_t)config->data.img_size;
    rg_caller_t *encoder;
    int err = rg_caller_open(&encoder, config, "encoder");
    if (err) return err;
    rg_msg_t *request = rg_msg_new(RG__V1__ENVELOPE__BODY_FIND_REQUEST);
    Rg__V1__FindRequest *body = rg_msg_body(request);
    body->edits = rg_edits_message(&search->edits, config, request, &body->n_edits);
    body->search = rg_msg_array(request, &rg__v1__search_request__descriptor, 1)[0];
    body->search->k = (uint32_t)search->own->k;
    body->search->thumbnails = wants_picture(search->own);
    body->search->nprobe = search->own->nprobe;
    body->search->ef_search = search->own->ef_search;
    body->search->filter = filter_message(&search->own->filter, request);
    rg_msg_copy(request, "pixels", RG__V1__DTYPE__U8, 4, (uint32_t[]){1, side, side, 3}, search->cells);
    rg_msg_copy(request, "exclude", RG__V1__DTYPE__U8, 2, (uint32_t[]){1, RG_ID_SIZE}, search->id);
    err = rg_caller_ask(encoder, &request, RG__V1__ENVELOPE__BODY_SEARCH_REPLY, query_take_reply, search);
    rg_caller_close(&encoder);
    return err;
}

// Draws rows of ten images; the source stands before the first row.
static int query_draw_grid(const search_t *search)
{
    const rg_config_t *config = &search->options->config;
    int k = search->own->k, cols = 1 + (k < PER_ROW ? k : PER_ROW), rows = (k + PER_ROW - 1) / PER_ROW;
    size_t size = rg_image_bytes(config);
    uint8_t *cells = rg_alloc((size_t)rows * (size_t)cols * size);
    memset(cells, 255, (size_t)rows * (size_t)cols * size);
    memcpy(cells, search->cells, size);
    for (int i = 0; i < k; i++) {
        size_t cell = (size_t)(i / PER_ROW) * (size_t)cols + 1 + (size_t)(i % PER_ROW);
        memcpy(cells + cell * size, search->cells + (size_t)(1 + i) * size, size);
    }
    static const char *const titles[1 + PER_ROW] = {"source", "1", "2", "3", "4", "5",
                                                    "6",      "7", "8", "9", "10"};
    const char *const *shown = rows == 1 ? titles : NULL, *out = search->own->out;
    int err = out ? rg_picture_grid(config, cells, rows, cols, shown, out) : 0;
    if (!err && out && !search->options->json) rg_output_line("picture: %s", out);
    if (!err && search->own->show) err = rg_picture_show(config, cells, rows, cols, shown);
    free(cells);
    return err;
}

static int query_run(const rg_options_t *options, const void *input)
{
    search_t search = {.options = options, .own = input};
    const rg_config_t *config = &options->config;
    if (search.own->k > config->retrieval.k_max)
        return rg_fail(RG_EUSAGE, "-k %d: at most retrieval.k_max = %d", search.own->k,
                       config->retrieval.k_max);
    if (search.own->show && options->json)
        return rg_fail(RG_EUSAGE, "--show draws on standard output, where --json writes: use one of the two");
    rg_edits_init(&search.edits);
    int err = search.own->out ? rg_picture_check_out(search.own->out) : 0;
    if (err) return err;
    err = search.own->attributes ? rg_edits_parse(&search.edits, config, search.own->attributes) : 0;
    if (err) return err;
    size_t bytes = (size_t)(1 + search.own->k) * rg_image_bytes(config);
    search.cells = rg_alloc(bytes);
    memset(search.cells, 255, bytes);
    err = rg_picture_load(config, search.own->image, search.cells, search.id);
    if (!err) err = query_ask(&search);
    if (!err && wants_picture(search.own)) err = query_draw_grid(&search);
    free(search.cells);
    return err;
}

const rg_command_t rg_command_query = {
    .name = "query",
    .summary = "Find real images like this one, with other attributes",
    .help =
        "Searches the retrieval set for images that have the content of one image and the wanted attributes. "
        "The image itself is left out. Searches with a filter (--annotated, --added-after, ...) are exact.",
    .examples = "  rg-ctl query --config configs/smoke.yaml --image face.jpg \\\n"
                "      --attr Blond_Hair=1,Young=0 -k 10 --out grid.png\n"
                "  rg-ctl query --config configs/smoke.yaml --image face.jpg --unannotated \\\n"
                "      --added-after 2h --json\n",
    .options = query_options,
    .check = query_check,
    .size = sizeof(query_t),
    .defaults = &(const query_t){.k = 10},
    .config = RG_COMMAND_CONFIGURED,
    .run = query_run,
};
