#include "services/encoder/self.h"

void rg_encoder_refuse(rg_encoder_t *self, rg_job_t *job, int err)
{
    rg_service_refuse(self->service, &job->peer, err);
    rg_jobs_end(&job);
}

void rg_encoder_reply(rg_encoder_t *self, rg_job_t *job)
{
    rg_service_reply(self->service, &job->peer, &job->result);
    rg_jobs_end(&job);
}

static uint32_t rows_of(const rg_msg_t *msg, const char *name, Rg__V1__Dtype dtype, int rank)
{
    rg_payload_t payload;
    return rg_msg_payload(msg, name, dtype, rank, NULL, &payload) ? 0 : payload.shape[0];
}

void rg_encoder_count(rg_encoder_t *self, const rg_msg_t *made)
{
    self->embedded +=
        rows_of(made, "embeddings", RG__V1__DTYPE__F32, 2) + rows_of(made, "queries", RG__V1__DTYPE__F32, 2);
    self->translated += rows_of(made, "pixels", RG__V1__DTYPE__U8, 4);
}
