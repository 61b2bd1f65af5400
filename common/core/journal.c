#include "common/core/journal.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/file.h"

// Ends the last line if nobody did.
static int mend(const rg_journal_t *journal)
{
    char last = '\n';
    off_t size = lseek(journal->fd, 0, SEEK_END);
    if (size > 0 && pread(journal->fd, &last, 1, size - 1) != 1)
        return rg_fail_errno(RG_EIO, "%s: cannot read", journal->path);
    return last == '\n' ? 0 : rg_write_all(journal->fd, journal->path, "\n", 1);
}

int rg_journal_open(rg_journal_t *journal, const char *path)
{
    int fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0) return rg_fail_errno(RG_EIO, "%s: cannot append", path);
    *journal = (rg_journal_t){.fd = fd, .path = rg_strdup(path)};
    int err = mend(journal);
    if (err) rg_journal_close(journal);
    return err;
}

void rg_journal_close(rg_journal_t *journal)
{
    if (!journal->path) return;
    close(journal->fd);
    free(journal->path);
    journal->path = NULL;
}

int rg_journal_add(rg_journal_t *journal, const char *line)
{
    char *whole = rg_format("%s\n", line);
    int err = rg_write_all(journal->fd, journal->path, whole, strlen(whole));
    free(whole);
    return err;
}

int rg_journal_sync(rg_journal_t *journal)
{
    return fsync(journal->fd) == 0 ? 0 : rg_fail_errno(RG_EIO, "%s: cannot sync", journal->path);
}
