"""Runs inside an application's container; counts and hashes a command's output or input.

    python -c AGENT take COMMAND...   what the command prints, on stdout
    python -c AGENT load COMMAND...   stdin, to the command

Standard library only. The last line on stderr is the end marker; the exit status is the command's,
or 124 when it accepted only a part of its input. If the container's PATH has no `python`, the
interpreter that runs this program also runs the command, in a fork.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import traceback
from collections.abc import Callable
from typing import IO

BLOCK = 1 << 18
PART = 124


def started(command: list[str], stdin: int, stdout: int) -> Callable[[], int]:
    """Start the command; the returned function waits for its exit status."""
    if command[0] not in ("python", "python3") or shutil.which(command[0]):
        return subprocess.Popen(command, stdin=stdin, stdout=stdout).wait
    child = os.fork()
    if child == 0:
        os._exit(python(command[1:], stdin, stdout))
    return lambda: os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def python(words: list[str], stdin: int, stdout: int) -> int:
    """Do in this process what `python WORDS` would do; return the exit status."""
    os.dup2(stdin, 0)
    os.dup2(stdout, 1)
    os.closerange(3, max(stdin, stdout, 3) + 3)
    sys.stdin, sys.stdout = open(0, closefd=False), open(1, "w", closefd=False)  # noqa: SIM115
    code = 0
    try:
        inline = words[0] == "-c"
        sys.argv = ["-c", *words[2:]] if inline else list(words)
        if inline:
            text = words[1]
        else:
            with open(words[0]) as file:
                text = file.read()
        exec(compile(text, sys.argv[0], "exec"), {"__name__": "__main__"})
        sys.stdout.flush()
    except SystemExit as end:
        sys.stdout.flush()
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 - what the interpreter itself does with it
        traceback.print_exc()
        code = 1
    sys.stderr.flush()
    return code


def passed(source: IO[bytes], sink: Callable[[bytes], object]) -> tuple[int, str]:
    """Copy everything; returns the number of bytes and their sha256."""
    count, digest = 0, hashlib.sha256()
    while block := source.read(BLOCK):
        count += len(block)
        digest.update(block)
        sink(block)
    return count, digest.hexdigest()


def take(command: list[str]) -> tuple[int, tuple[int, str]]:
    """Copy the command's output to stdout."""
    ours, theirs = os.pipe()
    with open(os.devnull, "rb") as nothing:
        ended = started(command, nothing.fileno(), theirs)
    os.close(theirs)
    with open(ours, "rb") as source:
        found = passed(source, sys.stdout.buffer.write)
    sys.stdout.buffer.flush()
    return ended(), found


def load(command: list[str]) -> tuple[int, tuple[int, str]]:
    """Copy stdin to the command; the command's own output is for people."""
    theirs, ours = os.pipe()
    os.set_inheritable(ours, False)
    sink = Sink(open(ours, "wb"))  # noqa: SIM115 - closed by its own method
    ended = started(command, theirs, sys.stderr.fileno())
    os.close(theirs)
    found = passed(sys.stdin.buffer, sink.write)
    sink.close()
    code = ended()
    return PART if code == 0 and sink.refused else code, found


class Sink:
    """The command's input. Write to the command's input; after the command has closed it, remember
    that and accept nothing more."""

    def __init__(self, stdin: IO[bytes]) -> None:
        self._stdin = stdin
        self.refused = False

    def write(self, data: bytes) -> None:
        """Hand on."""
        if not self.refused:
            try:
                self._stdin.write(data)
            except BrokenPipeError:
                self.refused = True

    def close(self) -> None:
        """Close the command's input."""
        try:
            self._stdin.close()
        except BrokenPipeError:
            self.refused = True


def main() -> int:
    """Execute the request; return the exit status."""
    code, (count, digest) = {"take": take, "load": load}[sys.argv[1]](sys.argv[2:])
    marker = json.dumps({"bytes": count, "sha256": digest})
    print(f"\nresilience-end {marker}", file=sys.stderr, flush=True)
    return code


if __name__ == "__main__":
    sys.exit(main())
