#include "common/core/err.h"
#include "services/retrieval/answer.h"

typedef struct {
    const Rg__V1__ListRequest *asked;
    const rg_look_t *look;
    rg_msg_t *msg;
    size_t left;        // bytes this reply may still grow
    rg_image_t *images; // [n]
    uint64_t *at;       // [n] where a list goes on that ends before this image
    size_t n;
} list_reply_t;

static int check(const rg_answerer_t *self, const Rg__V1__ListRequest *asked)
{
    if (!asked->n_ids) return rg__answer_count(self, "images", asked->limit);
    int err = rg__answer_count(self, "ids", asked->n_ids);
    return err ? err : rg__answer_ids("ids", asked->ids, asked->n_ids);
}

// The next images in the order in which they were added, at most limit.
static int find_next(list_reply_t *reply, size_t limit, uint64_t *next)
{
    const Rg__V1__ListRequest *asked = reply->asked;
    if (asked->limit < limit) limit = asked->limit;
    int err = rg_look_list(reply->look, asked->from, asked->missing, reply->images, limit, &reply->n, next);
    for (size_t i = 0; i < reply->n; i++) reply->at[i] = reply->images[i].label;
    return err;
}

// Those of the first limit ids that are stored.
static int find_named(list_reply_t *reply, size_t limit, uint64_t *next)
{
    const Rg__V1__ListRequest *asked = reply->asked;
    if (asked->n_ids < limit) limit = asked->n_ids;
    for (size_t i = 0; i < limit; i++) {
        int err = rg_look_image(reply->look, asked->ids[i].data, &reply->images[reply->n]);
        if (err && err != RG_ENOENT) return err;
        if (!err) reply->at[reply->n++] = i;
    }
    *next = limit < asked->n_ids ? limit : 0;
    return 0;
}

static void fill_image(rg_msg_t *msg, Rg__V1__Listed *listed, const rg_image_t *image)
{
    rg_msg_bytes(msg, &listed->id, image->id, sizeof image->id);
    listed->name = rg_msg_text(msg, "%s", image->name);
    listed->generation = image->generation;
    listed->added_ms = image->time_ms;
    listed->annotated = image->annotated;
}

// As many of the images as fit into a reply, at least one. *next follows if there are fewer.
static int fill_images(list_reply_t *reply, uint64_t *next)
{
    Rg__V1__ListReply *body = rg_msg_body(reply->msg);
    const size_t row = reply->asked->embeddings ? rg_model_embedding_bytes(&reply->look->view->model) : 0;
    body->images = (Rg__V1__Listed **)rg_msg_array(reply->msg, &rg__v1__listed__descriptor, reply->n);
    for (size_t i = 0; i < reply->n; i++) {
        const rg_image_t *image = &reply->images[i];
        rg_span_t jpeg = {0};
        int err = reply->asked->thumbnails ? rg_store_thumbnail(reply->look->txn, image, &jpeg) : 0;
        if (err) return err;
        size_t bytes = jpeg.size + row;
        if (i > 0 && bytes > reply->left) {
            *next = reply->at[i];
            reply->n = i;
            break;
        }
        reply->left -= bytes < reply->left ? bytes : reply->left;
        fill_image(reply->msg, body->images[i], image);
        if (jpeg.size) rg__answer_thumbnail(reply->msg, i, jpeg);
        body->n_images = i + 1;
    }
    return 0;
}

// Zeros where the current model has not seen an image.
static int fill_embeddings(list_reply_t *reply)
{
    const rg_look_t *look = reply->look;
    const size_t bytes = rg_model_embedding_bytes(&look->view->model);
    const uint32_t shape[] = {(uint32_t)reply->n, look->view->model.embed_dim};
    if (!reply->asked->embeddings || reply->n == 0) return 0;
    char *rows = rg_msg_room(reply->msg, "embeddings", RG__V1__DTYPE__F32, 2, shape);
    int err = 0;
    for (size_t i = 0; i < reply->n && !err; i++) {
        rg_span_t made;
        err = rg_store_made(look->txn, &reply->images[i], look->slot, RG_MADE_EMBEDDING, bytes, &made);
        if (!err) memcpy(rows + i * bytes, made.data, bytes);
        if (err == RG_ENOENT) err = 0;
    }
    return err;
}

int rg_answer_list(rg_answerer_t *self, const rg_msg_t *request, rg_msg_t **out)
{
    enum { LIMIT = RG_MSG_PAYLOADS_MAX - 1 }; // one thumbnail each, and the embeddings
    const Rg__V1__ListRequest *asked = rg_msg_body(request);
    rg_look_t look;
    int err = check(self, asked);
    if (!err) err = rg_set_look(self->set, &look);
    if (err) return err;
    list_reply_t reply = {.asked = asked,
                          .look = &look,
                          .msg = rg_msg_new(RG__V1__ENVELOPE__BODY_LIST_REPLY),
                          .left = self->reply_max,
                          .images = rg_alloc(LIMIT * sizeof *reply.images),
                          .at = rg_alloc(LIMIT * sizeof *reply.at)};
    Rg__V1__ListReply *body = rg_msg_body(reply.msg);
    body->model = rg_msg_text(reply.msg, "%s", look.view->model.name);
    err = asked->n_ids ? find_named(&reply, LIMIT, &body->next) : find_next(&reply, LIMIT, &body->next);
    if (!err) err = rg_look_missing(&look, &body->missing);
    if (!err) err = fill_images(&reply, &body->next);
    if (!err) err = fill_embeddings(&reply);
    free(reply.at);
    free(reply.images);
    rg_look_end(&look);
    return rg__answer_finish(err, &reply.msg, out);
}
