"""What tests start is quick to start: interpreters find bytecode, pytest loads what is ours."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import keep_bytecode

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


def test_a_pytest_that_a_test_starts_imports_neither_hypothesis_nor_anyio(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(PRINTING)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "loaded: []" in done.stdout, done.stdout + done.stderr
