#include "common/onnx/window.h"

enum { SIDE_MAX = 1 << 14 };
enum { NOTSET, VALID, SAME_UPPER, SAME_LOWER };

// What "same" pads: as many positions as steps of the stride, the odd pixel behind the map or before it.
static void pad_same(rg_window_side_t *span, int size, int auto_pad)
{
    int positions = (size + span->stride - 1) / span->stride;
    int missing = (positions - 1) * span->stride + (span->k - 1) * span->dilation + 1 - size;
    if (missing < 0) missing = 0;
    span->before = auto_pad == SAME_LOWER ? missing - missing / 2 : missing / 2;
    span->after = missing - span->before;
}

static int read_pads(rg__of_t of, rg__shape_t x, rg_window_t *window)
{
    static const char *const choices[] = {"NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"};
    int auto_pad, pads[4];
    int err = rg__attribute_choice(of, "auto_pad", choices, 4, &auto_pad);
    if (!err) err = rg__attribute_ints(of, "pads", 4, 0, 0, RG__KERNEL_MAX, pads);
    if (err) return err;
    if (auto_pad == NOTSET) {
        window->h.before = pads[0], window->w.before = pads[1];
        window->h.after = pads[2], window->w.after = pads[3];
    } else if (auto_pad != VALID) {
        pad_same(&window->h, x.h, auto_pad);
        pad_same(&window->w, x.w, auto_pad);
    }
    return 0;
}

int rg__window_read(rg__of_t of, rg__shape_t x, const int kernel[2], rg_window_t *window)
{
    int strides[2], dilations[2];
    int err = rg__attribute_ints(of, "strides", 2, 1, 1, RG__KERNEL_MAX, strides);
    if (!err) err = rg__attribute_ints(of, "dilations", 2, 1, 1, RG__KERNEL_MAX, dilations);
    if (err) return err;
    *window = (rg_window_t){{.k = kernel[0], .stride = strides[0], .dilation = dilations[0]},
                            {.k = kernel[1], .stride = strides[1], .dilation = dilations[1]}};
    return read_pads(of, x, window);
}

int rg__window_slide(const rg__plan_t *plan, const rg__node_t *node, const rg_window_t *window, int partial,
                     int outputs, rg__shape_t x, rg__shape_t *y)
{
    *y = (rg__shape_t){4, outputs, rg_window_positions(&window->h, x.h, partial),
                       rg_window_positions(&window->w, x.w, partial)};
    if (y->h >= 1 && y->w >= 1 && y->h <= 2 * SIDE_MAX && y->w <= 2 * SIDE_MAX) return 0;
    return rg__refuse(plan->graph, node, "a %dx%d window does not fit maps of %dx%d", window->h.k,
                      window->w.k, x.h, x.w);
}
