#include "common/model/translate.h"

#include <assert.h>
#include <string.h>

static rg_tensor_t *neighbours(rg_tape_t *tape, const rg_model_t *model, rg_tensor_t *content,
                               rg_tensor_t *code, const rg_retriever_t *retriever,
                               const unsigned char *exclude)
{
    assert(retriever);
    rg_tensor_t *found =
        rg_tape_tensor(tape, content->n, content->h, content->w, content->c * model->config.model.k);
    rg_tape_pause(tape); // which images are found has no gradient
    rg_tensor_t *query = rg_embed(tape, &model->embedder, content, code, NULL);
    rg_tape_resume(tape);
    int err = retriever->find(retriever->self, query->data, query->n, exclude, found->data);
    if (err) {
        memset(found->data, 0, rg_tensor_size(found) * sizeof(float));
        rg_tape_fail(tape, err);
    }
    return found;
}

rg_tensor_t *rg_translate(rg_tape_t *tape, const rg_model_t *model, rg_tensor_t *content, rg_tensor_t *code,
                          rg_tensor_t *source, const rg_retriever_t *retriever, const unsigned char *exclude)
{
    if (model->parts & RG_PART_BIT(RG_FUSION))
        content = rg_fuse(tape, &model->fusion, content,
                          neighbours(tape, model, content, code, retriever, exclude));
    return rg_generate(tape, &model->generator, content, code, source);
}
