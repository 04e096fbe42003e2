"""gzip and hexdump, beside the machine's own gzip and what util-linux prints."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from resilience.sandbox.images import byte_tools


def test_a_file_is_compressed_in_place_and_back(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"text" * 100)
    assert byte_tools.gzip_(["gzip", "-9", str(file)]) == 0
    assert not file.exists()
    assert gzip.decompress((tmp_path / "a.gz").read_bytes()) == b"text" * 100
    assert byte_tools.gunzip_(["gunzip", "-k", str(tmp_path / "a.gz")]) == 0
    assert file.read_bytes() == b"text" * 100
    assert (tmp_path / "a.gz").exists()


def test_zcat_writes_to_stdout(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    (tmp_path / "a.gz").write_bytes(gzip.compress(b"\x00\xffx", mtime=0))
    assert byte_tools.zcat_(["zcat", str(tmp_path / "a.gz")]) == 0
    assert capfdbinary.readouterr().out == b"\x00\xffx"


@pytest.mark.parametrize(
    ("data", "name", "why"),
    [
        (b"plain", "a.gz", "gunzip: invalid magic"),
        (gzip.compress(b"x" * 99, mtime=0)[:-9], "a.gz", "gunzip: corrupted data"),
        (b"plain", "a", "unknown suffix - ignored"),
    ],
)
def test_gzip_leaves_a_file_that_is_no_archive(
    data: bytes, name: str, why: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / name).write_bytes(data)
    assert byte_tools.gzip_(["gzip", "-d", str(tmp_path / name)]) == 1
    assert why in capsys.readouterr().err
    assert (tmp_path / name).read_bytes() == data


def test_a_dump_looks_as_hexdumps(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a").write_bytes(b"\xde\xca\xfe\xba\xd0\xfe\xffHello" + bytes(40))
    assert byte_tools.hexdump_(["hexdump", "-C", str(tmp_path / "a")]) == 0
    assert capsys.readouterr().out == (
        "00000000  de ca fe ba d0 fe ff 48  65 6c 6c 6f 00 00 00 00  |.......Hello....|\n"
        "00000010  00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00  |................|\n"
        "*\n"
        "00000030  00 00 00 00                                       |....|\n"
        "00000034\n"
    )
    assert byte_tools.hexdump_(["hexdump", str(tmp_path / "a")]) == 1
    assert byte_tools.hexdump_(["hexdump", "-C", str(tmp_path / "none")]) == 1


def test_uptime_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert byte_tools.uptime_(["uptime"]) == 0
    assert capsys.readouterr().out.count("\n") == 1
