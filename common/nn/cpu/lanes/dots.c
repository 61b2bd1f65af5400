#include "common/nn/cpu/lanes/lane.h"
#include "common/nn/cpu/lanes/loops.h"

// Products that are summed in registers at a time: rows of the columns by outputs.
#if RG_LANE_BYTES == 64
enum { ROWS = 4, OUTPUTS = 6 };
#else
enum { ROWS = 3, OUTPUTS = 4 };
#endif

// y += the products of `rows` rows with `outputs` weights over a stretch of n numbers.
RG_INLINE void dots(const int rows, const int outputs, const rg__dots_t *s, float *y, const float *columns,
                    const float *w, int n)
{
    rg__lanes_t sum[ROWS][OUTPUTS] = {0};
    size_t width = (size_t)s->width;
    int i = 0;
    for (; i + RG_LANES <= n; i += RG_LANES) {
        rg__lanes_t x[ROWS];
        for (int r = 0; r < rows; r++) x[r] = rg__load(columns + (size_t)r * width + i);
        for (int k = 0; k < outputs; k++) {
            rg__lanes_t v = rg__load(w + (size_t)k * width + i);
            for (int r = 0; r < rows; r++) sum[r][k] += x[r] * v;
        }
    }
    for (int r = 0; r < rows; r++)
        for (int k = 0; k < outputs; k++) {
            float rest = 0;
            for (int j = i; j < n; j++) rest += columns[(size_t)r * width + j] * w[(size_t)k * width + j];
            y[r * s->outputs + k] += rg__lane_sum(sum[r][k]) + rest;
        }
}

// One stretch of all rows against `outputs` weights from w on.
RG_INLINE void dot_rows(const int outputs, const rg__dots_t *s, float *y, const float *columns,
                        const float *w, int n)
{
    size_t width = (size_t)s->width;
    int p = 0;
    for (; p + ROWS <= s->pixels; p += ROWS)
        dots(ROWS, outputs, s, y + p * s->outputs, columns + (size_t)p * width, w, n);
    for (; p < s->pixels; p++) dots(1, outputs, s, y + p * s->outputs, columns + (size_t)p * width, w, n);
}

static void dot_outputs(const rg__dots_t *s, float *y, const float *columns, const float *w, int first,
                        int end)
{
    size_t width = (size_t)s->width;
    for (int at = 0; at < s->width; at += s->stretch) {
        int n = s->width - at < s->stretch ? s->width - at : s->stretch, k = first;
        for (; k + OUTPUTS <= end; k += OUTPUTS)
            dot_rows(OUTPUTS, s, y + k, columns + at, w + (size_t)k * width + at, n);
        for (; k < end; k++) dot_rows(1, s, y + k, columns + at, w + (size_t)k * width + at, n);
    }
}

const rg__dot_loops_t RG_LANES_NAME(rg__dot_loops) = {.outputs = dot_outputs};
