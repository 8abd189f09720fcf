/* SPDX-License-Identifier: Apache-2.0 */
/* Closing the door: see sandbox.h. */
#include "worker/sandbox.h"

#include <linux/landlock.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/sanitized.h"
#include "millrace/stream.h"

int mr__sandbox_attach(int parent)
{
    (void)signal(SIGINT, SIG_IGN);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
        return false;
    (void)prctl(PR_SET_DUMPABLE, 0);
    return getppid() == parent;
}

/* Bytes of address space in use, 0 if /proc cannot be read. */
static uint64_t address_space(void)
{
    char line[128];
    uint64_t pages = 0;
    long page = sysconf(_SC_PAGESIZE);
    FILE *f = fopen("/proc/self/statm", "re");

    if (!f)
        return 0;
    if (fgets(line, sizeof line, f))
        pages = strtoull(line, NULL, 10);
    (void)fclose(f);
    return pages * (uint64_t)page;
}

static bool limit(__rlimit_resource_t what, uint64_t value)
{
    const struct rlimit both = {.rlim_cur = (rlim_t)value, .rlim_max = (rlim_t)value};

    return setrlimit(what, &both) == 0;
}

static bool close_limits(uint64_t mapped, uint64_t memory_bytes)
{
    if (mapped == 0 || !limit(RLIMIT_CORE, 0) || !limit(RLIMIT_FSIZE, 0) ||
        !limit(RLIMIT_NPROC, 0) || !limit(RLIMIT_NOFILE, 0))
        return false;
    /* sanitizers reserve terabytes of address space */
    return MR__SANITIZED || limit(RLIMIT_AS, mapped + memory_bytes);
}

/*
 * Landlock with every right handled and no rule that gives one back. Rights are bits counted up by
 * ABI; the masks are spelled out because the header at build time may be older than the running
 * kernel.
 */
static bool close_landlock(uint32_t *abi_out)
{
    static const uint64_t fs_bits[] = {13, 13, 14, 15, 15, 16, 16, 16};
    struct {
        uint64_t fs, net, scoped;
    } attr = {0};
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    size_t size = sizeof attr.fs;
    long fd, rc;

    *abi_out = 0;
    if (abi < 1)
        return false;
    attr.fs = (UINT64_C(1) << fs_bits[abi < 7 ? abi : 7]) - 1;
    if (abi >= 4) {
        attr.net = 3; /* bind and connect TCP */
        size = offsetof(__typeof__(attr), scoped);
    }
    if (abi >= 6) {
        attr.scoped = 3; /* abstract sockets and signals */
        size = sizeof attr;
    }
    fd = syscall(SYS_landlock_create_ruleset, &attr, size, 0);
    if (fd < 0)
        return false;
    rc = syscall(SYS_landlock_restrict_self, (int)fd, 0);
    (void)close((int)fd);
    if (rc != 0)
        return false;
    *abi_out = (uint32_t)abi;
    return true;
}

/* One rule of the allow-list. */
static bool allow(scmp_filter_ctx filter, int call)
{
    return seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 0) == 0;
}

/* What malloc advises. Other advice does harm to memory that is shared: MADV_REMOVE frees it under
 * the host, MADV_HWPOISON, to a privileged worker, breaks it. */
static bool allow_advice(scmp_filter_ctx filter, int advice)
{
    return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(madvise), 1,
                            SCMP_A2(SCMP_CMP_MASKED_EQ, UINT32_MAX, (scmp_datum_t)advice)) == 0;
}

/* Memory: anonymous and never executable. */
static bool allow_memory(scmp_filter_ctx filter)
{
    return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 3,
                            SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0),
                            SCMP_A3(SCMP_CMP_MASKED_EQ, MAP_ANONYMOUS, MAP_ANONYMOUS),
                            SCMP_A4(SCMP_CMP_MASKED_EQ, UINT32_MAX, UINT32_MAX)) == 0 &&
           seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mremap), 0) == 0 &&
           allow(filter, SCMP_SYS(munmap)) && allow(filter, SCMP_SYS(brk)) &&
           allow_advice(filter, MADV_DONTNEED) && allow_advice(filter, MADV_HUGEPAGE);
}

/* Signals to itself, so that abort() ends as the crash that it is and not as a violation. */
static bool allow_abort(scmp_filter_ctx filter)
{
    return allow(filter, SCMP_SYS(rt_sigprocmask)) && allow(filter, SCMP_SYS(rt_sigreturn)) &&
           allow(filter, SCMP_SYS(getpid)) && allow(filter, SCMP_SYS(gettid)) &&
           seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
                            SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid(), 0)) == 0;
}

static bool close_seccomp(int event_fd)
{
    scmp_filter_ctx filter;
    bool ok;

    if (MR__SANITIZED)
        return false;
    filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
    if (!filter)
        return false;
    ok = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(write), 1,
                          SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)event_fd, 0)) == 0 &&
         allow(filter, SCMP_SYS(futex)) && allow(filter, SCMP_SYS(exit_group)) &&
         allow(filter, SCMP_SYS(exit)) && allow(filter, SCMP_SYS(restart_syscall)) &&
         allow(filter, SCMP_SYS(clock_gettime)) && allow_memory(filter) && allow_abort(filter);
    ok = ok && seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2) == 0;
    ok = ok && seccomp_load(filter) == 0;
    seccomp_release(filter);
    return ok;
}

mr__sandbox_state mr__sandbox_close_door(int event_fd, uint64_t memory_bytes)
{
    mr__sandbox_state state = {0};
    uint64_t mapped = address_space(); /* while /proc can still be read */

    /* no_new_privs first: Landlock and an unprivileged seccomp filter both require it */
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0)
        state.layers |= MR_SANDBOX_NO_NEW_PRIVS;
    if (close_landlock(&state.landlock_abi))
        state.layers |= MR_SANDBOX_LANDLOCK;
    if (close_limits(mapped, memory_bytes))
        state.layers |= MR_SANDBOX_RLIMITS;
    if (close_seccomp(event_fd))
        state.layers |= MR_SANDBOX_SECCOMP;
    return state;
}
