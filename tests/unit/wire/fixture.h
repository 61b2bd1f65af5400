// Test fixtures: a service on a thread of its own, which answers
//   batch-request  index odd: a batch-reply with its index and `images` pixel rows; even: after server_release_kept
//   embed-request  the error RG_EMODEL
//   model-request  never
//   train-request  a reply that is larger than a message may be
//   batch-request  with the index POISON: the service ends; HANG_UP: it breaks the connection, three times
#ifndef RG_TESTS_WIRE_FIXTURE_H
#define RG_TESTS_WIRE_FIXTURE_H

#include <pthread.h>
#include <semaphore.h>

#include "common/core/err.h"
#include "common/wire/wire.h"

enum { SEEN_MAX = 64, POISON = 2000000000, HANG_UP };

static const rg_wire_options_t wire_options = {.message_max_mib = 64,
                                               .queue = 64,
                                               .heartbeat_ms = 2000,
                                               .unread_mib = 512,
                                               .connections = 100,
                                               .keys = "",
                                               .identity = "services",
                                               .http_address = "127.0.0.1"};

typedef struct {
    const rg_wire_options_t *options;
    // to be set before server_start, as stop below
    const char *name; // NULL: "fixture"
    const rg_http_spec_t *http;
    int http_port;
    int (*load)(void *self, const atomic_int *stop); // of the service, self is the server_t; or NULL
    const char *endpoint;                            // as given
    char bound[128];                                 // as bound
    rg_service_t *service;
    pthread_t thread;
    sem_t ready;          // posted when bound, or failed
    sem_t came;           // posted for every request but status
    rg_failure_t failure; // of rg_service_new
    int run_err;          // of rg_service_run
    int wake;             // eventfd: answers the kept requests
    rg_peer_t kept[SEEN_MAX];
    uint64_t kept_index[SEEN_MAX];
    int n_kept;
    uint64_t seen[SEEN_MAX]; // batch indices in the order they came
    int n_seen, n_hung_up;
    int running;
    atomic_int *stop; // set to 1 by a model-request, if not NULL
} server_t;

// The errors of rg_service_new. Resets everything but the fields that are set before.
int server_start(server_t *server, const rg_wire_options_t *options, const char *endpoint);
void server_stop(server_t *server);         // sends SIGTERM and waits for the thread
void server_release_kept(server_t *server); // answers the kept requests; from any thread

rg_msg_t *batch_request(uint64_t index, uint32_t images);

// A folder with such a service and a link to it.
typedef struct {
    rg_wire_options_t options;
    char endpoint[600]; // ipc, in the folder
    server_t server;
    rg_link_t *link; // or NULL
    atomic_int stop;
    void *folder;
} fixture_t;

int fixture_make(void **state);   // the folder, the default options and the endpoint
int fixture_drop(void **state);   // destroys the link, stops the service if it runs, removes the folder
void fixture_start(fixture_t *f); // starts the service; the test fails if it cannot

#endif
