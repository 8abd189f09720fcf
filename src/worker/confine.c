/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Confinement that an interpreter bears: it goes on loading modules and starting threads, but
 * writes no file, reaches no network, starts and touches no other process, and gains no privilege.
 * What is forbidden fails with EPERM, so that it is an exception of the item and not a death. It is
 * no match for the door that millrace-worker closes: files can still be read.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sched.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/sanitized.h"
#include "worker/foreign.h"

#define FS_WRITE_FILE (UINT64_C(1) << 1)
#define FS_READ_FILE  (UINT64_C(1) << 2)
#define FS_READ_DIR   (UINT64_C(1) << 3)

static bool allow_below(int ruleset, const char *path, uint64_t rights)
{
    struct landlock_path_beneath_attr rule = {.allowed_access = rights};
    long rc;

    rule.parent_fd = open(path, O_PATH | O_CLOEXEC);
    if (rule.parent_fd < 0)
        return false;
    rc = syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
    (void)close(rule.parent_fd);
    return rc == 0;
}

/* All rights but reading are taken away; the masks by ABI are those of sandbox.c. */
static bool confine_files(uint32_t *abi_out)
{
    static const uint64_t fs_bits[] = {13, 13, 14, 15, 15, 16, 16, 16};
    struct {
        uint64_t fs, net, scoped;
    } attr = {0};
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    size_t size = sizeof attr.fs;
    long fd;
    bool ok;

    if (abi < 1)
        return false;
    attr.fs = (UINT64_C(1) << fs_bits[abi < 7 ? abi : 7]) - 1;
    if (abi >= 4) {
        attr.net = 3;
        size = offsetof(__typeof__(attr), scoped);
    }
    if (abi >= 6) {
        attr.scoped = 3;
        size = sizeof attr;
    }
    fd = syscall(SYS_landlock_create_ruleset, &attr, size, 0);
    if (fd < 0)
        return false;
    ok = allow_below((int)fd, "/", FS_READ_FILE | FS_READ_DIR) &&
         allow_below((int)fd, "/dev/null", FS_READ_FILE | FS_WRITE_FILE) &&
         syscall(SYS_landlock_restrict_self, (int)fd, 0) == 0;
    (void)close((int)fd);
    if (ok)
        *abi_out = (uint32_t)abi;
    return ok;
}

static bool refuse_all(scmp_filter_ctx filter)
{
    static const int calls[] = {
        SCMP_SYS(socket),
        SCMP_SYS(connect),
        SCMP_SYS(bind),
        SCMP_SYS(listen),
        SCMP_SYS(accept),
        SCMP_SYS(accept4),
        SCMP_SYS(execve),
        SCMP_SYS(execveat),
        SCMP_SYS(fork),
        SCMP_SYS(vfork),
        SCMP_SYS(ptrace),
        SCMP_SYS(process_vm_readv),
        SCMP_SYS(process_vm_writev),
        SCMP_SYS(pidfd_open),
        SCMP_SYS(pidfd_getfd),
        SCMP_SYS(pidfd_send_signal),
        SCMP_SYS(mount),
        SCMP_SYS(umount2),
        SCMP_SYS(pivot_root),
        SCMP_SYS(chroot),
        SCMP_SYS(setns),
        SCMP_SYS(unshare),
        SCMP_SYS(bpf),
        SCMP_SYS(perf_event_open),
        SCMP_SYS(keyctl),
        SCMP_SYS(add_key),
        SCMP_SYS(request_key),
        SCMP_SYS(init_module),
        SCMP_SYS(finit_module),
        SCMP_SYS(delete_module),
        SCMP_SYS(io_uring_setup),
        SCMP_SYS(io_uring_enter),
        SCMP_SYS(io_uring_register),
        SCMP_SYS(userfaultfd),
        SCMP_SYS(setsid),
        SCMP_SYS(setpgid),
        SCMP_SYS(reboot),
        SCMP_SYS(kexec_load),
        SCMP_SYS(swapon),
        SCMP_SYS(swapoff),
        SCMP_SYS(shmget),
        SCMP_SYS(shmat),
        SCMP_SYS(msgget),
        SCMP_SYS(semget),
    };
    size_t i;

    for (i = 0; i < sizeof calls / sizeof calls[0]; i++)
        if (seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), calls[i], 0) != 0)
            return false;
    return true;
}

/* Signals reach nobody but this process; clone makes threads, never processes; the death of the
 * host stays its own. clone3 has its flags in memory: libraries fall back to clone when it is
 * unknown. */
static bool refuse_some(scmp_filter_ctx filter)
{
    const scmp_datum_t self = (scmp_datum_t)getpid();

    return seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(kill), 1,
                            SCMP_A0(SCMP_CMP_NE, self, 0)) == 0 &&
           seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(tgkill), 1,
                            SCMP_A0(SCMP_CMP_NE, self, 0)) == 0 &&
           seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(tkill), 0) == 0 &&
           seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(prctl), 1,
                            SCMP_A0(SCMP_CMP_EQ, PR_SET_PDEATHSIG, 0)) == 0 &&
           seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1,
                            SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0)) == 0 &&
           seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0) == 0;
}

static bool confine_calls(void)
{
    scmp_filter_ctx filter;
    bool ok;

    if (MR__SANITIZED)
        return false;
    filter = seccomp_init(SCMP_ACT_ALLOW);
    if (!filter)
        return false;
    /* the program may have threads already */
    ok = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1) == 0 && refuse_all(filter) &&
         refuse_some(filter) && seccomp_load(filter) == 0;
    seccomp_release(filter);
    return ok;
}

uint32_t mr__confine(uint32_t *landlock_abi)
{
    const struct rlimit none = {0};
    uint32_t layers = 0;

    (void)setrlimit(RLIMIT_CORE, &none);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0)
        layers |= MR_SANDBOX_NO_NEW_PRIVS;
    (void)prctl(PR_SET_DUMPABLE, 0);
    if (confine_files(landlock_abi))
        layers |= MR_SANDBOX_LANDLOCK;
    if (confine_calls())
        layers |= MR_SANDBOX_SECCOMP;
    return layers;
}
