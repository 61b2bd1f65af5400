// A shard: a tar archive of images, as WebDataset and img2dataset write them (KEY.jpg, KEY.json, KEY.txt). Read
// with libarchive, as a stream: one member is in memory at a time, and nothing is unpacked to the disk, so the
// names of members are only names. gzip, bzip2, xz, zstd and lz4 are read, too.
//
// An archive may be hostile. A member of more than `member_max` bytes, a sparse one and one that is not a regular
// file are not read. An archive that expands far more than pictures can is given up.
#ifndef RG_CTL_SHARD_H
#define RG_CTL_SHARD_H

#include <stddef.h>
#include <stdint.h>

#include "services/ctl/input.h"
#include "services/ctl/left_out.h"

typedef struct rg_shard rg_shard_t;

// A member with the name of an image. Valid until the next call.
typedef struct {
    const char *name;    // as in the archive; NULL: the end of the archive; "": the archive is damaged here
    const char *problem; // why it cannot be read; NULL: it can
    uint64_t number;     // of the images of this shard, from 0
    uint64_t size;
} rg_shard_member_t;

// 1 if the path ends like a tar archive: .tar, .tgz, .tar.zst, ...
int rg_shard_name_known(const char *path);

// input: borrowed until close, at its first byte. name: of the shard in error sentences. left_out: counts the
// members that are not images; both borrowed. RG_EFORMAT if it is not a tar archive, and the errors of
// rg_input_read.
int rg_shard_open(rg_shard_t **shard, rg_input_t *input, const char *name, uint64_t member_max,
                  rg_left_out_t *left_out);
void rg_shard_close(rg_shard_t **shard);

// Goes on to the next image. After a damaged header it goes on behind it, and the damage is one member. RG_EFORMAT if
// the archive ends too early or expands too far, and the errors of rg_input_read: then it can only be closed.
int rg_shard_next(rg_shard_t *shard, rg_shard_member_t *member);

// Reads that image, once (free() *bytes). RG_EFORMAT, and the errors of rg_input_read.
int rg_shard_read(rg_shard_t *shard, uint8_t **bytes, size_t *size);

#endif
