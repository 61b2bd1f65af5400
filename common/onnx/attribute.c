#include "common/onnx/attribute.h"

#include <math.h>
#include <string.h>

enum { FLOAT = 1, INT = 2, STRING = 3, INTS = 7 }; // ONNX's numbers of types

static const Rg__Onnx__Attribute *find(rg__of_t of, const char *name)
{
    const Rg__Onnx__Node *node = of.node->proto;
    for (size_t i = 0; i < node->n_attribute; i++)
        if (strcmp(node->attribute[i]->name, name) == 0) return node->attribute[i];
    return NULL;
}

int rg__attribute_has(rg__of_t of, const char *name)
{
    return find(of, name) != NULL;
}

static int is_among(const char *words, const char *name)
{
    size_t length = strlen(name);
    for (; *words; words += strcspn(words, " "), words += *words == ' ')
        if (length && strcspn(words, " ") == length && memcmp(words, name, length) == 0) return 1;
    return 0;
}

int rg__attribute_check(rg__of_t of, const char *known)
{
    const Rg__Onnx__Node *node = of.node->proto;
    for (size_t i = 0; i < node->n_attribute; i++)
        if (!is_among(known, node->attribute[i]->name))
            return rg__refuse(of.graph, of.node, "attribute '%.40s' is not supported",
                              node->attribute[i]->name);
    return 0;
}

// The attribute, NULL where there is none of that name. RG_EMODEL if it is of another type.
static int look(rg__of_t of, const char *name, int type, const char *what, const Rg__Onnx__Attribute **found)
{
    *found = find(of, name);
    if (!*found || (*found)->type == type) return 0;
    return rg__refuse(of.graph, of.node, "attribute '%s' is not %s", name, what);
}

static int check_range(rg__of_t of, const char *name, int64_t value, int min, int max)
{
    if (value >= min && value <= max) return 0;
    return rg__refuse(of.graph, of.node, "attribute '%s' is %lld; supported is %d to %d", name,
                      (long long)value, min, max);
}

int rg__attribute_int(rg__of_t of, const char *name, int otherwise, int min, int max, int *value)
{
    const Rg__Onnx__Attribute *a;
    int err = look(of, name, INT, "an integer", &a);
    if (!err && a) err = check_range(of, name, a->i, min, max);
    if (!err) *value = a ? (int)a->i : otherwise;
    return err;
}

int rg__attribute_float(rg__of_t of, const char *name, float otherwise, float *value)
{
    const Rg__Onnx__Attribute *a;
    int err = look(of, name, FLOAT, "a number", &a);
    if (!err && a && isnan(a->f)) err = rg__refuse(of.graph, of.node, "attribute '%s' is not a number", name);
    if (!err) *value = a ? a->f : otherwise;
    return err;
}

int rg__attribute_ints(rg__of_t of, const char *name, int count, int otherwise, int min, int max, int *values)
{
    const Rg__Onnx__Attribute *a;
    int err = look(of, name, INTS, "a list of integers", &a);
    if (!err && a && a->n_ints != (size_t)count)
        err = rg__refuse(of.graph, of.node, "attribute '%s' has %zu numbers, not %d", name, a->n_ints, count);
    for (int i = 0; !err && i < count; i++) {
        if (a) err = check_range(of, name, a->ints[i], min, max);
        if (!err) values[i] = a ? (int)a->ints[i] : otherwise;
    }
    return err;
}

int rg__attribute_choice(rg__of_t of, const char *name, const char *const *choices, int count, int *choice)
{
    const Rg__Onnx__Attribute *a;
    int err = look(of, name, STRING, "a text", &a);
    *choice = 0;
    if (err || !a) return err;
    for (*choice = 0; *choice < count; ++*choice)
        if (strlen(choices[*choice]) == a->s.len && memcmp(choices[*choice], a->s.data, a->s.len) == 0)
            return 0;
    return rg__refuse(of.graph, of.node, "attribute '%s' is '%.*s', which is not supported", name,
                      a->s.len < 40 ? (int)a->s.len : 40, (const char *)a->s.data);
}
