#include "common/onnx/attribute.h"

#include <math.h>
#include <string.h>

enum { FLOAT = 1, INT = 2, STRING = 3, INTS = 7 }; // ONNX's numbers of attribute types

static const Rg__Onnx__Attribute *find_attribute(rg__node_of_t of, const char *name)
{
    const Rg__Onnx__Node *node = of.node->proto;
    for (size_t i = 0; i < node->n_attribute; i++)
        if (strcmp(node->attribute[i]->name, name) == 0) return node->attribute[i];
    return NULL;
}

int rg__attribute_has(rg__node_of_t of, const char *name)
{
    return find_attribute(of, name) != NULL;
}

int rg__attribute_count(rg__node_of_t of, const char *name, int max)
{
    const Rg__Onnx__Attribute *a = find_attribute(of, name);
    return a && a->n_ints <= (size_t)max ? (int)a->n_ints : 0;
}

static int is_among(const char *words, const char *name)
{
    size_t length = strlen(name);
    for (; *words; words += strcspn(words, " "), words += *words == ' ')
        if (length && strcspn(words, " ") == length && memcmp(words, name, length) == 0) return 1;
    return 0;
}

int rg__attribute_check(rg__node_of_t of, const char *known)
{
    const Rg__Onnx__Node *node = of.node->proto;
    for (size_t i = 0; i < node->n_attribute; i++)
        if (!is_among(known, node->attribute[i]->name))
            return rg__refuse(of.graph, of.node, "attribute '%.40s' is not supported",
                              node->attribute[i]->name);
    return 0;
}

// The attribute, NULL if the node has none of that name. RG_EMODEL if it has another type.
static int typed(rg__node_of_t of, const char *name, int type, const char *what,
                 const Rg__Onnx__Attribute **found)
{
    *found = find_attribute(of, name);
    if (!*found || (*found)->type == type) return 0;
    return rg__refuse(of.graph, of.node, "attribute '%s' is not %s", name, what);
}

static int check_range(rg__node_of_t of, const char *name, int64_t value, int min, int max)
{
    if (value >= min && value <= max) return 0;
    return rg__refuse(of.graph, of.node, "attribute '%s' is %lld; supported is %d to %d", name,
                      (long long)value, min, max);
}

int rg__attribute_int(rg__node_of_t of, const char *name, int otherwise, int min, int max, int *value)
{
    const Rg__Onnx__Attribute *a;
    int err = typed(of, name, INT, "an integer", &a);
    if (!err && a) err = check_range(of, name, a->i, min, max);
    if (!err) *value = a ? (int)a->i : otherwise;
    return err;
}

int rg__attribute_float(rg__node_of_t of, const char *name, float otherwise, float *value)
{
    const Rg__Onnx__Attribute *a;
    int err = typed(of, name, FLOAT, "a number", &a);
    if (!err && a && isnan(a->f)) err = rg__refuse(of.graph, of.node, "attribute '%s' is not a number", name);
    if (!err) *value = a ? a->f : otherwise;
    return err;
}

int rg__attribute_ints(rg__node_of_t of, const char *name, int count, int otherwise, int min, int max,
                       int *values)
{
    const Rg__Onnx__Attribute *a;
    int err = typed(of, name, INTS, "a list of integers", &a);
    if (!err && a && a->n_ints != (size_t)count)
        err = rg__refuse(of.graph, of.node, "attribute '%s' has %zu numbers, not %d", name, a->n_ints, count);
    for (int i = 0; !err && i < count; i++) {
        if (a) err = check_range(of, name, a->ints[i], min, max);
        if (!err) values[i] = a ? (int)a->ints[i] : otherwise;
    }
    return err;
}

int rg__attribute_choice(rg__node_of_t of, const char *name, const char *const *choices, int count,
                         int *choice)
{
    const Rg__Onnx__Attribute *a;
    int err = typed(of, name, STRING, "a text", &a);
    *choice = 0;
    if (err || !a) return err;
    for (*choice = 0; *choice < count; ++*choice)
        if (strlen(choices[*choice]) == a->s.len && memcmp(choices[*choice], a->s.data, a->s.len) == 0)
            return 0;
    return rg__refuse(of.graph, of.node, "attribute '%s' is '%.*s', which is not supported", name,
                      a->s.len < 40 ? (int)a->s.len : 40, (const char *)a->s.data);
}

// ---- windows

enum { SIDE_MAX = 1 << 14 };
enum { NOTSET, VALID, SAME_UPPER, SAME_LOWER };

// Padding "same": ceil(size / stride) positions. An odd pixel goes behind the map, or before it for
// SAME_LOWER.
static void pad_same(rg_window_side_t *span, int size, int auto_pad)
{
    int positions = (size + span->stride - 1) / span->stride;
    int missing = (positions - 1) * span->stride + (span->k - 1) * span->dilation + 1 - size;
    if (missing < 0) missing = 0;
    span->before = auto_pad == SAME_LOWER ? missing - missing / 2 : missing / 2;
    span->after = missing - span->before;
}

static int read_pads(rg__node_of_t of, rg__shape_t x, rg_window_t *window)
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

int rg__window_read(rg__node_of_t of, rg__shape_t x, const int kernel[2], rg_window_t *window)
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
