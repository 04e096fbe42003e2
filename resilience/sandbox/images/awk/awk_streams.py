"""The files and commands that a program reads and writes, each opened once."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import IO


class AwkStreams:
    """Names to open files; `close` ends all, or one."""

    def __init__(self) -> None:
        self.written: dict[str, IO[str]] = {}
        self.read: dict[str, IO[str]] = {}
        self.children: dict[str, int] = {}

    def target(self, how: str, name: str) -> IO[str]:
        """Where `print > name`, `>> name` or `| name` writes."""
        if how == "" or name in ("/dev/stdout", "-"):
            return sys.stdout
        if name == "/dev/stderr":
            sys.stdout.flush()
            return sys.stderr
        if name not in self.written:
            if how == "|":
                self.written[name] = self._piped(name, reading=False)
            else:
                self.written[name] = open(  # noqa: SIM115
                    name, "w" if how == ">" else "a", errors="surrogateescape", newline="\n"
                )
        return self.written[name]

    def source(self, how: str, name: str) -> IO[str]:
        """Where `getline < name` or `name | getline` reads."""
        if name not in self.read:
            if how == "|":
                self.read[name] = self._piped(name, reading=True)
            else:
                self.read[name] = open(  # noqa: SIM115
                    0 if name == "-" else name, errors="surrogateescape", newline="\n",
                    closefd=name != "-",
                )  # fmt: skip
        return self.read[name]

    def _piped(self, command: str, *, reading: bool) -> IO[str]:
        ends = os.pipe()
        self.flush()
        ours, theirs = ends if reading else (ends[1], ends[0])
        if reading:
            self.children[command] = forked(command, 0, theirs, ours)
        else:
            self.children[command] = forked(command, theirs, 1, ours)
        os.close(theirs)
        mode = "r" if reading else "w"
        return os.fdopen(ours, mode, errors="surrogateescape", newline="\n")

    def flush(self) -> None:
        """Write what is held."""
        for file in (sys.stdout, *self.written.values()):
            file.flush()

    def close(self, name: str) -> int:
        """End one; -1 if it is not open."""
        files = [streams.pop(name) for streams in (self.written, self.read) if name in streams]
        for file in files:
            file.close()
        if name in self.children:
            return ended(self.children.pop(name))
        return 0 if files else -1

    def close_all(self) -> None:
        """At the end: commands finish first."""
        sys.stdout.flush()
        for name in [*self.written, *self.read]:
            self.close(name)


def forked(command: str, source: int, target: int, close: int = -1) -> int:
    """A shell that runs a command."""
    from resilience.sandbox.images.sh.shell import Shell

    body: Callable[[], int] = lambda: Shell("sh").script(command)  # noqa: E731
    return Shell("awk").fork(body, source, target, close=close)


def ended(child: int) -> int:
    """Its exit code."""
    from resilience.sandbox.images.sh.shell_control import wait_for

    return wait_for(child)
