// Computing on any device that has an OpenCL driver: GPUs of all makes, and processors through pocl.
#ifndef RG_NN_OPENCL_H
#define RG_NN_OPENCL_H

#include <stddef.h>

#include "common/config/config.h"
#include "common/nn/backend.h"

typedef struct {
    char name[128], vendor[128], driver[320]; // driver: its platform and version
    int is_gpu;
    size_t memory; // bytes
} rg_opencl_device_t;

enum { RG_OPENCL_DEVICES_MAX = 32 };

// The devices of all drivers, at most so many, GPUs first; device N of this list is `gpu:N`. The caller
// frees *devices. n is 0 where there is no driver, or the program was built without OpenCL.
void rg_opencl_list(rg_opencl_device_t **devices, int *n);

// The backend of device `index` of the list. The kernels are compiled once and kept in the folder `cache`
// (borrowed), which is made if it is missing: a file per source, device and driver. RG_ECONFIG if there is no such
// device, RG_EVERSION if its compiler refuses the kernels (the sentence names a file with the compiler's log),
// RG_ELIMIT if it has no memory left.
int rg_opencl_backend_new(rg_backend_t **backend, int index, const char *cache);

// ---- which device is fastest: RUN/devices, which rg-ctl device --bench writes

enum { RG_DEVICE_CPU = -1 };

// ms [n + 1]: milliseconds of a training step on the processor and on each device of the list; 0: not measured.
// RG_EIO, RG_EFULL.
int rg_device_times_write(const rg_config_t *config, const double *ms, const rg_opencl_device_t *devices,
                          int n);

// The fastest of them by its index. RG_DEVICE_CPU if none was measured, or the file is of other devices.
int rg_device_fastest(const rg_config_t *config);

// ---- the backend of a configuration

// The backend that the keys `device` and `precision` ask for, and the one that `inference.device` and
// `inference.precision` ask for: the CPU's, or that of a device, whose kernels are kept in RUN/opencl. RG_ECONFIG if
// there is no such device, or the device has no bf16; RG_EVERSION if the processor has none.
int rg_training_backend_new(rg_backend_t **backend, const rg_config_t *config);
int rg_inference_backend_new(rg_backend_t **backend, const rg_config_t *config);

// What a backend of this file did since it began.
typedef struct {
    uint64_t launches;       // of kernels and products
    uint64_t waits;          // of the host for the device
    uint64_t peak_bytes;     // of its memory
    uint64_t products;       // multiply-adds of matrix products
    uint64_t moved;          // bytes that kernels and products read and wrote, each array once per item
    uint64_t pushed, pulled; // bytes that went to the device and came back
} rg_opencl_counts_t;
rg_opencl_counts_t rg_opencl_counts(const rg_backend_t *backend);

#endif
