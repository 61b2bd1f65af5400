// Memory of the device. A range of the host's addresses has a buffer behind it, so that an address inside is a
// buffer and an offset. A range that grows gets a larger buffer, and the old one is copied on the device; where
// both do not fit at once, by way of the host.
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/nn/opencl/device.h"

enum { GROW_BYTES = 16 << 20 }; // large buffers grow by at least this much and by half

static rg__range_t *find_range(rg__ocl_t *self, const void *address)
{
    const char *at = address;
    for (int i = 0; i < self->n_ranges; i++)
        if (at >= self->ranges[i].base && at < self->ranges[i].base + self->ranges[i].size)
            return &self->ranges[i];
    return NULL;
}

rg__place_t rg__ocl_place(rg__ocl_t *self, const void *address)
{
    const rg__range_t *range = find_range(self, address);
    if (!address) return (rg__place_t){NULL, RG__ABSENT};
    if (range) return (rg__place_t){range->memory, (cl_ulong)((const char *)address - range->base)};
    if (!self->failure.err)
        rg_failure_keep(&self->failure,
                        rg_fail(RG_EINVAL, "a kernel got an address that the device does not have"));
    return (rg__place_t){NULL, RG__ABSENT};
}

// ---- buffers

static void drop_buffer(rg__ocl_t *self, rg__range_t *range)
{
    if (!range->memory) return;
    clReleaseMemObject(range->memory);
    self->bytes -= range->size;
    *range = (rg__range_t){0};
}

static cl_int wait_for_device(rg__ocl_t *self)
{
    self->counts.waits++;
    return clFinish(self->queue);
}

static cl_mem new_buffer(rg__ocl_t *self, size_t size, cl_int *status)
{
    const cl_uint zero = 0;
    cl_mem memory = clCreateBuffer(self->context, CL_MEM_READ_WRITE, size, NULL, status);
    // Drivers take memory when it is first used; whether there is enough shall be known now.
    if (*status == CL_SUCCESS)
        *status = clEnqueueFillBuffer(self->queue, memory, &zero, sizeof zero, size - sizeof zero,
                                      sizeof zero, 0, NULL, NULL);
    if (*status == CL_SUCCESS) *status = wait_for_device(self);
    if (*status == CL_SUCCESS) return memory;
    if (memory) clReleaseMemObject(memory);
    return NULL;
}

static int out_of_memory(rg__ocl_t *self, size_t size)
{
    char name[128] = "";
    cl_ulong memory = 0;
    clGetDeviceInfo(self->device, CL_DEVICE_NAME, sizeof name, name, NULL);
    clGetDeviceInfo(self->device, CL_DEVICE_GLOBAL_MEM_SIZE, sizeof memory, &memory, NULL);
    int err = rg_fail(
        RG_ELIMIT, "%s: out of device memory: it has %zu MiB, %zu MiB are in use and one piece needs %zu MiB",
        name, (size_t)memory >> 20, self->bytes >> 20, size >> 20);
    if (!self->failure.err) rg_failure_keep(&self->failure, err);
    return err;
}

// The copy by way of the host, after the first attempt found too little memory for both buffers.
static int grow_slowly(rg__ocl_t *self, rg__range_t *range, size_t size)
{
    cl_int status;
    size_t old = range->size;
    char *copy = rg_alloc(old);
    status = clEnqueueReadBuffer(self->queue, range->memory, CL_TRUE, 0, old, copy, 0, NULL, NULL);
    clReleaseMemObject(range->memory);
    range->memory = status == CL_SUCCESS ? new_buffer(self, size, &status) : NULL;
    if (range->memory)
        status = clEnqueueWriteBuffer(self->queue, range->memory, CL_TRUE, 0, old, copy, 0, NULL, NULL);
    free(copy);
    if (!range->memory || status != CL_SUCCESS) {
        range->size = 0;
        self->bytes -= old;
        return out_of_memory(self, size);
    }
    return 0;
}

static int grow_range(rg__ocl_t *self, rg__range_t *range, size_t need)
{
    cl_int status;
    size_t old = range->size, size = (need + 63) & ~(size_t)63;
    if (old > 0 && size < old + old / 2) size = old + old / 2;
    if (size > GROW_BYTES) size = (size + GROW_BYTES - 1) / GROW_BYTES * GROW_BYTES;
    cl_mem memory = new_buffer(self, size, &status);
    if (memory && old > 0) {
        status = clEnqueueCopyBuffer(self->queue, range->memory, memory, 0, 0, old, 0, NULL, NULL);
        rg__ocl_check(self, status, "copy a buffer");
        clReleaseMemObject(range->memory);
    }
    if (memory)
        range->memory = memory;
    else if (old == 0)
        return out_of_memory(self, size);
    else if (grow_slowly(self, range, size = (need + 63) & ~(size_t)63) != 0)
        return RG_ELIMIT;
    range->size = size;
    self->bytes += size - old;
    if (self->bytes > self->counts.peak_bytes) self->counts.peak_bytes = self->bytes;
    return 0;
}

rg__place_t rg__ocl_scratch(rg__ocl_t *self, enum rg__scratch which, size_t floats)
{
    rg__range_t *range = &self->scratch[which];
    if (floats * sizeof(float) > range->size) {
        drop_buffer(self, range); // nothing in it is needed any more; kernels that run keep it alive
        if (grow_range(self, range, floats * sizeof(float)) != 0) return (rg__place_t){NULL, RG__ABSENT};
    }
    return (rg__place_t){range->memory, 0};
}

// ---- the table

static int ocl_cover(rg_backend_t *backend, const void *base, size_t size)
{
    rg__ocl_t *self = rg__ocl(backend);
    rg__range_t *range = find_range(self, base);
    int is_new = !range;
    if (self->failure.err) return backend->error(backend);
    if (is_new) {
        self->ranges = rg_realloc(self->ranges, (size_t)(self->n_ranges + 1) * sizeof *self->ranges);
        range = &self->ranges[self->n_ranges++];
        *range = (rg__range_t){.base = base};
    }
    size_t need = (size_t)((const char *)base - range->base) + size;
    int err = need > range->size ? grow_range(self, range, need) : 0;
    return err ? err : is_new;
}

static void ocl_release(rg_backend_t *backend, const void *base)
{
    rg__ocl_t *self = rg__ocl(backend);
    for (int i = 0; i < self->n_ranges; i++)
        if (self->ranges[i].base == base) {
            drop_buffer(self, &self->ranges[i]);
            self->ranges[i--] = self->ranges[--self->n_ranges];
        }
}

// Copies the bytes to where they stay until the device has them. The place grows until it holds all that is pushed
// between two reads.
static const void *stage_bytes(rg__ocl_t *self, const void *memory, size_t size)
{
    if (self->staged_size - self->staged_used < size) {
        rg__ocl_check(self, wait_for_device(self), "wait for the device");
        self->staged_size = 2 * (self->staged_used + size) + GROW_BYTES;
        self->staged_used = 0;
        free(self->staged);
        self->staged = rg_alloc(self->staged_size);
    }
    void *copy = memcpy(self->staged + self->staged_used, memory, size);
    self->staged_used += (size + 63) & ~(size_t)63;
    if (self->staged_used > self->staged_size) self->staged_used = self->staged_size;
    return copy;
}

static void ocl_push(rg_backend_t *backend, const void *memory, size_t size)
{
    rg__ocl_t *self = rg__ocl(backend);
    if (self->failure.err || !find_range(self, memory)) return;
    rg__place_t to = rg__ocl_place(self, memory);
    cl_int status = clEnqueueWriteBuffer(self->queue, to.memory, CL_FALSE, to.at, size,
                                         stage_bytes(self, memory, size), 0, NULL, NULL);
    rg__ocl_check(self, status, "write to the device");
    self->counts.pushed += size;
}

void rg__ocl_wait_read(rg__ocl_t *self, rg__place_t from, void *to, size_t size)
{
    if (self->failure.err) return;
    cl_int status = clEnqueueReadBuffer(self->queue, from.memory, CL_TRUE, from.at, size, to, 0, NULL, NULL);
    rg__ocl_check(self, status, "read from the device");
    self->staged_used = 0; // what came before in the queue is done
    self->counts.waits++;
    self->counts.pulled += size;
}

static int ocl_pull(rg_backend_t *backend, void *memory, size_t size)
{
    rg__ocl_t *self = rg__ocl(backend);
    if (!self->failure.err && find_range(self, memory))
        rg__ocl_wait_read(self, rg__ocl_place(self, memory), memory, size);
    return backend->error(backend);
}

void rg__ocl_memory_table(rg_backend_t *table)
{
    table->apart = 1;
    table->cover = ocl_cover;
    table->release = ocl_release;
    table->push = ocl_push;
    table->pull = ocl_pull;
}

void rg__ocl_memory_fini(rg__ocl_t *self)
{
    while (self->n_ranges > 0) drop_buffer(self, &self->ranges[--self->n_ranges]);
    for (int i = 0; i < RG__SCRATCHES; i++) drop_buffer(self, &self->scratch[i]);
    free(self->ranges);
    free(self->staged);
}
