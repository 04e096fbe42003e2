"""What tests start is quick to start: interpreters find bytecode, pytest loads what is ours."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from tests.inner_runs import hear_signals, keep_bytecode

PRINTING = """\
import sys

def pytest_unconfigure():
    print("loaded:", sorted({"anyio", "hypothesis"} & set(sys.modules)))
"""


def test_an_environment_that_forbids_bytecode_does_not_forbid_it_here(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    keep_bytecode()
    assert "PYTHONDONTWRITEBYTECODE" not in os.environ
    assert not sys.dont_write_bytecode


def _own(_number: int, _frame: FrameType | None) -> None: ...


@pytest.mark.parametrize(
    ("number", "how", "then"),
    [
        (signal.SIGINT, signal.SIG_IGN, signal.default_int_handler),
        (signal.SIGINT, _own, _own),
        (signal.SIGQUIT, signal.SIG_IGN, signal.SIG_DFL),
        (signal.SIGQUIT, _own, _own),
    ],
)
def test_what_a_shell_makes_the_background_ignore_is_heard(
    number: signal.Signals, how: Any, then: Any
) -> None:
    before = signal.signal(number, how)
    try:
        hear_signals()
        assert signal.getsignal(number) == then
    finally:
        signal.signal(number, before)


def test_a_pytest_that_a_test_starts_imports_neither_hypothesis_nor_anyio(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(PRINTING)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "loaded: []" in done.stdout, done.stdout + done.stderr
