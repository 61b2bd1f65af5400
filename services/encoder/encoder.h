// The state of the encoder's loop, shared by main.c, which answers requests, and model_switch.c, which
// replaces the networks. All of it belongs to the loop's thread, on which jobs end. The running job uses
// `networks`, `fresh` and `searches`, which the loop changes only while no job runs.
#ifndef RG_ENCODER_ENCODER_H
#define RG_ENCODER_ENCODER_H

#include "common/wire/jobs.h"
#include "services/encoder/answer.h"

typedef struct {
    rg_config_t config;
    rg_service_t *service;
    rg_link_t *retrieval; // of the loop
    rg_link_t *searches;  // of jobs, which wait for replies
    rg_jobs_t *jobs;
    atomic_int stopping;
    rg_inference_t *networks; // that serve, or NULL: nothing is trained yet
    rg_inference_t *fresh;    // loaded, to serve next, or NULL
    uint64_t embedded, translated;

    // A load (model_switch.c).
    int loads;              // that have begun and not ended: 0 or 1
    rg_job_t *loading;      // its job, once the checkpoint was read
    uint64_t from;          // the label from which the next list of missing images begins
    unsigned reindexed;     // images that were embedded anew in this pass over the set
    uint64_t reindexed_all; // in all passes
    uint64_t missing;       // images that are still to be embedded
    // Following another encoder.
    uint64_t serial;   // of the last announcement that was made or followed here
    int asking_served; // a ServedRequest is under way
    int outdated;      // jobs are parked because the set refused their model
    int clock;         // timerfd: when to ask what is served
} rg_encoder_t;

// ---- main.c: the end of a job
// Ends the process after err if the device of the networks (NULL: none) has failed: only another process can open it
// again, and whoever started this one starts it again. Requests get no answer, so their senders send them again.
void rg_encoder_exit_if_lost(const rg_inference_t *networks, int err);
void rg_encoder_refuse(rg_encoder_t *self, rg_job_t *job, int err); // answers rg_error()
void rg_encoder_reply(rg_encoder_t *self, rg_job_t *job);           // answers the job's result
void rg_encoder_count(rg_encoder_t *self, const rg_msg_t *made);    // counts embeddings and translations

// ---- model_switch.c

// Begins a load: of a LoadRequest, or with neither peer nor request of the newest checkpoint. RG_EBUSY while
// another load is under way.
int rg_encoder_load(void *self, const rg_peer_t *peer, const rg_msg_t *request);

// From now on this encoder loads what another one announces. RG_ELIMIT.
int rg_encoder_follow(rg_encoder_t *self);

// The end of a job that the retrieval service refused. RG_EMODEL: the set has switched to another model, so
// the job runs again when this encoder has loaded that model; other errors are answered.
void rg_encoder_fail(rg_encoder_t *self, rg_job_t *job, int err);

#endif
