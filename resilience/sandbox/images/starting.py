"""Programs that start another: timeout, nohup, nice, setsid, time."""

from __future__ import annotations

import os
import re
import signal
import sys
import time

from resilience.sandbox.images.text.command_line import Given, Refused, taken

USAGE = 125
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


def timeout_(argv: list[str]) -> int:
    """Run a command with a time limit: -s SIGNAL (TERM), -k SECONDS until KILL; 128 plus the
    signal's number if it took longer, as busybox answers."""
    from resilience.sandbox.images.sh.shell import Shell
    from resilience.sandbox.images.sh.shell_control import wait_for

    given = taken(argv, "", "sk", {"signal": "s", "kill-after": "k"}, words_end=True)
    if len(given.words) < 2:
        raise Refused("a time and a command are needed")
    number = _signal(given.last("s", "TERM"))
    shell, rest = Shell("timeout"), given.words[1:]
    child = shell.fork(lambda: shell.start(rest))
    code = _within(child, _seconds(given.words[0]))
    if code is not None:
        return code
    os.kill(child, number)
    if "k" in given:
        code = _within(child, _seconds(given.last("k")))
        if code is not None:
            return 128 + number
        os.kill(child, signal.SIGKILL)
        number = signal.SIGKILL
    wait_for(child)
    return 128 + number


def _within(child: int, seconds: float) -> int | None:
    """The child's code if it ends in time."""
    end = time.monotonic() + seconds
    while not seconds or time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code
        time.sleep(0.01)
    return None


def _seconds(text: str) -> float:
    found = re.fullmatch(r"(\d+\.?\d*|\.\d+)([smhd]?)", text)
    if found is None:
        raise Refused(f"invalid time '{text}'")
    return float(found[1]) * _UNITS[found[2]]


def _signal(text: str) -> signal.Signals:
    try:
        name = text.upper().removeprefix("SIG")
        return signal.Signals(int(name)) if name.isdigit() else signal.Signals[f"SIG{name}"]
    except (KeyError, ValueError):
        raise Refused(f"unknown signal '{text}'") from None


def _run(given: Given) -> int:
    from resilience.sandbox.images.sh.shell import Shell

    if not given.words:
        raise Refused("a command is needed", USAGE)
    return Shell("sh").start(given.words)


def nohup_(argv: list[str]) -> int:
    """Run a command that no hangup ends."""
    given = taken(argv, "", "", words_end=True)
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        return _run(given)
    finally:
        signal.signal(signal.SIGHUP, before)


def nice_(argv: list[str]) -> int:
    """Run a command; its priority stays as it is, -n is read."""
    given = taken(argv, "", "n", words_end=True)
    given.number("n", 10)
    if not given.words:
        print(os.nice(0))
        return 0
    return _run(given)


def setsid_(argv: list[str]) -> int:
    """Run a command; it stays in the session of its container. -w and -c are read."""
    return _run(taken(argv, "wcf", "", words_end=True))


def time_(argv: list[str]) -> int:
    """Run a command and say on stderr how long it took; -p in the form of POSIX."""
    given = taken(argv, "p", "", words_end=True)
    begin, cpu = time.monotonic(), os.times()
    code = _run(given)
    took, after = time.monotonic() - begin, os.times()
    user = after.user + after.children_user - cpu.user - cpu.children_user
    system = after.system + after.children_system - cpu.system - cpu.children_system
    sys.stdout.flush()
    for name, value in (("real", took), ("user", user), ("sys", system)):
        short = f"{name}\t{int(value // 60)}m {value % 60:.2f}s"
        print(f"{name} {value:.2f}" if "p" in given else short, file=sys.stderr)
    return code
