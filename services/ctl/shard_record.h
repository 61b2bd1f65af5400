// What is known of a shard (shard.h) from earlier runs of add-images: which of its images were acknowledged. So a
// run that was killed goes on inside the shard, and a finished shard is not even opened.
//
// The record is a file RUN/shards/KEY, where KEY is made of path, size and time of change. Its lines are
//
//     shard PATH
//     FROM UNTIL ID     images FROM to UNTIL-1 are acknowledged; ID is the id of one of them
//     done IMAGES       all of them are
//
// A line is appended for each reply. A finished record is written anew, with one line of images. Before it is
// believed, the retrieval set is asked for the ids: a set that was emptied gets the images again.
#ifndef RG_CTL_SHARD_RECORD_H
#define RG_CTL_SHARD_RECORD_H

#include <stdint.h>
#include <sys/stat.h>

#include "common/core/hash.h"
#include "services/ctl/caller.h"

typedef struct rg_shard_record rg_shard_record_t;

// run: the run directory. path: of the shard. Creates folder and file if they are missing. RG_EIO, RG_EFULL.
int rg_shard_record_open(rg_shard_record_t **record, const char *run, const char *path,
                         const struct stat *info);
void rg_shard_record_close(rg_shard_record_t **record);

// Asks the retrieval service for the recorded ids and forgets the images of those that it does not have. Errors of
// rg_caller_ask.
int rg_shard_record_check(rg_shard_record_t *record, rg_caller_t *retrieval);

int rg_shard_record_has(const rg_shard_record_t *record, uint64_t number); // 1: this image is acknowledged
uint64_t rg_shard_record_count(const rg_shard_record_t *record);           // of those
int rg_shard_record_done(const rg_shard_record_t *record);                 // 1: all images are

// Images from to until-1 are acknowledged; id: of one of them. RG_EIO, RG_EFULL.
int rg_shard_record_add(rg_shard_record_t *record, uint64_t from, uint64_t until,
                        const uint8_t id[RG_ID_SIZE]);

// The shard was read to its end and has so many images. If all are acknowledged, the record is finished. RG_EIO,
// RG_EFULL.
int rg_shard_record_finish(rg_shard_record_t *record, uint64_t images);

#endif
