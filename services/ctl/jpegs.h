// The JPEG files that a user names: files of any name, and below folders what is called .jpg or .jpeg.
#ifndef RG_CTL_JPEGS_H
#define RG_CTL_JPEGS_H

#include <fts.h>

enum { RG_JPEGS_PATHS_MAX = 4096 };

// A file to take (problem NULL), or something that cannot be taken and why. Another result than 0 ends the
// walk.
typedef int rg_jpegs_fn(void *self, const FTSENT *file, const char *problem);

// Visits the files below the paths (NULL at the end) in the order of their names; links are followed. RG_EIO,
// or what visit returned.
int rg_jpegs_walk(char *const *paths, rg_jpegs_fn *visit, void *self);

#endif
