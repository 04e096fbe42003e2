"""Runs inside of a helper Pod: a directory to a tar stream, and back. Standard library only.

    python agent.py save DIR      tar on stdout
    python agent.py load DIR      tar on stdin; DIR must be empty
    python agent.py look DIR      "empty" or "full" on stderr
    python agent.py clear DIR     takes away everything in DIR

The last line on stderr is the end marker with byte count, sha256 of the stream and hash of the
tree: one line per entry, sorted by path, of path, type, mode, owner, size and content hash. Sockets
and devices are named on stderr and left out.

`load` writes below DIR and nowhere else, whatever the stream holds: a member is refused unless it
is a file, directory or link whose directory this same stream has made, under a name that is new.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
import sys
import tarfile
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import NoReturn

BLOCK = 1 << 20


class Counting:
    """Counts and hashes what passes through."""

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


class Hashing:
    """A file that is hashed while tar reads or writes it."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file, self.hash = file, hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        data = self.file.read(size)
        self.hash.update(data)
        return data


def line(info: tarfile.TarInfo, digest: str) -> str:
    """One entry of the tree."""
    link = info.linkname if info.issym() or info.islnk() else ""
    return "\0".join(
        map(
            str,
            (
                info.name,
                info.type.decode(),
                info.mode & 0o7777,
                info.uid,
                info.gid,
                info.size if info.isreg() else 0,
                link,
                digest,
            ),
        )
    )


def paths(root: str) -> Iterator[str]:
    """Everything below, sorted; a directory before what is in it."""
    for folder, names, files in os.walk(root):
        names.sort()
        for name in sorted(files + [n for n in names if os.path.islink(os.path.join(folder, n))]):
            yield os.path.join(folder, name)
        for name in names:
            if not os.path.islink(os.path.join(folder, name)):
                yield os.path.join(folder, name)


def save(root: str) -> tuple[Counting, list[str]]:
    """A directory to stdout."""
    out, tree = Counting(sys.stdout.buffer), []
    # What tarfile needs of a file, and its `copybufsize`, are not in its stubs.
    options: Any = {"fileobj": out, "mode": "w|", "bufsize": BLOCK, "copybufsize": BLOCK}
    with tarfile.open(format=tarfile.PAX_FORMAT, **options) as tar:
        for path in paths(root):
            if stat.S_IFMT(os.lstat(path).st_mode) not in (
                stat.S_IFREG,
                stat.S_IFDIR,
                stat.S_IFLNK,
            ):
                print("left out, no file:", path, file=sys.stderr)
                continue
            info = tar.gettarinfo(path, arcname=os.path.relpath(path, root))
            if not info.isreg():
                tar.addfile(info)
                tree.append(line(info, ""))
                continue
            with open(path, "rb") as file:
                content: Any = Hashing(file)
                tar.addfile(info, content)
                tree.append(line(info, content.hash.hexdigest()))
    sys.stdout.buffer.flush()
    return out, tree


def load(root: str) -> tuple[Counting, list[str]]:
    """Stdin to an empty directory."""
    if held(root):
        sys.exit("the volume is not empty; nothing was written")
    source, tree, folders = Counting(sys.stdin.buffer), [], []
    below = Below(root)
    pipe: Any = source
    with tarfile.open(fileobj=pipe, mode="r|", bufsize=BLOCK) as tar:
        if hasattr(tarfile, "fully_trusted_filter"):
            # `Below` decides what may be written; the other filters change modes.
            tar.extraction_filter = tarfile.fully_trusted_filter
        for info in tar:
            path = below.place(info)
            if info.isreg():
                tree.append(line(info, write(tar, info, path)))
            else:
                tar.extract(info, root, numeric_owner=True)
                tree.append(line(info, ""))
                if info.isdir():
                    folders.append(info)
                if info.issym():  # tarfile leaves the times of links alone
                    os.utime(path, (info.mtime, info.mtime), follow_symlinks=False)
    while source.read(BLOCK):
        pass
    for info in reversed(folders):  # their times changed when they were filled
        os.utime(os.path.join(root, info.name), (info.mtime, info.mtime))
    return source, tree


class Below:
    """Decides where each member of a stream is written, or ends the program with the reason.

    A directory counts only when the stream itself made it: a link to a directory never does.
    """

    def __init__(self, root: str) -> None:
        self.root = root
        self.folders = {""}

    def place(self, info: tarfile.TarInfo) -> str:
        """The path of a member. Existing names are refused: a file would be written through a link
        of the same name."""
        name = self.checked(info, info.name, "its name")
        path = os.path.join(self.root, name)
        if info.type not in (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE,
                             tarfile.LNKTYPE) or info.issparse():  # fmt: skip
            refuse(info, "it is no file, directory or link")
        if info.size < 0:
            refuse(info, f"its size is {info.size}")
        if info.islnk():
            target = os.path.join(self.root, self.checked(info, info.linkname, "its target"))
            if not stat.S_ISREG(mode(target)):
                refuse(info, f"its target {info.linkname!r} is no file of the volume")
        if info.isdir() and (not mode(path) or (name == "lost+found" and stat.S_ISDIR(mode(path)))):
            self.folders.add(name)
        elif mode(path):
            refuse(info, "the stream holds its name twice")
        return path

    def checked(self, info: tarfile.TarInfo, name: str, what: str) -> str:
        """A name inside of the volume, whose directory the stream has made."""
        parts = name.split("/")
        if any(part in ("", ".", "..") for part in parts) or "\0" in name:
            refuse(info, f"{what} {name!r} leads out of the volume")
        if "/".join(parts[:-1]) not in self.folders:
            refuse(info, f"{what} {name!r} is in no directory of the volume")
        return name


def mode(path: str) -> int:
    """The mode of what is there, links not followed; 0 for nothing."""
    try:
        return os.lstat(path).st_mode
    except FileNotFoundError:
        return 0


def refuse(info: tarfile.TarInfo, why: str) -> NoReturn:
    """End here; what was written before is on a volume that nothing mounts yet."""
    sys.exit(f"the stream is no volume that this program saved: member {info.name!r}: {why}")


def write(tar: tarfile.TarFile, info: tarfile.TarInfo, path: str) -> str:
    """One file, hashed on its way to the disk."""
    digest, content = hashlib.sha256(), tar.extractfile(info)
    assert content is not None
    with open(path, "xb") as file:
        while True:
            block = content.read(BLOCK)
            if not block:
                break
            digest.update(block)
            file.write(block)
        file.flush()
        os.fsync(file.fileno())
    if os.geteuid() == 0:
        os.chown(path, info.uid, info.gid)
    os.chmod(path, info.mode)  # last: a change of owner takes the setuid bit away
    os.utime(path, (info.mtime, info.mtime))
    return digest.hexdigest()


def held(root: str) -> list[str]:
    """Names in a volume; the file system's own directory is no content."""
    return [name for name in os.listdir(root) if name != "lost+found"]


def clear(root: str) -> None:
    """Remove everything, links not followed."""
    for name in held(root):
        path = os.path.join(root, name)
        if stat.S_ISDIR(mode(path)):
            shutil.rmtree(path)
        else:
            os.unlink(path)


def main() -> None:
    if sys.argv[1] == "look":
        print("full" if held(sys.argv[2]) else "empty", file=sys.stderr)
        return
    if sys.argv[1] == "clear":
        clear(sys.argv[2])
        return
    try:
        counted, tree = {"save": save, "load": load}[sys.argv[1]](sys.argv[2])
    except tarfile.TarError as problem:
        sys.exit(f"the stream is no intact tar: {problem}")
    whole = hashlib.sha256("\n".join(sorted(tree)).encode("utf-8", "surrogateescape")).hexdigest()
    print(
        "resilience-end "
        + json.dumps({"bytes": counted.bytes, "sha256": counted.hash.hexdigest(), "tree": whole}),
        file=sys.stderr,
        flush=True,
    )


if __name__ == "__main__":
    main()
