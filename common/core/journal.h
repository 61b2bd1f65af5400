// A journal: a file of lines that is only added to. A line that a crash cut off stays apart from those that
// come after it.
#ifndef RG_CORE_JOURNAL_H
#define RG_CORE_JOURNAL_H

typedef struct {
    int fd;
    char *path; // owned
} rg_journal_t;

// Makes the file where there is none. RG_EIO, RG_EFULL.
int rg_journal_open(rg_journal_t *journal, const char *path);
void rg_journal_close(rg_journal_t *journal); // tolerates a zeroed struct

// Adds a line (without its end). RG_EIO, RG_EFULL.
int rg_journal_add(rg_journal_t *journal, const char *line);

// What was added is on the disk when this returns. RG_EIO, RG_EFULL.
int rg_journal_sync(rg_journal_t *journal);

#endif
