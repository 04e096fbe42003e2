"""`file:DIR`, the embedded default: a directory with the guarantees of an object store.

A write goes to a temporary name, is flushed to the disk, then linked to its own name: `link`
refuses an existing name, so nothing is ever replaced, and a crash at any moment leaves either all
of a file or none. Files are readable by their owner only: snapshots hold Secrets.
"""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from resilience.backup.format.errors import (
    BadRequest,
    Exists,
    Missing,
    StoreError,
    StoreFull,
    StoreRefused,
    Withheld,
)
from resilience.backup.store.answers.undeletable import undeletable
from resilience.backup.store.base import CHUNK, Entry, Stored

_TEMPORARY = ".unfinished-"
_ATTEMPTS = 10
_NO_LINKS = (errno.EPERM, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EMLINK)
"""What `link` answers on FAT (EPERM), FUSE (ENOSYS), SMB (EOPNOTSUPP), or where a file can have one
name only (EMLINK): the file was just made beside its name, so rights are no reason."""


_OF_ONE = (errno.EACCES, errno.EPERM, errno.EIO)
"""What a reading answers for one file: of another user, or on a bad sector."""


class DirectoryStore:
    """Keys are paths below `root`, which is created at the first write."""

    overwrites_accepted = False

    def __init__(self, root: Path) -> None:
        self.root = root
        self.url = f"file:{root}"

    def put(self, key: str, data: bytes, *, retain_until: datetime | None = None) -> Stored:
        with self.upload(key) as upload:
            upload.write(data)
            return upload.commit()

    def upload(
        self, key: str, *, retain_until: datetime | None = None, size_hint: int = 0
    ) -> _FileUpload:
        if retain_until:
            raise BadRequest(f"{self.url} cannot lock objects; use S3 with Object Lock")
        return _FileUpload(self.url, self._path(key), key)

    def read(self, key: str, version: str = "") -> bytes:
        with self._opened(key) as file:
            return file.read_bytes()

    def stream(self, key: str, version: str = "") -> Iterator[bytes]:
        with self._opened(key) as path, path.open("rb") as file:
            while piece := file.read(CHUNK):
                yield piece

    def list(self, prefix: str = "") -> Iterator[Entry]:
        folder = self._path(prefix.rpartition("/")[0]) if "/" in prefix else self.root
        with _explained(self.url, prefix):
            found = [(self._key(path), path) for path in _files(folder)]
        for key, path in sorted(found):
            if key.startswith(prefix) and (status := self._status(key, path)):
                yield Entry(
                    key=key,
                    size=status.st_size,
                    modified=datetime.fromtimestamp(status.st_mtime, UTC),
                )

    def _status(self, key: str, path: Path) -> os.stat_result | None:
        with _explained(self.url, key):
            return _status(path)

    def directories(self) -> Iterable[str]:
        return sorted(path.name for path in _children(self.root) if path.is_dir())

    def delete(self, key: str) -> None:
        path = self._path(key)
        with undeletable(), _explained(self.url, key):
            path.unlink(missing_ok=True)
            _drop_empty(path.parent, self.root)

    def sweep(self, older_than: datetime) -> int:
        swept = 0
        for path in _files(self.root, unfinished=True):
            status = _status(path)
            if status and status.st_mtime < older_than.timestamp():
                path.unlink(missing_ok=True)
                _drop_empty(path.parent, self.root)
                swept += 1
        return swept

    def _path(self, key: str) -> Path:
        parts = key.split("/") if key else []
        if any(part in ("", ".", "..") or part.startswith(_TEMPORARY) for part in parts):
            raise BadRequest(f"{key!r} is not a key of a store")
        return self.root.joinpath(*parts)

    def _key(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix()

    @contextmanager
    def _opened(self, key: str) -> Iterator[Path]:
        path = self._path(key)
        try:
            yield path
        except (FileNotFoundError, NotADirectoryError):
            raise Missing(f"{key} is not in {self.url}") from None
        except OSError as problem:
            if problem.errno in _OF_ONE:
                raise Withheld(f"{self.url}: {key} cannot be read: {problem.strerror}") from problem
            raise _translated(self.url, key, problem) from problem


class _FileUpload:
    def __init__(self, url: str, path: Path, key: str) -> None:
        self._url, self._path, self._key = url, path, key
        self._unfinished = path.with_name(_TEMPORARY + secrets.token_hex(8))
        with _explained(url, key):
            self._file = os.fdopen(_created(self._unfinished), "wb")
        self._size = 0

    def write(self, data: bytes) -> None:
        with _explained(self._url, self._key):
            self._file.write(data)
        self._size += len(data)

    def commit(self) -> Stored:
        with _explained(self._url, self._key):
            self._file.flush()
            os.fsync(self._file.fileno())
            self._link()
            _sync_directory(self._path.parent)
        return Stored(key=self._key, size=self._size)

    def _link(self) -> None:
        try:
            os.link(self._unfinished, self._path)
        except FileExistsError:
            raise Exists(f"{self._key} exists already in {self._url}") from None
        except OSError as problem:
            if problem.errno not in _NO_LINKS:
                raise
            raise StoreRefused(
                f"{self._url}: the file system has no hard links ({problem.strerror}), and only "
                "with them is no file ever replaced; use a directory on one that has them (ext4, "
                "XFS, Btrfs, NFS), or an object store"
            ) from problem

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self._file.close()
        except OSError:  # closing fails again on a full disk; `write` has already reported it
            if kind is None:
                raise
        finally:
            self._unfinished.unlink(missing_ok=True)


def _created(path: Path) -> int:
    """A descriptor of a new file; a folder that a deletion takes away meanwhile is made again."""
    for left in reversed(range(_ATTEMPTS)):
        try:
            _make_directories(path.parent)
            return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileNotFoundError:
            if not left:
                raise
    raise AssertionError("the last attempt returns or raises")


def _make_directories(path: Path) -> None:
    missing = [path, *path.parents]
    for folder in reversed([folder for folder in missing if not folder.exists()]):
        folder.mkdir(mode=0o700, exist_ok=True)
        _sync_directory(folder.parent)


def _sync_directory(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _status(path: Path) -> os.stat_result | None:
    """None for what another process has deleted since it was listed."""
    try:
        return path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None


def _children(folder: Path) -> Iterable[Path]:
    try:
        return list(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return ()


def _files(
    folder: Path, *, unfinished: bool = False, above: frozenset[tuple[int, int]] = frozenset()
) -> Iterator[Path]:
    """Links are followed, as a store may span several disks; cyclic and dangling ones are
    ignored."""
    status = _status(folder) if folder.is_dir() else None
    if status is None or (status.st_dev, status.st_ino) in above:
        return
    above |= {(status.st_dev, status.st_ino)}
    for path in _children(folder):
        if path.is_dir():
            yield from _files(path, unfinished=unfinished, above=above)
        elif path.is_file() and path.name.startswith(_TEMPORARY) == unfinished:
            yield path


def _drop_empty(folder: Path, root: Path) -> None:
    while folder != root:
        try:
            folder.rmdir()
        except OSError:  # the directory is not empty, or already gone
            return
        folder = folder.parent


@contextmanager
def _explained(url: str, key: str) -> Iterator[None]:
    try:
        yield
    except OSError as problem:
        raise _translated(url, key, problem) from problem


def _translated(url: str, key: str, problem: OSError) -> StoreError:
    if problem.errno in (errno.ENOSPC, errno.EDQUOT):
        return StoreFull(f"{url}: no space left while writing {key}; nothing of it is visible")
    if problem.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return StoreRefused(f"{url}: no permission for {key}: {problem.strerror}")
    return StoreError(f"{url}: {key}: {problem.strerror or problem}")
