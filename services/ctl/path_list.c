#include "services/ctl/path_list.h"

#include <string.h>

#include "common/core/err.h"

void rg_path_list_init(rg_path_list_t *list, rg_input_t *input)
{
    list->input = input;
    list->separator = -1;
    list->number = 0;
    list->begin = list->end = 0;
}

// The next byte, or -1 at the end.
static int read_byte(rg_path_list_t *list, int *byte)
{
    int err = 0;
    if (list->begin == list->end) {
        list->begin = list->end = 0;
        err = rg_input_read(list->input, list->bytes, sizeof list->bytes, &list->end);
    }
    if (!err) *byte = list->begin < list->end ? (unsigned char)list->bytes[list->begin++] : -1;
    return err;
}

static int is_separator(rg_path_list_t *list, int byte)
{
    if (list->separator < 0 && (byte == '\n' || byte == 0)) list->separator = byte;
    return byte == list->separator;
}

// Reads up to a separator or the end, without it.
static int read_path(rg_path_list_t *list, size_t *length, int *ended)
{
    for (size_t n = 0;; n++) {
        int byte, err = read_byte(list, &byte);
        if (err) return err;
        if (byte < 0 || is_separator(list, byte)) {
            list->path[n] = 0;
            *length = n;
            *ended = byte < 0;
            return 0;
        }
        if (byte == 0)
            return rg_fail(RG_EFORMAT,
                           "%s, path %llu: a zero byte in a list of lines: end every path with one, or none",
                           list->input->name, (unsigned long long)list->number + 1);
        if (n == sizeof list->path - 1)
            return rg_fail(RG_EFORMAT, "%s, path %llu: longer than %d bytes: is it a list of paths?",
                           list->input->name, (unsigned long long)list->number + 1, PATH_MAX - 1);
        list->path[n] = (char)byte;
    }
}

int rg_path_list_next(rg_path_list_t *list, const char **path)
{
    size_t length = 0;
    int ended = 0, err = 0;
    while (!err && !ended && !length) {
        err = read_path(list, &length, &ended);
        list->number++;
    }
    if (!err) *path = length ? list->path : NULL;
    return err;
}
