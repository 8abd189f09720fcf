/* SPDX-License-Identifier: Apache-2.0 */
/* What enters the stream: judged against a ledger of the test's own and files that it makes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "pipeline/admit.h"

#define MINE   "mr1:mine"
#define OTHERS "mr1:others"

/* A ledger of one entry. */
typedef struct ledger {
    mr_store base;
    const char *key, *id;
    mr__ledger_fact fact;
    unsigned asked;
} ledger;

static mr_status ledger_fact(mr_store *store, const char *key, mr__ledger_fact *out, mr_error *err)
{
    ledger *l = (ledger *)store;

    (void)err;
    l->asked++;
    *out = (mr__ledger_fact){0};
    if (l->key && strcmp(key, l->key) == 0)
        *out = l->fact;
    return MR_OK;
}

static mr_status ledger_owner(mr_store *store, const char *id, char *key, size_t size,
                              mr_error *err)
{
    const ledger *l = (const ledger *)store;

    (void)err;
    (void)snprintf(key, size, "%s",
                   l->id && l->fact.stored && strcmp(id, l->id) == 0 ? l->key : "");
    return MR_OK;
}

static const mr__store_ops ledger_ops = {
    .name = "ledger", .fact = ledger_fact, .id_owner = ledger_owner};

/* Items in a row, then the end. */
typedef struct script {
    const mr_item *items;
    size_t n, at;
    mr_status end;
} script;

static mr_status script_next(void *cookie, mr_item *item, mr_error *err)
{
    script *s = cookie;

    (void)err;
    if (s->at == s->n)
        return s->end;
    *item = s->items[s->at++];
    return MR_OK;
}

typedef struct fixture {
    ledger store;
    script script;
    mr_source *source;
    mr__admit admit;
    char path[64];
} fixture;

static fixture f;

static void begin(const mr_item *items, size_t n, mr_refresh refresh)
{
    mr__admit_options options = {
        .fingerprint = MINE, .refresh = refresh, .ids = 1000, .store = &f.store.base};

    f.store.base = (mr_store){.ops = &ledger_ops, .spec = f.path};
    f.script = (script){.items = items, .n = n, .end = MR_EOF};
    assert_int_equal(mr_source_from_callback(script_next, NULL, NULL, &f.script, &f.source, NULL),
                     MR_OK);
    options.source = f.source;
    assert_int_equal(mr__admit_init(&f.admit, &options, NULL), MR_OK);
}

static void end(void)
{
    mr__admit_fini(&f.admit);
    mr_source_close(&f.source);
}

/* The next admitted item, which must have this key and code. */
static void expect(const char *key, mr_code code)
{
    mr_item item = {0};
    mr_error err = {0};

    assert_int_equal(mr__admit_next(&f.admit, &item, &err), MR_OK);
    assert_string_equal(item.key, key);
    assert_int_equal(item.code, code);
}

static void expect_end(uint64_t skipped)
{
    mr_item item = {0};
    mr_error err = {0};

    assert_int_equal(mr__admit_next(&f.admit, &item, &err), MR_EOF);
    assert_int_equal(atomic_load(&f.admit.skipped), skipped);
}

/* The ledger stores the file of the fixture as it is now. */
static void remember_file(const char *fingerprint)
{
    mr_error err = {0};

    f.store.key = f.store.id = "a";
    f.store.fact = (mr__ledger_fact){.found = true, .stored = true, .attempts = 1};
    (void)snprintf(f.store.fact.fingerprint, sizeof f.store.fact.fingerprint, "%s", fingerprint);
    assert_int_equal(mr__fetch_stat(NULL, f.path, &f.store.fact.version, &err), MR_OK);
}

static int set_up(void **state)
{
    int fd;

    (void)state;
    memset(&f, 0, sizeof f);
    (void)snprintf(f.path, sizeof f.path, "/tmp/mr-admit-XXXXXX");
    fd = mkstemp(f.path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "picture", 7), 7);
    assert_int_equal(close(fd), 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    return unlink(f.path);
}

static void test_within_a_run(void **state)
{
    const mr_item items[] = {
        {.id = "a", .key = "x/a", .uri = "x/a", .locator = "x/a"},
        {.id = "b", .key = "x/b", .uri = "x/b", .locator = "x/b"},
        {.id = "a", .key = "x/a", .uri = "x/a", .locator = "x/a"}, /* listed twice */
        {.id = "a", .key = "y/a", .uri = "y/a", .locator = "y/a"}, /* another file, the same id */
    };

    (void)state;
    begin(items, 4, MR_REFRESH_AUTO);
    expect("x/a", MR_CODE_NONE);
    expect("x/b", MR_CODE_NONE);
    expect("y/a", MR_CODE_DUPLICATE_ID);
    expect_end(1);
    assert_int_equal(f.store.asked, 2); /* not again for what this run knows itself */
    end();
}

static void test_rejected_goes_through(void **state)
{
    const mr_item items[] = {
        {.id = "a", .key = "a", .uri = "a", .locator = "a", .code = MR_CODE_BAD_ID},
        {.id = "a", .key = "a", .uri = "a", .locator = "a", .code = MR_CODE_BAD_ID},
    };

    (void)state;
    begin(items, 2, MR_REFRESH_AUTO);
    expect("a", MR_CODE_BAD_ID);
    expect("a", MR_CODE_BAD_ID);
    expect_end(0);
    end();
}

static void run_one(mr_refresh refresh, bool admitted)
{
    const mr_item item = {.id = "a", .key = "a", .uri = "a", .locator = f.path};

    begin(&item, 1, refresh);
    if (admitted)
        expect("a", MR_CODE_NONE);
    expect_end(admitted ? 0 : 1);
    end();
}

static void test_unchanged_is_skipped(void **state)
{
    (void)state;
    remember_file(MINE);
    run_one(MR_REFRESH_AUTO, false);
    run_one(MR_REFRESH_NEVER, false);
    run_one(MR_REFRESH_ALWAYS, true);
}

static void test_changed_comes_again(void **state)
{
    (void)state;
    remember_file(MINE);
    f.store.fact.version.mtime_ns -= 1;
    run_one(MR_REFRESH_AUTO, true);
    run_one(MR_REFRESH_NEVER, false); /* whatever is stored stays */
    remember_file(MINE);
    f.store.fact.version.size += 1;
    run_one(MR_REFRESH_AUTO, true);
}

static void test_other_fingerprint_comes_again(void **state)
{
    (void)state;
    remember_file(OTHERS);
    run_one(MR_REFRESH_AUTO, true);
    run_one(MR_REFRESH_NEVER, false);
}

static void test_failed_comes_again(void **state)
{
    (void)state;
    remember_file(MINE);
    f.store.fact.stored = false;
    run_one(MR_REFRESH_AUTO, true);
    run_one(MR_REFRESH_NEVER, true);
}

static void test_missing_file_fails_later(void **state)
{
    const mr_item item = {.id = "a", .key = "a", .uri = "a", .locator = "/nonexistent/a"};

    (void)state;
    remember_file(MINE);
    begin(&item, 1, MR_REFRESH_AUTO);
    expect("a", MR_CODE_NONE); /* the fetcher will say why */
    expect_end(0);
    end();
}

static void test_owned_by_another_key(void **state)
{
    const mr_item item = {.id = "a", .key = "elsewhere/a", .uri = "u", .locator = f.path};
    mr_item out = {0};
    mr_error err = {0};

    (void)state;
    remember_file(MINE);
    begin(&item, 1, MR_REFRESH_ALWAYS);
    assert_int_equal(mr__admit_next(&f.admit, &out, &err), MR_OK);
    assert_int_equal(out.code, MR_CODE_DUPLICATE_ID);
    assert_string_equal(out.message, "the id was met before under a");
    end();
}

static void test_bytes_by_size(void **state)
{
    const mr_item same = {.id = "a", .key = "a", .uri = "a", .bytes = "picture", .n_bytes = 7};
    const mr_item longer = {.id = "a", .key = "a", .uri = "a", .bytes = "pictures", .n_bytes = 8};

    (void)state;
    remember_file(MINE);
    f.store.fact.version.mtime_ns = 0;
    begin(&same, 1, MR_REFRESH_AUTO);
    expect_end(1);
    end();
    begin(&longer, 1, MR_REFRESH_AUTO);
    expect("a", MR_CODE_NONE);
    end();
}

static void test_stop(void **state)
{
    const mr_item items[] = {{.id = "a", .key = "a", .uri = "a", .locator = "a"},
                             {.id = "b", .key = "b", .uri = "b", .locator = "b"}};

    (void)state;
    begin(items, 2, MR_REFRESH_AUTO);
    expect("a", MR_CODE_NONE);
    mr__admit_stop(&f.admit);
    expect_end(0);
    end();
    /* a source that was interrupted has ended as far as the stream is concerned */
    begin(items, 0, MR_REFRESH_AUTO);
    f.script.end = MR_E_INTERRUPTED;
    expect_end(0);
    end();
}

static void test_error_passes(void **state)
{
    mr_item item = {0};
    mr_error err = {0};

    (void)state;
    begin(NULL, 0, MR_REFRESH_AUTO);
    f.script.end = MR_E_IO;
    assert_int_equal(mr__admit_next(&f.admit, &item, &err), MR_E_IO);
    end();
}

#define WITH_FILE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FILE(test_within_a_run),
        WITH_FILE(test_rejected_goes_through),
        WITH_FILE(test_unchanged_is_skipped),
        WITH_FILE(test_changed_comes_again),
        WITH_FILE(test_other_fingerprint_comes_again),
        WITH_FILE(test_failed_comes_again),
        WITH_FILE(test_missing_file_fails_later),
        WITH_FILE(test_owned_by_another_key),
        WITH_FILE(test_bytes_by_size),
        WITH_FILE(test_stop),
        WITH_FILE(test_error_passes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
