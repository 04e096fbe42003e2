"""Runs inside of a helper Pod: a directory to a tar stream, and back. Standard library only.

    python agent.py save DIR      tar on stdout
    python agent.py load DIR      tar on stdin; DIR must be empty

The last line on stderr is the end marker with byte count, sha256 of the stream and hash of the
tree: one line per entry, sorted by path, of path, type, mode, owner, size and content hash. Sockets
and devices are named on stderr and left out.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import sys
import tarfile
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

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
    if [name for name in os.listdir(root) if name != "lost+found"]:
        sys.exit("the volume is not empty; nothing was written")
    source, tree, folders = Counting(sys.stdin.buffer), [], []
    pipe: Any = source
    with tarfile.open(fileobj=pipe, mode="r|", bufsize=BLOCK) as tar:
        if hasattr(tarfile, "fully_trusted_filter"):
            # The stream is our own, proven by its hash; the other filters change modes.
            tar.extraction_filter = tarfile.fully_trusted_filter
        for info in tar:
            if info.isreg():
                tree.append(line(info, write(tar, info, os.path.join(root, info.name))))
            else:
                tar.extract(info, root, numeric_owner=True)
                tree.append(line(info, ""))
                if info.isdir():
                    folders.append(info)
                if info.issym():  # tarfile leaves the times of links alone
                    path = os.path.join(root, info.name)
                    os.utime(path, (info.mtime, info.mtime), follow_symlinks=False)
    while source.read(BLOCK):
        pass
    for info in reversed(folders):  # their times changed when they were filled
        os.utime(os.path.join(root, info.name), (info.mtime, info.mtime))
    return source, tree


def write(tar: tarfile.TarFile, info: tarfile.TarInfo, path: str) -> str:
    """One file, hashed on its way to the disk."""
    digest, content = hashlib.sha256(), tar.extractfile(info)
    assert content is not None
    with open(path, "wb") as file:
        while True:
            block = content.read(BLOCK)
            if not block:
                break
            digest.update(block)
            file.write(block)
        file.flush()
        os.fsync(file.fileno())
    os.chmod(path, info.mode)
    if os.geteuid() == 0:
        os.chown(path, info.uid, info.gid)
    os.utime(path, (info.mtime, info.mtime))
    return digest.hexdigest()


def main() -> None:
    counted, tree = {"save": save, "load": load}[sys.argv[1]](sys.argv[2])
    whole = hashlib.sha256("\n".join(sorted(tree)).encode("utf-8", "surrogateescape")).hexdigest()
    print(
        "resilience-end "
        + json.dumps({"bytes": counted.bytes, "sha256": counted.hash.hexdigest(), "tree": whole}),
        file=sys.stderr,
        flush=True,
    )


if __name__ == "__main__":
    main()
