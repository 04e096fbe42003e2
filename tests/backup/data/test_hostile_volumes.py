"""A stream that is put on a volume writes below the volume's directory, and nowhere else."""

from __future__ import annotations

import io
import os
import stat
import sys
import tarfile
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from resilience.backup.data import volume_agent

Member = tuple[str, bytes, str, bytes]
"""Name, type, target of a link, content."""

REG, DIR, SYM, LNK = tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE


def stream(members: Iterable[Member], *, mode: int = 0o755) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, kind, target, content in members:
            info = tarfile.TarInfo(name)
            info.type, info.linkname, info.size, info.mode = kind, target, len(content), mode
            info.uid, info.gid = os.getuid(), os.getgid()
            info.devmajor, info.devminor = 1, 3
            tar.addfile(info, io.BytesIO(content))
    return out.getvalue()


def load(root: Path, data: bytes) -> str:
    """What the program ends with, "" when all is well; anything but an exit is its traceback."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["volume_agent.py", "load", str(root)])
        patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        try:
            volume_agent.main()
        except SystemExit as ended:
            return str(ended.code)
    return ""


def around(root: Path) -> list[str]:
    return sorted(str(each.relative_to(root)) for each in root.rglob("*"))


HOSTILE: dict[str, tuple[list[Member], str]] = {
    "a link as parent": (
        [("link", SYM, "../outside", b""), ("link/file", REG, "", b"x")],
        "its name 'link/file' is in no directory of the volume",
    ),
    "a link to a directory inside": (
        [("d", DIR, "", b""), ("link", SYM, "d", b""), ("link/file", REG, "", b"x")],
        "in no directory",
    ),
    "a link below a link's name": (
        [("link", SYM, "../outside", b""), ("link/d", DIR, "", b"")],
        "in no directory",
    ),
    "a file over a link": (
        [("link", SYM, "../outside/file", b""), ("link", REG, "", b"x")],
        "the stream holds its name twice",
    ),
    "a directory over a link": (
        [("link", SYM, "../outside", b""), ("link", DIR, "", b""), ("link/f", REG, "", b"x")],
        "holds its name twice",
    ),
    "a file twice": ([("a", REG, "", b"x"), ("a", REG, "", b"y")], "holds its name twice"),
    "up": ([("../outside/file", REG, "", b"x")], "leads out of the volume"),
    "up and down": ([("d", DIR, "", b""), ("d/../../outside/f", REG, "", b"x")], "leads out"),
    "absolute": ([("/outside/file", REG, "", b"x")], "leads out of the volume"),
    "a directory up": ([("..", DIR, "", b"")], "leads out of the volume"),
    "a hard link out": (
        [("hard", LNK, "../outside/precious", b"")],
        "its target '../outside/precious' leads out",
    ),
    "a hard link through a link": (
        [("link", SYM, "../outside", b""), ("hard", LNK, "link/precious", b"")],
        "in no directory",
    ),
    "a hard link to a link": (
        [("link", SYM, "../outside/precious", b""), ("hard", LNK, "link", b"")],
        "is not a file of the volume",
    ),
    "a character device": ([("null", tarfile.CHRTYPE, "", b"")], "not a file, directory or link"),
    "a block device": ([("disk", tarfile.BLKTYPE, "", b"")], "not a file, directory or link"),
    "a pipe": ([("pipe", tarfile.FIFOTYPE, "", b"")], "not a file, directory or link"),
    "an unknown type": ([("odd", b"Z", "", b"")], "not a file, directory or link"),
    "no directory before": ([("d/file", REG, "", b"x")], "in no directory of the volume"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_member_that_leads_out_of_the_volume_is_refused_by_name(
    name: str, tmp_path: Path
) -> None:
    members, words = HOSTILE[name]
    root, outside = tmp_path / "volume", tmp_path / "outside"
    root.mkdir()
    outside.mkdir()
    (outside / "precious").write_text("keep me")
    (line,) = load(root, stream(members)).splitlines()
    assert line.startswith("this program did not save this stream: member ")
    assert words in line
    assert around(outside) == ["precious"]
    assert (outside / "precious").read_text() == "keep me"
    assert not [each for each in around(tmp_path) if "file" in each or each.endswith("/f")]


def negative() -> bytes:
    """A member whose size is -1000: reading on after it would read it again, for ever."""
    data = bytearray(stream([("a", REG, "", b"x" * 600), ("b", REG, "", b"y")]))
    data[124:136] = b"-0000001000\0"
    data[148:156] = b" " * 8
    data[148:156] = b"%06o\0 " % sum(data[:512])
    return bytes(data)


@pytest.mark.parametrize(
    "data",
    [negative(), stream([("a", REG, "", b"x" * 5000)])[:2000], b"\xff" * 2048, b"no tar"],
    ids=["negative size", "cut short", "noise", "text"],
)
def test_a_stream_that_is_no_tar_ends_in_one_line(data: bytes, tmp_path: Path) -> None:
    assert len(load(tmp_path, data).splitlines()) == 1


def test_setuid_and_setgid_bits_of_a_volume_come_back(tmp_path: Path) -> None:
    members = [("d", DIR, "", b""), ("d/su", REG, "", b"x")]
    assert load(tmp_path, stream(members, mode=0o6755)) == ""
    assert stat.S_IMODE((tmp_path / "d/su").stat().st_mode) == 0o6755
    assert stat.S_IMODE((tmp_path / "d").stat().st_mode) == 0o6755


_NAMES = some.lists(
    some.sampled_from(["a", "b", "..", ".", "", "d", "outside"]), min_size=1, max_size=3
).map("/".join)
_MEMBERS = some.lists(
    some.tuples(
        _NAMES,
        some.sampled_from([REG, DIR, SYM, LNK, tarfile.FIFOTYPE]),
        some.one_of(_NAMES, some.sampled_from(["../outside", "../outside/precious"])),
        some.just(b""),
    ),
    max_size=6,
)


@settings(max_examples=150, deadline=None)
@given(members=_MEMBERS)
def test_whatever_a_stream_holds_nothing_outside_of_the_volume_changes(
    members: list[Member], tmp_path_factory: pytest.TempPathFactory
) -> None:
    place = tmp_path_factory.mktemp("place")
    root, outside = place / "volume", place / "outside"
    root.mkdir()
    outside.mkdir()
    (outside / "precious").write_text("keep me")
    before = (outside / "precious").stat()
    load(root, stream(members))
    after = (outside / "precious").stat()
    assert sorted(os.listdir(place)) == ["outside", "volume"]
    assert os.listdir(outside) == ["precious"]
    assert (before.st_mtime_ns, before.st_mode, before.st_nlink) == (
        after.st_mtime_ns,
        after.st_mode,
        after.st_nlink,
    )


def extended(records: dict[bytes, bytes], content: bytes = b"x") -> bytes:
    """A file with these pax records, whatever they say."""
    text = b"".join(record(name, value) for name, value in records.items())
    head, member = tarfile.TarInfo("head"), tarfile.TarInfo("f")
    head.type, head.size, member.size = tarfile.XHDTYPE, len(text), len(content)
    blocks = (head.tobuf(tarfile.USTAR_FORMAT), text, member.tobuf(tarfile.USTAR_FORMAT), content)
    return b"".join(each + bytes(-len(each) % 512) for each in blocks) + bytes(1024)


def record(name: bytes, value: bytes) -> bytes:
    rest = b" " + name + b"=" + value + b"\n"
    length = len(rest)
    while len(str(length)) + len(rest) != length:
        length = len(str(length)) + len(rest)
    return str(length).encode() + rest


def sparse(size: int) -> dict[bytes, bytes]:
    version = {b"GNU.sparse.major": b"1", b"GNU.sparse.minor": b"0", b"GNU.sparse.name": b"a"}
    return version | {b"GNU.sparse.realsize": str(size).encode()}


ODD = {
    "a size beyond all files": extended(sparse(1 << 80), b"1\n0\n1\n".ljust(512, b"\0") + b"x"),
    "a map of holes that is none": extended(sparse(5), b"x" * 512),
    "an owner beyond all numbers": extended({b"uid": b"9" * 30}),
    "a time without an end": extended({b"mtime": b"1e400"}),
    "a time that is none": extended({b"mtime": b"nan"}),
    "headers of headers": extended({b"path": b"a"})[:1024] * 3000 + extended({b"path": b"a"}),
    "a header of 17 MiB": extended({b"comment": bytes(17 << 20)}),
    "a name of 5,000 characters": stream([("n" * 5000, REG, "", b"x")]),
    "a path of 5,000 characters": stream([("/".join(["d" * 199] * 25), REG, "", b"x")]),
    "a link of 5,000 characters": stream([("a", SYM, "l" * 5000, b"")]),
    "a hard link before its target": stream([("b", LNK, "a", b""), ("a", REG, "", b"x")]),
    "zstd": b"\x28\xb5\x2f\xfd" + bytes(2000),
}


@pytest.mark.parametrize("name", ODD)
def test_an_odd_stream_ends_in_one_short_line_and_leaves_nothing(name: str, tmp_path: Path) -> None:
    root = tmp_path / "volume"
    root.mkdir()
    told = load(root, ODD[name])
    assert told
    assert len(told) < 1000
    assert "\n" not in told
    assert around(root) == []
