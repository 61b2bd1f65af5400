#include "common/model/translate.h"

#include <assert.h>
#include <string.h>

rg_decode_t rg_translate_ask(rg_tape_t *tape, const rg_model_t *model, rg_source_t source,
                             const rg_retriever_t *retriever, const unsigned char *exclude)
{
    rg_decode_t decode = {.source = source, .retriever = retriever};
    if (!(model->parts & RG_PART_BIT(RG_FUSION))) return decode;
    int shape[3], rows = rg_fusion_rows(&model->fusion, source.code, source.own);
    if (rows == 0) return decode;
    assert(retriever);
    rg_fusion_features(&model->config, shape);
    decode.found = rg_tape_tensor(tape, rows, shape[0], shape[1], shape[2] * model->config.model.k);
    if (!retriever->ask) {
        decode.retriever = NULL;
        memset(decode.found->data, 0, rg_tensor_size(decode.found) * sizeof(float));
        return decode;
    }
    rg_tape_pause(tape); // which images are found has no gradient
    rg_tensor_t *code = rg_query_code(tape, &model->embedder, rg_rows(tape, source.code, 0, rows)),
                *query = rg_embed(tape, &model->embedder, rg_rows(tape, source.content, 0, rows), code, NULL);
    rg_tape_resume(tape);
    rg_tape_op(tape, "ask for neighbours");
    int err = retriever->ask(retriever->self, query->data, query->n, exclude, decode.found->data);
    if (err) rg_tape_fail(tape, err);
    return decode;
}

static void wait_for_neighbours(rg_tape_t *tape, const rg_decode_t *decode)
{
    rg_tape_op(tape, "wait for neighbours");
    int err = decode->retriever->wait(decode->retriever->self);
    if (!err) return;
    memset(decode->found->data, 0, rg_tensor_size(decode->found) * sizeof(float));
    rg_tape_fail(tape, err);
}

rg_tensor_t *rg_translate_finish(rg_tape_t *tape, const rg_model_t *model, rg_decode_t *decode)
{
    const rg_source_t *source = &decode->source;
    rg_tensor_t *content = source->content, *found = decode->found;
    decode->code = source->code;
    if (found) {
        if (decode->retriever) wait_for_neighbours(tape, decode);
        rg_fuse(tape, &model->fusion, &content, &decode->code, source->own, found);
    }
    return rg_generate(tape, &model->generator, content, decode->code, source->image);
}

rg_tensor_t *rg_translate(rg_tape_t *tape, const rg_model_t *model, rg_source_t source,
                          const rg_retriever_t *retriever, const unsigned char *exclude)
{
    rg_decode_t decode = rg_translate_ask(tape, model, source, retriever, exclude);
    return rg_translate_finish(tape, model, &decode);
}
