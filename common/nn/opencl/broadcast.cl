// Arithmetic with values that are repeated along some sides of a map, lengths, and signs. The order of the enum is
// that of backend.h.
enum arithmetic { PLUS, MINUS, TIMES, OVER };
#define BROADCAST int what, int images, int h, int w, int c, int bh, int bw, int bc

// Where b has the value for element i of a.
size_t repeated_at(size_t i, int h, int w, int c, int bh, int bw, int bc)
{
    size_t k = i % c, column = i / c % w, row = i / c / w % h, image = i / c / w / h;
    return ((image * bh + (bh > 1 ? row : 0)) * bw + (bw > 1 ? column : 0)) * bc + (bc > 1 ? k : 0);
}

__kernel void broadcast_forward(WRITE(y), READ(a), READ(b), BROADCAST)
{
    SET(y);
    GET(a);
    GET(b);
    size_t i = get_global_id(0);
    if (i >= (size_t)images * h * w * c) return;
    float other = b[repeated_at(i, h, w, c, bh, bw, bc)];
    y[i] = what == PLUS ? a[i] + other : what == MINUS ? a[i] - other : what == TIMES ? a[i] * other : a[i] / other;
}

__kernel void broadcast_backward_a(WRITE(da), int add, READ(dy), READ(b), BROADCAST)
{
    SET(da);
    GET(dy);
    GET(b);
    size_t i = get_global_id(0);
    if (i >= (size_t)images * h * w * c) return;
    float other = b[repeated_at(i, h, w, c, bh, bw, bc)];
    put(da + i, add, dy[i] * (what == TIMES ? other : what == OVER ? 1 / other : 1));
}

float slope_of_b(int what, float a, float b)
{
    return what == TIMES ? a : what == OVER ? -a / (b * b) : what == MINUS ? -1 : 1;
}

// One item per value of b: the sum over the elements of a for which it is repeated.
__kernel void broadcast_backward_b(WRITE(db), int add, READ(dy), READ(a), READ(b), BROADCAST)
{
    SET(db);
    GET(dy);
    GET(a);
    GET(b);
    size_t j = get_global_id(0);
    int k = j % bc, column = j / bc % bw, row = j / bc / bw % bh, image = j / bc / bw / bh;
    float sum = 0;
    if (image >= images) return;
    for (int y = row; y < (bh > 1 ? row + 1 : h); y++)
        for (int x = column; x < (bw > 1 ? column + 1 : w); x++)
            for (int z = k; z < (bc > 1 ? k + 1 : c); z++) {
                size_t i = (((size_t)image * h + y) * w + x) * c + z;
                sum += dy[i] * slope_of_b(what, a[i], b[j]);
            }
    put(db + j, add, sum);
}

// ---- lengths: one work-group per row

__kernel void length_forward(WRITE(y), READ(x), SIZE c)
{
    SET(y);
    GET(x);
    __local float sums[GROUP];
    size_t row = get_group_id(0);
    float sum = 0;
    for (size_t k = get_local_id(0); k < c; k += GROUP) sum += x[row * c + k] * x[row * c + k];
    sum = group_sum(sums, sum);
    if (get_local_id(0) == 0) y[row] = sqrt(sum);
}

__kernel void length_backward(WRITE(dx), int add, READ(dy), READ(x), READ(y), SIZE n, SIZE c)
{
    SET(dx);
    GET(dy);
    GET(x);
    GET(y);
    size_t i = get_global_id(0), row = i / c;
    if (i < n) put(dx + i, add, y[row] > 0 ? dy[row] / y[row] * x[i] : 0);
}

// ---- signs: one item per row

__kernel void signs(WRITE(y), READ(x), SIZE rows, SIZE columns)
{
    SET(y);
    GET(x);
    size_t r = get_global_id(0), first = r * columns;
    float sum = 0;
    if (r >= rows) return;
    for (size_t i = first; i < first + columns; i++) sum += x[i];
    for (size_t i = first; i < first + columns; i++) y[i] = sum > 0 ? 1 : -1;
}
