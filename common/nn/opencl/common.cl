// What all kernels share. A kernel gets an array as a buffer and the byte at which the array begins, because one
// buffer holds many tensors; ABSENT stands for NULL. READ(x) and WRITE(x) in the parameters declare both, GET(x)
// and SET(x) at the top of the body make the pointer x.
//
// Sums are made in a fixed order, without atomics, so the same step gives the same bits.
#define ABSENT    ((ulong)-1)
#define READ(x)   __global const char *x##_buffer, const ulong x##_at
#define WRITE(x)  __global char *x##_buffer, const ulong x##_at
#define GET(x)    __global const float *x = x##_at == ABSENT ? 0 : (__global const float *)(x##_buffer + x##_at)
#define SET(x)    __global float *x = x##_at == ABSENT ? 0 : (__global float *)(x##_buffer + x##_at)
#define SIZE      const ulong
#define GROUP     64 // items of a work-group

// The orders of the enums of tensor.h and backend.h.
enum act { NONE, RELU, LEAKY, TANH, SIGMOID };
enum pooling { POOLING_MAX, POOLING_MEAN, POOLING_MEAN_PADDED };

float activate(float x, int act)
{
    switch (act) {
    case RELU:
        return x > 0 ? x : 0;
    case LEAKY:
        return x > 0 ? x : LEAKY_SLOPE * x;
    case TANH:
        return tanh(x);
    case SIGMOID:
        return 1 / (1 + exp(-x));
    }
    return x;
}

// act'(x) from y = act(x)
float slope_of(float y, int act)
{
    switch (act) {
    case RELU:
        return y > 0 ? 1 : 0;
    case LEAKY:
        return y > 0 ? 1 : LEAKY_SLOPE;
    case TANH:
        return 1 - y * y;
    case SIGMOID:
        return y * (1 - y);
    }
    return 1;
}

// *to (+)= value
void put(__global float *to, int add, float value)
{
    *to = add ? *to + value : value;
}

// The sum of a value over the items of a work-group.
float group_sum(__local float *sums, float value)
{
    int i = get_local_id(0);
    sums[i] = value;
    for (int half_size = GROUP / 2; half_size > 0; half_size /= 2) {
        barrier(CLK_LOCAL_MEM_FENCE);
        if (i < half_size) sums[i] += sums[i + half_size];
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    float sum = sums[0];
    barrier(CLK_LOCAL_MEM_FENCE);
    return sum;
}
