// Element by element: one item per element, unless a comment says otherwise.
__kernel void act_forward(WRITE(y), READ(x), int act, SIZE n)
{
    SET(y);
    GET(x);
    size_t i = get_global_id(0);
    if (i < n) y[i] = activate(x[i], act);
}

__kernel void act_backward(WRITE(dx), int add, READ(dy), READ(y), int act, SIZE n)
{
    SET(dx);
    GET(dy);
    GET(y);
    size_t i = get_global_id(0);
    if (i < n) put(dx + i, add, dy[i] * (act == NONE ? 1 : slope_of(y[i], act)));
}

__kernel void add_arrays(WRITE(y), READ(a), READ(b), SIZE n)
{
    SET(y);
    GET(a);
    GET(b);
    size_t i = get_global_id(0);
    if (i < n) y[i] = a[i] + b[i];
}

// y = act(x * scale + shift): the scale or the shift may be absent.
__kernel void scale_forward(WRITE(y), READ(x), READ(scale), READ(shift), int act, SIZE n, SIZE columns)
{
    SET(y);
    GET(x);
    GET(scale);
    GET(shift);
    size_t i = get_global_id(0), c = i % columns;
    if (i >= n) return;
    float value = scale ? x[i] * scale[c] : x[i];
    y[i] = activate(shift ? value + shift[c] : value, act);
}

__kernel void scale_backward(WRITE(dx), int add, READ(dy), READ(scale), SIZE n, SIZE columns)
{
    SET(dx);
    GET(dy);
    GET(scale);
    size_t i = get_global_id(0);
    if (i < n) put(dx + i, add, dy[i] * scale[i % columns]);
}

// One item per column.
__kernel void scale_sums(WRITE(dscale), int add, READ(dy), READ(x), SIZE rows, SIZE columns)
{
    SET(dscale);
    GET(dy);
    GET(x);
    size_t c = get_global_id(0);
    float sum = 0;
    if (c >= columns) return;
    for (size_t i = c; i < rows * columns; i += columns) sum += dy[i] * x[i];
    put(dscale + c, add, sum);
}

__kernel void clip_forward(WRITE(y), READ(x), float low, float high, float leak, SIZE n)
{
    SET(y);
    GET(x);
    size_t i = get_global_id(0);
    if (i >= n) return;
    y[i] = x[i] < low ? low + leak * (x[i] - low) : x[i] > high ? high : x[i];
}

__kernel void clip_backward(WRITE(dx), int add, READ(dy), READ(x), float low, float high, float leak, SIZE n)
{
    SET(dx);
    GET(dy);
    GET(x);
    size_t i = get_global_id(0);
    if (i < n) put(dx + i, add, dy[i] * (x[i] < low ? leak : x[i] > high ? 0 : 1));
}

// One item per row; shifted by the largest value so that no exponential overflows.
__kernel void softmax_forward(WRITE(y), READ(x), SIZE rows, SIZE columns)
{
    SET(y);
    GET(x);
    size_t r = get_global_id(0);
    if (r >= rows) return;
    y += r * columns;
    x += r * columns;
    float largest = x[0], sum = 0;
    for (size_t c = 1; c < columns; c++) largest = max(largest, x[c]);
    for (size_t c = 0; c < columns; c++) sum += y[c] = exp(x[c] - largest);
    for (size_t c = 0; c < columns; c++) y[c] /= sum;
}

__kernel void softmax_backward(WRITE(dx), int add, READ(dy), READ(y), SIZE rows, SIZE columns)
{
    SET(dx);
    GET(dy);
    GET(y);
    size_t r = get_global_id(0), first = r * columns;
    float mean = 0; // of dy, weighted with y
    if (r >= rows) return;
    for (size_t i = first; i < first + columns; i++) mean += dy[i] * y[i];
    for (size_t i = first; i < first + columns; i++) put(dx + i, add, y[i] * (dy[i] - mean));
}
