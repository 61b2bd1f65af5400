// A write that survives a crash. rg_file_begin creates PATH.tmp.RANDOM beside the file, which no reader opens,
// and locks it (flock). The lock ends with its process, also in another container, so a temporary file that
// nobody has locked was left by a process that was killed (rg_remove_leftovers). Another user who may write to
// the folder cannot guess the name, and a link of that name is refused (O_EXCL), so he cannot make this process
// write to a file of his choice.
// rg_file_commit makes the content durable (fsync), then renames it over PATH, which is atomic, then makes
// the rename durable (fsync of the folder). A reader sees the old file or the new one, never a part of one.
//
// A journal is appended to in place: each line is one write, and only rg_journal_sync makes it durable.
#include "common/core/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/log.h"

#define TEMPORARY ".tmp." // between the name of a file and random digits

// ---- reading

// Reads exactly `size` bytes. A file that became shorter meanwhile is an error.
static int file_read(int fd, const char *path, unsigned char *data, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t n = read(fd, data + done, size - done);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return rg_fail_errno(RG_EIO, "%s: cannot read", path);
        if (n == 0) return rg_fail(RG_EIO, "%s: shorter than its size", path);
        done += (size_t)n;
    }
    return 0;
}

int rg_file_open(const char *path, int *out, size_t *size)
{
    struct stat info;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); // opening a pipe or a device does not wait
    if (fd < 0) return rg_fail_errno(errno == ENOENT ? RG_ENOENT : RG_EIO, "%s: cannot open", path);
    int err = 0;
    if (fstat(fd, &info) != 0)
        err = rg_fail_errno(RG_EIO, "%s: cannot stat", path);
    else if (!S_ISREG(info.st_mode))
        err = rg_fail(RG_EIO, "%s: not a regular file", path);
    if (err) {
        close(fd);
        return err;
    }
    *out = fd;
    *size = (size_t)info.st_size;
    return 0;
}

int rg_file_read(const char *path, size_t limit, unsigned char **data, size_t *size)
{
    int fd;
    size_t length;
    int err = rg_file_open(path, &fd, &length);
    if (err) return err;
    if (length > limit)
        err = rg_fail(RG_ELIMIT, "%s: %zu bytes exceed the limit of %zu", path, length, limit);
    if (!err) {
        unsigned char *bytes = rg_alloc(length + 1);
        err = file_read(fd, path, bytes, length);
        if (err) {
            free(bytes);
        } else {
            *data = bytes;
            *size = length;
        }
    }
    close(fd);
    return err;
}

// ---- writing

char *rg_temporary_path(const char *path)
{
    uint64_t number;
    while (getrandom(&number, sizeof number, 0) != sizeof number) continue;
    return rg_format("%s" TEMPORARY "%016" PRIx64, path, number);
}

// Creates and locks a file of a new name, *temporary, which the caller frees; -1 with errno. Another process
// may take it for a leftover before it is locked: then it has no name any more, and another one is created.
// File systems without locks have no leftovers removed either.
static int open_temporary(const char *path, mode_t mode, char **temporary)
{
    struct stat info;
    for (;;) {
        *temporary = rg_temporary_path(path);
        int fd = open(*temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
        if (fd < 0 && errno != EEXIST) return fd;
        if (fd >= 0 && (flock(fd, LOCK_EX) != 0 || fstat(fd, &info) != 0 || info.st_nlink > 0)) return fd;
        if (fd >= 0) close(fd);
        free(*temporary);
    }
}

static int file_begin(rg_file_t *file, const char *path, mode_t mode)
{
    char *temporary;
    int fd = open_temporary(path, mode, &temporary);
    if (fd < 0) {
        int err = rg_fail_errno(RG_EIO, "%s: cannot create", temporary);
        free(temporary);
        return err;
    }
    *file = (rg_file_t){.fd = fd, .path = rg_strdup(path), .temporary = temporary};
    return 0;
}

int rg_file_begin(rg_file_t *file, const char *path)
{
    return file_begin(file, path, 0644);
}

int rg_write_all(int fd, const char *path, const void *data, size_t size)
{
    const char *bytes = data;
    while (size > 0) {
        ssize_t n = write(fd, bytes, size);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return rg_fail_errno(RG_EIO, "%s: cannot write", path);
        bytes += n;
        size -= (size_t)n;
    }
    return 0;
}

int rg_file_append(rg_file_t *file, const void *data, size_t size)
{
    return rg_write_all(file->fd, file->path, data, size);
}

// Makes a rename durable: the name lies in the folder.
static int sync_folder_of(const char *path)
{
    char *folder = rg_strdup(path);
    char *slash = strrchr(folder, '/');
    if (slash) *(slash == folder ? slash + 1 : slash) = 0;
    int fd = open(slash ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int err = fd < 0 || fsync(fd) != 0 ? rg_fail_errno(RG_EIO, "%s: cannot sync its folder", path) : 0;
    if (fd >= 0) close(fd);
    free(folder);
    return err;
}

static void file_finish(rg_file_t *file)
{
    free(file->path);
    free(file->temporary);
    *file = (rg_file_t){.fd = -1};
}

int rg_file_commit(rg_file_t *file)
{
    int err = 0;
    if (fsync(file->fd) != 0)
        err = rg_fail_errno(RG_EIO, "%s: cannot sync", file->path);
    else if (rename(file->temporary, file->path) != 0)
        err = rg_fail_errno(RG_EIO, "%s: cannot rename into place", file->path);
    if (err) unlink(file->temporary);
    close(file->fd); // ends the lock: from here on another process may take a temporary file for a leftover
    if (!err) err = sync_folder_of(file->path);
    file_finish(file);
    return err;
}

void rg_file_abandon(rg_file_t *file)
{
    close(file->fd);
    unlink(file->temporary);
    file_finish(file);
}

static int file_write(const char *path, mode_t mode, const void *data, size_t size)
{
    rg_file_t file = {.fd = -1};
    int err = file_begin(&file, path, mode);
    if (err) return err;
    if ((err = rg_file_append(&file, data, size)) != 0) {
        rg_file_abandon(&file);
        return err;
    }
    return rg_file_commit(&file);
}

int rg_file_write(const char *path, const void *data, size_t size)
{
    return file_write(path, 0644, data, size);
}

int rg_file_write_secret(const char *path, const void *data, size_t size)
{
    return file_write(path, 0600, data, size);
}

// ---- leftovers

// 1 for NAME.tmp.DIGITS.
static int is_temporary(const char *name)
{
    const char *suffix = strstr(name, TEMPORARY);
    if (!suffix || suffix == name) return 0;
    suffix += strlen(TEMPORARY);
    return *suffix && suffix[strspn(suffix, "0123456789abcdef")] == 0;
}

static void remove_leftover(const char *folder, const char *name)
{
    struct stat info;
    char *path = rg_format("%s/%s", folder, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd >= 0 && fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && flock(fd, LOCK_EX | LOCK_NB) == 0 &&
        unlink(path) == 0)
        rg_log(RG_LOG_INFO, "leftover-removed", "path=%s bytes=%lld", path, (long long)info.st_size);
    if (fd >= 0) close(fd);
    free(path);
}

void rg_remove_leftovers(const char *folder)
{
    DIR *dir = opendir(folder);
    if (!dir) return;
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
        if (is_temporary(entry->d_name)) remove_leftover(folder, entry->d_name);
    closedir(dir);
}

// ---- folders

// Makes each prefix of the path that ends before a slash, then the path.
static int make_folders(const char *path, mode_t mode)
{
    char *partial = rg_strdup(path);
    int err = 0;
    for (char *p = partial + 1; !err; p++) {
        if (*p != '/' && *p != 0) continue;
        char kept = *p;
        *p = 0;
        if (mkdir(partial, mode) != 0 && errno != EEXIST)
            err = rg_fail_errno(RG_EIO, "%s: cannot make folder", partial);
        else if (!rg_is_folder(partial))
            err = rg_fail(RG_EIO, "%s: cannot make folder: there is a file of that name", partial);
        *p = kept;
        if (kept == 0) break;
    }
    free(partial);
    return err;
}

int rg_mkdirs(const char *path)
{
    return make_folders(path, 0755);
}

int rg_mkdirs_private(const char *path)
{
    return make_folders(path, 0700);
}

int rg_mkdirs_for(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash || slash == path) return 0;
    char *folder = rg_format("%.*s", (int)(slash - path), path);
    int err = rg_mkdirs(folder);
    free(folder);
    return err;
}

int64_t rg_modified_ms(const struct stat *info)
{
    return (int64_t)info->st_mtim.tv_sec * 1000 + info->st_mtim.tv_nsec / 1000000;
}

int rg_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

int rg_is_folder(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

char *rg_path_absolute(const char *path)
{
    char *real = realpath(path, NULL), *here = real || *path == '/' ? NULL : getcwd(NULL, 0);
    if (real) return real;
    char *absolute = here ? rg_format("%s/%s", here, path) : rg_strdup(path);
    free(here);
    return absolute;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

int rg_list_dir(const char *path, char ***names, size_t *count)
{
    DIR *dir = opendir(path);
    if (!dir) return rg_fail_errno(errno == ENOENT ? RG_ENOENT : RG_EIO, "%s: cannot open folder", path);
    char **list = NULL;
    size_t n = 0, capacity = 0;
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        if (entry->d_name[0] == '.') continue;
        if (n == capacity) list = rg_realloc(list, (capacity = capacity ? 2 * capacity : 64) * sizeof *list);
        list[n++] = rg_strdup(entry->d_name);
    }
    closedir(dir);
    if (n) qsort(list, n, sizeof *list, compare_names);
    *names = list;
    *count = n;
    return 0;
}

void rg_list_free(char ***names, size_t count)
{
    if (!*names) return;
    for (size_t i = 0; i < count; i++) free((*names)[i]);
    free(*names);
    *names = NULL;
}

// ---- lines

static const size_t LINES_SIZE_MAX = (size_t)1 << 30; // the CelebA annotation has 26 MB

int rg_lines_open(rg_lines_t *lines, const char *path)
{
    unsigned char *text;
    size_t size; // a zero byte follows
    int err = rg_file_read(path, LINES_SIZE_MAX, &text, &size);
    if (err) return err;
    if (memchr(text, 0, size)) {
        free(text);
        return rg_fail(RG_EFORMAT, "%s: has a NUL character: save it as UTF-8 text (is it UTF-16?)", path);
    }
    static const char mark[] = "\xef\xbb\xbf"; // the byte order mark of UTF-8
    size_t skipped = size >= 3 && memcmp(text, mark, 3) == 0 ? 3 : 0;
    *lines = (rg_lines_t){.path = path, .text = (char *)text, .next = (char *)text + skipped};
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
        while (length && strchr("\r\t ", line[length - 1])) length--;
        line[length] = 0;
        if (length) return line;
    }
    return NULL;
}

char *rg_lines_word(char **rest)
{
    return strtok_r(NULL, " \t", rest);
}

// ---- journal

// Ends the last line of the file if a crash cut it off.
static int journal_end_line(const rg_journal_t *journal)
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
    int err = journal_end_line(journal);
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
