// What the encoder's loop is made of: main.c answers requests, load.c exchanges the networks, follow.c does
// so because another encoder did. Everything here is the loop's, on whose thread jobs end; networks are the
// jobs'.
#ifndef RG_ENCODER_SELF_H
#define RG_ENCODER_SELF_H

#include "common/wire/jobs.h"
#include "services/encoder/answer.h"

typedef struct {
    rg_config_t config;
    rg_service_t *service;
    rg_link_t *retrieval; // the loop's
    rg_link_t *searches;  // the jobs', who may wait
    atomic_int stopping;
    rg_inference_t *networks; // that serve, or NULL
    rg_inference_t *fresh;    // loaded, to serve next, or NULL
    rg_jobs_t *jobs;
    // load.c
    int loads;          // begun and not over: 0 or 1
    rg_job_t *loading;  // that load, once its checkpoint was read
    uint64_t from;      // label from which on missing images are listed
    unsigned reindexed; // images in this pass over the set
    uint64_t reindexed_all;
    uint64_t missing;
    // follow.c
    uint64_t serial; // of the announcement that was followed, or was made here
    int asking;      // what is served
    int outdated;    // jobs wait for the answer, whose results the set refused
    int clock;       // timerfd: when to ask

    uint64_t embedded, translated;
} rg_encoder_t;

// ---- self.c: the end of a job
void rg_encoder_refuse(rg_encoder_t *self, rg_job_t *job, int err); // with rg_error()
void rg_encoder_reply(rg_encoder_t *self, rg_job_t *job);           // with its result
void rg_encoder_count(rg_encoder_t *self, const rg_msg_t *made);    // what was embedded and translated

// ---- load.c
// Begins a load: of a LoadRequest, or with neither peer nor request the first. RG_EBUSY while another one is
// under way.
int rg_encoder_load(void *self, const rg_peer_t *peer, const rg_msg_t *request);
void rg_encoder_serve_fresh(rg_encoder_t *self);

// ---- follow.c
int rg_encoder_follow(rg_encoder_t *self); // from now on. RG_ELIMIT.

// The set refused what a job made. If it has switched to another model than the one that serves here
// (RG_EMODEL), the job runs again when this encoder has followed; else the sender is told.
void rg_encoder_fail(rg_encoder_t *self, rg_job_t *job, int err);

#endif
