// Counts what one iteration of stage 1 asks of an OpenCL device: multiply-adds, bytes, launches, waits, memory. The
// device computes nothing: this program is linked with --wrap, and its own functions stand for the driver's that
// would run kernels or move data. So counting at 128 px takes as long as at 32 px, on any machine.
#include <stdio.h>
#include <string.h>

#include "common/core/err.h"
#include "common/nn/opencl.h"
#include "services/trainer/measure.h"
#include "tests/bench/timing.h"
#include "tests/support/translation_step.h"

int __wrap_clEnqueueNDRangeKernel(void);
int __wrap_clEnqueueCopyBuffer(void);
int __wrap_CLBlastSgemm(void);
int __wrap_clEnqueueReadBuffer(void *queue, void *buffer, unsigned wait, size_t at, size_t size, void *to);

int __wrap_clEnqueueNDRangeKernel(void)
{
    return 0;
}

int __wrap_clEnqueueCopyBuffer(void)
{
    return 0;
}

int __wrap_CLBlastSgemm(void)
{
    return 0;
}

int __wrap_clEnqueueReadBuffer(void *queue, void *buffer, unsigned wait, size_t at, size_t size, void *to)
{
    (void)queue, (void)buffer, (void)wait, (void)at;
    memset(to, 0, size);
    return 0;
}

static void print_counts(const rg_config_t *config, const rg_opencl_counts_t *from,
                         const rg_opencl_counts_t *to)
{
    printf("%d px, gf %d, batch %d: %.1f G multiply-adds, %.1f GB moved, %llu launches, %llu waits, %.1f MB "
           "pushed, %.3f MB pulled, %.2f GiB of device memory\n",
           config->data.img_size, config->model.gf, config->stage1.batch,
           (double)(to->products - from->products) / 1e9, (double)(to->moved - from->moved) / 1e9,
           (unsigned long long)(to->launches - from->launches), (unsigned long long)(to->waits - from->waits),
           (double)(to->pushed - from->pushed) / 1e6, (double)(to->pulled - from->pulled) / 1e6,
           (double)to->peak_bytes / (1 << 30));
}

static int run(const rg_config_t *config)
{
    rg_backend_t *backend;
    rg_model_t *model;
    rg_translation_t translation;
    rg_batch_t batch;
    rg_losses_t losses;
    rg_opencl_counts_t counts[2] = {0};
    int err = rg_opencl_backend_new(&backend, 0, "build/opencl");
    if (err) return err;
    rg_model_new(&model, config, RG_STAGE1_PARTS, RG_STAGE1_TRAINS);
    err = rg_translation_init(&translation, model, backend, &config->stage1, &config->stage1_loss, NULL);
    if (err) return err;
    rg_measure_batch(&batch, config);
    for (int i = 0; i < 3 && !err; i++) {
        counts[0] = counts[1];
        err = translation_step(&translation, 1, &batch, i, &losses);
        counts[1] = rg_opencl_counts(backend);
    }
    if (!err) print_counts(config, &counts[0], &counts[1]);
    rg_translation_fini(&translation);
    rg_model_destroy(&model);
    rg_backend_destroy(&backend);
    return err;
}

int main(int argc, char **argv)
{
    rg_config_t config;
    rg_timing_config(argc, argv,
                     "Counts what an iteration of stage 1 asks of an OpenCL device.\v"
                     "Example: roofline --set data.img_size=64 --set model.gf=32",
                     &config);
    if (run(&config) == 0) return 0;
    fprintf(stderr, "roofline: %s\n", rg_error());
    return 1;
}
