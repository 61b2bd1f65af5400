// Pooling.
#include <math.h>

#include "common/onnx/attribute.h"

// 1 if every window along a side has a tap in the map.
static int has_pixels(const rg_window_side_t *span, int size, int positions)
{
    for (int i = 0; i < positions; i++) {
        int start = i * span->stride - span->before;
        int tap = start < 0 ? (-start + span->dilation - 1) / span->dilation : 0;
        if (tap >= span->k || start + tap * span->dilation >= size) return 0;
    }
    return 1;
}

static int pool(rg__plan_t *plan, const rg__node_t *node, rg__state_t x, rg_pool_t what, rg__state_t *out)
{
    rg__shape_t y;
    int err = rg__window_slide(plan, node, &what.window, what.partial, x.shape.c, x.shape, &y);
    if (err) return err;
    if (!has_pixels(&what.window.h, x.shape.h, y.h) || !has_pixels(&what.window.w, x.shape.w, y.w))
        return rg__refuse(plan->graph, node, "a window lies in the padding");
    double taps = (double)what.window.h.k * what.window.w.k;
    return rg__plan_unary(plan, node, &(rg__step_t){.run = rg__run_pool, .pool = what}, x.tensor, y, taps,
                          out);
}

static int window_pool(rg__plan_t *plan, const rg__node_t *node, enum rg_pooling kind, rg__state_t *out)
{
    rg__node_of_t of = {plan->graph, node};
    rg_pool_t what = {.kind = kind};
    rg__state_t x;
    int kernel[2];
    int err = rg__plan_map(plan, node, &x);
    if (!err && !rg__attribute_has(of, "kernel_shape"))
        err = rg__refuse(plan->graph, node, "attribute 'kernel_shape' is missing");
    if (!err) err = rg__attribute_ints(of, "kernel_shape", 2, 0, 1, RG__KERNEL_MAX, kernel);
    if (!err) err = rg__attribute_int(of, "ceil_mode", 0, 0, 1, &what.partial);
    if (!err) err = rg__window_read(of, x.shape, kernel, &what.window);
    return err ? err : pool(plan, node, x, what, out);
}

int rg__op_max_pool(rg__plan_t *plan, const rg__node_t *node, rg__state_t *out)
{
    return window_pool(plan, node, RG_POOLING_MAX, out);
}

int rg__op_average_pool(rg__plan_t *plan, const rg__node_t *node, rg__state_t *out)
{
    int padded;
    int err = rg__attribute_int((rg__node_of_t){plan->graph, node}, "count_include_pad", 0, 0, 1, &padded);
    return err ? err : window_pool(plan, node, padded ? RG_POOLING_MEAN_PADDED : RG_POOLING_MEAN, out);
}

int rg__op_global_max(rg__plan_t *plan, const rg__node_t *node, rg__state_t *out)
{
    rg__state_t x;
    int err = rg__plan_map(plan, node, &x);
    if (err) return err;
    rg_window_side_t h = {.k = x.shape.h, .stride = 1, .dilation = 1},
                     w = {.k = x.shape.w, .stride = 1, .dilation = 1};
    return pool(plan, node, x, (rg_pool_t){.window = {h, w}, .kind = RG_POOLING_MAX}, out);
}
