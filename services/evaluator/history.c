#include "services/evaluator/history.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/core/alloc.h"
#include "common/core/err.h"

int rg_history_recall(rg_report_t *report, const char *path)
{
    FILE *file = fopen(path, "re");
    json_t *last = NULL;
    char *line = NULL;
    size_t room = 0;
    ssize_t length;
    while (file && (length = getline(&line, &room, file)) > 0) {
        json_t *stored = json_loadb(line, (size_t)length, JSON_REJECT_DUPLICATES, NULL);
        if (stored && rg_report_agrees(report, stored)) {
            json_decref(last);
            last = json_incref(stored);
        }
        json_decref(stored);
    }
    if (last) rg_report_adopt(report, last);
    int found = last != NULL;
    json_decref(last);
    free(line);
    if (file) fclose(file);
    return found;
}

// "\n" where the file ends within a line.
static const char *missing_end(int fd)
{
    char last = '\n';
    off_t size = lseek(fd, 0, SEEK_END);
    if (size > 0 && pread(fd, &last, 1, size - 1) != 1) return "";
    return last == '\n' ? "" : "\n";
}

static int write_line(int fd, const char *text)
{
    char *line = rg_format("%s%s\n", missing_end(fd), text);
    size_t size = strlen(line), done = 0;
    while (done < size) {
        ssize_t n = write(fd, line + done, size - done);
        if (n < 0 && errno != EINTR) break;
        if (n > 0) done += (size_t)n;
    }
    free(line);
    return done == size && fsync(fd) == 0;
}

int rg_history_append(const rg_report_t *report, const char *path)
{
    int fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0) return rg_fail_errno(RG_EIO, "%s: cannot append", path);
    char *text = rg_report_line(report);
    int err = 0;
    if (!write_line(fd, text))
        err =
            rg_fail_errno(errno == ENOSPC || errno == EDQUOT ? RG_EFULL : RG_EIO, "%s: cannot append", path);
    free(text);
    close(fd);
    return err;
}
