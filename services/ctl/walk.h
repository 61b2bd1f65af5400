// A walk through files and folders, for folders of any size: it begins at once and holds a bounded number of
// names, because it reads a folder in pieces of RG_WALK_PIECE names.
#ifndef RG_CTL_WALK_H
#define RG_CTL_WALK_H

#include <stddef.h>
#include <sys/stat.h>

#include "services/ctl/left_out.h"

// What a walk comes to: a file, or a path that cannot be read and the reason. Valid during the call.
typedef struct {
    const char *path, *name; // name: the last part of path
    const char *problem;     // NULL: a regular file
    size_t given;            // length of the path that the user gave, with which `path` begins
    int depth;               // folders between that path and this one; 0: the user gave this path
    struct stat info;        // of a regular file
} rg_walk_file_t;

// A result other than 0 ends the walk.
typedef int rg_walk_fn(void *self, const rg_walk_file_t *file);

typedef struct {
    rg_walk_fn *visit;
    void *self;              // of visit
    int archives;            // 1: files in folders with the name of a tar archive (shard.h) are visited, too
    rg_left_out_t *left_out; // counts the other files in folders; NULL: they are not counted
} rg_walk_spec_t;

// Visits the file `path`, or below the folder `path` every file with the name of an image
// (common/core/image_name.h). A folder of up to RG_WALK_PIECE entries is visited in the order of their names; a
// larger one is visited in pieces, each in order. Links are followed, and a folder that contains itself is
// reported. Hidden files and folders are passed over. Returns what visit returned, or RG_ESTOPPED after SIGINT
// or SIGTERM.
enum { RG_WALK_PIECE = 4096, RG_WALK_DEPTH = 100 };
int rg_walk(const char *path, const rg_walk_spec_t *spec);

#endif
