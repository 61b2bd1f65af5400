// Where add-images takes images from: files, folders, lists of paths, and archives (shard.h), one after the
// other. All of it is a stream: nothing is listed first, and memory does not grow with the number of images.
//
//     paths, lists ──► rg_walk ───────► image: a file            ──► visit
//                 └──► rg_shard_next ─► image: SHARD:MEMBER      ──► visit ... rg_source_answered
//
// Of a shard, a record (shard_record.h) tells what earlier runs have added; those images are not visited.
#ifndef RG_CTL_SOURCE_H
#define RG_CTL_SOURCE_H

#include "common/config/config.h"
#include "services/ctl/input.h"
#include "services/ctl/pictures.h"

typedef struct rg_source rg_source_t;
typedef struct rg_source_shard rg_source_shard_t; // an archive under way

// An image, or a path or member that cannot be read and the reason. Valid during the call.
typedef struct {
    const char *name;         // by which the set will know it: its path, or SHARD:MEMBER
    const char *problem;      // NULL: it can be read
    const char *path;         // of a file; NULL: a member of a shard
    rg_source_shard_t *shard; // NULL: a file
    uint64_t number;          // of the image in the shard
    uint64_t size;            // bytes
} rg_source_image_t;

// A result other than 0 ends the run.
typedef int rg_source_fn(void *self, const rg_source_image_t *image);

// How far it is. Bytes are those of archives; total 0: not known.
typedef struct {
    rg_left_out_t left_out;
    uint64_t images;      // visited
    uint64_t known;       // images that earlier runs have added; they were not visited
    uint64_t shards_done; // of the shards all of whose images are known
    uint64_t bytes, bytes_total, bytes_known;
    int ended; // everything was visited
} rg_source_counts_t;

typedef struct {
    const rg_config_t *config;
    const rg_pictures_t *paths;
    const char *from; // a list of paths, "-": standard input; NULL: none
    int remember;     // 1: use and write the records of shards; images must be answered
    rg_source_fn *visit;
    rg_idle_fn *idle; // while standard input has nothing to read
    void *self;       // of both
} rg_source_spec_t;

// spec: copied; what it points to is borrowed.
void rg_source_new(rg_source_t **source, const rg_source_spec_t *spec);
void rg_source_destroy(rg_source_t **source);

// Visits everything. A shard that is damaged is visited as a problem, and the next one follows. Returns what visit
// or idle returned, RG_ESTOPPED, or an error of a list or a record.
int rg_source_run(rg_source_t *source);

const rg_source_counts_t *rg_source_counts(const rg_source_t *source);

// Reads the image that is being visited, a member of a shard (free() *bytes). Errors of rg_shard_read.
int rg_source_read(const rg_source_image_t *image, uint8_t **bytes, size_t *size);

// Images from to until-1 of the shard, visited before, have their fate. id: of one of them if they are acknowledged;
// NULL: they are not. RG_EIO, RG_EFULL: their record cannot be written.
int rg_source_answered(rg_source_t *source, rg_source_shard_t *shard, uint64_t from, uint64_t until,
                       const uint8_t *id);

#endif
