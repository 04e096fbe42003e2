"""Programs on the PATH that stand in for docker, virsh and ssh, and keep a log of their calls."""

from __future__ import annotations

import json
import os
import stat
import sys
from pathlib import Path

import pytest

PROGRAM = """#!{python}
import json, pathlib, sys
folder = pathlib.Path({folder!r})
log = folder / "calls.json"
calls = json.loads(log.read_text()) if log.exists() else []
log.write_text(json.dumps([*calls, sys.argv[1:]]))
answers = json.loads((folder / "answers.json").read_text())
for words, (code, output, errors) in answers.items():
    if words in " ".join(sys.argv[1:]):
        sys.stdout.write(output)
        sys.stderr.write(errors)
        sys.exit(code)
sys.stderr.write("unexpected: " + " ".join(sys.argv[1:]))
sys.exit(99)
"""


class Program:
    """One program. A call gets the answer that was given last for words that it contains."""

    def __init__(self, name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._folder = folder
        self._answers: dict[str, tuple[int, str, str]] = {}
        path = folder / name
        path.write_text(PROGRAM.format(python=sys.executable, folder=str(folder)))
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")

    def answers(self, words: str, output: str = "", *, code: int = 0, errors: str = "") -> None:
        """The answer to each call that contains these words, from now on."""
        others = {key: answer for key, answer in self._answers.items() if key != words}
        self._answers = {words: (code, output, errors), **others}
        (self._folder / "answers.json").write_text(json.dumps(self._answers))

    @property
    def calls(self) -> list[str]:
        """All calls so far, each as one text."""
        log = self._folder / "calls.json"
        return [" ".join(call) for call in json.loads(log.read_text())] if log.exists() else []
