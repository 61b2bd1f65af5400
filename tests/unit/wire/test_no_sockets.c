// A service on a file system that cannot hold sockets. This bind takes the place of the C library's, also for
// ZeroMQ.
#include <errno.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/support/test.h"
#include "tests/unit/wire/fixture.h"

static int refusal; // errno of the file system

int bind(int fd, const struct sockaddr *address, socklen_t size)
{
    if (refusal && address->sa_family == AF_UNIX) {
        errno = refusal;
        return -1;
    }
    return (int)syscall(SYS_bind, fd, address, size);
}

static void the_remedy_is_named(void **state)
{
    fixture_t *f = *state;
    static const int refusals[] = {EPERM, EOPNOTSUPP};
    for (size_t i = 0; i < 2; i++) {
        refusal = refusals[i];
        int err = server_start(&f->server, &f->options, f->endpoint);
        refusal = 0;
        assert_int_equal(err, RG_EIO);
        assert_non_null(strstr(rg_error(), "s.ipc: the file system of this path cannot hold sockets"));
        assert_non_null(strstr(rg_error(), "endpoints.SERVICE to tcp://127.0.0.1:PORT"));
    }
    fixture_start(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_remedy_is_named, fixture_make, fixture_drop)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
