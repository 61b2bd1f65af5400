#include "common/core/err.h"
#include "services/retrieval/answer.h"

typedef struct {
    const Rg__V1__ListRequest *asked;
    const rg_look_t *look;
    rg_msg_t *msg;
    size_t left; // bytes this reply may still grow
} list_reply_t;

static void fill_image(rg_msg_t *msg, Rg__V1__Listed *listed, const rg_image_t *image)
{
    rg_msg_bytes(msg, &listed->id, image->id, sizeof image->id);
    listed->name = rg_msg_text(msg, "%s", image->name);
    listed->generation = image->generation;
    listed->added_ms = image->time_ms;
    listed->annotated = image->annotated;
}

// As many of the n images as fit into a reply, at least one: *n. *next follows if there are fewer.
static int fill_images(list_reply_t *reply, const rg_image_t *images, size_t *n, uint64_t *next)
{
    Rg__V1__ListReply *body = rg_msg_body(reply->msg);
    const size_t row = reply->asked->embeddings ? rg_model_embedding_bytes(&reply->look->view->model) : 0;
    body->images = (Rg__V1__Listed **)rg_msg_array(reply->msg, &rg__v1__listed__descriptor, *n);
    for (size_t i = 0; i < *n; i++) {
        rg_span_t jpeg = {0};
        int err = reply->asked->thumbnails ? rg_store_thumbnail(reply->look->txn, &images[i], &jpeg) : 0;
        if (err) return err;
        size_t bytes = jpeg.size + row;
        if (i > 0 && bytes > reply->left) {
            *next = images[i].label;
            *n = i;
            break;
        }
        reply->left -= bytes < reply->left ? bytes : reply->left;
        fill_image(reply->msg, body->images[i], &images[i]);
        if (jpeg.size) rg__answer_thumbnail(reply->msg, i, jpeg);
        body->n_images = i + 1;
    }
    return 0;
}

// Zeros where the current model has not seen an image.
static int fill_embeddings(list_reply_t *reply, const rg_image_t *images, size_t n)
{
    const rg_look_t *look = reply->look;
    const size_t bytes = rg_model_embedding_bytes(&look->view->model);
    const uint32_t shape[] = {(uint32_t)n, look->view->model.embed_dim};
    if (!reply->asked->embeddings || n == 0) return 0;
    char *rows = rg_msg_room(reply->msg, "embeddings", RG__V1__DTYPE__F32, 2, shape);
    int err = 0;
    for (size_t i = 0; i < n && !err; i++) {
        rg_span_t made;
        err = rg_store_made(look->txn, &images[i], look->slot, RG_MADE_EMBEDDING, bytes, &made);
        if (!err) memcpy(rows + i * bytes, made.data, bytes);
        if (err == RG_ENOENT) err = 0;
    }
    return err;
}

int rg_answer_list(rg_answerer_t *self, const rg_msg_t *request, rg_msg_t **out)
{
    const Rg__V1__ListRequest *asked = rg_msg_body(request);
    rg_look_t look;
    size_t n = 0, limit = RG_MSG_PAYLOADS_MAX - 1; // one thumbnail each, and the embeddings
    int err = rg__answer_count(self, "images", asked->limit);
    if (!err) err = rg_set_look(self->set, &look);
    if (err) return err;
    if (asked->limit < limit) limit = asked->limit;
    rg_image_t *images = rg_alloc(limit * sizeof *images);
    list_reply_t reply = {asked, &look, rg_msg_new(RG__V1__ENVELOPE__BODY_LIST_REPLY), self->reply_max};
    Rg__V1__ListReply *body = rg_msg_body(reply.msg);
    body->model = rg_msg_text(reply.msg, "%s", look.view->model.name);
    err = rg_look_list(&look, asked->from, asked->missing, images, limit, &n, &body->next);
    if (!err) err = rg_look_missing(&look, &body->missing);
    if (!err) err = fill_images(&reply, images, &n, &body->next);
    if (!err) err = fill_embeddings(&reply, images, n);
    free(images);
    rg_look_end(&look);
    return rg__answer_finish(err, &reply.msg, out);
}
