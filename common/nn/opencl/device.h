// What the files of the OpenCL backend share: the device, its memory, and how a kernel is launched.
//
// Kernels are launched by name; their sources are the .cl files beside this one. All work goes into one queue that
// runs in order. The first error is kept, and nothing runs after it (rg__ocl_error).
#ifndef RG_NN_OPENCL_DEVICE_H
#define RG_NN_OPENCL_DEVICE_H

#include <CL/cl.h>

#include "common/core/err.h"
#include "common/nn/opencl.h"

enum { RG__GROUP = 64, RG__KERNELS_MAX = 64 };

// A range of the host's addresses that has a copy on the device (backend.h).
typedef struct {
    const char *base;
    size_t size; // of both
    cl_mem memory;
} rg__range_t;

// Memory that only kernels use. It grows to the largest size asked for and stays.
enum rg__scratch { RG__PATCHES, RG__WEIGHTS, RG__PARTS, RG__FACTORS, RG__SCRATCHES };

typedef struct {
    rg_backend_t table; // the first member, so that a rg_backend_t * can be cast to this type
    cl_device_id device;
    int has_doubles;
    cl_context context;
    cl_command_queue queue;
    cl_program program;
    struct {
        const char *name; // static storage
        cl_kernel kernel;
    } kernels[RG__KERNELS_MAX];
    int n_kernels;
    rg__range_t *ranges;
    int n_ranges;
    rg__range_t scratch[RG__SCRATCHES];
    char *staged; // bytes on their way to the device
    size_t staged_size, staged_used;
    size_t bytes; // of device memory in use
    rg_opencl_counts_t counts;
    rg_failure_t failure;
} rg__ocl_t;

static inline rg__ocl_t *rg__ocl(rg_backend_t *backend)
{
    return (rg__ocl_t *)backend;
}

// ---- devices.c

int rg__ocl_devices(cl_device_id device[RG_OPENCL_DEVICES_MAX]); // returns their number
rg_opencl_device_t rg__ocl_describe(cl_device_id device);

// ---- memory.c

// Where the device finds an address; memory is NULL, and the error kept, if nothing covers it. Address NULL: no
// memory and RG__ABSENT.
#define RG__ABSENT ((cl_ulong)-1)
typedef struct {
    cl_mem memory;
    cl_ulong at; // byte
} rg__place_t;
rg__place_t rg__ocl_place(rg__ocl_t *self, const void *address);
rg__place_t rg__ocl_scratch(rg__ocl_t *self, enum rg__scratch which, size_t floats);
void rg__ocl_wait_read(rg__ocl_t *self, rg__place_t from, void *to, size_t size); // waits for all before
void rg__ocl_memory_table(rg_backend_t *table);
void rg__ocl_memory_fini(rg__ocl_t *self);

// ---- launch.c

// Keeps the first failure: what could not be done, and OpenCL's reason. status CL_SUCCESS: none.
void rg__ocl_check(rg__ocl_t *self, cl_int status, const char *what);

typedef struct {
    enum { RG__ADDRESS, RG__PLACE, RG__INT, RG__FLOAT, RG__SIZE } kind;
    union {
        const void *address;
        rg__place_t place;
        cl_int integer;
        cl_float number;
        cl_ulong size;
    };
} rg__arg_t;

static inline rg__arg_t rg__a(const void *address) // NULL: absent
{
    return (rg__arg_t){.kind = RG__ADDRESS, .address = address};
}

static inline rg__arg_t rg__p(rg__place_t place)
{
    return (rg__arg_t){.kind = RG__PLACE, .place = place};
}

static inline rg__arg_t rg__i(int integer)
{
    return (rg__arg_t){.kind = RG__INT, .integer = integer};
}

static inline rg__arg_t rg__f(float number)
{
    return (rg__arg_t){.kind = RG__FLOAT, .number = number};
}

static inline rg__arg_t rg__n(size_t size)
{
    return (rg__arg_t){.kind = RG__SIZE, .size = size};
}

// Launches kernel `name` (static storage) with at least x*y*z items: work-groups are RG__GROUP items along x.
typedef struct {
    size_t x, y, z;
} rg__items_t;
void rg__ocl_launch(rg__ocl_t *self, const char *name, rg__items_t items, const rg__arg_t *args, int n);
#define RG__LAUNCH(backend, name, items, ...)                                                                \
    rg__ocl_launch(rg__ocl(backend), name, (rg__items_t){items, 1, 1}, (const rg__arg_t[]){__VA_ARGS__},     \
                   (int)(sizeof((const rg__arg_t[]){__VA_ARGS__}) / sizeof(rg__arg_t)))

// c [m,n] = alpha * op(a) op(b) + beta * c, row-major, rows of c `ldc` floats apart.
typedef struct {
    int transpose_a, transpose_b;
    size_t m, n, k;
    float alpha, beta;
    size_t lda, ldb, ldc;
} rg__gemm_t;
void rg__ocl_product(rg__ocl_t *self, rg__place_t c, rg__place_t a, rg__place_t b, const rg__gemm_t *p);

// y += the sums of x [rows,columns] over its rows, or with dy of dy * (x - mean): norm.c
void rg__ocl_add_column_sums(rg__ocl_t *self, float *y, const float *x, int rows, int columns);

// Each file fills its part of the table.
void rg__ocl_array_table(rg_backend_t *table);
void rg__ocl_broadcast_table(rg_backend_t *table);
void rg__ocl_loss_table(rg_backend_t *table);
void rg__ocl_norm_table(rg_backend_t *table);
void rg__ocl_conv_table(rg_backend_t *table);
void rg__ocl_optim_table(rg_backend_t *table);

// ---- the sources (embedded by CMake)
extern const char rg__ocl_source[];
extern const size_t rg__ocl_source_size;

#endif
