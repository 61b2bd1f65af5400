// A service on a thread of its own, for tests. It answers
//   batch-request  index odd: a batch-reply with its index and `images` pixel rows; even: after fixture_release_kept
//   embed-request  the error RG_EMODEL
//   model-request  never
//   train-request  a reply that is larger than a message may be
#ifndef RG_TESTS_WIRE_FIXTURE_H
#define RG_TESTS_WIRE_FIXTURE_H

#include <pthread.h>
#include <semaphore.h>

#include "common/wire/wire.h"

enum { SEEN_MAX = 64 };

static const rg_wire_options_t fixture_options = {.message_max_mib = 64,
                                                  .queue = 64,
                                                  .heartbeat_ms = 2000,
                                                  .unread_mib = 512,
                                                  .keys = "",
                                                  .identity = "services",
                                                  .http_address = "127.0.0.1"};

typedef struct {
    const rg_wire_options_t *options;
    // set before fixture_start, as stop below
    const char *name; // NULL: "fixture"
    const rg_http_spec_t *http;
    int http_port;
    const char *endpoint; // asked for
    char bound[128];      // got
    rg_service_t *service;
    pthread_t thread;
    sem_t ready; // posted when bound, or failed
    sem_t came;  // posted for every request but status
    int err;     // of rg_service_new
    int run_err; // of rg_service_run
    char sentence[512];
    int wake; // eventfd that answers what is kept
    rg_peer_t kept[SEEN_MAX];
    uint64_t kept_index[SEEN_MAX];
    int n_kept;
    uint64_t seen[SEEN_MAX]; // batch indices in the order they came
    int n_seen;
    atomic_int *stop; // set to 1 by a model-request, if not NULL
} fixture_t;

int fixture_start(fixture_t *fixture, const rg_wire_options_t *options,
                  const char *endpoint);       // rg_service_new's code
void fixture_stop(fixture_t *fixture);         // SIGTERM, and waits for the thread
void fixture_release_kept(fixture_t *fixture); // from any thread

rg_msg_t *batch_request(uint64_t index, uint32_t images);

#endif
