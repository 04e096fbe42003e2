"""Runs inside a helper Pod; turns a directory into a tar stream, and back. Standard library only.

    python agent.py save DIR      tar on stdout
    python agent.py load DIR      tar on stdin; DIR must be empty
    python agent.py load-1 DIR    the same for a stream of an earlier version
    python agent.py look DIR      "empty" or "full" on stderr
    python agent.py clear DIR     takes away everything in DIR

The last line on stderr is the end marker with byte count, sha256 of the stream, hash of the tree
and warnings. The tree is one line for each entry, the directory itself included: path, type, mode,
owner, time, size, target, extended attributes and content. A hole counts as the zeros that it
reads as. Files that vanish or are replaced meanwhile, sockets, pipes and devices are left out with
a warning.

`load` writes below DIR and nowhere else, whatever the stream holds: a member is refused unless it
is a file, directory or link, in a directory that this same stream has created, with a new name.
Then it reads the disk back, and every entry must match the stream.
"""

from __future__ import annotations

import copy
import errno
import hashlib
import json
import os
import shutil
import stat
import sys
import tarfile
from array import array
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import NoReturn

BLOCK = 1 << 20
PART = 1 << 16
ZEROS = bytes(PART)
XATTR = "SCHILY.xattr."
SPARSE = "RESILIENCE.sparse"
HEADERS = (
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
)
LARGEST_HEADER = 16 << 20
LONGEST_WORDS = 300
MOST_SEGMENTS = 10_000
LARGEST = 8 << 30
"""The limit of a ustar header: a sparse file with more data is sent with its zeros."""

LOCAL = {"security.selinux"}
"""Attributes that a node itself sets on files."""


class Counting:
    """Counts and hashes the bytes that pass through."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file, self.bytes, self.hash = file, 0, hashlib.sha256()

    def write(self, data: bytes) -> int:
        self.file.write(data)
        self.bytes += len(data)
        self.hash.update(data)
        return len(data)

    def read(self, size: int = -1) -> bytes:
        data = self.file.read(size)
        self.bytes += len(data)
        self.hash.update(data)
        return data


class Warned:
    """Files that are not in the stream: their number, and the first hundred by name."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.count = 0

    def add(self, path: str, why: str) -> None:
        self.count += 1
        if len(self.lines) < 100:
            self.lines.append(f"{shown(path)}: {why}")


class Content:
    """The hash of a file's content, the same for written zeros and for a hole."""

    def __init__(self) -> None:
        self.hash, self.at, self.pending = hashlib.sha256(), 0, bytearray()

    def feed(self, offset: int, data: bytes) -> None:
        """`data` begins at `offset`; the skipped part is zeros."""
        self.pass_over(offset)
        start, view = 0, memoryview(data)
        while start < len(data):
            piece = view[start : start + PART - len(self.pending)]
            self.pending += piece
            start += len(piece)
            self.at += len(piece)
            self.full()

    def pass_over(self, offset: int) -> None:
        if self.pending and offset > self.at:
            gap = min(offset - self.at, PART - len(self.pending))
            self.pending += ZEROS[:gap]
            self.at += gap
            self.full()
        if offset > self.at:
            self.pending += ZEROS[: offset % PART]
            self.at = offset

    def full(self) -> None:
        if len(self.pending) == PART:
            self.part()

    def part(self) -> None:
        if self.pending != ZEROS[: len(self.pending)]:
            self.hash.update(b"%d\0" % ((self.at - 1) // PART))
            self.hash.update(self.pending)
        self.pending.clear()

    def end(self, size: int) -> str:
        self.pass_over(size)
        if self.pending:
            self.part()
        return self.hash.hexdigest()


class Plain:
    """The hash of content as earlier versions computed it."""

    def __init__(self) -> None:
        self.hash, self.at = hashlib.sha256(), 0

    def feed(self, offset: int, data: bytes) -> None:
        self.pass_over(offset)
        self.hash.update(data)
        self.at = offset + len(data)

    def pass_over(self, offset: int) -> None:
        while self.at < offset:
            gap = min(offset - self.at, PART)
            self.hash.update(ZEROS[:gap])
            self.at += gap

    def end(self, size: int) -> str:
        self.pass_over(size)
        return self.hash.hexdigest()


class Tree:
    """Lines of entries: their sum is the hash of the tree, so that no order is needed; each line
    is kept in eight bytes, to name what differs. `first` is the form of earlier versions."""

    def __init__(self, *, first: bool = False) -> None:
        self.first, self.sum, self.lines = first, 0, list[str]()
        self.each = array("Q")

    def content(self) -> Any:
        return Plain() if self.first else Content()

    def add(self, info: tarfile.TarInfo, digest: str, kept: tarfile.TarInfo | None = None) -> None:
        """`kept` is the part of the entry that could be restored, if not all of it."""
        line = self.line(info, digest)
        if self.first:
            self.lines.append(line)
        else:
            self.sum += int.from_bytes(hashed(line), "big")
        self.each.append(short(self.line(kept or info, digest)))

    def line(self, info: tarfile.TarInfo, digest: str) -> str:
        link = info.linkname if info.issym() or info.islnk() else ""
        size = info.size if info.isreg() else 0
        words = [info.name, info.type.decode(), info.mode & 0o7777, info.uid, info.gid, size, link]
        if not self.first:
            words += [int(moment(info) // 10**9), *attributes(info)]
        return "\0".join(map(str, [*words, digest]))

    def whole(self) -> str:
        if not self.first:
            return f"2:{self.sum % 2**256:064x}"
        text = "\n".join(sorted(self.lines))
        return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def hashed(line: str) -> bytes:
    return hashlib.sha256(line.encode("utf-8", "surrogateescape")).digest()


def short(line: str) -> int:
    return int.from_bytes(hashed(line)[:8], "big")


def shown(path: str) -> str:
    """A readable, JSON-safe name, for any bytes."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def moment(info: tarfile.TarInfo) -> int:
    """Nanoseconds."""
    whole, _, part = str(info.pax_headers.get("mtime", info.mtime)).partition(".")
    return int(whole) * 10**9 + int((part + "0" * 9)[:9])


def attributes(info: tarfile.TarInfo) -> list[str]:
    return sorted(
        f"{key[len(XATTR) :]}={value}"
        for key, value in info.pax_headers.items()
        if key.startswith(XATTR)
    )


def why_not(problem: OSError) -> str:
    """Why an entry that was listed can no longer be read, if it disappeared or was replaced; "" for
    any other error."""
    if problem.errno in (errno.ENOENT, errno.ESTALE):
        return "vanished while it was read"
    if problem.errno in (errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.EINVAL, errno.ENXIO):
        return "was replaced by something else while it was read"
    return ""


def is_the_file_systems(root: str, path: str) -> bool:
    """lost+found is created with the file system, and does not count as content while it is empty,
    or may be read by root alone, as mke2fs leaves it."""
    if path != os.path.join(root, "lost+found"):
        return False
    try:
        return not os.listdir(path)
    except PermissionError:
        return os.lstat(path).st_uid == 0


def names_in(folder: str) -> list[str]:
    """Names in a directory; a symbolic link is not followed."""
    file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        return os.listdir(file)
    finally:
        os.close(file)


class Reader:
    """Each entry on the disk, as a member of the stream. The order is part of the format: a
    directory itself, the other entries in it, its directories, and then the content of each of
    them. An entry whose type changed since it was listed is left out."""

    def __init__(self, root: str, warned: Warned, *, lost: bool = False) -> None:
        self.root, self.warned, self.lost = root, warned, lost
        self.seen: dict[tuple[int, int], str] = {}

    def members(self) -> Iterator[tuple[tarfile.TarInfo, int]]:
        """Each with an open descriptor of a file, else -1; the caller closes it."""
        yield self.member(self.root, ".", folder=True)
        waiting = [self.root]
        while waiting:
            at = waiting.pop()
            others, folders = self.listed(at)
            for path in others:
                yield from self.kept(path, folder=False)
            made = []
            for path in folders:
                for found in self.kept(path, folder=True):
                    made.append(path)
                    yield found
            waiting += reversed(made)

    def listed(self, at: str) -> tuple[list[str], list[str]]:
        """(other entries, directories) in a directory, sorted by name."""
        others, folders = list[str](), list[str]()
        try:
            names = sorted(names_in(at))
        except OSError as problem:
            self.left_out(at, problem)
            return others, folders
        for path in (os.path.join(at, name) for name in names):
            if not stat.S_ISDIR(mode(path)):
                others.append(path)
            elif self.lost or not is_the_file_systems(self.root, path):
                folders.append(path)
        return others, folders

    def kept(self, path: str, *, folder: bool) -> Iterator[tuple[tarfile.TarInfo, int]]:
        name = os.path.relpath(path, self.root)
        try:
            found = self.member(path, name, folder=folder)
        except OSError as problem:
            self.left_out(path, problem)
            return
        if found[0].type == tarfile.FIFOTYPE:
            self.warned.add(name, "left out: no file, directory or link")
        else:
            yield found

    def left_out(self, path: str, problem: OSError) -> None:
        why = why_not(problem)
        if not why:
            raise problem
        self.warned.add(os.path.relpath(path, self.root), why)

    def member(self, path: str, name: str, *, folder: bool) -> tuple[tarfile.TarInfo, int]:
        """FIFOTYPE represents all types that a stream does not contain."""
        status, file = os.lstat(path), -1
        if stat.S_ISDIR(status.st_mode) != folder:
            raise OSError(errno.ENOTDIR, "it changed its type", path)
        if stat.S_ISREG(status.st_mode):
            file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            if file >= 0:
                status = os.fstat(file)
                if not stat.S_ISREG(status.st_mode):
                    raise OSError(errno.EISDIR, "it changed its type", path)
            info = self.described(path, name, status)
        except BaseException:
            if file >= 0:
                os.close(file)
            raise
        if info.islnk() and file >= 0:
            os.close(file)
            file = -1
        return info, file

    def described(self, path: str, name: str, status: os.stat_result) -> tarfile.TarInfo:
        info = tarfile.TarInfo(name)
        info.mode, info.uid, info.gid = stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid
        info.mtime = status.st_mtime_ns // 10**9
        seconds, rest = divmod(status.st_mtime_ns, 10**9)
        info.type, info.pax_headers = tarfile.FIFOTYPE, {"mtime": f"{seconds}.{rest:09d}"}
        if not self.typed(info, status, path):
            return info
        info.pax_headers = {**info.pax_headers, **read_attributes(path)}
        if (
            info.isreg() and status.st_nlink > 1
        ):  # from here on the entry is certainly in the stream
            self.seen[status.st_dev, status.st_ino] = info.name
        return info

    def typed(self, info: tarfile.TarInfo, status: os.stat_result, path: str) -> bool:
        """Set its type; False for types that a stream does not hold."""
        if stat.S_ISDIR(status.st_mode):
            info.type = tarfile.DIRTYPE
        elif stat.S_ISLNK(status.st_mode):
            info.type, info.linkname = tarfile.SYMTYPE, os.readlink(path)
        elif stat.S_ISREG(status.st_mode):
            key = (status.st_dev, status.st_ino)
            first = self.seen.get(key)
            if first is None:
                info.type, info.size = tarfile.REGTYPE, status.st_size
            else:
                info.type, info.linkname = tarfile.LNKTYPE, first
        else:
            return False
        return True


def read_attributes(path: str) -> dict[str, str]:
    """Without those that go away meanwhile, and those that a file system lists and does not have
    (CIFS)."""
    try:
        names = os.listxattr(path, follow_symlinks=False)
    except OSError as problem:
        if problem.errno in (errno.ENOTSUP, errno.EPERM, errno.EACCES, errno.ENODATA):
            return {}
        raise
    found = {}
    for name in names:
        if name in LOCAL:
            continue
        try:
            value = os.getxattr(path, name, follow_symlinks=False)
        except OSError as problem:
            if problem.errno == errno.ENODATA:
                continue
            raise
        found[XATTR + name] = value.decode("utf-8", "surrogateescape")
    return found


def segments(file: int, size: int) -> Iterator[tuple[int, int]]:
    """(offset, length) of data between holes."""
    status, at = os.fstat(file), 0
    if status.st_blocks * 512 >= size:
        yield 0, size
        return
    while at < size:
        try:
            start = os.lseek(file, at, os.SEEK_DATA)
        except OSError as problem:
            if problem.errno != errno.ENXIO:
                raise
            return
        at = min(os.lseek(file, start, os.SEEK_HOLE), size)
        if start < at:
            yield start, at - start


def pieces(file: int, parts: Iterable[tuple[int, int]]) -> Iterator[tuple[int, bytes]]:
    """(offset, data); a file that ends early gives zeros."""
    for start, length in parts:
        at, end = start, start + length
        while at < end:
            data = os.pread(file, min(BLOCK, end - at), at)
            yield at, data or bytes(min(BLOCK, end - at))
            at += len(data) or min(BLOCK, end - at)


class Sent:
    """A file's data as tarfile reads it; it is hashed while it is read."""

    def __init__(self, head: bytes, source: Iterator[tuple[int, bytes]], content: Any) -> None:
        self.waiting, self.source, self.content = bytearray(head), source, content

    def read(self, size: int) -> bytes:
        while len(self.waiting) < size:
            offset, data = next(self.source, (0, b""))
            if not data:
                break
            self.content.feed(offset, data)
            self.waiting += data
        data = bytes(self.waiting[:size])
        del self.waiting[:size]
        return data


def save(root: str, warned: Warned) -> tuple[Counting, Tree]:
    """Write a directory to stdout."""
    out, tree = Counting(sys.stdout.buffer), Tree()
    # What tarfile needs of a file, and its `copybufsize`, are not in its stubs.
    options: Any = {"fileobj": out, "mode": "w|", "bufsize": BLOCK, "copybufsize": BLOCK}
    with tarfile.open(format=tarfile.PAX_FORMAT, **options) as tar:
        for info, file in Reader(root, warned).members():
            if file < 0:
                tar.addfile(info)
                tree.add(info, "")
            else:
                tree.add(info, send(tar, info, file, warned))
                os.close(file)
            forget(tar)
    sys.stdout.buffer.flush()
    return out, tree


def forget(tar: Any) -> None:
    """Clear tarfile's list of members, which would otherwise grow until the end."""
    tar.members.clear()


def send(tar: tarfile.TarFile, info: tarfile.TarInfo, file: int, warned: Warned) -> str:
    """One file. With holes it is sent in the form of GNU tar's sparse files, 1.0."""
    parts, size, content = list(segments(file, info.size)), info.size, Content()
    holes = sum(length for _, length in parts) < size
    head, sent = b"", info
    if holes and len(parts) <= MOST_SEGMENTS and sum(length for _, length in parts) < LARGEST:
        ends = [*parts, (size, 0)]  # GNU tar treats the last entry as the end of the file
        numbers = [len(ends), *(number for part in ends for number in part)]
        head = "".join(f"{number}\n" for number in numbers).encode()
        head += bytes(-len(head) % tarfile.BLOCKSIZE)
        sent = tarfile.TarInfo(info.name)
        for key in ("mode", "uid", "gid", "mtime", "type"):
            setattr(sent, key, getattr(info, key))
        sent.size = len(head) + sum(length for _, length in parts)
        sent.pax_headers = {
            **info.pax_headers,
            "GNU.sparse.major": "1",
            "GNU.sparse.minor": "0",
            "GNU.sparse.name": info.name,
            "GNU.sparse.realsize": str(size),
        }
        sent.name = "GNUSparseFile.0/data"
    elif holes:
        parts, sent.pax_headers = [(0, size)], {**info.pax_headers, SPARSE: "1"}
    data: Any = Sent(head, pieces(file, parts), content)
    tar.addfile(sent, data)
    if os.fstat(file).st_size < size:
        warned.add(info.name, "shrank while it was read: its end is zeros")
    return content.end(size)


def load(root: str, warned: Warned, *, first: bool = False) -> tuple[Counting, Tree]:
    """Write stdin to an empty directory and read it back; if that fails, empty it again."""
    if held(root):
        sys.exit("the volume is not empty; nothing was written")
    try:
        return loaded(root, warned, first=first)
    except BaseException:
        clear(root)
        raise


def loaded(root: str, warned: Warned, *, first: bool) -> tuple[Counting, Tree]:
    """Create the entries of the stream and read them back."""
    source, tree, below = Counting(sys.stdin.buffer), Tree(first=first), Below(root)
    folders: list[tuple[tarfile.TarInfo, str, int]] = []
    names: set[str] = set()
    pipe: Any = source
    with tarfile.open(fileobj=pipe, mode="r|", bufsize=BLOCK, tarinfo=Member) as tar:
        for info in tar:
            forget(tar)
            path = below.place(info)
            if info.name in (".", "lost+found"):
                names.add(info.name)
            digest = create(tar, info, path, root, tree)
            if info.isdir():  # after its content has been created
                folders.append((info, path, len(tree.each)))
                tree.add(info, digest)
            else:
                kept = there(info, path) if info.islnk() else finish(info, path, warned)
                tree.add(info, digest, kept)
    while source.read(BLOCK):
        pass
    for info, path, number in reversed(folders):
        tree.each[number] = short(tree.line(finish(info, path, warned), ""))
    read_back(root, tree, names)
    return source, tree


def create(tar: tarfile.TarFile, info: tarfile.TarInfo, path: str, root: str, tree: Tree) -> str:
    """Create one entry; return the hash of its content."""
    if info.isreg():
        return write(tar, info, path, tree.content())
    if info.isdir():
        if not mode(path):
            os.mkdir(path, 0o700)
    elif info.issym():
        os.symlink(info.linkname, path)
    else:
        os.link(os.path.join(root, info.linkname), path, follow_symlinks=False)
    return ""


def write(tar: tarfile.TarFile, info: tarfile.TarInfo, path: str, content: Any) -> str:
    """Write one file with its holes; return the hash of its content."""
    source: Any = getattr(tar.extractfile(info), "raw", None)  # its buffer cannot seek in a stream
    with open(path, "xb") as file:
        for start, length in parts_of(info):
            source.seek(start)
            at, end = start, start + length
            while at < end:
                data = source.read(min(BLOCK, end - at))
                if not data:
                    raise tarfile.ReadError("unexpected end of data")
                content.feed(at, data)
                if SPARSE not in info.pax_headers or data != bytes(len(data)):
                    file.seek(at)
                    file.write(data)
                at += len(data)
        file.truncate(info.size)
        file.flush()
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)  # read back from the disk
    return str(content.end(info.size))


def parts_of(info: Any) -> list[tuple[int, int]]:
    """(offset, length) of data between holes."""
    return [(0, info.size)] if info.sparse is None else info.sparse


def finish(info: tarfile.TarInfo, path: str, warned: Warned) -> tarfile.TarInfo:
    """Owner, mode, attributes and times, in this order: a change of owner clears the setuid bit
    and the file's capabilities. Returns what could be restored, and warns about the rest."""
    failed = []
    if (info.uid, info.gid) != owner(path):
        try:
            os.chown(path, info.uid, info.gid, follow_symlinks=False)
        except OSError as problem:
            failed.append(f"its owner {info.uid}:{info.gid} ({problem.strerror})")
    if not info.issym():
        try:
            os.chmod(path, info.mode)
        except OSError as problem:
            failed.append(f"its mode {info.mode:o} ({problem.strerror})")
        if not failed and stat.S_IMODE(mode(path)) != info.mode & 0o7777:
            failed.append(f"its mode {info.mode:o}")
    for key, value in info.pax_headers.items():
        if key.startswith(XATTR):
            name, data = key[len(XATTR) :], value.encode("utf-8", "surrogateescape")
            try:
                os.setxattr(path, name, data, follow_symlinks=False)
            except OSError as problem:
                failed.append(f"its attribute {name} ({problem.strerror})")
    try:
        os.utime(path, ns=(moment(info), moment(info)), follow_symlinks=False)
    except OSError as problem:
        failed.append(f"its time ({problem.strerror})")
    for each in failed:
        warned.add(info.name, f"{each} could not be restored")
    return there(info, path) if failed else info


def owner(path: str) -> tuple[int, int]:
    status = os.lstat(path)
    return status.st_uid, status.st_gid


def there(info: tarfile.TarInfo, path: str) -> tarfile.TarInfo:
    """The entry as it is on the disk."""
    kept, status = copy.copy(info), os.lstat(path)
    kept.mode, (kept.uid, kept.gid) = stat.S_IMODE(status.st_mode), owner(path)
    kept.pax_headers = {"mtime": str(status.st_mtime_ns // 10**9), **read_attributes(path)}
    return kept


def read_back(root: str, tree: Tree, names: set[str]) -> None:
    """Compare every entry on the disk with the stream."""
    wrong, number = list[str](), 0
    reader = Reader(root, Warned(), lost="lost+found" in names)
    for info, file in reader.members():
        digest = ""
        if file >= 0:
            content = tree.content()
            for offset, data in pieces(file, segments(file, info.size)):
                content.feed(offset, data)
            digest = content.end(info.size)
            os.close(file)
        if info.name == "." and "." not in names:
            continue
        if number >= len(tree.each) or tree.each[number] != short(tree.line(info, digest)):
            wrong.append(shown(info.name))
        number += 1
    if wrong or number != len(tree.each):
        more = ", ".join(wrong[:5]) or f"{number} entries of {len(tree.each)}"
        sys.exit(f"the disk does not hold what the stream held: {more}")


class Member(tarfile.TarInfo):
    """A member whose extended headers are read into memory only as far as names and attributes of
    a file can reach."""

    def _proc_member(self, tar: tarfile.TarFile) -> Any:
        if self.type in HEADERS and self.size > LARGEST_HEADER:
            raise tarfile.ReadError(f"an extended header of {self.size} bytes; expected at most "
                                    f"{LARGEST_HEADER}")  # fmt: skip
        return super()._proc_member(tar)  # type: ignore[misc]


class Below:
    """Decides where each member of a stream is written, or ends the program with the reason.

    A directory counts only if the stream itself created it: a link to a directory never does.
    """

    def __init__(self, root: str) -> None:
        self.root = root
        self.folders = {""}

    def place(self, info: tarfile.TarInfo) -> str:
        """The path for a member of the stream. Existing names are refused: a file would be written
        through a link with the same name."""
        if info.isdir() and info.name == ".":
            return self.root
        name = self.checked(info, info.name, "its name")
        path = os.path.join(self.root, name)
        if info.type not in (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE,
                             tarfile.LNKTYPE):  # fmt: skip
            refuse(info, "it is not a file, directory or link")
        if info.size < 0:
            refuse(info, f"its size is {info.size}")
        at = 0
        for start, length in parts_of(info):
            if start < at or length < 0 or start + length > info.size:
                refuse(info, "its map of holes is invalid")
            at = start + length
        if info.islnk():
            target = os.path.join(self.root, self.checked(info, info.linkname, "its target"))
            if not stat.S_ISREG(mode(target)):
                refuse(info, f"its target {info.linkname!r} is not a file of the volume")
        if info.isdir() and (not mode(path) or (name == "lost+found" and stat.S_ISDIR(mode(path)))):
            self.folders.add(name)
        elif mode(path):
            refuse(info, "the stream holds its name twice")
        return path

    def checked(self, info: tarfile.TarInfo, name: str, what: str) -> str:
        """A name inside the volume, whose directory the stream has created."""
        parts = name.split("/")
        if any(part in ("", ".", "..") for part in parts) or "\0" in name:
            refuse(info, f"{what} {name!r} leads out of the volume")
        if "/".join(parts[:-1]) not in self.folders:
            refuse(info, f"{what} {name!r} is in no directory of the volume")
        return name


def mode(path: str) -> int:
    """The mode of an existing entry, links not followed; 0 if there is none."""
    try:
        return os.lstat(path).st_mode
    except FileNotFoundError:
        return 0


def refuse(info: tarfile.TarInfo, why: str) -> NoReturn:
    """End the program; earlier writes are on a volume that nothing mounts yet."""
    sys.exit(f"this program did not save this stream: member {short_of(repr(info.name))}: "
             f"{short_of(why)}")  # fmt: skip


def short_of(text: str) -> str:
    """Names may have thousands of characters; a message has one line."""
    return text if len(text) <= LONGEST_WORDS else f"{text[:LONGEST_WORDS]}..."


def held(root: str) -> list[str]:
    """Names in a volume; the file system's own directory does not count."""
    return [name for name in os.listdir(root) if name != "lost+found"]


def clear(root: str) -> None:
    """Remove everything in a directory, without following links."""
    for name in held(root):
        path = os.path.join(root, name)
        if stat.S_ISDIR(mode(path)):
            shutil.rmtree(path)
        else:
            os.unlink(path)


def main() -> None:
    what, root = sys.argv[1:3]
    if what == "look":
        print("full" if held(root) else "empty", file=sys.stderr)
        return
    if what == "clear":
        clear(root)
        return
    warned = Warned()
    try:
        if what == "save":
            counted, tree = save(root, warned)
        else:
            counted, tree = load(root, warned, first=what == "load-1")
    except tarfile.TarError as problem:
        sys.exit(f"the stream is not an intact tar: {problem}")
    except (ValueError, OverflowError, RecursionError) as problem:  # numbers and nesting of headers
        sys.exit(f"this program did not save this stream: {short_of(str(problem))}")
    except OSError as problem:
        sys.exit(f"{short_of(shown(str(problem.filename or root)))}: {problem.strerror or problem}")
    footer = {
        "bytes": counted.bytes,
        "sha256": counted.hash.hexdigest(),
        "tree": tree.whole(),
        "warnings": warned.lines,
        "warned": warned.count,
    }
    print("resilience-end " + json.dumps(footer), file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
