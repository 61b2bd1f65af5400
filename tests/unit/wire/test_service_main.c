#include <omp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/core/err.h"
#include "common/core/log.h"
#include "common/wire/service_main.h"
#include "tests/support/test.h"

static char printed[20000];

// A main function that prints its configuration.
static int child_main(int argc, char **argv)
{
    rg_config_t config;
    sigset_t mask;
    rg_main_init(argc, argv, "loader", "Reads images and hands out batches.", &config);
    pthread_sigmask(SIG_BLOCK, NULL, &mask);
    printf("threads=%d omp=%d held=%d debug=%d\n", config.threads, omp_get_max_threads(),
           sigismember(&mask, SIGTERM), rg_log_enabled(RG_LOG_DEBUG));
    if (argc > 1 && strcmp(argv[argc - 1], "--verbose") == 0)
        return rg_main_fail(rg_fail(RG_EIO, "disk on fire"));
    return 0;
}

// Runs it in a child process. Gives the exit code; `printed` has the output of both streams.
static int run_main(int argc, const char *const *arguments)
{
    int ends[2], status = -1;
    char *argv[16] = {(char *)"rg-loader"};
    for (int i = 0; i < argc; i++) argv[1 + i] = (char *)arguments[i];
    fflush(NULL);
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], 1);
        dup2(ends[1], 2);
        close(ends[0]);
        close(ends[1]);
        int code = child_main(argc + 1, argv);
        fflush(NULL);
        _exit(code);
    }
    close(ends[1]);
    size_t size = 0;
    for (ssize_t n; (n = read(ends[0], printed + size, sizeof printed - 1 - size)) > 0;) size += (size_t)n;
    printed[size] = 0;
    close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void assert_printed(const char *text)
{
    if (!strstr(printed, text)) fail_msg("'%s' is not in:\n%s", text, printed);
}

static void options_reach_the_config(void **state)
{
    (void)state;
    const char *arguments[] = {"--set", "threads=3", "--set=model.k=2", "--set", "threads=1"};
    assert_int_equal(run_main(5, arguments), 0);
    assert_printed("threads=1 omp=1 held=1 debug=0");
}

static void failures_are_logged_with_code_and_sentence(void **state)
{
    (void)state;
    const char *arguments[] = {"--verbose"};
    assert_int_equal(run_main(1, arguments), 1);
    assert_printed("debug=1");
    assert_printed(" error loader failed code=RG_EIO error=\"disk on fire\"");
}

static void a_bad_config_ends_with_1(void **state)
{
    (void)state;
    const char *key[] = {"--set", "thread=1"}, *file[] = {"--config", "no/such.yaml"};
    assert_int_equal(run_main(2, key), 1);
    assert_printed("--set: thread: unknown key; did you mean threads?");
    assert_int_equal(run_main(2, file), 1);
    assert_printed("no/such.yaml: cannot open: No such file or directory");
}

static void wrong_use_ends_with_2(void **state)
{
    (void)state;
    const char *option[] = {"--speed"}, *argument[] = {"extra"}, *missing[] = {"--config"};
    assert_int_equal(run_main(1, option), 2);
    assert_int_equal(run_main(1, argument), 2);
    assert_printed("unexpected argument: extra");
    assert_int_equal(run_main(1, missing), 2);
}

static void help_has_an_example(void **state)
{
    (void)state;
    const char *arguments[] = {"--help"};
    assert_int_equal(run_main(1, arguments), 0);
    assert_printed("Reads images and hands out batches.");
    assert_printed("--set=KEY=VALUE");
    assert_printed("Example: rg-loader --config configs/smoke.yaml --set threads=1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_reach_the_config),
        cmocka_unit_test(failures_are_logged_with_code_and_sentence),
        cmocka_unit_test(a_bad_config_ends_with_1),
        cmocka_unit_test(wrong_use_ends_with_2),
        cmocka_unit_test(help_has_an_example),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
