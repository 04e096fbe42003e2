"""What the owner of a sandbox hears of its health."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from resilience.cluster.access.embedded import Life

WHY = "its data plane has no descriptors"


@pytest.fixture
def life(tmp_path: Path) -> Iterator[Life]:
    """The life of a process that does nothing, with a directory for its health."""
    code = [sys.executable, "-c", "input()"]
    with (
        tempfile.TemporaryFile() as errors,
        subprocess.Popen(code, stdin=subprocess.PIPE, stderr=errors) as process,
    ):
        yield Life(process, errors, tmp_path)
        process.kill()


def never(why: str) -> None:
    raise AssertionError(why)


def test_sickness_is_heard_of_while_it_lasts(life: Life, tmp_path: Path) -> None:
    heard = threading.Event()
    with life.telling(never, lambda why: heard.set()):
        assert life.sick() == ""
        (tmp_path / "sick-dataplane").symlink_to(WHY)
        assert heard.wait(30)
    assert life.sick() == WHY


def test_who_comes_later_hears_of_it_at_once(life: Life, tmp_path: Path) -> None:
    (tmp_path / "sick-dataplane").symlink_to(WHY)
    heard: list[str] = []
    with life.telling(never, heard.append):
        assert heard[:1] == [WHY]


class Unreadable:
    """A directory, for a process that has no descriptor left."""

    def glob(self, pattern: str) -> list[Path]:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))


def test_an_owner_without_descriptors_is_told_and_watches_on(
    life: Life, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It measures nothing then, and still hears of the end."""
    said: list[str] = []
    blind, over = threading.Event(), threading.Event()

    def sick(why: str) -> None:
        said.append(why)
        blind.set()

    with life.telling(lambda why: over.set(), sick):
        monkeypatch.setattr(life, "_directory", Unreadable())
        assert blind.wait(30)
        monkeypatch.setattr(life, "_directory", tmp_path)
        assert said == ["cannot see whether the sandbox works: Too many open files"]
        assert life.sick() == ""
        life._process.kill()
        assert over.wait(30)
