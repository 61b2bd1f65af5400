// A list of paths, as `find` writes it: one path in each line, or with find -print0 a zero byte behind each. The
// first separator says which of the two it is. The list is read as a stream and may have any length.
#ifndef RG_CTL_PATH_LIST_H
#define RG_CTL_PATH_LIST_H

#include <limits.h>

#include "services/ctl/input.h"

typedef struct {
    rg_input_t *input; // borrowed
    int separator;     // '\n' or 0; -1: not known yet
    uint64_t number;   // of the path returned last, from 1
    size_t begin, end; // the bytes that were read and not returned
    char bytes[1 << 16];
    char path[PATH_MAX];
} rg_path_list_t;

void rg_path_list_init(rg_path_list_t *list, rg_input_t *input);

// The next path that is not empty, valid until the next call; NULL at the end. RG_EFORMAT for a path longer than
// the system allows, and for a zero byte in a list of lines. Errors of rg_input_read.
int rg_path_list_next(rg_path_list_t *list, const char **path);

#endif
