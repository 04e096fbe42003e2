"""`kill`: to children of a shell, and to what else runs in the container.

A container here has no process ids of its own: `$!` and `$$` are those of this machine, except that
1 is the container's main process, with the rules of `pid1`. A process outside of the container is
not found.
"""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Sequence

from resilience.sandbox.host import processes
from resilience.sandbox.inside import pid1

EVERY = 0
"""`kill 0`: the shell and all its children."""


class KillMisused(Exception):
    """Not a command line of `kill`; the message says why."""


def kill(words: Sequence[str], jobs: Sequence[int] = (), shell: int = 0) -> int:
    """Run `kill ...` for a shell, which is this process or its parent, with these children; the
    exit code."""
    try:
        if len(words) > 1 and words[1] == "-l":
            return _listed(words[2:])
        number, targets = _parse(list(words[1:]))
        pids = [_pid(target, jobs) for target in targets]
    except KillMisused as why:
        print(f"{words[0]}: {why}", file=sys.stderr)
        return 1
    ours = {*jobs, os.getpid(), shell or os.getpid()}
    sent = [_send(pid, number, ours) for pid in pids]
    for target, done in zip(targets, sent, strict=True):
        if not done:
            print(f"{words[0]}: can't kill pid {target}: No such process", file=sys.stderr)
    return int(not all(sent))


def signal_named(word: str) -> signal.Signals | None:
    """`TERM`, `SIGTERM`, `term` or `15`; None for anything else."""
    bare = word.upper().removeprefix("SIG")
    if bare.isdigit():
        return next((known for known in signal.Signals if known == int(bare)), None)
    return signal.Signals.__members__.get(f"SIG{bare}")


def _listed(words: Sequence[str]) -> int:
    """`-l` names each signal; `-l 143` the one that a process with that exit code died of."""
    for word in words:
        found = signal_named(str(int(word) & 127) if word.isdigit() else word)
        if found is None:
            raise KillMisused(f"unknown signal '{word}'")
        print(found.name.removeprefix("SIG") if word.isdigit() else int(found))
    if not words:
        print(*(known.name.removeprefix("SIG") for known in signal.Signals))
    return 0


def _parse(rest: list[str]) -> tuple[int, list[str]]:
    """(signal, targets); signal 0 only asks whether they exist."""
    name = "TERM"
    if rest[:1] == ["-s"] and len(rest) > 1:
        name, rest = rest[1], rest[2:]
    elif rest[:1] not in ([], ["--"]) and rest[0].startswith("-"):
        name, rest = rest[0][1:], rest[1:]
    targets = rest[1:] if rest[:1] == ["--"] else rest
    if not targets:
        raise KillMisused("you need to specify whom to kill")
    if name in ("0", "EXIT"):
        return 0, targets
    found = signal_named(name)
    if found is None:
        raise KillMisused(f"bad signal name '{name}'")
    return found, targets


def _pid(target: str, jobs: Sequence[int]) -> int:
    job = re.fullmatch(r"%(\d+)", target)
    if job and 0 < int(job[1]) <= len(jobs):
        return jobs[int(job[1]) - 1]
    if not re.fullmatch(r"-?\d+", target):
        raise KillMisused(f"invalid number '{target}'")
    return abs(int(target))


def _send(pid: int, number: int, ours: set[int]) -> bool:
    """Whether there was such a process."""
    if pid == EVERY:
        for each in sorted(ours, key=lambda known: known == os.getpid()):
            _send(each, number, ours)
        return True
    main = pid1.main()
    if pid in (1, main):
        if main is None:
            return False
        os.kill(main, number)  # as `pid1.shield` lets it
        return True
    if pid not in ours and pid not in _inside(main):
        return False
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


def _inside(main: int | None) -> set[int]:
    """What runs in this container: below its main process, or below the command of an `exec`."""
    tops = () if main is None else {os.getsid(0), main}
    return {pid for top in tops for pid in (top, *processes.descendants(top))}
