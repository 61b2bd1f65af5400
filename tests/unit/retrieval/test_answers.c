#include "common/core/clock.h"
#include "tests/unit/retrieval/answered.h"

static void a_model_is_made_current(void **state)
{
    fixture_t *f = *state;
    rg_msg_t *reply;
    announce(f, "old");
    assert_ok(
        ask(f, rg_answer_model, picture_model_request("m", 3), &reply)); // at once, because nothing is stored
    const Rg__V1__ModelReply *body = rg_msg_body(reply);
    assert_int_equal(body->generation, 2);
    assert_int_equal(body->images, 0);
    assert_int_equal(body->missing, 0);
    rg_msg_destroy(&reply);
    assert_fails(ask(f, rg_answer_model, picture_model_request("n", 2), &reply), RG_ESHAPE, "");
    assert_fails(ask(f, rg_answer_model, picture_model_request("n", 4), &reply), RG_ESHAPE,
                 "features_shape has 4 entries");
    char name[RG_TEXT_MAX + 2] = {0};
    memset(name, 'n', RG_TEXT_MAX + 1);
    assert_fails(ask(f, rg_answer_model, picture_model_request(name, 3), &reply), RG_EINVAL, "");
    assert_fails(ask(f, rg_answer_model, picture_model_request("", 3), &reply), RG_EINVAL, "");
    assert_null(reply);
    const rg_store_model_t *model;
    assert_ok(rg_set_find_model(f->answers.set, "m", &model));
    assert_int_equal(rg_set_generation(f->answers.set), 2);
}

static void the_next_model_says_what_is_missing(void **state)
{
    fixture_t *f = *state;
    rg_msg_t *reply;
    announce(f, "m");
    add_some(f, 0, 3);
    assert_ok(ask(f, rg_answer_model, picture_model_request("new", 3), &reply));
    const Rg__V1__ModelReply *announcements = rg_msg_body(reply);
    assert_int_equal(announcements->generation, 2);
    assert_int_equal(announcements->images, 3);
    assert_int_equal(announcements->missing, 3);
    rg_msg_destroy(&reply);
    rg_msg_t *request = picture_search_request("m", 1, 1);
    ((Rg__V1__SearchRequest *)rg_msg_body(request))->model = rg_msg_text(request, "new");
    assert_fails(ask(f, rg_answer_search, request, &reply), RG_EMODEL,
                 "model new has 3 images still to embed; until then model m is current");
    assert_ok(ask(f, rg_answer_add, picture_add_request("new", 1, 3, 0), &reply)); // without thumbnails
    const Rg__V1__IngestReply *body = rg_msg_body(reply);
    assert_int_equal(body->outcomes[0]->fate, RG__V1__FATE__ADDED);
    assert_int_equal(body->outcomes[2]->fate, RG__V1__FATE__REFUSED);
    assert_non_null(strstr(body->outcomes[2]->reason, "not stored"));
    rg_msg_destroy(&reply);
    assert_ok(ask(f, rg_answer_add, picture_add_request("new", 0, 1, 0), &reply)); // the last missing image
    assert_int_equal(((const Rg__V1__IngestReply *)rg_msg_body(reply))->generation, 3);
    rg_msg_destroy(&reply);
    assert_fails(ask(f, rg_answer_search, picture_search_request("m", 1, 1), &reply), RG_EMODEL,
                 "model m is not the current model, which is new");
}

static void adds_report_each_image(void **state)
{
    fixture_t *f = *state;
    rg_msg_t *reply;
    announce(f, "m");
    add_some(f, 2, 1);
    assert_ok(ask(f, rg_answer_add, picture_add_request("m", 1, 3, 3), &reply));
    assert_int_equal(rg_msg_kind(reply), RG__V1__ENVELOPE__BODY_INGEST_REPLY);
    const Rg__V1__IngestReply *body = rg_msg_body(reply);
    assert_int_equal(body->generation, 3);
    assert_int_equal(body->n_outcomes, 3);
    assert_int_equal(body->outcomes[0]->fate, RG__V1__FATE__ADDED);
    assert_int_equal(body->outcomes[1]->fate, RG__V1__FATE__DUPLICATE);
    assert_string_equal(body->outcomes[2]->name, "000003.jpg");
    picture_t p;
    picture(&p, 3);
    assert_int_equal(body->outcomes[2]->id.len, RG_ID_SIZE);
    assert_memory_equal(body->outcomes[2]->id.data, p.id, RG_ID_SIZE);
    assert_int_equal(f->answers.adds, 3);
    rg_msg_destroy(&reply);
}

static void bad_adds_are_refused_whole(void **state)
{
    fixture_t *f = *state;
    rg_msg_t *reply, *request;
    assert_fails(ask(f, rg_answer_add, picture_add_request("m", 0, 1, 1), &reply), RG_EMODEL, "");
    announce(f, "m");
    request = picture_add_request("m", 0, 1, 0); // a thumbnail of a wrong type
    rg_msg_copy(request, "0", RG__V1__DTYPE__F32, 1, (const uint32_t[]){1}, &(float){1});
    assert_fails(ask(f, rg_answer_add, request, &reply), RG_ESHAPE, "");
    request = picture_add_request("m", 0, 2, 2);
    ((Rg__V1__AddRequest *)rg_msg_body(request))->items[1]->id.len = 15;
    assert_fails(ask(f, rg_answer_add, request, &reply), RG_EINVAL, "items[1].id has 15 bytes");
    request = picture_add_request("m", 0, 3, 3); // fewer images than rows of payloads
    ((Rg__V1__AddRequest *)rg_msg_body(request))->n_items = 2;
    assert_fails(ask(f, rg_answer_add, request, &reply), RG_ESHAPE, "");
    request = picture_add_request("m", 0, 1, 1);
    ((Rg__V1__AddRequest *)rg_msg_body(request))->n_items = 0;
    assert_fails(ask(f, rg_answer_add, request, &reply), RG_ELIMIT, "");
    assert_fails(ask(f, rg_answer_add, picture_add_request("m", 0, BATCH_MAX + 1, 1), &reply), RG_ELIMIT,
                 "41 items: 1 to 40");
    assert_null(reply);
    assert_int_equal(count_of(f->answers.set), 0);
}

static void an_image_without_thumbnail_is_refused_alone(void **state)
{
    fixture_t *f = *state;
    rg_msg_t *reply;
    announce(f, "m");
    assert_ok(ask(f, rg_answer_add, picture_add_request("m", 0, 3, 2), &reply));
    const Rg__V1__IngestReply *body = rg_msg_body(reply);
    assert_int_equal(body->outcomes[1]->fate, RG__V1__FATE__ADDED);
    assert_int_equal(body->outcomes[2]->fate, RG__V1__FATE__REFUSED);
    assert_string_equal(body->outcomes[2]->reason, "its thumbnail is empty");
    rg_msg_destroy(&reply);
    assert_int_equal(count_of(f->answers.set), 2);
}

static rg_msg_t *picture_remove_request(unsigned first, unsigned n, size_t last_size)
{
    unsigned numbers[BATCH_MAX + 1];
    for (unsigned i = 0; i < n; i++) numbers[i] = first + i;
    uint8_t *ids = ids_of(numbers, n);
    rg_msg_t *msg = remove_request(ids, n, last_size);
    free(ids);
    return msg;
}

// A client leaves out what is stored. That counts as an addition: a removal that comes late does not undo it.
static void known_images_are_duplicates(void **state)
{
    fixture_t *f = *state;
    rg_msg_t *reply, *removal;
    const uint64_t now = rg_clock_wall_us();
    assert_ok(ask(f, rg_answer_add, picture_known_request(1, 1, now), &reply)); // without a model
    assert_int_equal(((const Rg__V1__IngestReply *)rg_msg_body(reply))->outcomes[0]->fate,
                     RG__V1__FATE__REFUSED);
    rg_msg_destroy(&reply);
    announce(f, "m");
    add_some(f, 1, 2);
    assert_ok(ask(f, rg_answer_add, picture_known_request(0, 4, now + 2000000), &reply));
    const Rg__V1__IngestReply *body = rg_msg_body(reply);
    assert_int_equal(body->n_outcomes, 4);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(body->outcomes[i]->fate,
                         i == 1 || i == 2 ? RG__V1__FATE__DUPLICATE : RG__V1__FATE__REFUSED);
    rg_msg_destroy(&reply);
    removal = picture_remove_request(1, 3, RG_ID_SIZE);
    ((Rg__V1__RemoveRequest *)rg_msg_body(removal))->asked_us = now + 1000000;
    assert_ok(ask(f, rg_answer_remove, removal, &reply));
    assert_int_equal(((const Rg__V1__RemoveReply *)rg_msg_body(reply))->removed, 0);
    assert_int_equal(((const Rg__V1__RemoveReply *)rg_msg_body(reply))->newer, 2);
    rg_msg_destroy(&reply);
    assert_int_equal(count_of(f->answers.set), 2);
    removal = picture_known_request(1, 1, now);
    ((Rg__V1__AddRequest *)rg_msg_body(removal))->items[0]->id.len = 15;
    assert_fails(ask(f, rg_answer_add, removal, &reply), RG_EINVAL, "items[0].id has 15 bytes");
}

static void removals_are_counted(void **state)
{
    fixture_t *f = *state;
    rg_msg_t *reply;
    announce(f, "m");
    add_some(f, 0, 3);
    assert_ok(ask(f, rg_answer_remove, picture_remove_request(2, 4, RG_ID_SIZE), &reply));
    const Rg__V1__RemoveReply *body = rg_msg_body(reply);
    assert_int_equal(body->removed, 1);
    assert_int_equal(body->generation, 3);
    rg_msg_destroy(&reply);
    assert_fails(ask(f, rg_answer_remove, picture_remove_request(0, 1, 3), &reply), RG_EINVAL,
                 "ids[0] has 3 bytes");
    assert_fails(ask(f, rg_answer_remove, picture_remove_request(0, BATCH_MAX + 1, RG_ID_SIZE), &reply),
                 RG_ELIMIT, "");
    assert_fails(ask(f, rg_answer_remove, picture_remove_request(0, 0, RG_ID_SIZE), &reply), RG_ELIMIT, "");
    assert_int_equal(count_of(f->answers.set), 2);
}

static void images_are_listed_with_all_they_have(void **state)
{
    fixture_t *f = *state;
    rg_msg_t *reply, *request = list_request(0, BATCH_MAX);
    ((Rg__V1__ListRequest *)rg_msg_body(request))->embeddings = 1;
    announce(f, "m");
    add_some(f, 0, 4);
    take_out(f->answers.set, 1, 1);
    assert_ok(ask(f, rg_answer_list, request, &reply));
    const Rg__V1__ListReply *body = rg_msg_body(reply);
    assert_int_equal(body->n_images, 3);
    assert_int_equal(body->next, 0);
    assert_int_equal(body->missing, 0);
    assert_string_equal(body->model, "m");
    rg_payload_t embeddings, thumbnail;
    assert_ok(
        rg_msg_payload(reply, "embeddings", RG__V1__DTYPE__F32, 2, (const uint32_t[]){3, D}, &embeddings));
    for (unsigned i = 0; i < 3; i++) {
        char name[16];
        picture_t p;
        picture(&p, i + (i > 0));
        snprintf(name, sizeof name, "%u", i);
        assert_string_equal(body->images[i]->name, p.name);
        assert_memory_equal(body->images[i]->id.data, p.id, RG_ID_SIZE);
        assert_int_equal(body->images[i]->generation, 2);
        assert_int_equal(body->images[i]->annotated, (i + (i > 0)) % 2);
        assert_true(body->images[i]->added_ms > 0);
        assert_memory_equal((const float *)embeddings.data + i * D, p.embedding, sizeof p.embedding);
        assert_ok(rg_msg_payload(reply, name, RG__V1__DTYPE__U8, 1, NULL, &thumbnail));
        assert_memory_equal(thumbnail.data, p.thumbnail, sizeof p.thumbnail);
    }
    rg_msg_destroy(&reply);
    assert_ok(ask(f, rg_answer_list, list_request(5, 1), &reply)); // behind the last image
    body = rg_msg_body(reply);
    assert_int_equal(body->n_images, 0);
    assert_int_equal(body->next, 0);
    rg_msg_destroy(&reply);
    assert_fails(ask(f, rg_answer_list, list_request(0, 0), &reply), RG_ELIMIT, "");
    assert_fails(ask(f, rg_answer_list, list_request(0, BATCH_MAX + 1), &reply), RG_ELIMIT,
                 "41 images: 1 to 40");
}

// Stores an image as an older version did, under a name of any bytes.
static void store_raw(rg_set_t *set, const picture_t *p, const char *name)
{
    rg_store_txn_t *txn;
    rg_store_image_t image = {.generation = 2, .time_ms = 1};
    memcpy(image.id, p->id, sizeof image.id);
    strcpy(image.name, name);
    assert_ok(rg_store_begin_write(rg_set_store(set), &txn));
    assert_ok(rg_store_put(txn, &image, (rg_store_value_t){p->thumbnail, sizeof p->thumbnail}));
    assert_ok(rg_store_commit(&txn));
}

static void names_go_in_and_out_as_utf8(void **state)
{
    fixture_t *f = *state;
    picture_t p;
    rg_msg_t *reply, *add = picture_add_request("m", 1, 1, 1);
    ((Rg__V1__AddRequest *)rg_msg_body(add))->items[0]->name = "caf\xe9\x1b.jpg"; // as a C client may send it
    announce(f, "m");
    assert_ok(ask(f, rg_answer_add, add, &reply));
    assert_string_equal(((Rg__V1__IngestReply *)rg_msg_body(reply))->outcomes[0]->name, "caf%E9%1B.jpg");
    rg_msg_destroy(&reply);
    picture(&p, 2);
    store_raw(f->answers.set, &p, "old\xe9.jpg");
    assert_ok(ask(f, rg_answer_list, list_request(0, BATCH_MAX), &reply));
    const Rg__V1__ListReply *body = rg_msg_body(reply);
    assert_int_equal(body->n_images, 2);
    assert_string_equal(body->images[0]->name, "caf%E9%1B.jpg");
    assert_string_equal(body->images[1]->name, "old%E9.jpg");
    rg_msg_destroy(&reply);
}

// Lists all images; reply_max allows two per reply.
static void page_through(fixture_t *f, int embeddings, size_t reply_max)
{
    rg_msg_t *reply;
    uint64_t from = 0;
    unsigned number = 0, pages = 0;
    f->answers.reply_max = reply_max;
    do {
        rg_msg_t *request = list_request(from, 3);
        ((Rg__V1__ListRequest *)rg_msg_body(request))->embeddings = embeddings;
        assert_ok(ask(f, rg_answer_list, request, &reply));
        const Rg__V1__ListReply *body = rg_msg_body(reply);
        assert_in_range(body->n_images, 1, 2);
        for (size_t i = 0; i < body->n_images; i++) assert_int_equal(atoi(body->images[i]->name), number++);
        assert_false(rg_msg_has(reply, "2"));
        from = body->next;
        rg_msg_destroy(&reply);
    } while (from && ++pages < 20);
    assert_int_equal(number, 10);
}

static void a_list_goes_on_where_the_last_one_ended(void **state)
{
    fixture_t *f = *state;
    announce(f, "m");
    add_some(f, 0, 10);
    page_through(f, 0, 40);
    page_through(f, 1, 40 + 2 * D * sizeof(float));
}

// Lists these pictures. last_size: bytes of the last id.
static rg_msg_t *picture_list_request(const unsigned *pictures, size_t n, size_t last_size)
{
    uint8_t *ids = ids_of(pictures, n);
    rg_msg_t *msg = list_ids_request(ids, n, last_size);
    free(ids);
    return msg;
}

static void assert_listed(const rg_msg_t *reply, const unsigned *pictures, size_t n)
{
    const Rg__V1__ListReply *body = rg_msg_body(reply);
    assert_int_equal(body->n_images, n);
    for (unsigned i = 0; i < n; i++) {
        char name[16];
        picture_t p;
        rg_payload_t thumbnail;
        picture(&p, pictures[i]);
        snprintf(name, sizeof name, "%u", i);
        assert_memory_equal(body->images[i]->id.data, p.id, RG_ID_SIZE);
        assert_string_equal(body->images[i]->name, p.name);
        assert_ok(rg_msg_payload(reply, name, RG__V1__DTYPE__U8, 1, NULL, &thumbnail));
        assert_memory_equal(thumbnail.data, p.thumbnail, sizeof p.thumbnail);
    }
}

static void images_are_listed_by_their_ids(void **state)
{
    fixture_t *f = *state;
    rg_msg_t *reply, *request = picture_list_request((const unsigned[]){3, 9, 0, 1, 3}, 5, RG_ID_SIZE);
    Rg__V1__ListRequest *fields = rg_msg_body(request);
    fields->embeddings = fields->missing = 1; // `missing` is ignored where ids are given
    fields->from = 4;
    fields->limit = BATCH_MAX + 1;
    announce(f, "m");
    add_some(f, 0, 4);
    take_out(f->answers.set, 1, 1);
    assert_ok(ask(f, rg_answer_list, request, &reply));
    static const unsigned want[] = {3, 0, 3}; // 9 was never stored, 1 was removed
    assert_listed(reply, want, 3);
    assert_int_equal(((const Rg__V1__ListReply *)rg_msg_body(reply))->next, 0);
    rg_payload_t embeddings;
    assert_ok(
        rg_msg_payload(reply, "embeddings", RG__V1__DTYPE__F32, 2, (const uint32_t[]){3, D}, &embeddings));
    for (int i = 0; i < 3; i++) {
        picture_t p;
        picture(&p, want[i]);
        assert_memory_equal((const float *)embeddings.data + i * D, p.embedding, sizeof p.embedding);
    }
    rg_msg_destroy(&reply);
    assert_ok(ask(f, rg_answer_list, picture_list_request((const unsigned[]){7}, 1, RG_ID_SIZE), &reply));
    assert_listed(reply, NULL, 0);
    rg_msg_destroy(&reply);
}

// A reply lists as many images as fit. `next` counts all ids, stored or not.
static void a_list_of_ids_goes_on_where_the_last_one_ended(void **state)
{
    enum { MANY = RG_MSG_PAYLOADS_MAX + 4 };
    fixture_t *f = *state;
    rg_msg_t *reply;
    unsigned many[MANY] = {0};
    announce(f, "m");
    add_some(f, 0, 4);
    f->answers.batch_max = MANY;
    assert_ok(ask(f, rg_answer_list, picture_list_request(many, MANY, RG_ID_SIZE), &reply));
    assert_listed(reply, many, RG_MSG_PAYLOADS_MAX - 1);
    assert_int_equal(((const Rg__V1__ListReply *)rg_msg_body(reply))->next, RG_MSG_PAYLOADS_MAX - 1);
    rg_msg_destroy(&reply);
    f->answers.reply_max = 40; // two thumbnails
    static const unsigned ids[] = {9, 2, 8, 1, 7, 3, 0};
    assert_ok(ask(f, rg_answer_list, picture_list_request(ids, 7, RG_ID_SIZE), &reply));
    assert_listed(reply, (const unsigned[]){2, 1}, 2);
    assert_int_equal(((const Rg__V1__ListReply *)rg_msg_body(reply))->next, 5);
    rg_msg_destroy(&reply);
    assert_ok(ask(f, rg_answer_list, picture_list_request(ids + 5, 2, RG_ID_SIZE), &reply));
    assert_listed(reply, ids + 5, 2);
    assert_int_equal(((const Rg__V1__ListReply *)rg_msg_body(reply))->next, 0);
    rg_msg_destroy(&reply);
}

static void bad_ids_are_refused(void **state)
{
    fixture_t *f = *state;
    rg_msg_t *reply;
    const unsigned many[BATCH_MAX + 1] = {0};
    announce(f, "m");
    add_some(f, 0, 1);
    assert_fails(ask(f, rg_answer_list, picture_list_request(many, 2, RG_ID_SIZE - 1), &reply), RG_EINVAL,
                 "ids[1] has 15 bytes, not 16");
    assert_fails(ask(f, rg_answer_list, picture_list_request(many, 1, 0), &reply), RG_EINVAL,
                 "ids[0] has 0 bytes, not 16");
    assert_fails(ask(f, rg_answer_list, picture_list_request(many, BATCH_MAX + 1, RG_ID_SIZE), &reply),
                 RG_ELIMIT, "41 ids: 1 to 40");
    assert_null(reply);
}

static void missing_images_are_listed_for_the_next_model(void **state)
{
    fixture_t *f = *state;
    rg_msg_t *reply;
    announce(f, "m");
    add_some(f, 0, 5);
    announce(f, "new");
    assert_ok(ask(f, rg_answer_add, picture_add_request("new", 1, 2, 0), &reply));
    rg_msg_destroy(&reply);
    for (uint32_t limit = 1; limit <= 4; limit += 3) {
        rg_msg_t *request = list_request(0, limit);
        ((Rg__V1__ListRequest *)rg_msg_body(request))->missing = 1;
        assert_ok(ask(f, rg_answer_list, request, &reply));
        const Rg__V1__ListReply *body = rg_msg_body(reply);
        static const int want[] = {0, 3, 4};
        assert_int_equal(body->missing, 3);
        assert_string_equal(body->model, "m");
        assert_int_equal(body->n_images, limit < 3 ? limit : 3);
        assert_int_equal(body->next != 0, limit < 3);
        for (size_t i = 0; i < body->n_images; i++) assert_int_equal(atoi(body->images[i]->name), want[i]);
        assert_true(rg_msg_has(reply, "0"));
        rg_msg_destroy(&reply);
    }
}

// The value of a key in the report of an index action, or NULL.
static const char *reported(const rg_msg_t *reply, const char *key)
{
    const Rg__V1__IndexReply *body = rg_msg_body(reply);
    for (size_t i = 0; i < body->n_report; i++)
        if (strcmp(body->report[i]->key, key) == 0) return body->report[i]->value;
    return NULL;
}

static void index_actions_report(void **state)
{
    fixture_t *f = *state;
    rg_msg_t *reply;
    announce(f, "m");
    add_some(f, 0, 5);
    take_out(f->answers.set, 2, 1);
    assert_ok(rg_answer_index(&f->answers, &reply));
    assert_int_equal(((const Rg__V1__IndexReply *)rg_msg_body(reply))->generation, 3);
    assert_string_equal(reported(reply, "images"), "4");
    assert_string_equal(reported(reply, "indexed"), "0");
    assert_string_equal(reported(reply, "dead"), "1");
    assert_true(atoi(reported(reply, "store_bytes")) > 0);
    rg_msg_destroy(&reply);
    assert_ok(rg_answer_verify(&f->answers, &GO, &reply));
    assert_string_equal(reported(reply, "snapshot"), "none");
    assert_string_equal(reported(reply, "stored"), "4");
    assert_string_equal(reported(reply, "problems"), "0");
    assert_string_equal(reported(reply, "recall_at_10"), "1.0000");
    assert_null(reported(reply, "problem"));
    rg_msg_destroy(&reply);
    assert_ok(rg_set_save(f->answers.set));
    assert_ok(rg_answer_verify(&f->answers, &GO, &reply));
    assert_string_equal(reported(reply, "snapshot"), "0 images");
    rg_msg_destroy(&reply);
    assert_fails(rg_answer_verify(&f->answers, stopped(), &reply), RG_ESTOPPED, "");
    assert_null(reply);
}

// ---- announcements

static uint64_t record(rg_announcements_t *announcements, const char *model, const char *checkpoint)
{
    Rg__V1__ModelRequest request = RG__V1__MODEL_REQUEST__INIT;
    request.model = (char *)model;
    request.checkpoint = (char *)checkpoint;
    return rg_announcements_add(announcements, &request);
}

static void assert_served(rg_announcements_t *announcements, const char *current, const char *checkpoint,
                          uint64_t serial)
{
    rg_msg_t *reply = rg_announcements_reply(announcements, current);
    const Rg__V1__ServedReply *body = rg_msg_body(reply);
    assert_string_equal(body->model, current);
    assert_string_equal(body->checkpoint, checkpoint);
    assert_int_equal(body->serial, serial);
    rg_msg_destroy(&reply);
}

static void the_last_announcement_is_served(void **state)
{
    rg_announcements_t announcements = {0};
    (void)state;
    assert_served(&announcements, "", "", 0);
    assert_served(&announcements, "stored", "", 0); // before this service started
    uint64_t first = record(&announcements, "a", "stage2");
    assert_true(first > 1600000000000); // milliseconds since 1970, so larger than before a restart
    assert_served(&announcements, "a", "stage2", first);
    uint64_t second = record(&announcements, "a", "stage3");
    assert_true(second > first);
    assert_served(&announcements, "a", "stage3", second);
}

static void the_next_model_is_not_served_before_its_time(void **state)
{
    rg_announcements_t announcements = {0};
    (void)state;
    uint64_t old = record(&announcements, "a", "old");
    assert_served(&announcements, "a", "old", old);
    uint64_t next = record(&announcements, "b", "new");
    assert_served(&announcements, "a", "old", old);
    uint64_t again = record(&announcements, "a", "old"); // by an encoder that starts during the reindexing
    assert_true(again > next);
    assert_served(&announcements, "a", "old", again);
    assert_served(&announcements, "b", "new", next); // the set has switched
    uint64_t back = record(&announcements, "a", "old");
    assert_served(&announcements, "b", "new", next);
    assert_served(&announcements, "a", "old", back);
    assert_served(&announcements, "c", "", 0);
}

static void a_path_that_is_too_long_is_not_cut(void **state)
{
    static char path[RG_PATH_SIZE + 1];
    rg_announcements_t announcements = {0};
    (void)state;
    memset(path, 'x', RG_PATH_SIZE);
    record(&announcements, "a", path);
    assert_served(&announcements, "a", "", 0);
    path[RG_PATH_SIZE - 1] = 0;
    uint64_t serial = record(&announcements, "a", path);
    assert_served(&announcements, "a", path, serial);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_ANSWERS(a_model_is_made_current),
        WITH_ANSWERS(the_next_model_says_what_is_missing),
        WITH_ANSWERS(adds_report_each_image),
        WITH_ANSWERS(bad_adds_are_refused_whole),
        WITH_ANSWERS(an_image_without_thumbnail_is_refused_alone),
        WITH_ANSWERS(known_images_are_duplicates),
        WITH_ANSWERS(removals_are_counted),
        WITH_ANSWERS(images_are_listed_with_all_they_have),
        WITH_ANSWERS(names_go_in_and_out_as_utf8),
        WITH_ANSWERS(a_list_goes_on_where_the_last_one_ended),
        WITH_ANSWERS(images_are_listed_by_their_ids),
        WITH_ANSWERS(a_list_of_ids_goes_on_where_the_last_one_ended),
        WITH_ANSWERS(bad_ids_are_refused),
        WITH_ANSWERS(missing_images_are_listed_for_the_next_model),
        WITH_ANSWERS(index_actions_report),
        cmocka_unit_test(the_last_announcement_is_served),
        cmocka_unit_test(the_next_model_is_not_served_before_its_time),
        cmocka_unit_test(a_path_that_is_too_long_is_not_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
