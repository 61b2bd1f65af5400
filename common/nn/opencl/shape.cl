// Arrays: one item per element.
__kernel void fill(WRITE(to), float value, SIZE n)
{
    SET(to);
    size_t i = get_global_id(0);
    if (i < n) to[i] = value;
}

__kernel void copy_columns(WRITE(to), SIZE to_stride, int add, READ(from), SIZE from_stride, SIZE rows,
                           SIZE columns)
{
    SET(to);
    GET(from);
    size_t i = get_global_id(0), r = i / columns, c = i % columns;
    if (r < rows) put(to + r * to_stride + c, add, from[r * from_stride + c]);
}

// to [n,columns,rows] (+)= from [n,rows,columns]
__kernel void transpose(WRITE(to), int add, READ(from), SIZE n, SIZE rows, SIZE columns)
{
    SET(to);
    GET(from);
    size_t i = get_global_id(0), image = i / (rows * columns), r = i / columns % rows, c = i % columns;
    if (image < n) put(to + (image * columns + c) * rows + r, add, from[i]);
}

__kernel void select_forward(WRITE(y), READ(mask), READ(a), READ(b), SIZE n)
{
    SET(y);
    GET(a);
    GET(b);
    size_t i = get_global_id(0);
    if (i < n) y[i] = mask_buffer[mask_at + i] ? a[i] : b[i];
}

__kernel void select_backward(WRITE(dx), int add, READ(dy), READ(mask), int taken, SIZE n)
{
    SET(dx);
    GET(dy);
    size_t i = get_global_id(0);
    if (i < n) put(dx + i, add, (mask_buffer[mask_at + i] != 0) == taken ? dy[i] : 0);
}

__kernel void replace_changed(WRITE(y), READ(mask), READ(a), READ(b), READ(other), SIZE n)
{
    SET(y);
    GET(a);
    GET(b);
    GET(other);
    size_t i = get_global_id(0);
    if (i < n) y[i] = mask_buffer[mask_at + i] && a[i] != b[i] ? other[i] : a[i];
}
