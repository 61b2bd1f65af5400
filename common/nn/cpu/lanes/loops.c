#include "common/nn/cpu/lanes/loops.h"

static const rg__loops_t loops_16 = {&rg__tile_loops_16, &rg__thin_loops_16, &rg__dot_loops_16};
#ifdef __x86_64__
static const rg__loops_t loops_32 = {&rg__tile_loops_32, &rg__thin_loops_32, &rg__dot_loops_32};

static int has_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}
#ifndef RG_NO_AVX512
static const rg__loops_t loops_64 = {&rg__tile_loops_64, &rg__thin_loops_64, &rg__dot_loops_64};

static int has_avx512(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}
#endif
#endif

const rg__loops_t *rg__loops_of(int bytes)
{
#ifdef __x86_64__
#ifndef RG_NO_AVX512
    if (bytes == 64) return has_avx512() ? &loops_64 : NULL;
#endif
    if (bytes == 32) return has_avx2() ? &loops_32 : NULL;
#endif
    return bytes == 16 ? &loops_16 : NULL;
}

const rg__loops_t *rg__loops(void)
{
    int bytes = 64;
    while (!rg__loops_of(bytes)) bytes /= 2;
    return rg__loops_of(bytes);
}
