/* SPDX-License-Identifier: Apache-2.0 */
/* Loading of modules: one that fits, and each way not to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "module/module.h"

/* The modules lie in a folder beside this program. */
static int set_folder(void **state)
{
    char path[4096], folder[4200];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);

    (void)state;
    if (n <= 0)
        return -1;
    path[n] = '\0';
    *strrchr(path, '/') = '\0';
    (void)snprintf(folder, sizeof folder, "%s/module", path);
    return setenv("MILLRACE_MODULES", folder, 1);
}

static void refused(const char *name, mr_status status, const char *says)
{
    const mr__module *module = (const mr__module *)&status;
    mr_error err = {0};

    assert_int_equal(mr__module_load(name, "test", &module, &err), status);
    assert_null(module);
    if (!strstr(err.message, says))
        fail_msg("%s: \"%s\" does not say \"%s\"", name, err.message, says);
}

static void test_one_that_fits(void **state)
{
    const mr__module *module = NULL, *again = NULL;
    char text[32];
    mr_error err = {0};

    (void)state;
    if (mr__module_load("fixture-good", "test", &module, &err) != MR_OK)
        fail_msg("%s", err.message);
    assert_int_equal(*(const int *)module->ops, 42);
    assert_int_equal(module->probe(text, sizeof text, &err), MR_OK);
    assert_string_equal(text, "fixture");
    /* it stays: the same object again */
    assert_int_equal(mr__module_load("fixture-good", "test", &again, &err), MR_OK);
    assert_ptr_equal(module, again);
}

static void test_those_that_do_not(void **state)
{
    (void)state;
    refused("fixture-magic", MR_E_ENV, "no module of millrace");
    refused("fixture-abi", MR_E_ENV, "install both from one build");
    refused("fixture-version", MR_E_ENV, "of version 0.0.0");
    refused("fixture-kind", MR_E_ENV, "is a store, not a test");
    refused("fixture-absent", MR_E_UNSUPPORTED, "millrace-fixture-absent.so is not installed");
    refused("../module/fixture-absent", MR_E_UNSUPPORTED, "not installed");
}

static void test_places(void **state)
{
    (void)state;
    assert_int_equal(setenv("MILLRACE_MODULES", "relative", 1), 0);
    refused("fixture-good", MR_E_UNSUPPORTED, "no absolute path");
    assert_int_equal(setenv("MILLRACE_MODULES", "/nowhere", 1), 0);
    refused("fixture-good", MR_E_UNSUPPORTED, "looked in /nowhere/");
    assert_int_equal(unsetenv("MILLRACE_MODULES"), 0);
    refused("fixture-good", MR_E_UNSUPPORTED, "/millrace/");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_one_that_fits, set_folder),
        cmocka_unit_test_setup(test_those_that_do_not, set_folder),
        cmocka_unit_test(test_places),
    };

    return cmocka_run_group_tests_name("module", tests, NULL, NULL);
}
