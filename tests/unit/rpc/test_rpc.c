/* SPDX-License-Identifier: Apache-2.0 */
/* Calls against a real server: bytes, metadata, status codes, deadlines, cancellation, restarts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "rpc/rpc.h"
#include "server.h"

enum { LONG_MS = 60000, SHORT_MS = 300 };

static mr__rpc *open_at(uint16_t port, mr__rpc_options *options)
{
    char address[32];
    mr__rpc *rpc = NULL;
    mr_error err = {0};

    (void)snprintf(address, sizeof address, "127.0.0.1:%u", (unsigned)port);
    options->address = address;
    if (mr__rpc_open(options, &rpc, &err) != MR_OK)
        fail_msg("open: %s", err.message);
    options->address = NULL;
    return rpc;
}

static mr__rpc *open_plain(uint16_t port)
{
    mr__rpc_options options;

    mr__rpc_options_init(&options);
    return open_at(port, &options);
}

static mr__rpc_call call_of(const char *method, const mr__rpc_part *parts, size_t n)
{
    return (mr__rpc_call){.method = method, .parts = parts, .n_parts = n, .timeout_ms = LONG_MS};
}

static void test_address(void **state)
{
    static const char *const bad[] = {"",        ":1",          "h:",      "h:0",    "h:65536",
                                      "h:1x",    "a b:1",       "[::1",    "[::1]x", "[]:1",
                                      "h:1:2",   "unix:/x",     "h/../:1", "h@g:1",  "h\n:1",
                                      "[a]b]:1", "h:999999999", "::1"};
    char out[64];
    mr_error err;
    size_t i;

    (void)state;
    assert_int_equal(mr__rpc_address("db.example", 10, 19530, out, sizeof out, NULL), MR_OK);
    assert_string_equal(out, "db.example:19530");
    assert_int_equal(mr__rpc_address("10.0.0.1:8001/x", 13, 1, out, sizeof out, NULL), MR_OK);
    assert_string_equal(out, "10.0.0.1:8001");
    assert_int_equal(mr__rpc_address("[fe80::1%eth0]:7", 16, 1, out, sizeof out, NULL), MR_OK);
    assert_string_equal(out, "[fe80::1%eth0]:7");
    assert_int_equal(mr__rpc_address("[::1]", 5, 8001, out, sizeof out, NULL), MR_OK);
    assert_string_equal(out, "[::1]:8001");
    for (i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (mr__rpc_address(bad[i], strlen(bad[i]), 1, out, sizeof out, &err) != MR_E_INVALID)
            fail_msg("\"%s\" is taken as %s", bad[i], out);
}

/* Parts of all sizes, in and out: what comes back is their concatenation. */
static void test_bytes(void **state)
{
    static const size_t sizes[] = {0, 1, 5, 511, 512, 513, 70000, 0, 9u << 20, 3};
    enum { N = sizeof sizes / sizeof sizes[0] };
    server *s = server_open(0, NULL, NULL);
    mr__rpc *rpc = open_plain(server_port(s));
    mr__rpc_part parts[N];
    mr__rpc_call call = call_of("/t/Echo", parts, N);
    mr__rpc_answer answer;
    mr_error err = {0};
    size_t i, j, at = 0;

    (void)state;
    for (i = 0; i < N; i++) {
        uint8_t *bytes = malloc(sizes[i] + 1);
        for (j = 0; j < sizes[i]; j++)
            bytes[j] = (uint8_t)(i * 37 + j * 11 + (j >> 8));
        parts[i] = (mr__rpc_part){bytes, sizes[i]};
    }
    if (mr__rpc_unary(rpc, &call, &answer, &err) != MR_OK)
        fail_msg("%s", err.message);
    for (i = 0; i < N; i++) {
        assert_true(at + sizes[i] <= answer.size);
        assert_memory_equal(answer.data + at, parts[i].data, sizes[i]);
        at += sizes[i];
        free((void *)(uintptr_t)parts[i].data);
    }
    assert_int_equal(at, answer.size);
    mr__rpc_answer_fini(&answer);
    assert_null(answer.data);

    call.n_parts = 0;
    assert_int_equal(mr__rpc_unary(rpc, &call, &answer, &err), MR_OK);
    assert_int_equal(answer.size, 0);
    mr__rpc_answer_fini(&answer);
    mr__rpc_close(&rpc);
    mr__rpc_close(&rpc);
    server_close(s);
}

static void test_metadata(void **state)
{
    server *s = server_open(0, NULL, NULL);
    mr__rpc *rpc = open_plain(server_port(s));
    mr__rpc_header headers[] = {{"authorization", "cm9vdDpNaWx2dXM="}, {"dbname", "x"}};
    mr__rpc_call call = call_of("/t/Meta", NULL, 0);
    mr__rpc_answer answer;
    mr_error err = {0};

    (void)state;
    assert_int_equal(mr__rpc_unary(rpc, &call, &answer, &err), MR_E_ENV);
    assert_int_equal(answer.code, MR__RPC_UNAUTHENTICATED);
    assert_non_null(strstr(err.message, "check user, password or token"));
    call.headers = headers;
    call.n_headers = 2;
    assert_int_equal(mr__rpc_unary(rpc, &call, &answer, &err), MR_OK);
    assert_int_equal(answer.size, 16);
    assert_memory_equal(answer.data, "cm9vdDpNaWx2dXM=", 16);
    mr__rpc_answer_fini(&answer);
    /* what would break the frame, or the next line, is refused before it is sent */
    headers[1].value = "a\nb: c";
    assert_int_equal(mr__rpc_unary(rpc, &call, &answer, &err), MR_E_INVALID);
    assert_non_null(strstr(err.message, "dbname"));
    headers[1] = (mr__rpc_header){"Upper", "x"};
    assert_int_equal(mr__rpc_unary(rpc, &call, &answer, &err), MR_E_INVALID);
    mr__rpc_close(&rpc);
    server_close(s);
}

static void test_failures(void **state)
{
    static const struct {
        const char *method;
        int code;
        mr_status status;
        const char *says;
    } cases[] = {
        {"/t/Fail1", MR__RPC_CANCELLED, MR_E_INTERRUPTED, "cancelled"},
        {"/t/Fail2", MR__RPC_UNKNOWN, MR_E_ENV, "Fail2: UNKNOWN: no: \xc3\xa9\\x0a! (127.0.0.1:"},
        {"/t/Fail3", MR__RPC_INVALID_ARGUMENT, MR_E_INVALID, "Fail3: no: \xc3\xa9\\x0a!"},
        {"/t/Fail5", MR__RPC_NOT_FOUND, MR_E_NOT_FOUND, "Fail5: no:"},
        {"/t/Fail7", MR__RPC_PERMISSION_DENIED, MR_E_ENV, "not allowed: no:"},
        {"/t/Fail8", MR__RPC_RESOURCE_EXHAUSTED, MR_E_ENV, "RESOURCE_EXHAUSTED"},
        {"/t/Fail13", MR__RPC_INTERNAL, MR_E_ENV, "INTERNAL"},
        {"/t/Fail14", MR__RPC_UNAVAILABLE, MR_E_ENV, "is the server running? see: millrace health"},
        {"/t/None", MR__RPC_UNIMPLEMENTED, MR_E_UNSUPPORTED, "None: 127.0.0.1:"},
    };
    server *s = server_open(0, NULL, NULL);
    mr__rpc *rpc = open_plain(server_port(s));
    size_t i;

    (void)state;
    for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        mr__rpc_call call = call_of(cases[i].method, NULL, 0);
        mr__rpc_answer answer;
        mr_error err = {0};

        assert_int_equal(mr__rpc_unary(rpc, &call, &answer, &err), cases[i].status);
        assert_int_equal(answer.code, cases[i].code);
        if (!strstr(err.message, cases[i].says))
            fail_msg("\"%s\" does not say \"%s\"", err.message, cases[i].says);
        assert_int_equal(mr__rpc_unary(rpc, &call, &answer, NULL), cases[i].status);
    }
    assert_string_equal(mr__rpc_code_name(MR__RPC_DATA_LOSS), "DATA_LOSS");
    assert_string_equal(mr__rpc_code_name(-1), "UNKNOWN");
    mr__rpc_close(&rpc);
    server_close(s);
}

static void test_too_long(void **state)
{
    server *s = server_open(0, NULL, NULL);
    mr__rpc_options options;
    uint8_t bytes[2048] = {0};
    mr__rpc_part part = {bytes, 1024};
    mr__rpc_call call = call_of("/t/Echo", &part, 1);
    mr__rpc_answer answer;
    mr__rpc *rpc;

    (void)state;
    mr__rpc_options_init(&options);
    options.max_answer = 1024;
    rpc = open_at(server_port(s), &options);
    assert_int_equal(mr__rpc_unary(rpc, &call, &answer, NULL), MR_OK);
    mr__rpc_answer_fini(&answer);
    part.size = 1025;
    assert_int_equal(mr__rpc_unary(rpc, &call, &answer, NULL), MR_E_ENV);
    assert_int_equal(answer.code, MR__RPC_RESOURCE_EXHAUSTED);
    mr__rpc_close(&rpc);
    server_close(s);
}

static void test_deadline_and_cancel(void **state)
{
    server *s = server_open(0, NULL, NULL);
    mr__rpc *rpc = open_plain(server_port(s));
    mr__rpc_call call = call_of("/t/Hang", NULL, 0);
    mr__rpc_pending *pending = NULL;
    mr__rpc_answer answer;
    mr_error err = {0};
    uint64_t before = mr__clock_ns();

    (void)state;
    call.timeout_ms = SHORT_MS;
    assert_int_equal(mr__rpc_unary(rpc, &call, &answer, &err), MR_E_ENV);
    assert_int_equal(answer.code, MR__RPC_DEADLINE_EXCEEDED);
    assert_non_null(strstr(err.message, "Hang: no answer within 300 ms (127.0.0.1:"));
    assert_true(mr__clock_ns() - before >= (uint64_t)SHORT_MS * 900000);
    call.timeout_ms = LONG_MS;
    before = mr__clock_ns();
    assert_int_equal(mr__rpc_start(rpc, &call, &pending, &err), MR_OK);
    mr__rpc_cancel(pending);
    assert_int_equal(mr__rpc_wait(pending, &answer, &err), MR_E_INTERRUPTED);
    assert_int_equal(answer.code, MR__RPC_CANCELLED);
    assert_true(mr__clock_ns() - before < (uint64_t)LONG_MS * 500000);
    /* the server is told of the first (the second may never have reached it) */
    while (server_cancelled(s) == 0 && mr__clock_ns() - before < (uint64_t)LONG_MS * 1000000)
        (void)poll(NULL, 0, 5);
    assert_true(server_cancelled(s) > 0);
    /* the connection goes on */
    call.method = "/t/Echo";
    assert_int_equal(mr__rpc_unary(rpc, &call, &answer, &err), MR_OK);
    mr__rpc_answer_fini(&answer);
    mr__rpc_close(&rpc);
    server_close(s);
}

static void *one_of_many(void *arg)
{
    uint8_t bytes[4096];
    mr__rpc_part part = {bytes, sizeof bytes};
    mr__rpc_call call = call_of("/t/Gather", &part, 1);
    uintptr_t wrong = 0;

    for (int round = 0; round < 20; round++) {
        mr__rpc_answer answer;

        memset(bytes, (int)((uintptr_t)&answer >> 12 & 255) ^ round, sizeof bytes);
        if (mr__rpc_unary(arg, &call, &answer, NULL) != MR_OK || answer.size != sizeof bytes ||
            memcmp(answer.data, bytes, sizeof bytes) != 0)
            wrong++;
        mr__rpc_answer_fini(&answer);
    }
    return (void *)wrong;
}

/* The server answers none before all are there: they are in flight at once. */
static void test_many(void **state)
{
    server *s = server_open(0, NULL, NULL);
    mr__rpc *rpc = open_plain(server_port(s));
    mr__rpc_pending *pending[server_gather];
    uint8_t bytes[server_gather][600];
    pthread_t threads[server_gather];
    mr_error err = {0};
    void *wrong;
    int i;

    (void)state;
    for (i = 0; i < server_gather; i++) {
        mr__rpc_part part = {bytes[i], sizeof bytes[i]};
        mr__rpc_call call = call_of("/t/Gather", &part, 1);
        memset(bytes[i], 'a' + i, sizeof bytes[i]);
        assert_int_equal(mr__rpc_start(rpc, &call, &pending[i], &err), MR_OK);
    }
    for (i = server_gather - 1; i >= 0; i--) { /* in any order */
        mr__rpc_answer answer;
        assert_int_equal(mr__rpc_wait(pending[i], &answer, &err), MR_OK);
        assert_int_equal(answer.size, sizeof bytes[i]);
        assert_memory_equal(answer.data, bytes[i], sizeof bytes[i]);
        mr__rpc_answer_fini(&answer);
    }
    for (i = 0; i < server_gather; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, one_of_many, rpc), 0);
    for (i = 0; i < server_gather; i++) {
        assert_int_equal(pthread_join(threads[i], &wrong), 0);
        assert_ptr_equal(wrong, NULL);
    }
    mr__rpc_close(&rpc);
    server_close(s);
}

/* Until the server is reached, or a long time has passed. */
static mr_status reach(mr__rpc *rpc, mr_error *err)
{
    mr__rpc_call call = call_of("/t/Echo", NULL, 0);
    uint64_t until = mr__clock_ns() + (uint64_t)LONG_MS * 1000000;
    mr__rpc_answer answer;
    mr_status status;

    while ((status = mr__rpc_unary(rpc, &call, &answer, err)) != MR_OK && mr__clock_ns() < until)
        (void)poll(NULL, 0, 10);
    mr__rpc_answer_fini(&answer);
    return status;
}

static void test_restart(void **state)
{
    server *s = server_open(0, NULL, NULL);
    uint16_t port = server_port(s);
    mr__rpc *rpc = open_plain(port);
    mr__rpc_call call = call_of("/t/Hang", NULL, 0);
    mr__rpc_pending *pending = NULL;
    mr__rpc_answer answer;
    mr_error err = {0};
    uint64_t before;

    (void)state;
    assert_int_equal(reach(rpc, &err), MR_OK);
    assert_int_equal(mr__rpc_start(rpc, &call, &pending, &err), MR_OK);
    server_close(s);
    assert_true(mr__rpc_wait(pending, &answer, &err) < 0); /* what was in flight fails now */
    call.method = "/t/Echo";
    before = mr__clock_ns();
    assert_int_equal(mr__rpc_unary(rpc, &call, &answer, &err), MR_E_ENV);
    assert_int_equal(answer.code, MR__RPC_UNAVAILABLE);
    assert_true(mr__clock_ns() - before < (uint64_t)LONG_MS * 500000);
    /* begun while nobody is there, and answered once somebody is */
    call.wait = true;
    assert_int_equal(mr__rpc_start(rpc, &call, &pending, &err), MR_OK);
    s = server_open(port, NULL, NULL);
    assert_int_equal(mr__rpc_wait(pending, &answer, &err), MR_OK);
    mr__rpc_answer_fini(&answer);
    mr__rpc_close(&rpc);
    server_close(s);
}

static void test_refused(void **state)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    mr__rpc_call call = call_of("/t/Echo", NULL, 0);
    mr__rpc_answer answer;
    mr_error err = {0};
    char says[120];
    mr__rpc *rpc;

    (void)state;
    /* bound and not listening: nobody else gets this port */
    assert_int_equal(bind(fd, (struct sockaddr *)&at, size), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &size), 0);
    rpc = open_plain(ntohs(at.sin_port));
    assert_int_equal(mr__rpc_unary(rpc, &call, &answer, &err), MR_E_ENV);
    (void)snprintf(
        says, sizeof says,
        "Echo: connection refused (127.0.0.1:%u); is the server running? see: millrace health",
        (unsigned)ntohs(at.sin_port));
    assert_string_equal(err.message, says);
    mr__rpc_close(&rpc);
    (void)close(fd);
}

/* Speaks just enough HTTP/2 to be sent everything, and reads nothing of it. */
static void *deaf_server(void *arg)
{
    static const uint8_t hello[] = {
        0, 0, 6, 4, 0, 0, 0, 0, 0, 0,    4, 0x7f, 0xff, 0xff, 0xff, /* window */
        0, 0, 4, 8, 0, 0, 0, 0, 0, 0x7f, 0, 0,    0,                /* of the connection */
        0, 0, 0, 4, 1, 0, 0, 0, 0};                                 /* ack */
    int fd = accept4(*(int *)arg, NULL, NULL, SOCK_CLOEXEC);

    if (fd >= 0 && write(fd, hello, sizeof hello) == (ssize_t)sizeof hello)
        return (void *)(intptr_t)fd;
    return (void *)(intptr_t)-1;
}

/* When a call has failed its memory is the caller's, even if the peer has taken half of it. */
static void test_lent_memory(void **state)
{
    int listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), small = 4096;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    size_t bytes = (size_t)32 << 20;
    mr__rpc_part part = {calloc(1, bytes), bytes};
    mr__rpc_call call = call_of("/t/Echo", &part, 1);
    mr__rpc_options options;
    mr__rpc_answer answer;
    pthread_t thread;
    mr__rpc *rpc;
    void *fd;

    (void)state;
    (void)setsockopt(listening, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    assert_int_equal(bind(listening, (struct sockaddr *)&at, size), 0);
    assert_int_equal(listen(listening, 4), 0);
    assert_int_equal(getsockname(listening, (struct sockaddr *)&at, &size), 0);
    assert_int_equal(pthread_create(&thread, NULL, deaf_server, &listening), 0);
    mr__rpc_options_init(&options);
    options.keepalive_timeout_ms = 1500;
    rpc = open_at(ntohs(at.sin_port), &options);
    call.timeout_ms = SHORT_MS;
    assert_int_equal(mr__rpc_unary(rpc, &call, &answer, NULL), MR_E_ENV);
    assert_int_equal(answer.code, MR__RPC_DEADLINE_EXCEEDED);
    /* address sanitizer and valgrind would see a read of this */
    memset((void *)(uintptr_t)part.data, 0xff, bytes);
    free((void *)(uintptr_t)part.data);
    assert_int_equal(pthread_join(thread, &fd), 0);
    assert_true((intptr_t)fd >= 0);
    mr__rpc_close(&rpc);
    (void)close((int)(intptr_t)fd);
    (void)close(listening);
}

static char *text_of(const char *path)
{
    char *text = calloc(1, 16384);
    FILE *f = fopen(path, "re");

    assert_non_null(f);
    assert_true(fread(text, 1, 16383, f) > 0);
    (void)fclose(f);
    return text;
}

static void test_tls(void **state)
{
    char dir[] = "/tmp/millrace-rpc-XXXXXX", cert[64], key[64];
    char *cert_text, *key_text;
    mr__rpc_call call = call_of("/t/Echo", NULL, 0);
    mr__rpc_options options;
    mr__rpc_answer answer;
    mr_error err = {0};
    mr__rpc *rpc = NULL;
    server *s;

    (void)state;
    assert_non_null(mkdtemp(dir));
    (void)snprintf(cert, sizeof cert, "%s/cert.pem", dir);
    (void)snprintf(key, sizeof key, "%s/key.pem", dir);
    assert_int_equal(server_certificate(cert, key), 0);
    cert_text = text_of(cert);
    key_text = text_of(key);
    s = server_open(0, cert_text, key_text);

    mr__rpc_options_init(&options);
    options.tls = true;
    options.ca = cert;
    options.server_name = "db.test";
    rpc = open_at(server_port(s), &options);
    assert_int_equal(mr__rpc_unary(rpc, &call, &answer, &err), MR_OK);
    mr__rpc_answer_fini(&answer);
    mr__rpc_close(&rpc);
    options.server_name = NULL; /* 127.0.0.1 is not in the certificate */
    rpc = open_at(server_port(s), &options);
    assert_int_equal(mr__rpc_unary(rpc, &call, &answer, &err), MR_E_ENV);
    mr__rpc_close(&rpc);
    options.server_name = "db.test";
    options.ca = NULL; /* nobody vouches for it */
    rpc = open_at(server_port(s), &options);
    assert_int_equal(mr__rpc_unary(rpc, &call, &answer, &err), MR_E_ENV);
    mr__rpc_close(&rpc);
    options.address = "127.0.0.1:1";
    options.ca = dir;
    assert_int_equal(mr__rpc_open(&options, &rpc, &err), MR_E_ENV);
    assert_null(rpc);
    options.ca = cert;
    options.key = key;
    assert_int_equal(mr__rpc_open(&options, &rpc, &err), MR_E_INVALID);
    server_close(s);
    free(cert_text);
    free(key_text);
    (void)unlink(cert);
    (void)unlink(key);
    (void)rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_address),  cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_metadata), cmocka_unit_test(test_failures),
        cmocka_unit_test(test_too_long), cmocka_unit_test(test_deadline_and_cancel),
        cmocka_unit_test(test_many),     cmocka_unit_test(test_restart),
        cmocka_unit_test(test_refused),  cmocka_unit_test(test_lent_memory),
        cmocka_unit_test(test_tls),
    };

    return cmocka_run_group_tests_name("rpc", tests, NULL, NULL);
}
