// How a kernel moves over a map: the geometry that convolutions and pooling share.
#ifndef RG_NN_WINDOW_H
#define RG_NN_WINDOW_H

// Along one side: k taps, `dilation` pixels apart, at positions `stride` pixels apart, of which the first
// begins `before` pixels before the map and the last ends `after` pixels behind it at most.
typedef struct {
    int k, stride, dilation, before, after;
} rg_span_t;

typedef struct {
    rg_span_t h, w;
} rg_window_t;

// Positions over `size` pixels; 0 if not even one has room. With `partial` also a last one that reaches
// beyond the padding, if it begins in the map or in the padding before it.
static inline int rg_span_positions(const rg_span_t *s, int size, int partial)
{
    int room = size + s->before + s->after - (s->k - 1) * s->dilation - 1;
    if (room < 0) return 0;
    int count = room / s->stride + 1;
    return partial && room % s->stride && count * s->stride < size + s->before ? count + 1 : count;
}

#endif
