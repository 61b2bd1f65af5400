// The files of a folder that were taken already, as they were then: one that has changed since is new again.
#ifndef RG_CTL_SEEN_H
#define RG_CTL_SEEN_H

#include <sys/stat.h>

typedef struct {
    void *tree; // of tsearch
} rg_seen_t;

// 1 if this file, with this size and time of change, was not there before; it is now.
int rg_seen_is_new(rg_seen_t *seen, const char *path, const struct stat *info);
void rg_seen_fini(rg_seen_t *seen);

#endif
