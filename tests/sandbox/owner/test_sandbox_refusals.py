"""What makes a start impossible is said in one clear line, without a traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from resilience.sandbox.host import home, slots
from resilience.sandbox.host.sandbox_error import SandboxError


def up(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `up`, which is expected to refuse."""
    return subprocess.run(
        [sys.executable, "-m", "resilience.sandbox", "up", *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, **environment},
        check=False,
    )


def the_one_line(done: subprocess.CompletedProcess[str]) -> str:
    """The complaint; fails when there is more or less than one line of it."""
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    return lines[0]


def test_an_unwritable_temporary_directory_is_named() -> None:
    done = up(TMPDIR="/proc/self")
    assert done.returncode == 1
    said = the_one_line(done)
    assert said.startswith("error: /proc/self/resilience-")
    assert "set TMPDIR elsewhere" in said


def test_a_base_directory_that_cannot_be_made_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / f"resilience-{os.getuid()}").write_text("a file is in the way")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with pytest.raises(SandboxError, match=r"cannot be written|not a directory"):
        home.create()


def test_a_too_long_socket_path_names_the_limit(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 100)
    deep.mkdir()
    done = up(TMPDIR=str(deep))
    assert done.returncode == 1
    assert "too long for a Unix socket (107 bytes" in the_one_line(done)


def test_a_full_disk_is_said_and_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Path, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    before = set(home.base().iterdir())
    with pytest.raises(SandboxError, match=r"No space left on device.*free some space"):
        home.create()
    assert set(home.base().iterdir()) == before


def test_no_free_slot_says_how_to_get_one() -> None:
    number, holder = slots.claim()
    with holder, pytest.raises(SandboxError, match=r"no free address range.*`down ID` ends one"):
        slots.claim([number])


def test_a_slot_is_free_again_when_its_holder_is_closed() -> None:
    number, holder = slots.claim()
    holder.close()
    again, holder = slots.claim([number])
    holder.close()
    assert again == number


def test_a_host_without_loopback_is_refused_with_the_reason() -> None:
    # The real thing: a network namespace of its own, in which `lo` is down.
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--net", sys.executable, "-m",
         "resilience.sandbox", "up"],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    if "unshare" in done.stderr:
        pytest.skip(f"no network namespaces here: {done.stderr.strip()}")
    assert done.returncode == 1
    assert "IPv4 loopback" in the_one_line(done)


def test_an_existing_foreign_kubeconfig_is_refused_and_untouched(tmp_path: Path) -> None:
    mine = tmp_path / "config"
    mine.write_text("apiVersion: v1\nkind: Config\n")
    done = up("--kubeconfig", str(mine))
    assert done.returncode == 1
    assert "was not written by a sandbox" in the_one_line(done)
    assert mine.read_text() == "apiVersion: v1\nkind: Config\n"


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--nodes", "0"], "not a number from 1 to 5000"),
        (["--ttl", "soon"], "not a duration such as 90s, 30m or 1h"),
        (["--time-scale", "-1"], "not a number from 0.1 to 1000"),
    ],
)
def test_a_wrong_option_says_what_is_expected(arguments: list[str], text: str) -> None:
    done = up(*arguments)
    assert done.returncode == 2
    assert text in done.stderr
