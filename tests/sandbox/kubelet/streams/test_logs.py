"""Logs of the sandbox's own parts stay bounded."""

from __future__ import annotations

from pathlib import Path

from resilience.sandbox.host import home


def test_a_large_log_keeps_its_last_lines_and_its_writer(tmp_path: Path) -> None:
    log = tmp_path / "dataplane.log"
    with log.open("ab", buffering=0) as writer:
        writer.write(b"old line\n" * (home.LARGEST_LOG // 9 + 1) + b"last line\n")
        home.bound_logs(tmp_path)
        writer.write(b"new line\n")
    lines = log.read_bytes().splitlines()
    assert lines[0] == b"(older lines were dropped)"
    assert lines[-2:] == [b"last line", b"new line"]
    assert log.stat().st_size <= home.KEPT_OF_LOG + 100


def test_a_small_log_is_left_alone(tmp_path: Path) -> None:
    log = tmp_path / "kubelet.log"
    log.write_bytes(b"a line\n")
    home.bound_logs(tmp_path)
    assert log.read_bytes() == b"a line\n"
