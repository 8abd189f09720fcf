#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes a copy of a source file with one mistake in it, for the explorer to find.

    mutate.py NAME SOURCE OUTPUT

Each text that is replaced must be there exactly once: a mutant that no longer fits fails the build.
"""
import sys
from pathlib import Path

CLAIM_CAS = """    if (!mr__word_cas(&unit->word, word, word_of(word >> 3, MR__UNIT_STARTED)))
        return false;
"""
REVOKE_CAS = """    if (!mr__word_cas(&unit->word, word_of(generation, MR__UNIT_QUEUED),
                      word_of(generation, MR__UNIT_REVOKED)))
        return false;
"""
ANSWER_COPY = "    mr__copy_in(&unit->answer, answer, n_items * sizeof answer->items[0]);\n"
ANSWER_CAS = """    (void)mr__word_cas(&unit->word, word_of(word >> 3, MR__UNIT_STARTED),
                       word_of(word >> 3, MR__UNIT_DONE));
"""
PUBLISH_COPY = "    mr__copy_in(&unit->desc, desc, desc_bytes(desc->n_items));\n"
PUBLISH_WORD = "    mr__word_store(&unit->word, word_of(generation, MR__UNIT_QUEUED));\n"
COLLECT_COPY = "    mr__copy_out(answer, &unit->answer, n_items * sizeof answer->items[0]);\n"
FREE_WORD = "    mr__word_store(&unit->word, word_of(generation, MR__UNIT_FREE));\n"
GIVE_PUBLISH = """    mr__unit_publish(&worker->control->units[slot], worker->units[slot].generation, &desc);
"""
GIVE_RING = "    mr__wake_ring(&worker->control->doorbell);\n"
SERVE_BELL = """        uint32_t bell = mr__word_load(&control->doorbell);
        mr__unit *unit = &control->units[serve->position % MR__MAILBOX_UNITS];
"""
SERVE_WAIT = """            mr__wake_wait(&control->doorbell, bell);
            continue;
"""
SERVE_ANSWER = "        mr__unit_answer_publish(unit, &serve->answer, serve->desc.n_items);\n"
SERVE_RAISE = """        mr__failpoint_die("worker.answered");
        mr__wake_raise(serve->areas.event_fd);
"""
ASK = "    mr__need_ask(control, serve->need_number, bytes);\n"
ASK_RAISE = "    mr__wake_raise(serve->areas.event_fd);\n    for (;;) {\n        uint32_t bell"
ASK_LOOK = """        uint32_t bell = mr__word_load(&control->doorbell);

        answer = mr__need_answer(control, serve->need_number);
        if (answer != MR__GRANT_PENDING)
            return answer;
"""
TAKE_EVENTS = """        for (i = 0; i < n; i++)
            take_event(pool, events[i].data.u64);
        look_at_workers(pool);
"""
KILL_AT_DEADLINE = """        worker->timed_out = true;
        pool->process->kill(&worker->process);
"""
GRANT = """    mr__need_grant(worker->control, worker->need_number, what);
    mr__wake_ring(&worker->control->doorbell);
"""
RECLAIM_UNTOUCHED = """            mr__task_push_front(task->alone ? &pool->ready_alone : &pool->ready, task);
        }
    }
    worker->head"""

# name -> (file, [(text, what stands there instead)])
MUTANTS = {
    # a compare-and-swap becomes a look and a store
    "claim-without-cas": ("unit.c", [(CLAIM_CAS, """
    mr__word_store(&unit->word, word_of(word >> 3, MR__UNIT_STARTED));
""")]),
    "revoke-without-cas": ("unit.c", [(REVOKE_CAS, """
    if (mr__word_load(&unit->word) != word_of(generation, MR__UNIT_QUEUED))
        return false;
    mr__word_store(&unit->word, word_of(generation, MR__UNIT_REVOKED));
""")]),
    # the answer's swap keeps a worker from writing over what is not its own: here it claims nothing
    "answer-without-claim": ("unit.c", [(CLAIM_CAS, ""), (ANSWER_CAS, """
    mr__word_store(&unit->word, word_of(word >> 3, MR__UNIT_DONE));
""")]),
    # a word goes out before what it announces
    "publish-word-first": ("unit.c", [(PUBLISH_COPY + PUBLISH_WORD, PUBLISH_WORD + PUBLISH_COPY)]),
    "answer-word-first": ("unit.c", [(ANSWER_COPY + ANSWER_CAS, ANSWER_CAS + ANSWER_COPY)]),
    "collect-frees-first": ("unit.c", [(COLLECT_COPY + FREE_WORD, FREE_WORD + COLLECT_COPY)]),
    "claim-reads-first": ("unit.c", [(CLAIM_CAS, """
    mr__copy_out(desc, &unit->desc, desc_bytes(1));
""" + CLAIM_CAS)]),
    # the word alone cannot tell one publish from the next
    "no-generation": ("unit.c", [("    return generation << 3 | (uint32_t)state;", """
    return (generation & 0) << 3 | (uint32_t)state;""")]),
    # revoked, but never freed
    "revoke-leaves-word": ("unit.c", [(REVOKE_CAS + FREE_WORD, REVOKE_CAS)]),
    # wake-ups
    "ring-before-publish": ("dispatch.c", [(GIVE_PUBLISH + GIVE_RING, GIVE_RING + GIVE_PUBLISH)]),
    "give-without-ring": ("dispatch.c", [(GIVE_PUBLISH + GIVE_RING, GIVE_PUBLISH)]),
    "bell-read-after-look": ("serve.c", [
        (SERVE_BELL, SERVE_BELL.split("\n")[1] + "\n"),
        (SERVE_WAIT, "            uint32_t bell = mr__word_load(&control->doorbell);\n" + SERVE_WAIT)]),
    "raise-before-answer": ("serve.c", [
        (SERVE_ANSWER, "        mr__wake_raise(serve->areas.event_fd);\n" + SERVE_ANSWER),
        (SERVE_RAISE, "")]),
    "event-cleared-after-look": ("supervisor.c", [(TAKE_EVENTS, """
        look_at_workers(pool);
        for (i = 0; i < n; i++)
            take_event(pool, events[i].data.u64);
""")]),
    "wake-before-bump": ("wake.c", [("""    mr__word_bump(doorbell);
    (void)syscall(SYS_futex, doorbell, FUTEX_WAKE, 1, NULL, NULL, 0);
""", """
    (void)syscall(SYS_futex, doorbell, FUTEX_WAKE, 1, NULL, NULL, 0);
    mr__word_bump(doorbell);
""")]),
    # memory
    "raise-before-need": ("serve.c", [(ASK + ASK_RAISE, ASK_RAISE.replace("    for", ASK + "    for"))]),
    "grant-read-before-bell": ("serve.c", [(ASK_LOOK, """
        uint32_t bell;

        answer = mr__need_answer(control, serve->need_number);
        if (answer != MR__GRANT_PENDING)
            return answer;
        bell = mr__word_load(&control->doorbell);
""")]),
    "grant-without-number": ("need.c", [("    if (grant >> NUMBER_SHIFT != number)", """
    if (grant == 0 || number == 0)""")]),
    "ring-before-grant": ("grants.c", [(GRANT, "".join(reversed(GRANT.splitlines(True))))]),
    # death
    "reclaim-before-reap": ("supervisor.c", [(KILL_AT_DEADLINE, KILL_AT_DEADLINE + """
        mr__dispatch_reclaim(pool, worker, MR_CODE_TIMED_OUT, "");
""")]),
    "dead-units-lost": ("dispatch.c", [(RECLAIM_UNTOUCHED, RECLAIM_UNTOUCHED.replace("""\
            mr__task_push_front(task->alone ? &pool->ready_alone : &pool->ready, task);
""", ""))]),
}


def main():
    name, source, output = sys.argv[1:]
    file, changes = MUTANTS[name]
    text = Path(source).read_text("utf-8")
    if Path(source).name != file:
        sys.exit(f"{name}: is made from {file}, not from {source}")
    for old, new in changes:
        if text.count(old) != 1:
            sys.exit(f"{name}: {source} has this {text.count(old)} times:\n{old}")
        text = text.replace(old, new)
    Path(output).write_text(text, "utf-8")


if __name__ == "__main__":
    main()
