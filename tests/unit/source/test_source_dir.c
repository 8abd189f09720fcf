/* SPDX-License-Identifier: Apache-2.0 */
/* Directories and single files: what is yielded, in which order, under which names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <sys/socket.h>
#include <sys/un.h>

#include "base/size.h"
#include "collect.h"
#include "scratch.h"
#include "source/listing.h"

static void assert_ids(const char *spec, const mr_source_options *options, const char *want)
{
    collection c = collect_one(spec, options);
    size_t i;

    assert_int_equal(c.end, MR_EOF);
    if (!collect_is(&c, want))
        for (i = 0; i < c.n; i++)
            print_error("# got %s\n", collect_at(&c, i)->id);
    assert_true(collect_is(&c, want));
    collect_free(&c);
}

static uint64_t ignored_of(const char *spec, const mr_source_options *options)
{
    collection c = collect_one(spec, options);
    uint64_t n = c.ignored;

    collect_free(&c);
    return n;
}

/* '.' < '/' < '0' in bytes: a directory sorts as if its name ended with a slash */
static void test_order_is_that_of_paths(void **state)
{
    (void)state;
    scratch_mkdir("p");
    scratch_mkdir("p/a");
    scratch_mkdir("p/B");
    scratch_file("p/a.jpg", 1, 'x');
    scratch_file("p/a0.jpg", 1, 'x');
    scratch_file("p/a-.jpg", 1, 'x');
    scratch_file("p/a/z.png", 1, 'x');
    scratch_file("p/a/b.webp", 1, 'x');
    scratch_file("p/B/1.gif", 1, 'x');
    scratch_file("p/\xc3\xa9.jpg", 1, 'x');
    assert_ids("p", NULL,
               "p/B/1.gif p/a-.jpg p/a.jpg p/a/b.webp p/a/z.png p/a0.jpg p/\xc3\xa9.jpg");
    assert_ids("p/", NULL,
               "p/B/1.gif p/a-.jpg p/a.jpg p/a/b.webp p/a/z.png p/a0.jpg p/\xc3\xa9.jpg");
    assert_ids(".//p/./a/", NULL, "p/a/b.webp p/a/z.png");
    assert_ids("p/a/../a", NULL, "p/a/../a/b.webp p/a/../a/z.png");
    assert_int_equal(chdir("p/a"), 0);
    assert_ids(".", NULL, "b.webp z.png");
    assert_ids("..", NULL,
               "../B/1.gif ../a-.jpg ../a.jpg ../a/b.webp ../a/z.png ../a0.jpg ../\xc3\xa9.jpg");
}

static void test_what_is_passed_over(void **state)
{
    const char *extensions[] = {"JPG",  "jpeg", "Jpe", "jfif", "PNG",
                                "webp", "gif",  "bmp", "txt",  "jpgx"};
    mr_source_options options;
    struct sockaddr_un addr = {.sun_family = AF_UNIX, .sun_path = "p/s.jpg"};
    char name[32];
    size_t i;
    int s = socket(AF_UNIX, SOCK_STREAM, 0);

    (void)state;
    scratch_mkdir("p");
    for (i = 0; i < sizeof extensions / sizeof extensions[0]; i++) {
        (void)snprintf(name, sizeof name, "p/%zu.%s", i, extensions[i]);
        scratch_file(name, 1, 'x');
    }
    scratch_file("p/.hidden.jpg", 1, 'x');
    scratch_mkdir("p/.thumbs");
    scratch_file("p/.thumbs/a.jpg", 1, 'x');
    scratch_mkdir("p/d.jpg"); /* a directory by such a name is a directory */
    scratch_file("p/d.jpg/x", 1, 'x');
    assert_int_equal(mkfifo("p/f.jpg", 0600), 0);
    assert_int_equal(bind(s, (const struct sockaddr *)&addr, sizeof addr), 0);
    (void)close(s);
    assert_int_equal(symlink("0.JPG", "p/l.jpg"), 0);
    assert_ids("p", NULL, "p/0.JPG p/1.jpeg p/2.Jpe p/3.jfif p/4.PNG p/5.webp p/6.gif p/7.bmp");
    /* 8.txt 9.jpgx .hidden.jpg .thumbs d.jpg/x f.jpg s.jpg l.jpg */
    assert_int_equal(ignored_of("p", NULL), 8);
    mr_source_options_init(&options);
    options.all_files = true;
    assert_ids("p", &options,
               "p/0.JPG p/1.jpeg p/2.Jpe p/3.jfif p/4.PNG p/5.webp p/6.gif p/7.bmp p/8.txt "
               "p/9.jpgx p/d.jpg/x");
    assert_int_equal(ignored_of("p", &options), 5);
    options.follow = true;
    assert_int_equal(ignored_of("p", &options), 4);
}

static void test_links(void **state)
{
    mr_source_options options;
    collection c;

    (void)state;
    scratch_mkdir("p");
    scratch_mkdir("p/d");
    scratch_mkdir("out");
    scratch_file("out/o.jpg", 1, 'x');
    scratch_file("p/d/a.jpg", 1, 'x');
    assert_int_equal(symlink("..", "p/d/up"), 0);
    assert_int_equal(symlink(".", "p/d/here"), 0);
    assert_int_equal(symlink("../out", "p/out"), 0);
    assert_int_equal(symlink("self.jpg", "p/self.jpg"), 0);
    assert_int_equal(symlink("nowhere.jpg", "p/broken.jpg"), 0);
    assert_int_equal(symlink("p", "named"), 0);
    assert_ids("p", NULL, "p/d/a.jpg");
    assert_int_equal(ignored_of("p", NULL), 5);
    /* a link that is named is followed, those inside are not */
    assert_ids("named", NULL, "named/d/a.jpg");
    mr_source_options_init(&options);
    options.follow = true;
    c = collect_one("p", &options);
    assert_int_equal(c.end, MR_EOF);
    assert_true(collect_is(&c, "p/broken.jpg p/d/a.jpg p/out/o.jpg p/self.jpg"));
    assert_int_equal(c.ignored, 2); /* up and here lead back */
    collect_free(&c);
}

static void test_what_is_not_there_is_an_item(void **state)
{
    const char *specs[] = {"./no//such.jpg", "f.jpg", "https://h//a/./b.jpg"};
    collection c;

    (void)state;
    scratch_file("f.jpg", 1, 'x');
    c = collect_specs(specs, 3, NULL);
    assert_int_equal(c.n, 3);
    assert_string_equal(collect_at(&c, 0)->id, "no/such.jpg");
    assert_string_equal(collect_at(&c, 0)->key, "no/such.jpg");
    assert_string_equal(collect_at(&c, 0)->uri, "./no//such.jpg");
    assert_string_equal(collect_at(&c, 0)->locator, "./no//such.jpg");
    assert_int_equal(collect_at(&c, 0)->code, MR_CODE_NONE);
    assert_string_equal(collect_at(&c, 1)->id, "f.jpg");
    assert_string_equal(collect_at(&c, 2)->id, "https://h//a/./b.jpg");
    collect_free(&c);
}

static void test_a_directory_that_cannot_be_read(void **state)
{
    collection c;
    char deep[80];
    int i;

    (void)state;
    /* deeper than a path can say: reported, and the rest goes on */
    scratch_mkdir("p");
    scratch_file("p/z.jpg", 1, 'x');
    memset(deep, 'd', sizeof deep - 1);
    deep[sizeof deep - 1] = '\0';
    assert_int_equal(chdir("p"), 0);
    for (i = 0; i < 60; i++) {
        scratch_mkdir(deep);
        if (i == 30)
            scratch_file("m.jpg", 1, 'x');
        assert_int_equal(chdir(deep), 0);
    }
    for (i = 0; i < 61; i++)
        assert_int_equal(chdir(".."), 0);
    c = collect_one("p", NULL);
    assert_int_equal(c.end, MR_EOF);
    assert_int_equal(c.n, 3);
    assert_int_equal(collect_at(&c, 0)->code, MR_CODE_BAD_ID); /* too long for an id */
    assert_int_equal(strlen(collect_at(&c, 0)->id), 512);
    assert_int_equal(collect_at(&c, 1)->code, MR_CODE_BAD_ID);
    assert_string_not_equal(collect_at(&c, 0)->key, collect_at(&c, 1)->key);
    assert_string_equal(collect_at(&c, 2)->id, "p/z.jpg");
    assert_int_equal(collect_at(&c, 2)->code, MR_CODE_NONE);
    collect_free(&c);
    if (geteuid() == 0)
        return; /* root may read everything */
    scratch_mkdir("q");
    scratch_mkdir("q/shut");
    scratch_file("q/z.jpg", 1, 'x');
    assert_int_equal(chmod("q/shut", 0), 0);
    c = collect_one("q", NULL);
    assert_int_equal(chmod("q/shut", 0700), 0);
    assert_int_equal(c.n, 2);
    assert_string_equal(collect_at(&c, 0)->id, "q/shut");
    assert_int_equal(collect_at(&c, 0)->code, MR_CODE_PERMISSION_DENIED);
    assert_string_equal(collect_at(&c, 1)->id, "q/z.jpg");
    collect_free(&c);
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static char **many_names(size_t n, size_t *n_names)
{
    char **names = calloc(n, sizeof *names);
    uint32_t x = 1;
    size_t i;

    assert_non_null(names);
    for (i = 0; i < n; i++) {
        x = x * 1664525u + 1013904223u;
        names[i] = malloc(40);
        assert_non_null(names[i]);
        (void)snprintf(names[i], 40, "p/%08x%c.jpg", (unsigned)x, (char)('A' + i % 50));
        scratch_file(names[i], 0, 'x');
    }
    qsort(names, n, sizeof *names, by_bytes);
    *n_names = n;
    return names;
}

static void test_ten_thousand_in_order(void **state)
{
    size_t i, n;
    char **names;
    collection c;

    (void)state;
    scratch_mkdir("p");
    names = many_names(10000, &n);
    c = collect_one("p", NULL);
    assert_int_equal(c.end, MR_EOF);
    assert_int_equal(c.n, n);
    for (i = 0; i < n; i++) {
        assert_string_equal(collect_at(&c, i)->id, names[i]);
        free(names[i]);
    }
    free(names);
    collect_free(&c);
}

/* The same order from a window that holds a fiftieth of the directory, and no more memory */
static void test_small_window(void **state)
{
    mr__source_wake wake = {.fd = -1};
    mr__source owner = {.wake = &wake};
    mr_source_options options;
    mr__listing listing;
    const char *name;
    char **names;
    size_t i, n;
    mr_error err;

    (void)state;
    scratch_mkdir("p");
    names = many_names(3000, &n);
    scratch_file("p/ignored.txt", 0, 'x');
    mr_source_options_init(&options);
    mr__listing_init(&listing, &owner, &options, 1200);
    for (i = 0; i < n; i++) {
        assert_int_equal(mr__listing_next(&listing, "p", &name, &err), MR_OK);
        assert_string_equal(name, names[i] + 2);
        assert_true(mr__listing_bytes(&listing) <= 8192);
        free(names[i]);
    }
    free(names);
    assert_int_equal(mr__listing_next(&listing, "p", &name, &err), MR_EOF);
    assert_int_equal(atomic_load(&owner.ignored), 1); /* counted at the first reading only */
    mr__listing_fini(&listing);
    /* told to stop, a reading ends */
    mr__listing_init(&listing, &owner, &options, 1200);
    atomic_store(&wake.interrupted, 1);
    assert_int_equal(mr__listing_next(&listing, "p", &name, &err), MR_E_INTERRUPTED);
    atomic_store(&wake.interrupted, 0);
    assert_int_equal(mr__listing_next(&listing, "p", &name, &err), MR_OK);
    mr__listing_fini(&listing);
}

static void test_count(void **state)
{
    const char *specs[] = {"p", "p/b.jpg", "@l.txt", "missing.jpg", "@missing.txt"};
    const char *piped[] = {"p", "-"}, *fifo[] = {"@f"};
    volatile int stop = 0;
    uint64_t n = 0;
    mr_error err;

    (void)state;
    scratch_mkdir("p");
    scratch_file("p/a.jpg", 1, 'x');
    scratch_file("p/b.jpg", 1, 'x');
    scratch_file("p/c.txt", 1, 'x');
    scratch_text("l.txt", "one\n\ntwo", 8);
    assert_int_equal(mkfifo("f", 0600), 0);
    assert_int_equal(mr_source_count(specs, 5, NULL, &stop, &n, &err), MR_OK);
    assert_int_equal(n, 7);
    assert_int_equal(mr_source_count(piped, 2, NULL, NULL, &n, &err), MR_AGAIN);
    assert_int_equal(mr_source_count(fifo, 1, NULL, NULL, &n, &err), MR_AGAIN);
    stop = 1;
    assert_int_equal(mr_source_count(specs, 5, NULL, &stop, &n, &err), MR_AGAIN);
}

static void test_nothing_is_left_open(void **state)
{
    const char *specs[] = {"p", "@l.txt", "p/d/a.jpg"};
    size_t before, i;
    mr_source *source;
    mr_item item;
    mr_error err;

    (void)state;
    scratch_mkdir("p");
    scratch_mkdir("p/d");
    scratch_file("p/d/a.jpg", 1, 'x');
    scratch_text("l.txt", "one\ntwo", 7);
    before = scratch_descriptors();
    for (i = 0; i < 6; i++) {
        size_t taken;

        assert_int_equal(mr_source_open(specs, 3, NULL, &source, &err), MR_OK);
        for (taken = 0; taken < i; taken++)
            (void)!mr_source_next(source, &item, &err);
        mr_source_close(&source);
        assert_null(source);
        assert_int_equal(scratch_descriptors(), before);
    }
    mr_source_close(&source);
}

static void test_wrong_arguments(void **state)
{
    const char *empty[] = {"p", ""}, *at[] = {"@"}, *one[] = {"p"};
    mr_source_options options;
    mr_source *source;
    mr_error err;

    (void)state;
    assert_int_equal(mr_source_open(one, 0, NULL, &source, &err), MR_E_INVALID);
    assert_int_equal(mr_source_open(empty, 2, NULL, &source, &err), MR_E_INVALID);
    assert_null(source);
    assert_int_equal(mr_source_open(at, 1, NULL, &source, &err), MR_E_INVALID);
    mr_source_options_init(&options);
    options.id_from = MR_ID_FROM_SHA256;
    assert_int_equal(mr_source_open(one, 1, &options, &source, &err), MR_E_UNSUPPORTED);
    options.id_from = (mr_id_from)77;
    assert_int_equal(mr_source_open(one, 1, &options, &source, &err), MR_E_INVALID);
}

#define IN_SCRATCH(test) cmocka_unit_test_setup_teardown(test, scratch_setup, scratch_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_SCRATCH(test_order_is_that_of_paths),
        IN_SCRATCH(test_what_is_passed_over),
        IN_SCRATCH(test_links),
        IN_SCRATCH(test_what_is_not_there_is_an_item),
        IN_SCRATCH(test_a_directory_that_cannot_be_read),
        IN_SCRATCH(test_ten_thousand_in_order),
        IN_SCRATCH(test_small_window),
        IN_SCRATCH(test_count),
        IN_SCRATCH(test_nothing_is_left_open),
        IN_SCRATCH(test_wrong_arguments),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
