// The lines of a text file, counted so that an error can name one.
#ifndef RG_DATA_LINES_H
#define RG_DATA_LINES_H

typedef struct {
    const char *path; // borrowed
    char *text, *next;
    int number; // of the line given last
} rg_lines_t;

int rg_lines_open(rg_lines_t *lines, const char *path); // RG_ENOENT, RG_EIO, RG_ELIMIT
void rg_lines_close(rg_lines_t *lines);

// The next line that is not empty, without its end (also \r\n); it may be written to until close. NULL at the
// end.
char *rg_lines_next(rg_lines_t *lines);

// The next word of a line, NULL when there is none: strtok_r on blanks.
char *rg_lines_word(char **rest);

#endif
