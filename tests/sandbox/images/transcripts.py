"""Transcripts: lines for a shell, with what another shell and its programs printed.

    # as busybox
    $ printf 'b\\na\\n' | sort
    > false
    a
    b
    ? 1

`>` continues the lines, `?` is the exit code where it is not 0, and `~` ends an output that has no
newline at its end. Each runs in a folder of its own, with the files of `FILES`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

FILES = {"out.html": b"Hello\n", "blk": bytes(4096)}
_RUN = """
import json, os, sys, tempfile
from resilience.sandbox.images.toolbox import sh_
files = {name: bytes.fromhex(text) for name, text in json.loads(sys.argv[1]).items()}
told = []
for line in json.load(sys.stdin):
    with tempfile.TemporaryDirectory() as folder:
        for name, data in files.items():
            with open(os.path.join(folder, name), "wb") as file:
                file.write(data)
        output = open(folder + ".out", "w+b")
        errors = open(folder + ".err", "w+b")
        child = os.fork()
        if child == 0:
            code = 99
            try:
                os.chdir(folder)
                os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
                os.dup2(output.fileno(), 1)
                os.dup2(errors.fileno(), 2)
                code = sh_(["sh", "-c", line])
                sys.stdout.flush()
            finally:
                os._exit(code)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        for file in (output, errors):
            file.seek(0)
        told.append([output.read().decode("latin-1"), errors.read().decode("latin-1"), code])
        os.remove(output.name)
        os.remove(errors.name)
print(json.dumps(told))
"""


@dataclass(slots=True)
class Case:
    """One line, and what it printed."""

    lines: list[str]
    output: list[str] = field(default_factory=list)
    code: int = 0
    open_end: bool = False

    @property
    def line(self) -> str:
        return "\n".join(self.lines)

    @property
    def printed(self) -> str:
        return "".join(f"{line}\n" for line in self.output)[: -1 if self.open_end else None]


@dataclass(slots=True)
class Outcome:
    """What our shell and programs made of a line."""

    output: str
    errors: str
    code: int


def cases(file: Path) -> list[Case]:
    """The cases of a transcript."""
    found: list[Case] = []
    for line in file.read_text(encoding="latin-1").split("\n")[:-1]:
        mark, text = line[:2], line[2:]
        if mark == "$ ":
            found.append(Case([text]))
        elif mark == "> ":
            found[-1].lines.append(text)
        elif mark == "? ":
            found[-1].code = int(text)
        elif line == "~":
            found[-1].open_end = True
        elif mark != "# ":
            found[-1].output.append(line)
    return found


def everything(folder: Path) -> list[tuple[str, int]]:
    """Transcript and number of each case in a folder."""
    return [(file.name, number) for file in sorted(folder.glob("*.txt"))
            for number in range(len(cases(file)))]  # fmt: skip


@cache
def outcomes(file: Path) -> list[Outcome]:
    """All cases of a transcript, run one after another in forks of one process."""
    files = json.dumps({name: data.hex() for name, data in FILES.items()})
    done = subprocess.run(
        [sys.executable, "-c", _RUN, files],
        input=json.dumps([case.line for case in cases(file)]), text=True, capture_output=True,
        env={**os.environ, "RESILIENCE_IMAGE": "busybox"}, check=True, timeout=300,
    )  # fmt: skip
    return [Outcome(*each) for each in json.loads(done.stdout)]


def hold(file: Path, number: int) -> None:
    """Our programs print the same, end with the same code, and without a traceback."""
    case, outcome = cases(file)[number], outcomes(file)[number]
    assert "Traceback" not in outcome.errors, outcome.errors
    assert (outcome.output, outcome.code) == (case.printed, case.code), (case.line, outcome.errors)
