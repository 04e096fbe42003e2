"""`tar` as `kubectl cp`, backup drills and volume copies use it.

Hostile archives stay harmless: nothing outside the directory is written, no device is made and no
owner is set (Python's data filter); a member that asks for it is named and ends tar with 1.
"""

from __future__ import annotations

import os
import stat
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import partial

from resilience.sandbox.images.text.command_line import Given, Refused, lines, taken, whole

FLAGS = "cxtzjJavmpOkhoP"
WITH_VALUE = "fCTXes"
LONG = {
    "create": "c", "extract": "x", "get": "x", "list": "t", "file": "f", "directory": "C",
    "gzip": "z", "bzip2": "j", "xz": "J", "auto-compress": "a", "verbose": "v", "touch": "m",
    "preserve-permissions": "p", "same-permissions": "p", "to-stdout": "O", "exclude": "e",
    "keep-old-files": "k", "dereference": "h", "files-from": "T", "exclude-from": "X",
    "strip-components": "s", "numeric-owner": "o", "same-owner": "o", "no-same-owner": "o",
    "overwrite": "o", "absolute-names": "P",
}  # fmt: skip
SUFFIXES = {".gz": "gz", ".tgz": "gz", ".bz2": "bz2", ".xz": "xz"}


@dataclass(slots=True)
class _Wanted:
    given: Given
    paths: list[tuple[str, str]]
    """Directory and name below it."""
    excluded: list[str]
    failed: list[str] = field(default_factory=list)


def tar_(argv: list[str]) -> int:
    """-c -x -t, with -f FILE -C FOLDER -z -j -J -a -v -m -p -O -k -h -T -X, --exclude and
    --strip-components; 1 after an error."""
    wanted = _parse(argv)
    modes = [letter for letter in "cxt" if letter in wanted.given]
    if len(modes) != 1:
        raise Refused("bad usage: one of -c, -x and -t is needed")
    try:
        _create(wanted) if modes == ["c"] else _read(wanted)
    except BrokenPipeError:
        raise
    except (OSError, EOFError, tarfile.TarError) as error:
        _failed(wanted, str(error))
    return int(bool(wanted.failed))


def _failed(wanted: _Wanted, why: str) -> None:
    sys.stdout.flush()
    print(f"tar: {why}", file=sys.stderr)
    wanted.failed.append(why)


def _parse(argv: list[str]) -> _Wanted:
    """The command line; each -C counts for the names after it."""
    words = argv[1:]
    if words and not words[0].startswith("-"):
        words = _with_dashes(words)
    given, paths, rest = Given(), [], ["tar", *words]
    while len(rest) > 1:
        found = taken(rest, FLAGS, WITH_VALUE, LONG, words_end=True)
        for letter, values in found.items():
            given.setdefault(letter, []).extend(values)
        if found.words:
            paths.append((given.last("C", "."), found.words[0]))
        rest = ["tar", *found.words[1:]]
    for listed in given.get("T", []):
        paths += [(given.last("C", "."), name) for name in _listed(listed)]
    excluded = [
        *given.get("e", []),
        *(name for file in given.get("X", []) for name in _listed(file)),
    ]
    return _Wanted(given, paths, excluded)


def _with_dashes(words: list[str]) -> list[str]:
    """`tar cfC a.tar folder x`: the values of the letters follow in their order."""
    letters, rest = words[0], words[1:]
    ahead = []
    for letter in letters:
        ahead.append(f"-{letter}")
        if letter in WITH_VALUE:
            if not rest:
                raise Refused(f"option requires an argument -- '{letter}'")
            ahead.append(rest.pop(0))
    return ahead + rest


def _listed(file: str) -> Iterator[str]:
    failed: list[int] = []
    for _, line in lines("tar", [file], failed):
        yield line.rstrip("\n")
    if failed:
        raise Refused(f"{file} cannot be read")


@contextmanager
def _archive(wanted: _Wanted, mode: str, kind: str) -> Iterator[tarfile.TarFile]:
    path = wanted.given.last("f", "-")
    pipe = sys.stdout.buffer if mode == "w" else sys.stdin.buffer
    how = f"{mode}|{kind}"
    if path == "-":
        sys.stdout.flush()
        with tarfile.open(mode=how, fileobj=pipe) as archive:  # type: ignore[call-overload]
            yield archive
        pipe.flush() if mode == "w" else None
    else:
        with open(path, f"{mode}b") as file:
            with tarfile.open(mode=how, fileobj=file) as archive:  # type: ignore[call-overload]
                yield archive


def _create(wanted: _Wanted) -> None:
    if not wanted.paths:
        raise Refused("empty archive: no name is given")
    path = wanted.given.last("f", "-")
    if path == "-" and not any(os.path.lexists(os.path.join(*each)) for each in wanted.paths):
        # `kubectl cp` takes an archive without a member for a copy that succeeded.
        for _, name in wanted.paths:
            _failed(wanted, f"{name}: No such file or directory")
        return
    kinds = {"z": "gz", "j": "bz2", "J": "xz"}
    kind = next((kinds[letter] for letter in kinds if letter in wanted.given), "")
    if "a" in wanted.given and not kind:
        kind = SUFFIXES.get(os.path.splitext(path)[1], "")
    with _archive(wanted, "w", kind) as archive:
        archive.dereference = "h" in wanted.given
        own = None if path == "-" else os.stat(path)
        for folder, name in wanted.paths:
            inside = name if "P" in wanted.given else name.lstrip("/") or "."
            place = os.path.join(folder, name)
            try:
                archive.add(
                    place, inside.rstrip("/") or ".", filter=partial(_added, wanted, own, folder)
                )
            except FileNotFoundError as error:
                _failed(wanted, f"{name}: {error.strerror}")


def _added(
    wanted: _Wanted, own: os.stat_result | None, folder: str, member: tarfile.TarInfo
) -> tarfile.TarInfo | None:
    """A file that goes into the archive; None for one that is excluded, or the archive itself."""
    if _excluded(wanted, member.name) or (own is not None and _is(own, folder, member)):
        return None
    if "v" in wanted.given:
        to_stdout = wanted.given.last("f", "-") == "-"
        print(_name(member), file=sys.stderr if to_stdout else sys.stdout)
    return member


def _is(own: os.stat_result, folder: str, member: tarfile.TarInfo) -> bool:
    try:
        return member.isreg() and os.path.samestat(own, os.stat(os.path.join(folder, member.name)))
    except OSError:
        return False  # stored under another name, or gone


def _excluded(wanted: _Wanted, name: str) -> bool:
    """Whether a pattern fits the name, a folder of it, or the end of it after a slash."""
    parts = name.split("/")
    starts = [[*parts[:end]] for end in range(1, len(parts) + 1)]
    ends = {"/".join(start[at:]) for start in starts for at in range(len(start))}
    return any(fnmatchcase(end, pattern) for pattern in wanted.excluded for end in ends)


def _read(wanted: _Wanted) -> None:
    given, missing = wanted.given, {name.rstrip("/") for _, name in wanted.paths}
    folder = given.last("C", ".")
    chosen = set(missing)
    if not os.path.isdir(folder):
        raise Refused(f"can't change directory to '{folder}': No such file or directory")
    with _archive(wanted, "r", "*") as archive:
        for member in archive:
            fitting = {each for each in chosen if _below(member.name, each)}
            missing -= fitting
            if (chosen and not fitting) or _excluded(wanted, member.name):
                continue
            _one(wanted, archive, member, folder)
    for name in sorted(missing):
        _failed(wanted, f"{name}: not found in archive")


def _below(name: str, top: str) -> bool:
    return name == top or name.startswith(f"{top}/") or (top == "." and name.startswith("./"))


def _one(wanted: _Wanted, archive: tarfile.TarFile, member: tarfile.TarInfo, folder: str) -> None:
    given = wanted.given
    if "t" in given:
        print(_long_line(member) if "v" in given else _name(member))
        return
    if "v" in given:
        print(_name(member), file=sys.stderr if "O" in given else sys.stdout)
    if "O" in given:
        _to_stdout(archive, member)
        return
    stripped = _stripped(member, whole(given.last("s", "0")))
    if stripped is None:
        return
    try:
        _extract(archive, stripped, folder, given)
    except tarfile.TarError as error:
        _failed(wanted, str(error))
    except OSError as error:
        _failed(wanted, f"{member.name}: {error.strerror}")


def _to_stdout(archive: tarfile.TarFile, member: tarfile.TarInfo) -> None:
    source = archive.extractfile(member) if member.isreg() else None
    sys.stdout.flush()
    while source is not None and (piece := source.read(1 << 16)):
        sys.stdout.buffer.write(piece)
    sys.stdout.buffer.flush()


def _stripped(member: tarfile.TarInfo, count: int) -> tarfile.TarInfo | None:
    if not count:
        return member
    name = "/".join(member.name.split("/")[count:])
    if not name:
        return None
    linked = "/".join(member.linkname.split("/")[count:]) if member.islnk() else member.linkname
    return member.replace(name=name, linkname=linked, deep=False)


def _extract(archive: tarfile.TarFile, member: tarfile.TarInfo, folder: str, given: Given) -> None:
    # Nothing outside the directory is written; the first patch releases of 3.11 lack it.
    harmless: Callable[..., tarfile.TarInfo] | None = getattr(tarfile, "data_filter", None)
    if harmless is not None:
        mode = member.mode & 0o777
        member = harmless(member, folder).replace(mode=mode, deep=False)
    if "m" in given:
        member.mtime = time.time()
    place = os.path.join(folder, member.name)
    if os.path.lexists(place) and not stat.S_ISDIR(os.lstat(place).st_mode):
        if "k" in given:
            raise FileExistsError(17, "File exists", member.name)
        os.remove(place)
    archive.extraction_filter = lambda each, _folder: each
    archive.extract(member, folder)


def _name(member: tarfile.TarInfo) -> str:
    return member.name + "/" * (member.isdir() and not member.name.endswith("/"))


def _long_line(member: tarfile.TarInfo) -> str:
    kinds = {tarfile.DIRTYPE: stat.S_IFDIR, tarfile.SYMTYPE: stat.S_IFLNK}
    mode = stat.filemode(member.mode | kinds.get(member.type, stat.S_IFREG))
    owner = f"{member.uname or member.uid}/{member.gname or member.gid}"
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(member.mtime))
    arrow = f" -> {member.linkname}" if member.linkname else ""
    return f"{mode} {owner} {member.size:9} {when} {_name(member)}{arrow}"
