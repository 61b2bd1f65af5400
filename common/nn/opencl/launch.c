// Errors, kernels by name, and products on CLBlast.
#include <string.h>

#include <clblast_c.h>

#include "common/nn/opencl/device.h"

void rg__ocl_check(rg__ocl_t *self, cl_int status, const char *what)
{
    char name[128] = "";
    if (status == CL_SUCCESS || self->failure.err) return;
    clGetDeviceInfo(self->device, CL_DEVICE_NAME, sizeof name, name, NULL);
    int is_memory = status == CL_MEM_OBJECT_ALLOCATION_FAILURE || status == CL_OUT_OF_HOST_MEMORY;
    int err = is_memory ? rg_fail(RG_ELIMIT, "%s: out of device memory: cannot %s; %zu MiB are in use", name,
                                  what, self->bytes >> 20)
                        : rg_fail(RG_EIO, "%s: the device or its driver failed: cannot %s (OpenCL error %d)",
                                  name, what, status);
    rg_failure_keep(&self->failure, err);
}

static cl_kernel find_kernel(rg__ocl_t *self, const char *name)
{
    cl_int status;
    for (int i = 0; i < self->n_kernels; i++)
        if (strcmp(self->kernels[i].name, name) == 0) return self->kernels[i].kernel;
    cl_kernel kernel = clCreateKernel(self->program, name, &status);
    rg__ocl_check(self, status, name);
    if (status != CL_SUCCESS) return NULL;
    self->kernels[self->n_kernels].name = name;
    self->kernels[self->n_kernels++].kernel = kernel;
    return kernel;
}

static cl_int set_arg(rg__ocl_t *self, cl_kernel kernel, cl_uint *at, const rg__arg_t *arg)
{
    cl_int status;
    rg__place_t place = arg->place;
    switch (arg->kind) {
    case RG__INT:
        return clSetKernelArg(kernel, (*at)++, sizeof arg->integer, &arg->integer);
    case RG__FLOAT:
        return clSetKernelArg(kernel, (*at)++, sizeof arg->number, &arg->number);
    case RG__SIZE:
        return clSetKernelArg(kernel, (*at)++, sizeof arg->size, &arg->size);
    case RG__ADDRESS:
        place = rg__ocl_place(self, arg->address);
        break;
    case RG__PLACE:
        break;
    }
    status = clSetKernelArg(kernel, (*at)++, sizeof place.memory, place.memory ? &place.memory : NULL);
    return status ? status : clSetKernelArg(kernel, (*at)++, sizeof place.at, &place.at);
}

static size_t count_arrays(const rg__arg_t *args, int n)
{
    size_t count = 0;
    for (int i = 0; i < n; i++)
        count += args[i].kind == RG__PLACE || (args[i].kind == RG__ADDRESS && args[i].address);
    return count;
}

void rg__ocl_launch(rg__ocl_t *self, const char *name, rg__items_t items, const rg__arg_t *args, int n)
{
    if (self->failure.err || items.x == 0) return;
    cl_kernel kernel = find_kernel(self, name);
    cl_uint at = 0;
    for (int i = 0; i < n && !self->failure.err; i++)
        rg__ocl_check(self, set_arg(self, kernel, &at, &args[i]), name);
    const size_t global[3] = {(items.x + RG__GROUP - 1) / RG__GROUP * RG__GROUP, items.y, items.z},
                 local[3] = {RG__GROUP, 1, 1};
    if (self->failure.err) return;
    self->counts.launches++;
    self->counts.moved += items.x * items.y * items.z * sizeof(float) * count_arrays(args, n);
    rg__ocl_check(self, clEnqueueNDRangeKernel(self->queue, kernel, 3, NULL, global, local, 0, NULL, NULL),
                  name);
}

void rg__ocl_product(rg__ocl_t *self, rg__place_t c, rg__place_t a, rg__place_t b, const rg__gemm_t *p)
{
    if (self->failure.err || p->m == 0 || p->n == 0) return;
    CLBlastStatusCode status =
        CLBlastSgemm(CLBlastLayoutRowMajor, p->transpose_a ? CLBlastTransposeYes : CLBlastTransposeNo,
                     p->transpose_b ? CLBlastTransposeYes : CLBlastTransposeNo, p->m, p->n, p->k, p->alpha,
                     a.memory, a.at / sizeof(float), p->lda, b.memory, b.at / sizeof(float), p->ldb, p->beta,
                     c.memory, c.at / sizeof(float), p->ldc, &self->queue, NULL);
    self->counts.launches++;
    self->counts.products += p->m * p->n * p->k;
    self->counts.moved += sizeof(float) * (p->m * p->k + p->k * p->n + p->m * p->n);
    rg__ocl_check(self, (cl_int)status, "multiply matrices");
}
