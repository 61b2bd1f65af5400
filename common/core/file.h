// Files: whole reads with a bound, and writes that are either there completely or not at all.
#ifndef RG_CORE_FILE_H
#define RG_CORE_FILE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

// Reads the whole file into *data (free() it; a zero byte follows the last). RG_ENOENT, RG_EIO, RG_ELIMIT if
// larger than limit.
int rg_file_read(const char *path, size_t limit, unsigned char **data, size_t *size);

// Writes to a temporary name beside path, syncs, renames, syncs the folder. RG_EFULL, RG_EIO: path is as
// before.
int rg_file_write(const char *path, const void *data, size_t size);

// The same for what nobody else may read: mode 0600 from the first byte on.
int rg_file_write_secret(const char *path, const void *data, size_t size);

// The same in pieces: begin gives a descriptor to write to; commit syncs and renames; abandon removes.
typedef struct {
    int fd;
    char *path, *temporary; // owned
} rg_file_t;
int rg_file_begin(rg_file_t *file, const char *path);
int rg_file_append(rg_file_t *file, const void *data, size_t size);
int rg_file_commit(rg_file_t *file);   // ends the object, also on failure
void rg_file_abandon(rg_file_t *file); // ends the object

// All of it to a descriptor; path for errors. RG_EIO, RG_EFULL.
int rg_write_all(int fd, const char *path, const void *data, size_t size);

// Makes the folder and its parents. RG_EIO, RG_EFULL.
int rg_mkdirs(const char *path);
int rg_mkdirs_for(const char *path); // the folders that a file of this path lies in

int rg_exists(const char *path); // 1 or 0

int64_t rg_modified_ms(const struct stat *info); // since 1970

// Sorted names of the regular files and folders in a folder, dot names left out. Free with rg_names_free.
int rg_list_dir(const char *path, char ***names, size_t *count);
void rg_names_free(char ***names, size_t count);

#endif
