#include "common/data/lines.h"

#include <stdlib.h>
#include <string.h>

#include "common/core/file.h"

static const size_t SIZE_LIMIT = (size_t)1 << 30; // the whole CelebA annotation has 26 MB

int rg_lines_open(rg_lines_t *lines, const char *path)
{
    unsigned char *text;
    size_t size; // a zero byte follows
    int err = rg_file_read(path, SIZE_LIMIT, &text, &size);
    if (err) return err;
    *lines = (rg_lines_t){.path = path, .text = (char *)text, .next = (char *)text};
    return 0;
}

void rg_lines_close(rg_lines_t *lines)
{
    free(lines->text);
    lines->text = NULL;
}

char *rg_lines_next(rg_lines_t *lines)
{
    while (*lines->next) {
        char *line = lines->next;
        size_t length = strcspn(line, "\n");
        lines->next += length + (line[length] == '\n');
        lines->number++;
        line[length] = 0;
        if (length && line[length - 1] == '\r') line[length - 1] = 0;
        if (*line) return line;
    }
    return NULL;
}

char *rg_lines_word(char **rest)
{
    return strtok_r(NULL, " \t", rest);
}
