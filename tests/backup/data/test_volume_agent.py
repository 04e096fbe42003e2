"""A directory comes back as it was: owners, modes, times, attributes, holes, and the directory
itself; what does not is named, and the disk is read back."""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import shutil
import socket
import stat
import subprocess
import sys
import tarfile
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from resilience.backup.data import volume_agent
from resilience.backup.data.container_stream import packed

AGENT = ["-c", packed("volume_agent")]


def agent(what: str, root: Path, stdin: bytes = b"") -> tuple[int, bytes, str]:
    """As it travels: without docstrings and annotations."""
    done = subprocess.run([sys.executable, *AGENT, what, str(root)], input=stdin,
                          capture_output=True, check=False, timeout=60)  # fmt: skip
    return done.returncode, done.stdout, done.stderr.decode()


def footer(said: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(said.splitlines()[-1].removeprefix("resilience-end "))
    return found


def back(root: Path, tmp_path: Path) -> tuple[Path, dict[str, Any], dict[str, Any]]:
    target = tmp_path / "back"
    target.mkdir()
    code, stream, saved = agent("save", root)
    assert code == 0, saved
    code, _, loaded = agent("load", target, stream)
    assert code == 0, loaded
    assert footer(loaded)["tree"] == footer(saved)["tree"]
    return target, footer(saved), footer(loaded)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    made = tmp_path / "volume"
    made.mkdir()
    return made


def attributes(path: Path) -> dict[str, bytes]:
    return {name: os.getxattr(path, name, follow_symlinks=False)
            for name in os.listxattr(path, follow_symlinks=False)}  # fmt: skip


def seen(root: Path) -> dict[str, Any]:
    found = {}
    for path in (root, *root.rglob("*")):
        status = path.lstat()
        content = path.read_bytes() if stat.S_ISREG(status.st_mode) else b""
        found[str(path.relative_to(root))] = (
            status.st_mode, status.st_uid, status.st_gid, status.st_mtime_ns,
            hashlib.sha256(content).hexdigest(), attributes(path),
            os.readlink(path) if path.is_symlink() else "",
        )  # fmt: skip
    return found


def test_the_directory_itself_comes_back(root: Path, tmp_path: Path) -> None:
    """Of a database it is 0700 and its own: the server refuses to start in any other."""
    os.chown(root, 999, 998)
    root.chmod(0o2700)
    os.utime(root, ns=(1_400_000_000_000_000_005,) * 2)
    target, _, _ = back(root, tmp_path)
    status = target.stat()
    assert (status.st_uid, status.st_gid) == (999, 998)
    assert stat.S_IMODE(status.st_mode) == 0o2700
    assert status.st_mtime_ns == 1_400_000_000_000_000_005


def test_modes_owners_attributes_and_links_come_back(root: Path, tmp_path: Path) -> None:
    (root / "su").write_text("x")
    os.chown(root / "su", 999, 998)
    (root / "su").chmod(0o6755)
    os.setxattr(root / "su", "user.binary", b"\0\xff\n value")
    (root / "deep").mkdir()
    (root / "deep/in").write_text("y")
    os.setxattr(root / "deep", "user.name", b"v")
    (root / "deep").chmod(0o555)
    os.link(root / "su", root / "hard")
    os.symlink("nowhere", root / "dangling")
    (Path(os.fsdecode(os.fsencode(root) + b"/bad\xff\nname"))).write_text("z")
    target, _, loaded = back(root, tmp_path)
    assert seen(target) == seen(root)
    assert (target / "su").stat().st_ino == (target / "hard").stat().st_ino
    assert loaded["warned"] == 0


def test_holes_stay_holes_and_are_not_sent(root: Path, tmp_path: Path) -> None:
    with (root / "image").open("wb") as file:
        file.write(b"head")
        file.seek(40 << 20)
        file.write(b"middle")
        file.truncate(80 << 20)
    with (root / "hole").open("wb") as file:
        file.truncate(10 << 20)
    target, saved, _ = back(root, tmp_path)
    assert seen(target) == seen(root)
    assert saved["bytes"] < 1 << 20
    for name in ("image", "hole"):
        assert (target / name).stat().st_blocks <= (root / name).stat().st_blocks


def test_a_file_with_too_many_holes_is_sent_whole_and_gets_them_back(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (root / "image").open("wb") as file:
        for number in range(4):
            file.seek(number * (4 << 20))
            file.write(b"data")
        file.truncate(20 << 20)
    monkeypatch.setattr(volume_agent, "MOST_SEGMENTS", 2)
    out = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(out))
    _, tree = volume_agent.save(str(root), volume_agent.Warned())
    assert len(out.getvalue()) > 20 << 20
    target = tmp_path / "back"
    target.mkdir()
    code, _, said = agent("load", target, out.getvalue())
    assert code == 0, said
    assert footer(said)["tree"] == tree.whole()
    assert (target / "image").stat().st_blocks * 512 < 8 << 20


def test_sockets_and_pipes_are_named(root: Path, tmp_path: Path) -> None:
    os.mkfifo(root / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(root / "s"))
        target, saved, _ = back(root, tmp_path)
    assert saved["warnings"] == ["pipe: left out: no file, directory or link",
                                 "s: left out: no file, directory or link"]  # fmt: skip
    assert os.listdir(target) == []


class Vanishing:
    """Takes files away just before the program comes to them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, call: str, count: int = 1) -> None:
        real, left = getattr(os, call), [count]

        def first(path: Any, *rest: Any, **more: Any) -> Any:
            if str(path).endswith(".tmp") and left[0]:
                left[0] -= 1
                os.unlink(path)
            return real(path, *rest, **more)

        monkeypatch.setattr(os, call, first)


@pytest.mark.parametrize("call", ["lstat", "open"])
def test_a_file_that_vanishes_is_left_out_and_named(
    call: str, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "a.tmp").write_text("x")
    (root / "kept").write_text("y")
    Vanishing(monkeypatch, call=call)
    out, warned = io.BytesIO(), volume_agent.Warned()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(out))
    volume_agent.save(str(root), warned)
    assert warned.lines == ["a.tmp: vanished while it was read"]
    with tarfile.open(fileobj=io.BytesIO(out.getvalue())) as tar:
        assert tar.getnames() == [".", "kept"]


def make(path: Path, what: str, root: Path) -> None:
    """`what` at the path, whatever was there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    if what == "file":
        path.write_text("x")
    elif what == "directory":
        path.mkdir()
        (path / "inner").write_text("y")
    elif what == "link":
        path.symlink_to(root / "other")
    elif what == "pipe":
        os.mkfifo(path)


KINDS = ("file", "directory", "link", "pipe", "nothing")


@pytest.mark.parametrize("when", ["listed", "member"])
@pytest.mark.parametrize("after", KINDS)
@pytest.mark.parametrize("before", KINDS[:-1])
def test_what_becomes_something_else_meanwhile_still_comes_back(
    before: str, after: str, when: str, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stream that was taken can be loaded, whatever the application did in the meantime."""
    (root / "other").mkdir()
    (root / "other" / "outside").write_text("z")
    make(root / "m", before, root)
    (root / "z").write_text("kept")
    real = getattr(volume_agent.Reader, when)

    def changing(reader: Any, path: str, *rest: Any, **more: Any) -> Any:
        found = real(reader, path, *rest, **more)
        if path == str(root) or path.endswith("/m"):
            make(root / "m", after, root)
        return found

    out = io.BytesIO()
    monkeypatch.setattr(volume_agent.Reader, when, changing)
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(out))
    volume_agent.save(str(root), volume_agent.Warned())
    stream = out.getvalue()
    monkeypatch.undo()
    target = tmp_path / "back"
    target.mkdir()
    code, _, said = agent("load", target, stream)
    assert code == 0, said
    assert (target / "z").read_text() == "kept"
    assert not (target / "m" / "outside").exists() or (target / "m").is_symlink()


def test_a_second_name_is_no_link_to_a_file_that_vanished(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "a").write_text("x")
    os.link(root / "a", root / "b")
    real = volume_agent.read_attributes

    def vanishing(path: str) -> dict[str, str]:
        if path.endswith("/a"):
            os.unlink(path)
        return real(path)

    monkeypatch.setattr(volume_agent, "read_attributes", vanishing)
    out, warned = io.BytesIO(), volume_agent.Warned()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(out))
    volume_agent.save(str(root), warned)
    assert warned.lines == ["a: vanished while it was read"]
    target = tmp_path / "back"
    target.mkdir()
    code, _, said = agent("load", target, out.getvalue())
    assert code == 0, said
    assert (target / "b").read_text() == "x"


def test_an_attribute_that_vanishes_takes_no_other_and_no_file_with_it(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "a").write_text("x")
    os.setxattr(root / "a", "user.gone", b"1")
    os.setxattr(root / "a", "user.kept", b"2")
    real = os.getxattr

    def vanishing(path: str, name: str, *, follow_symlinks: bool = True) -> bytes:
        if name == "user.gone":
            raise OSError(errno.ENODATA, "No data available", path)
        return real(path, name, follow_symlinks=follow_symlinks)

    monkeypatch.setattr(os, "getxattr", vanishing)
    assert list(volume_agent.read_attributes(str(root / "a"))) == ["SCHILY.xattr.user.kept"]


@pytest.mark.parametrize(("number", "passed"), [(errno.ENODATA, True), (errno.EIO, False)])
@pytest.mark.parametrize("call", ["listxattr", "getxattr"])
def test_attributes_that_a_file_system_only_lists_are_passed_over(
    call: str, number: int, passed: bool, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "a").write_text("x")
    os.setxattr(root / "a", "user.k", b"1")

    def failing(path: str, *given: str, follow_symlinks: bool = True) -> bytes:
        raise OSError(number, "no", path)

    monkeypatch.setattr(os, call, failing)
    with nullcontext() if passed else pytest.raises(OSError, match="no"):
        assert volume_agent.read_attributes(str(root / "a")) == {}


def test_a_file_that_shrinks_is_named(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / "log").write_bytes(b"x" * 100_000)
    real = os.pread

    def cut(file: int, size: int, at: int) -> bytes:
        (root / "log").write_bytes(b"")
        return real(file, size, at)

    monkeypatch.setattr(os, "pread", cut)
    out, warned = io.BytesIO(), volume_agent.Warned()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(out))
    volume_agent.save(str(root), warned)
    assert warned.lines == ["log: shrank while it was read: its end is zeros"]


def test_a_directory_that_cannot_be_read_fails_and_is_no_empty_one(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "private").mkdir()
    real = os.open

    def denied(path: Any, *rest: Any, **more: Any) -> Any:
        if str(path).endswith("private"):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return real(path, *rest, **more)

    monkeypatch.setattr(os, "open", denied)
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO()))
    with pytest.raises(PermissionError):
        volume_agent.save(str(root), volume_agent.Warned())


def test_what_cannot_be_restored_is_named(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "su").write_text("x")
    os.chown(root / "su", 999, 998)
    os.setxattr(root / "su", "user.k", b"v")
    _, stream, _ = agent("save", root)

    def refused(*_: Any, **__: Any) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    for call in ("chown", "setxattr"):
        monkeypatch.setattr(os, call, refused)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stream)))
    target, warned = tmp_path / "back", volume_agent.Warned()
    target.mkdir()
    volume_agent.load(str(target), warned)
    assert warned.lines == [
        "su: its owner 999:998 (Operation not permitted) could not be restored",
        "su: its attribute user.k (Operation not permitted) could not be restored",
    ]


def test_the_proof_is_read_from_the_disk(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that keeps something else than it was given, in content or in a mode."""
    (root / "a").write_text("content")
    (root / "b").write_text("more")
    _, stream, _ = agent("save", root)
    real = volume_agent.read_back

    def spoilt(where: str, *rest: Any) -> None:
        (Path(where) / "a").write_text("Content")
        (Path(where) / "b").chmod(0o777)
        real(where, *rest)

    monkeypatch.setattr(volume_agent, "read_back", spoilt)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stream)))
    target = tmp_path / "back"
    target.mkdir()
    with pytest.raises(SystemExit, match="the disk does not hold what the stream held: a, b"):
        volume_agent.load(str(target), volume_agent.Warned())


def test_the_file_systems_own_directory_is_no_content(root: Path, tmp_path: Path) -> None:
    (root / "lost+found").mkdir(mode=0o700)
    (root / "a").write_text("x")
    _, stream, _ = agent("save", root)
    (root / "lost+found").rmdir()
    target = tmp_path / "back"
    (target / "lost+found").mkdir(parents=True)
    code, _, said = agent("load", target, stream)
    assert code == 0, said
    assert sorted(os.listdir(target)) == ["a", "lost+found"]


@pytest.mark.parametrize(("name", "owner", "fails"), [
    ("lost+found", 0, False), ("lost+found", 1000, True), ("deep/lost+found", 0, True),
    ("private", 0, True)])  # fmt: skip
def test_only_roots_own_directory_may_stay_closed_to_a_helper_that_is_not_root(
    name: str, owner: int, fails: bool, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a namespace of PodSecurity `restricted`, on any ext4 (martinohmann/home-ops#229)."""
    closed = root / name
    closed.mkdir(parents=True, mode=0o700)
    os.chown(closed, owner, owner)
    listed = os.listdir

    def listdir(path: Any) -> list[str]:
        if (os.readlink(f"/proc/self/fd/{path}") if isinstance(path, int) else path) == str(closed):
            raise PermissionError(errno.EACCES, "Permission denied", str(closed))
        return listed(path)

    monkeypatch.setattr(os, "listdir", listdir)
    reader = volume_agent.Reader(str(root), volume_agent.Warned())
    if fails:
        with pytest.raises(PermissionError):
            list(reader.members())
    else:
        assert name not in [info.name for info, _ in reader.members()]


def test_a_stream_of_an_earlier_version_is_proven_in_its_own_form(
    root: Path, tmp_path: Path
) -> None:
    (root / "d").mkdir()
    (root / "d/file").write_text("x")
    os.link(root / "d/file", root / "hard")
    os.symlink("d", root / "link")
    out, lines = io.BytesIO(), []
    with tarfile.open(fileobj=out, mode="w|", format=tarfile.PAX_FORMAT) as tar:
        for name in ("hard", "link", "d", "d/file"):
            info = tar.gettarinfo(str(root / name), arcname=name)
            tar.addfile(info, io.BytesIO(b"x"))
            link = info.linkname if info.issym() or info.islnk() else ""
            digest = hashlib.sha256(b"x").hexdigest() if info.isreg() else ""
            size = info.size if info.isreg() else 0
            words = (name, info.type.decode(), info.mode & 0o7777, info.uid, info.gid, size)
            lines.append("\0".join(map(str, (*words, link, digest))))
    tree = hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()
    target = tmp_path / "back"
    target.mkdir()
    code, _, said = agent("load-1", target, out.getvalue())
    assert code == 0, said
    assert footer(said)["tree"] == tree


DATA = [b"", b"\0" * 10, b"abc", b"\0" * 70_000]


@settings(max_examples=200, deadline=None)
@given(
    pieces=some.lists(
        some.tuples(some.integers(0, 5), some.sampled_from(DATA)),
        max_size=5,
    ),
    tail=some.integers(0, 200_000),
)
def test_the_hash_of_content_does_not_depend_on_where_holes_are(
    pieces: list[tuple[int, bytes]], tail: int
) -> None:
    whole, at = bytearray(), 0
    for gap, data in pieces:
        whole += bytes(gap * 30_000) + data
    whole += bytes(tail)
    dense, holed = volume_agent.Content(), volume_agent.Content()
    dense.feed(0, bytes(whole))
    for gap, data in pieces:
        at += gap * 30_000
        if data.strip(b"\0"):
            holed.feed(at, data)
        at += len(data)
    assert dense.end(len(whole)) == holed.end(len(whole))
