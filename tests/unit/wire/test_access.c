// Access control: the access list as a file, and encrypted sockets with clients of every role.
#include <czmq.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/core/file.h"
#include "common/wire/access.h"
#include "tests/support/test.h"
#include "tests/unit/wire/fixture.h"

// ---- the access list
#define KEY_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define KEY_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static char list_path[600];

static void write_list(void **state, const char *text)
{
    snprintf(list_path, sizeof list_path, "%s/allowed", (const char *)*state);
    assert_ok(rg_file_write(list_path, text, strlen(text)));
}

static void roles_have_names(void **state)
{
    (void)state;
    for (int role = 0; role < RG_ROLE_NONE; role++)
        assert_int_equal(rg_role_find(rg_role_name((enum rg_role)role)), role);
    assert_int_equal(rg_role_find("none"), -1);
    assert_int_equal(rg_role_find(""), -1);
}

static void a_list_is_read(void **state)
{
    rg_access_list_t list;
    assert_ok(rg_access_list_read(&list, *state)); // no file
    assert_int_equal(list.count, 0);
    write_list(state, "# nobody\n\n  \nreader " KEY_A "  ann \t\r\n\tadmin " KEY_B " bob");
    assert_ok(rg_access_list_read(&list, *state));
    assert_int_equal(list.count, 2);
    assert_int_equal(rg_access_list_find_name(&list, "ann")->role, RG_ROLE_READER);
    assert_string_equal(rg_access_list_find_key(&list, KEY_B)->name, "bob");
    assert_null(rg_access_list_find_name(&list, "an"));
    assert_null(rg_access_list_find_key(&list, ""));
    rg_access_list_fini(&list);
}

static void what_is_written_is_read(void **state)
{
    rg_access_list_t list = {0};
    rg_access_list_add(&list, &(rg_access_entry_t){.role = RG_ROLE_WRITER, .key = KEY_A, .name = "ann"});
    rg_access_list_add(&list, &(rg_access_entry_t){.role = RG_ROLE_ADMIN, .key = KEY_B, .name = "bob"});
    assert_ok(rg_access_list_write(&list, *state));
    rg_access_list_fini(&list);
    assert_ok(rg_access_list_read(&list, *state));
    assert_int_equal(rg_access_list_find_name(&list, "ann")->role, RG_ROLE_WRITER);
    rg_access_list_remove(&list, "ann");
    assert_int_equal(list.count, 1);
    assert_int_equal(rg_access_list_find_key(&list, KEY_B)->role, RG_ROLE_ADMIN);
    rg_access_list_fini(&list);
}

static void bad_lines_are_named(void **state)
{
    static const struct {
        const char *text, *sentence;
    } bad[] = {
        {"reader\n", "allowed:1: expected ROLE PUBLIC-KEY NAME"},
        {"\nreader " KEY_A "\n", "allowed:2: expected ROLE PUBLIC-KEY NAME"},
        {"reader " KEY_A " ann lee\n", "allowed:1: expected ROLE PUBLIC-KEY NAME"},
        {"king " KEY_A " ann\n", "allowed:1: 'king' is not a role: expected reader, writer or admin"},
        {"none " KEY_A " ann\n", "'none' is not a role"},
        {"reader abc ann\n", "allowed:1: 'abc' is not a public key of 40 characters"},
        {"reader ~" KEY_A " ann\n", "is not a public key"},
        {"reader " KEY_A " ../ann\n", "allowed:1: '../ann' is not a name for a key"},
        {"reader " KEY_A " ann\nreader " KEY_B " ann\n", "allowed:2: the name ann is in the list twice"},
        {"reader " KEY_A " ann\nadmin " KEY_A " bob\n", "allowed:2: this key is in the list twice"},
    };
    rg_access_list_t list;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        write_list(state, bad[i].text);
        assert_fails(rg_access_list_read(&list, *state), RG_EFORMAT, bad[i].sentence);
    }
    assert_ok(rg_file_write(list_path, "reader\0", 7));
    assert_fails(rg_access_list_read(&list, *state), RG_EFORMAT, "allowed: is not text");
}

static void a_list_that_others_may_change_is_refused(void **state)
{
    rg_access_list_t list;
    write_list(state, "");
    chmod(list_path, 0664);
    assert_fails(rg_access_list_read(&list, *state), RG_EACCES,
                 "allowed: users other than its owner may change it (mode 0664); chmod go-w it");
}

// ---- encrypted sockets
// Makes a key pair of that name.
static int keys_make(const char *folder, const char *name)
{
    rg_keypair_t pair;
    int err = rg_keypair_make(&pair);
    return err ? err : rg_keypair_write(folder, name, &pair);
}

// Gives a role to an existing key pair; RG_ROLE_NONE withdraws it.
static int keys_allow(const char *folder, const char *name, enum rg_role role)
{
    rg_access_list_t list;
    rg_access_entry_t entry = {.role = role};
    int err = rg_keypair_read_public(folder, name, entry.key);
    if (!err) err = rg_access_list_read(&list, folder);
    if (err) return err;
    snprintf(entry.name, sizeof entry.name, "%s", name);
    if (rg_access_list_find_name(&list, name)) rg_access_list_remove(&list, name);
    if (role != RG_ROLE_NONE) rg_access_list_add(&list, &entry);
    err = rg_access_list_write(&list, folder);
    rg_access_list_fini(&list);
    return err;
}

enum { SHORT_MS = 50, LONG_MS = 2000 };

static int zap_make(void **state)
{
    static const char *const names[] = {"server", "services", "wendy", "ann", "eve"};
    if (fixture_make(state) != 0) return -1;
    fixture_t *f = *state;
    f->options.keys = f->folder;
    for (size_t i = 0; i < 5; i++)
        if (keys_make(f->folder, names[i]) != 0) return -1;
    return keys_allow(f->folder, "services", RG_ROLE_ADMIN) ||
           keys_allow(f->folder, "wendy", RG_ROLE_WRITER) || keys_allow(f->folder, "ann", RG_ROLE_READER);
}

static void start(fixture_t *f)
{
    assert_ok(server_start(&f->server, &f->options, "tcp://127.0.0.1:*"));
}

static rg_link_t *link_of(const fixture_t *f, const char *identity)
{
    rg_wire_options_t options = f->options;
    rg_link_t *link;
    options.identity = identity;
    assert_ok(rg_link_new(&link, &options, "fixture", f->server.bound, NULL));
    return link;
}

static int ask(rg_link_t *link, rg_msg_t *request, int timeout_ms)
{
    rg_msg_t *reply = NULL;
    int err = rg_link_ask(link, &request, &reply, timeout_ms);
    rg_msg_destroy(&reply);
    return err;
}

static int ask_status(rg_link_t *link)
{
    return ask(link, rg_msg_new(RG__V1__ENVELOPE__BODY_STATUS_REQUEST), -1);
}

static int ask_batch(rg_link_t *link)
{
    return ask(link, batch_request(1, 1), -1);
}

// A request that is allowed: the handler answers it with RG_EMODEL.
static int ask_embed(rg_link_t *link)
{
    return ask(link, rg_msg_new(RG__V1__ENVELOPE__BODY_EMBED_REQUEST), -1);
}

// A request that is allowed: its reply is too large.
static int ask_train(rg_link_t *link)
{
    return ask(link, rg_msg_new(RG__V1__ENVELOPE__BODY_TRAIN_REQUEST), -1);
}

// ---- roles
static void an_admin_may_do_everything(void **state)
{
    fixture_t *f = *state;
    start(f);
    rg_link_t *link = link_of(f, "services");
    assert_ok(ask_status(link));
    assert_fails(ask_embed(link), RG_EMODEL, "no model is loaded");
    assert_ok(ask_batch(link));
    assert_fails(ask_train(link), RG_ELIMIT, "a payload of");
    rg_link_destroy(&link);
    server_stop(&f->server);
}

static void a_writer_may_not_do_what_an_admin_may(void **state)
{
    fixture_t *f = *state;
    start(f);
    rg_link_t *link = link_of(f, "wendy");
    assert_ok(ask_status(link));
    assert_fails(ask_embed(link), RG_EMODEL, "no model is loaded");
    assert_ok(ask_batch(link));
    assert_fails(ask_train(link), RG_EACCES,
                 "fixture: a train_request needs the admin role, and the role of wendy is writer");
    rg_link_destroy(&link);
    server_stop(&f->server);
}

static void a_reader_may_only_read(void **state)
{
    fixture_t *f = *state;
    start(f);
    rg_link_t *link = link_of(f, "ann");
    assert_ok(ask_status(link));
    assert_fails(ask_embed(link), RG_EMODEL, "no model is loaded");
    assert_fails(ask_batch(link), RG_EACCES,
                 "fixture: a batch_request needs the writer role, and the role of ann is reader");
    assert_fails(ask_train(link), RG_EACCES, "needs the admin role");
    assert_ok(ask_status(link)); // it is still served
    rg_link_destroy(&link);
    server_stop(&f->server);
    assert_int_equal(f->server.n_seen, 0);
}

// ---- a list that changes
static void a_withdrawn_key_is_refused_at_its_next_request(void **state)
{
    fixture_t *f = *state;
    start(f);
    rg_link_t *link = link_of(f, "wendy");
    assert_ok(ask_batch(link));
    assert_ok(keys_allow(f->folder, "wendy", RG_ROLE_NONE));
    assert_fails(ask_batch(link), RG_EACCES, "needs the writer role, and the role of this key is none");
    assert_fails(ask_status(link), RG_EACCES, "needs the reader role, and the role of this key is none");
    assert_int_equal(f->server.n_seen, 1);
    assert_ok(keys_allow(f->folder, "wendy", RG_ROLE_READER));
    assert_ok(ask_status(link));
    assert_fails(ask_batch(link), RG_EACCES, "the role of wendy is reader");
    rg_link_destroy(&link);
    server_stop(&f->server);
}

static void a_key_that_waits_is_let_in_once_it_is_allowed(void **state)
{
    fixture_t *f = *state;
    start(f);
    rg_link_t *link = link_of(f, "eve");
    assert_fails(ask(link, batch_request(1, 1), SHORT_MS), RG_ETIMEOUT, "no answer within");
    assert_ok(keys_allow(f->folder, "eve", RG_ROLE_WRITER));
    assert_ok(ask_batch(link));
    rg_link_destroy(&link);
    server_stop(&f->server);
    assert_int_equal(f->server.n_seen, 1); // what was given up is not sent later
}

// Withdrawn or not: while the list cannot be read, no key is served, and a request waits.
static void a_list_that_cannot_be_read_allows_no_key(void **state)
{
    fixture_t *f = *state;
    char path[600];
    snprintf(path, sizeof path, "%s/allowed", (char *)f->folder);
    start(f);
    rg_link_t *link = link_of(f, "wendy");
    assert_ok(ask_batch(link));
    assert_ok(rg_file_write(path, "king of everything\n", 19));
    assert_fails(ask(link, batch_request(1, 1), LONG_MS), RG_ETIMEOUT, "the access list cannot be read");
    assert_int_equal(remove(path), 0);
    assert_int_equal(mkdir(path, 0700), 0); // cannot be opened, as without descriptors
    assert_fails(ask(link, batch_request(1, 1), LONG_MS), RG_ETIMEOUT, "the access list cannot be read");
    assert_int_equal(rmdir(path), 0);
    assert_ok(keys_allow(f->folder, "wendy", RG_ROLE_WRITER));
    assert_ok(ask_batch(link));
    assert_ok(rg_file_write(path, "", 0)); // allows no key
    assert_fails(ask_batch(link), RG_EACCES, "the role of this key is none");
    rg_link_destroy(&link);
    server_stop(&f->server);
}

// ---- handshakes that fail
// A bare socket, and the event that ends its handshake.
typedef struct {
    zsock_t *socket, *monitor;
} stranger_t;

static stranger_t stranger_new(const rg_keypair_t *own, const char *server)
{
    stranger_t stranger = {.socket = zsock_new(ZMQ_DEALER), .monitor = zsock_new(ZMQ_PAIR)};
    if (own) {
        zsock_set_curve_serverkey(stranger.socket, server);
        zsock_set_curve_publickey(stranger.socket, own->public_key);
        zsock_set_curve_secretkey(stranger.socket, own->secret_key);
    }
    return stranger;
}

static int end_of_handshake(const stranger_t *stranger, const char *endpoint)
{
    static const char address[] = "inproc://stranger";
    int wanted = ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH |
                 ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL;
    void *handle = zsock_resolve(stranger->socket);
    unsigned char frame[6];
    uint16_t event;
    assert_int_equal(zmq_socket_monitor(handle, address, wanted), 0);
    assert_int_equal(zmq_connect(zsock_resolve(stranger->monitor), address), 0);
    assert_int_equal(zmq_connect(handle, endpoint), 0);
    assert_int_equal(zmq_send(handle, "hello", 5, 0), 5);
    assert_int_equal(zmq_recv(zsock_resolve(stranger->monitor), frame, sizeof frame, 0), sizeof frame);
    memcpy(&event, frame, sizeof event);
    return event;
}

static void stranger_destroy(stranger_t *stranger)
{
    zmq_socket_monitor(zsock_resolve(stranger->socket), NULL, 0);
    zsock_set_linger(stranger->socket, 0);
    zsock_destroy(&stranger->monitor);
    zsock_destroy(&stranger->socket);
}

// The handshake of a stranger ends with one of these events. Its request is not answered; other clients are
// served.
static void expect_refusal(fixture_t *f, const rg_keypair_t *own, const char *server, int want)
{
    start(f);
    stranger_t stranger = stranger_new(own, server);
    assert_true(end_of_handshake(&stranger, f->server.bound) & want);
    rg_link_t *link = link_of(f, "ann");
    assert_ok(ask_status(link));
    assert_int_equal(zmq_recv(zsock_resolve(stranger.socket), NULL, 0, ZMQ_DONTWAIT), -1);
    rg_link_destroy(&link);
    stranger_destroy(&stranger);
    server_stop(&f->server);
    assert_int_equal(f->server.n_seen, 0);
}

static void an_unknown_key_is_refused(void **state)
{
    fixture_t *f = *state;
    rg_keypair_t eve;
    char server[RG_KEY_TEXT_SIZE];
    assert_ok(rg_keypair_read(f->folder, "eve", &eve));
    assert_ok(rg_keypair_read_public(f->folder, "server", server));
    expect_refusal(f, &eve, server, ZMQ_EVENT_HANDSHAKE_FAILED_AUTH);
}

static void one_without_a_key_is_refused(void **state)
{
    // Either side may notice the mismatch first and hang up.
    expect_refusal(*state, NULL, NULL,
                   ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL);
}

static void a_wrong_server_key_is_refused(void **state)
{
    fixture_t *f = *state;
    rg_keypair_t ann;
    char server[RG_KEY_TEXT_SIZE];
    assert_ok(rg_keypair_read(f->folder, "ann", &ann));
    assert_ok(rg_keypair_read_public(f->folder, "eve", server));
    expect_refusal(f, &ann, server, ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL);
}

// ---- where keys are needed
static void beyond_loopback_keys_are_enough(void **state)
{
    fixture_t *f = *state;
    assert_ok(server_start(&f->server, &f->options, "tcp://*:*"));
    server_stop(&f->server);
    assert_ok(
        server_start(&f->server, &f->options, "tcp://*:*")); // the place of the ZAP handler is free again
    server_stop(&f->server);
    f->options.keys = "";
    assert_fails(server_start(&f->server, &f->options, "tcp://*:*"), RG_ECONFIG, "security.keys guards it");
}

static void unix_sockets_need_no_keys(void **state)
{
    fixture_t *f = *state;
    char endpoint[600];
    snprintf(endpoint, sizeof endpoint, "ipc://%s/s.ipc", (char *)f->folder);
    assert_ok(server_start(&f->server, &f->options, endpoint));
    rg_link_t *link = link_of(f, "nobody");
    assert_ok(ask_batch(link));
    assert_fails(ask_train(link), RG_ELIMIT, "a payload of");
    rg_link_destroy(&link);
    server_stop(&f->server);
}

static void keys_that_are_not_in_order_end_the_start(void **state)
{
    fixture_t *f = *state;
    server_t service = {0};
    rg_link_t *link;
    char path[600];
    snprintf(path, sizeof path, "%s/server.key_secret", (char *)f->folder);
    chmod(path, 0644);
    assert_fails(server_start(&service, &f->options, "tcp://127.0.0.1:*"), RG_EACCES, path);
    remove(path);
    assert_fails(server_start(&service, &f->options, "tcp://127.0.0.1:*"), RG_ENOENT, path);
    f->options.identity = "nobody";
    assert_fails(rg_link_new(&link, &f->options, "fixture", "tcp://127.0.0.1:9", NULL), RG_ENOENT,
                 "nobody.key_secret");
}

static void one_service_of_a_process_is_encrypted(void **state)
{
    fixture_t *f = *state;
    server_t second = {0};
    start(f);
    assert_fails(server_start(&second, &f->options, "tcp://127.0.0.1:*"), RG_EBUSY,
                 "another service of this process is encrypted already");
    server_stop(&f->server);
}

#define WITH_FIXTURE(test) cmocka_unit_test_setup_teardown(test, zap_make, fixture_drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(roles_have_names),
        IN_FOLDER(a_list_is_read),
        IN_FOLDER(what_is_written_is_read),
        IN_FOLDER(bad_lines_are_named),
        IN_FOLDER(a_list_that_others_may_change_is_refused),
        WITH_FIXTURE(an_admin_may_do_everything),
        WITH_FIXTURE(a_writer_may_not_do_what_an_admin_may),
        WITH_FIXTURE(a_reader_may_only_read),
        WITH_FIXTURE(a_withdrawn_key_is_refused_at_its_next_request),
        WITH_FIXTURE(a_key_that_waits_is_let_in_once_it_is_allowed),
        WITH_FIXTURE(a_list_that_cannot_be_read_allows_no_key),
        WITH_FIXTURE(an_unknown_key_is_refused),
        WITH_FIXTURE(one_without_a_key_is_refused),
        WITH_FIXTURE(a_wrong_server_key_is_refused),
        WITH_FIXTURE(beyond_loopback_keys_are_enough),
        WITH_FIXTURE(unix_sockets_need_no_keys),
        WITH_FIXTURE(keys_that_are_not_in_order_end_the_start),
        WITH_FIXTURE(one_service_of_a_process_is_encrypted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
