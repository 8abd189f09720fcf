/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A captured worker: it speaks the protocol only to harm. It scribbles over its control area and
 * the slots, answers nonsense, asks for memory without end, claims what it does not finish, and
 * dies at will. With MILLRACE_FAILPOINTS=liar.asks it only claims a unit and asks for memory, again
 * and again, as fast as it is answered.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "ring/layout.h"
#include "ring/need.h"
#include "ring/unit.h"
#include "ring/wake.h"

static unsigned state;

static unsigned pick(unsigned n)
{
    state = state * 1664525u + 1013904223u;
    return (state >> 8) % n;
}

static void scribble(mr__control *control)
{
    unsigned char *bytes = (unsigned char *)&control->units[pick(MR__MAILBOX_UNITS)];
    size_t i;

    for (i = 0; i < sizeof(mr__unit); i++)
        bytes[i] = (unsigned char)pick(256);
}

static void answer_nonsense(mr__unit *unit, unsigned n)
{
    mr__unit_answer answer;
    unsigned char *bytes = (unsigned char *)&answer;
    size_t i;

    for (i = 0; i < sizeof answer; i++)
        bytes[i] = (unsigned char)pick(256);
    mr__unit_answer_publish(unit, &answer, n);
}

static void harm(mr__control *control, uint8_t *slots)
{
    static mr__unit_desc desc;
    mr__unit *unit = &control->units[pick(MR__MAILBOX_UNITS)];

    switch (pick(9)) {
    case 0:
        scribble(control);
        break;
    case 1:
        mr__need_ask(control, (uint16_t)pick(65536), pick(2) ? UINT64_MAX : pick(1 << 24));
        break;
    case 2:
        memset(slots + pick((unsigned)(control->slots_bytes / 2)), 0xff, 4096);
        break;
    case 3:
        mr__word_store(&unit->word, pick(UINT32_MAX));
        break;
    case 4:
        control->plans[pick(MR__PLAN_CELLS)].text[pick(MR__PLAN_TEXT_MAX)] = 'x';
        break;
    case 5:
        if (pick(20) == 0)
            abort();
        break;
    default:
        if (mr__unit_claim(unit, &desc))
            answer_nonsense(unit, desc.n_items);
        break;
    }
}

/* Never done, never silent. */
static void ask_for_ever(mr__control *control)
{
    static mr__unit_desc desc;
    uint16_t number = 0;

    for (;;) {
        uint32_t bell = mr__word_load(&control->doorbell);

        if (mr__word_load(&control->shutdown))
            return;
        if (desc.n_items == 0 && !mr__unit_claim(&control->units[0], &desc)) {
            mr__wake_wait(&control->doorbell, bell);
            continue;
        }
        mr__need_ask(control, ++number, 4096);
        mr__wake_raise(MR__FD_EVENT);
        mr__wake_wait(&control->doorbell, bell);
    }
}

int main(void)
{
    const char *mode = getenv("MILLRACE_FAILPOINTS");
    mr__control *control =
        mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, MR__FD_CONTROL, 0);
    uint8_t *slots;

    /* in a real worker this is set before it sees a picture, and the sandbox keeps it from being
     * unset */
    if (control == MAP_FAILED || prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
        return 1;
    slots = mmap(NULL, control->slots_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, MR__FD_SLOTS, 0);
    if (slots == MAP_FAILED)
        return 1;
    state = (unsigned)getpid();
    mr__word_store(&control->ready, 1);
    mr__wake_raise(MR__FD_EVENT);
    if (mode && strcmp(mode, "liar.asks") == 0) {
        ask_for_ever(control);
        return 0;
    }
    for (;;) {
        uint32_t bell = mr__word_load(&control->doorbell);
        unsigned i;

        if (mr__word_load(&control->shutdown))
            return 0;
        for (i = 0; i < 4; i++)
            harm(control, slots);
        mr__wake_raise(MR__FD_EVENT);
        if (pick(3) == 0)
            mr__wake_wait(&control->doorbell, bell);
    }
}
