// Pooling: one item per element of the output, or of the gradient. The twelve numbers of the geometry are those
// of rg_pool_shape_t.
#define POOL_SIDE(side) int side##_k, int side##_stride, int side##_dilation, int side##_before, int side##_after

// Taps below `limit` of a window that starts at pixel `start`.
int taps_below(int start, int k, int dilation, int limit)
{
    int distance = limit - start;
    return distance <= 0 ? 0 : min((distance + dilation - 1) / dilation, k);
}

// 1 / the number of pixels that the mean is over.
float pool_share(int kind, int row, int column, int h, int w, POOL_SIDE(v), POOL_SIDE(u))
{
    int rows = taps_below(row, v_k, v_dilation, h + (kind == POOLING_MEAN_PADDED ? v_after : 0));
    int columns = taps_below(column, u_k, u_dilation, w + (kind == POOLING_MEAN_PADDED ? u_after : 0));
    if (kind != POOLING_MEAN_PADDED) {
        rows -= taps_below(row, v_k, v_dilation, 0);
        columns -= taps_below(column, u_k, u_dilation, 0);
    }
    return 1.0f / (rows * columns);
}

// The index of the first largest pixel under a window whose first tap lies at (row, column), or -1.
long largest_under(__global const float *map, int row, int column, int h, int w, int c, int k, POOL_SIDE(v),
                   POOL_SIDE(u))
{
    long winner = -1;
    for (int a = 0, r = row; a < v_k; a++, r += v_dilation)
        for (int b = 0, s = column; b < u_k; b++, s += u_dilation) {
            if (r < 0 || r >= h || s < 0 || s >= w) continue;
            long at = ((long)r * w + s) * c + k;
            if (winner < 0 || map[at] > map[winner]) winner = at;
        }
    return winner;
}

#define V v_k, v_stride, v_dilation, v_before, v_after
#define U u_k, u_stride, u_dilation, u_before, u_after

__kernel void pool_forward(WRITE(y), READ(x), int kind, int n, int h, int w, int c, int oh, int ow, POOL_SIDE(v),
                           POOL_SIDE(u))
{
    SET(y);
    GET(x);
    size_t at = get_global_id(0);
    int k = at % c, position = at / c % (oh * ow), image = at / c / (oh * ow);
    if (image >= n) return;
    int row = position / ow * v_stride - v_before, column = position % ow * u_stride - u_before;
    x += (size_t)image * h * w * c;
    if (kind == POOLING_MAX) {
        y[at] = x[largest_under(x, row, column, h, w, c, k, V, U)];
        return;
    }
    float sum = 0;
    for (int a = 0, r = row; a < v_k; a++, r += v_dilation)
        for (int b = 0, s = column; b < u_k; b++, s += u_dilation)
            if (r >= 0 && r < h && s >= 0 && s < w) sum += x[((size_t)r * w + s) * c + k];
    y[at] = sum * pool_share(kind, row, column, h, w, V, U);
}

// Each pixel collects from the windows that lie over it.
__kernel void pool_backward(WRITE(dx), int add, READ(dy), READ(x), int kind, int n, int h, int w, int c, int oh,
                            int ow, POOL_SIDE(v), POOL_SIDE(u))
{
    SET(dx);
    GET(dy);
    GET(x);
    size_t at = get_global_id(0);
    int k = at % c, pixel = at / c % (h * w), image = at / c / (h * w);
    if (image >= n) return;
    float sum = 0;
    for (int a = 0; a < v_k; a++)
        for (int b = 0; b < u_k; b++) {
            int row = pixel / w - a * v_dilation, column = pixel % w - b * u_dilation; // of the first tap
            int r = row + v_before, s = column + u_before;
            if (r < 0 || s < 0 || r % v_stride || s % u_stride) continue;
            if ((r /= v_stride) >= oh || (s /= u_stride) >= ow) continue;
            float slope;
            if (kind == POOLING_MAX)
                slope = largest_under(x + (size_t)image * h * w * c, row, column, h, w, c, k, V, U) ==
                        (long)pixel * c + k;
            else
                slope = pool_share(kind, row, column, h, w, V, U);
            sum += slope * dy[(((size_t)image * oh + r) * ow + s) * c + k];
        }
    put(dx + at, add, sum);
}

#undef V
#undef U
