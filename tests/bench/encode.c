// Times what the encoder does for images that are added, beside its convolutions alone:
//     encode --config FILE [--set KEY=VALUE ...]
// It loads the newest checkpoint of the run and answers a StoreRequest of each batch size. A backend notes the
// convolutions of the answer; then answers and the same convolutions alone, on the same memory, take turns. Each line
// is `batch N answer MS convolutions MS ratio R`: processor time of all threads per image, medians.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/rng.h"
#include "common/data/image.h"
#include "services/encoder/answer.h"
#include "tests/bench/timing.h"

enum { ROUNDS = 9, BATCH_MAX = 64, CALLS_MAX = 256 };

// A convolution as the answer called it. Its memory is the tape's, which stays.
typedef struct {
    void *y;
    const float *x, *bias;
    rg_weights_t w;
    rg_conv_shape_t shape;
} call_t;

static struct {
    rg_backend_t real; // the table before it was replaced
    call_t calls[CALLS_MAX];
    int n;
} noted;

static int noting_forward(rg_backend_t *self, void *y, const float *x, rg_weights_t w, const float *bias,
                          const rg_conv_shape_t *shape)
{
    if (noted.n == CALLS_MAX) abort();
    noted.calls[noted.n++] = (call_t){y, x, bias, w, *shape};
    return noted.real.conv_forward(self, y, x, w, bias, shape);
}

static rg_msg_t *make_request(const rg_config_t *config, uint32_t n)
{
    const uint32_t side = (uint32_t)config->data.img_size;
    rg_msg_t *request = rg_msg_new(RG__V1__ENVELOPE__BODY_STORE_REQUEST);
    Rg__V1__StoreRequest *body = rg_msg_body(request);
    uint8_t *pixels =
        rg_msg_reserve(request, "pixels", RG__V1__DTYPE__U8, 4, (const uint32_t[]){n, side, side, 3});
    rg_rng_t rng;
    rg_rng_init(&rng, 1, RG_RNG_STEP, n);
    for (size_t i = 0; i < n * rg_image_bytes(config); i++) pixels[i] = (uint8_t)rg_rng_below(&rng, 256);
    body->n_items = n;
    body->items = (Rg__V1__Item **)rg_msg_array(request, &rg__v1__item__descriptor, n);
    for (uint32_t i = 0; i < n; i++) {
        char name[12];
        snprintf(name, sizeof name, "%u", i);
        body->items[i]->name = rg_msg_text(request, "%s.jpg", name);
        rg_msg_bytes(request, &body->items[i]->id, (const uint8_t[RG_ID_SIZE]){(uint8_t)i}, RG_ID_SIZE);
        rg_msg_copy(request, name, RG__V1__DTYPE__U8, 1, (const uint32_t[]){4}, "jpeg");
    }
    return request;
}

static int answer_once(rg_inference_t *networks, const rg_msg_t *request)
{
    rg_msg_t *add;
    int err = rg_answer_store(networks, request, &add);
    if (!err) rg_msg_destroy(&add);
    return err;
}

static int convolve_once(rg_backend_t *backend)
{
    int err = 0;
    for (int i = 0; i < noted.n && !err; i++) {
        const call_t *call = &noted.calls[i];
        err = noted.real.conv_forward(backend, call->y, call->x, call->w, call->bias, &call->shape);
    }
    return err;
}

static int note_answer(rg_inference_t *networks, const rg_msg_t *request)
{
    rg_backend_t *backend = networks->backend;
    int err = answer_once(networks, request); // the first one packs weights
    noted.n = 0;
    noted.real = *backend;
    backend->conv_forward = noting_forward;
    if (!err) err = answer_once(networks, request);
    *backend = noted.real;
    return err;
}

static int time_batch(rg_inference_t *networks, uint32_t n)
{
    rg_msg_t *request = make_request(networks->config, n);
    double answers[ROUNDS], convolutions[ROUNDS], ratios[ROUNDS];
    int err = note_answer(networks, request);
    for (int i = 0; i < ROUNDS && !err; i++) {
        double start = rg_timing_busy_ms();
        err = answer_once(networks, request);
        double middle = rg_timing_busy_ms();
        if (!err) err = convolve_once(networks->backend);
        answers[i] = (middle - start) / n;
        convolutions[i] = (rg_timing_busy_ms() - middle) / n;
        ratios[i] = convolutions[i] / answers[i];
    }
    rg_msg_destroy(&request);
    if (!err)
        printf("batch %u answer %.4f convolutions %.4f ratio %.3f\n", n, rg_timing_median(answers, ROUNDS),
               rg_timing_median(convolutions, ROUNDS), rg_timing_median(ratios, ROUNDS));
    return err;
}

int main(int argc, char **argv)
{
    static rg_config_t config;
    rg_inference_t *networks = NULL;
    rg_msg_t *reply = NULL;
    rg_alloc_keep();
    rg_timing_config(argc, argv,
                     "Times the encoder's answer to images that are added beside its convolutions.", &config);
    int err = rg_answer_load(&networks, &config, NULL, &reply);
    for (uint32_t n = 8; n <= BATCH_MAX && !err; n *= 2) err = time_batch(networks, n);
    if (err) fprintf(stderr, "encode: %s\n", rg_error());
    rg_msg_destroy(&reply);
    rg_inference_close(&networks);
    return err ? 1 : 0;
}
