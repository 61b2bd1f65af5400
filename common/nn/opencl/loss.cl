// Losses: item p sums the elements p, p + items, ... into part[p]; one work-group adds the parts (add_parts).
// Sums are doubles where the device has them (DOUBLES, device.c).
#ifdef DOUBLES
#pragma OPENCL EXTENSION cl_khr_fp64 : enable
typedef double real;
#else
typedef float real;
#endif

enum loss { L1, L2, BCE, PRODUCT, KL, EARTH_MOVER };

// The value of one element and its derivatives by a and by b.
typedef struct {
    real value, a, b;
} slopes;

// The distance of a Gaussian from one whose mean is `away` from its own: backend.h.
slopes gaussian_at(int kind, real away, real logvar, real std)
{
    slopes at;
    real variance = std * std, spread = exp(logvar) / variance, sigma = exp(logvar / 2);
    at.value = kind == KL ? (log(variance) - logvar + spread + away * away / variance - 1) / 2
                          : away * away + (sigma - std) * (sigma - std);
    at.a = kind == KL ? away / variance : 2 * away;
    at.b = kind == KL ? (spread - 1) / 2 : (sigma - std) * sigma;
    return at;
}

slopes loss_at(int kind, real a, real b, real c, real std)
{
    slopes at = {(a - b) * (a - b), 2 * (a - b), -2 * (a - b)};
    if (kind >= KL) return gaussian_at(kind, a - c, b, std);
    switch (kind) {
    case L1:
        at.value = fabs(a - b);
        at.a = (a > b) - (a < b);
        at.b = -at.a;
        break;
    case BCE: // no overflow for any logit
        at.value = (a > 0 ? a : 0) - a * b + log1p(exp(-fabs(a)));
        at.a = (1 - b) / (1 + exp(-a)) - b / (1 + exp(a)); // sigmoid(a) - b without cancellation where b is 0 or 1
        break;
    case PRODUCT:
        at.value = a * b;
        at.a = b;
        at.b = a;
        break;
    }
    return at;
}

__kernel void loss(WRITE(part), int kind, WRITE(da), int add_a, WRITE(db), int add_b, READ(a), READ(b), READ(c),
                   float target, float each, SIZE n)
{
    SET(da);
    SET(db);
    GET(a);
    GET(b);
    GET(c);
    __global real *sums = (__global real *)(part_buffer + part_at);
    real sum = 0;
    for (size_t i = get_global_id(0); i < n; i += get_global_size(0)) {
        slopes at = loss_at(kind, a[i], b ? b[i] : target, c ? c[i] : 0, target);
        sum += at.value;
        if (da) put(da + i, add_a, each * (float)at.a);
        if (db) put(db + i, add_b, each * (float)at.b);
    }
    sums[get_global_id(0)] = sum;
}

// *to += the sum of the parts / count. One work-group.
__kernel void add_parts(WRITE(to), READ(part), SIZE parts, SIZE count)
{
    __global const real *x = (__global const real *)(part_buffer + part_at);
    __local real sums[GROUP];
    int item = get_local_id(0);
    real sum = 0;
    for (size_t i = item; i < parts; i += GROUP) sum += x[i];
    sums[item] = sum;
    barrier(CLK_LOCAL_MEM_FENCE);
    if (item > 0) return;
    for (int i = 1; i < GROUP; i++) sum += sums[i];
    *(__global real *)(to_buffer + to_at) += sum / count;
}

// The ranking loss: item i has query i and writes its share of the value to part[i] and that of the scale's gradient
// to part[n + i].
__kernel void rank_images(WRITE(part), WRITE(slope), READ(cosine), READ(relevance), READ(scale), float each, int n)
{
    SET(slope);
    GET(cosine);
    GET(relevance);
    GET(scale);
    __global real *share = (__global real *)(part_buffer + part_at);
    int i = get_global_id(0);
    if (i >= n) return;
    real sharp = exp((real)*scale), most = -INFINITY, sum = 0, value = 0, by_scale = 0;
    cosine += (size_t)i * n;
    relevance += (size_t)i * n;
    for (int j = 0; j < n; j++)
        if (j != i) most = fmax(most, sharp * cosine[j]);
    for (int j = 0; j < n; j++)
        if (j != i) sum += exp(sharp * cosine[j] - most);
    real log_sum = most + log(sum);
    for (int j = 0; j < n; j++) {
        real score = sharp * cosine[j], g = j == i ? 0 : (exp(score - log_sum) - relevance[j]) * each;
        if (j != i) value += relevance[j] * (log_sum - score);
        by_scale += g * score;
        if (slope) slope[(size_t)i * n + j] = (float)(g * sharp);
    }
    share[i] = value;
    share[n + i] = by_scale;
}

// *to += the second n shares. One item.
__kernel void add_shares(WRITE(to), READ(part), int n)
{
    SET(to);
    __global const real *share = (__global const real *)(part_buffer + part_at) + n;
    real sum = 0;
    if (get_global_id(0) > 0) return;
    for (int i = 0; i < n; i++) sum += share[i];
    *to += (float)sum;
}
