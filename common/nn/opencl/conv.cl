// Convolutions as products: patches [n*oh*ow, kh*kw*c] times weights [o, kh*kw*c]. The map is seen through its
// padding: `up` repeats every pixel twice along both sides, `reflect` mirrors the border (edge not repeated).
#define CONV_SIDE(side) int side##_k, int side##_stride, int side##_dilation, int side##_before

// The pixel at position i of the padded line, or -1 for a zero.
int pixel_at(int i, int size, int reflect, int up)
{
    if (up) return i < 0 || i >= 2 * size ? -1 : i / 2;
    if (i >= 0 && i < size) return i;
    return reflect ? (i < 0 ? -i : 2 * size - 2 - i) : -1;
}

// Channels first..first+c-1 of x with `channels` channels. One item per element of a patch.
__kernel void patches(WRITE(y), READ(x), int n, int h, int w, int channels, int first, int c, int oh, int ow,
                      int reflect, int up, CONV_SIDE(v), CONV_SIDE(u))
{
    SET(y);
    GET(x);
    size_t at = get_global_id(0), patch = at / c / (v_k * u_k);
    int k = at % c, tap = at / c % (v_k * u_k), image = patch / (oh * ow), position = patch % (oh * ow);
    if (image >= n) return;
    int row = pixel_at(position / ow * v_stride - v_before + tap / u_k * v_dilation, h, reflect, up);
    int column = pixel_at(position % ow * u_stride - u_before + tap % u_k * u_dilation, w, reflect, up);
    y[at] = row < 0 || column < 0 ? 0 : x[(((size_t)image * h + row) * w + column) * channels + first + k];
}

// The positions of the padded line at which pixel i appears.
int positions_of(int i, int size, int before, int reflect, int up, int place[3])
{
    int n = 0;
    if (up) {
        place[n++] = 2 * i;
        place[n++] = 2 * i + 1;
        return n;
    }
    place[n++] = i;
    if (reflect && i > 0 && i <= before) place[n++] = -i;
    if (reflect && i < size - 1 && i >= size - 1 - before) place[n++] = 2 * size - 2 - i;
    return n;
}

// The adjoint of `patches`: one item per pixel and channel collects from the patches that show it.
__kernel void collect_patches(WRITE(dx), int add, READ(dy), int n, int h, int w, int channels, int first, int c,
                              int oh, int ow, int reflect, int up, CONV_SIDE(v), CONV_SIDE(u))
{
    SET(dx);
    GET(dy);
    size_t at = get_global_id(0);
    int k = at % c, pixel = at / c % (h * w), image = at / c / (h * w), row[3], column[3];
    if (image >= n) return;
    int rows = positions_of(pixel / w, h, v_before, reflect, up, row);
    int columns = positions_of(pixel % w, w, u_before, reflect, up, column);
    float sum = 0;
    for (int i = 0; i < rows; i++)
        for (int a = 0; a < v_k; a++) {
            int r = row[i] + v_before - a * v_dilation;
            if (r < 0 || r % v_stride || (r /= v_stride) >= oh) continue;
            for (int j = 0; j < columns; j++)
                for (int b = 0; b < u_k; b++) {
                    int s = column[j] + u_before - b * u_dilation;
                    if (s < 0 || s % u_stride || (s /= u_stride) >= ow) continue;
                    size_t patch = ((size_t)image * oh + r) * ow + s;
                    sum += dy[(patch * v_k * u_k + a * u_k + b) * c + k];
                }
        }
    put(dx + (((size_t)image * h * w + pixel) * channels + first + k), add, sum);
}
