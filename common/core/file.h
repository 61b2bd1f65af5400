// Files and folders. A file is read as a whole, up to a limit, and written as a whole: after a crash it has
// either its old or its new content. Errors name the path; RG_EFULL means that the disk is full.
#ifndef RG_CORE_FILE_H
#define RG_CORE_FILE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

// Opens a regular file to read it; *size: its bytes. It never waits: a pipe, a socket, a device or a folder is
// refused at once. The caller closes *fd. RG_ENOENT, RG_EIO.
int rg_file_open(const char *path, int *fd, size_t *size);

// Reads the whole file into *data (free() it; a zero byte follows the last). RG_ENOENT, RG_EIO; RG_ELIMIT if
// the file is larger than limit.
int rg_file_read(const char *path, size_t limit, unsigned char **data, size_t *size);

// Writes a temporary file beside path, syncs it, renames it to path and syncs the folder. On failure path is
// unchanged. RG_EFULL, RG_EIO.
int rg_file_write(const char *path, const void *data, size_t size);

// The same for a secret: only the owner can read the file (mode 0600), from its first byte on.
int rg_file_write_secret(const char *path, const void *data, size_t size);

// The same in pieces.
typedef struct {
    int fd;
    char *path, *temporary; // owned
} rg_file_t;
int rg_file_begin(rg_file_t *file, const char *path);
int rg_file_append(rg_file_t *file, const void *data, size_t size);
int rg_file_commit(rg_file_t *file);   // syncs and renames; ends the object, also on failure
void rg_file_abandon(rg_file_t *file); // removes the temporary file; ends the object

// A new name beside path, with random digits, for a temporary file; free() it. rg_remove_leftovers knows it.
char *rg_temporary_path(const char *path);

// Removes the temporary files in the folder whose writers were killed. For a process that begins to write
// there; a missing folder has none.
void rg_remove_leftovers(const char *folder);

// Writes all bytes to a descriptor. path: for the error sentence. RG_EIO, RG_EFULL.
int rg_write_all(int fd, const char *path, const void *data, size_t size);

// Makes the folder and its parents; existing ones are fine. RG_EIO, RG_EFULL.
int rg_mkdirs(const char *path);
int rg_mkdirs_private(const char *path); // those that it makes are the user's alone (0700)
int rg_mkdirs_for(const char *path);     // the folders that the file of this path lies in

int rg_exists(const char *path);    // 1 or 0
int rg_is_folder(const char *path); // 1 or 0

// The path from the root of the file system; free() it. A relative path begins in the current directory. For
// error sentences: the path need not exist.
char *rg_path_absolute(const char *path);

int64_t rg_modified_ms(const struct stat *info); // milliseconds since 1970

// Sorted names of the files and folders in a folder, without names that begin with a dot. Free them with
// rg_list_free. RG_ENOENT, RG_EIO.
int rg_list_dir(const char *path, char ***names, size_t *count);
void rg_list_free(char ***names, size_t count);

// The lines of a text file, numbered for error sentences.
typedef struct {
    const char *path; // borrowed
    char *text, *next;
    int number; // of the line returned last, from 1
} rg_lines_t;

// Skips the byte order mark of UTF-8. RG_ENOENT, RG_EIO, RG_ELIMIT; RG_EFORMAT if the file has a NUL
// character, such as a text in UTF-16.
int rg_lines_open(rg_lines_t *lines, const char *path);
void rg_lines_close(rg_lines_t *lines);

// The next line that is not empty, without its end (\n or \r\n) and without blanks and tabs before that; NULL
// at the end of the file. The caller may change the characters of the line until close.
char *rg_lines_next(rg_lines_t *lines);

// The next word of a line, NULL at its end. Words are separated by blanks and tabs; *rest begins as the line.
char *rg_lines_word(char **rest);

// A journal: a file of lines that are only appended. If a crash cut off the last line, the next line still
// begins on a line of its own.
typedef struct {
    int fd;
    char *path; // owned
} rg_journal_t;

// Creates the file if it is missing. RG_EIO, RG_EFULL.
int rg_journal_open(rg_journal_t *journal, const char *path);
void rg_journal_close(rg_journal_t *journal); // accepts a zeroed struct

// Appends a line; `line` does not contain the line end. RG_EIO, RG_EFULL.
int rg_journal_add(rg_journal_t *journal, const char *line);

// Returns when all appended lines are on the disk. RG_EIO, RG_EFULL.
int rg_journal_sync(rg_journal_t *journal);

#endif
