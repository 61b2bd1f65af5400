#include "common/model/translate.h"

#include <assert.h>
#include <string.h>

rg_decode_t rg_translate_ask(rg_tape_t *tape, const rg_model_t *model, rg_tensor_t *content,
                             rg_tensor_t *code, rg_tensor_t *source, const rg_retriever_t *retriever,
                             const unsigned char *exclude)
{
    rg_decode_t decode = {.content = content, .code = code, .source = source, .retriever = retriever};
    if (!(model->parts & RG_PART_BIT(RG_FUSION))) return decode;
    assert(retriever);
    decode.found =
        rg_tape_tensor(tape, content->n, content->h, content->w, content->c * model->config.model.k);
    rg_tape_pause(tape); // which images are found has no gradient
    rg_tensor_t *query =
        rg_embed(tape, &model->embedder, content, rg_query_code(tape, &model->embedder, code), NULL);
    rg_tape_resume(tape);
    rg_tape_op(tape, "ask for neighbours");
    int err = retriever->ask(retriever->self, query->data, query->n, exclude, decode.found->data);
    if (err) rg_tape_fail(tape, err);
    return decode;
}

rg_tensor_t *rg_translate_finish(rg_tape_t *tape, const rg_model_t *model, const rg_decode_t *decode)
{
    rg_tensor_t *content = decode->content, *found = decode->found;
    if (found) {
        rg_tape_op(tape, "wait for neighbours");
        int err = decode->retriever->wait(decode->retriever->self);
        if (err) {
            memset(found->data, 0, rg_tensor_size(found) * sizeof(float));
            rg_tape_fail(tape, err);
        }
        content = rg_fuse(tape, &model->fusion, content, found);
    }
    return rg_generate(tape, &model->generator, content, decode->code, decode->source);
}

rg_tensor_t *rg_translate(rg_tape_t *tape, const rg_model_t *model, rg_tensor_t *content, rg_tensor_t *code,
                          rg_tensor_t *source, const rg_retriever_t *retriever, const unsigned char *exclude)
{
    rg_decode_t decode = rg_translate_ask(tape, model, content, code, source, retriever, exclude);
    return rg_translate_finish(tape, model, &decode);
}
