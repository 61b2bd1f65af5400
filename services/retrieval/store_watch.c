// The end of a process whose store is damaged under its feet.
//
// LMDB reads the file through a mapping. A page that the file does not have any more (it was cut short), or
// that the disk cannot read, raises SIGBUS in the thread that touches it. No call can return an error then,
// so the process says what happened and exits. Whoever started it starts it again, and the check of the file
// (store_pages.c) finds the damage before anything is mapped: the service stays up, but it is not ready.
//
// A damaged page may also lead LMDB out of the mapping, which raises SIGSEGV, or to an assertion. If the file
// has not been checked yet, the process leaves a file, `suspect`, so that the next one checks it first.
//
// The handler writes a log line, which a handler of an asynchronous signal could not do. This signal comes
// only from reading a mapped page, where no lock of the log or of the allocator is held.
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/core/err.h"
#include "common/core/log.h"
#include "services/retrieval/store_private.h"

// A handler has no other way to the store.
static _Atomic(const rg_store_t *) watched;

void rg__store_suspect(const rg_store_t *store)
{
    int fd = open(store->suspect, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd >= 0) close(fd);
}

static void suspect_unchecked(const rg_store_t *store)
{
    if (store && rg_store_is_unchecked(store)) rg__store_suspect(store);
}

_Noreturn void rg__store_exit_damaged(const char *path, const char *what)
{
    suspect_unchecked(atomic_load(&watched));
    rg_fail(RG_EFORMAT, "%s: data.mdb cannot be read: %s: start again, and if that fails, " RG__STORE_REMEDY,
            path, what);
    rg_log(RG_LOG_ERROR, "failed", "code=%s error=\"%s\"", rg_errname(RG_EFORMAT), rg_error());
    _exit(EXIT_FAILURE);
}

static void on_bus_error(int number, siginfo_t *info, void *context)
{
    const rg_store_t *store = atomic_load(&watched);
    (void)context;
    if (store && info->si_code != BUS_MCEERR_AR && info->si_code != BUS_MCEERR_AO)
        rg__store_exit_damaged(store->path, "it has been cut short, or the disk fails");
    signal(number, SIG_DFL); // not the store: the process ends when the instruction is tried again
}

// The process ends when the instruction is tried again.
static void on_segmentation_fault(int number)
{
    suspect_unchecked(atomic_load(&watched));
    signal(number, SIG_DFL);
}

void rg_store_exit_if_unreadable(rg_store_t *store)
{
    struct sigaction action = {.sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO};
    atomic_store(&watched, store);
    sigaction(SIGBUS, &action, NULL);
    signal(SIGSEGV, on_segmentation_fault);
}

void rg__store_unwatch(const rg_store_t *store)
{
    const rg_store_t *expected = store;
    if (!atomic_compare_exchange_strong(&watched, &expected, NULL)) return;
    signal(SIGBUS, SIG_DFL);
    signal(SIGSEGV, SIG_DFL);
}
