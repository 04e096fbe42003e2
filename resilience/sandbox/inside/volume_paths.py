"""Mounted volumes inside a container: paths under a `mountPath` are mapped to the volume's
directory.

Python's own functions that take a path are wrapped; a program that calls `open("/data/x")` reads
the volume. This applies to cooperative Python programs. The interpreter itself would not see a
mount over a directory that it needs, so such a mount is refused beforehand.
"""

from __future__ import annotations

import builtins
import errno
import functools
import glob
import io
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

from resilience.sandbox.inside.launch import Mount

SYSTEM = ("/", "/bin", "/dev", "/lib", "/lib64", "/proc", "/sbin", "/sys", "/usr")
"""Mounts over these cannot be shown by translation."""

SHARED_MEMORY = "/dev/shm"
"""A directory of files like any other, and what a memory-backed emptyDir is usually mounted at."""

ONE_PATH = (
    "access", "chdir", "chmod", "chown", "lchown", "listdir", "lstat", "mkdir", "mkfifo",
    "open", "readlink", "remove", "rmdir", "stat", "statvfs", "truncate", "unlink",
    "utime", "getxattr", "setxattr", "listxattr",
)  # fmt: skip
TWO_PATHS = ("link", "rename", "replace")
WRITING = frozenset(
    ("chmod", "chown", "lchown", "mkdir", "mkfifo", "remove", "rmdir", "truncate", "unlink",
     "utime", "setxattr", "link", "rename", "replace", "symlink")
)  # fmt: skip
LINK_ITSELF = frozenset(
    ("lchown", "lstat", "readlink", "remove", "rmdir", "unlink", "link", "rename", "replace")
)
WRITE_FLAGS = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


def refusal(mount_path: str) -> str | None:
    """Why a mount at `mount_path` cannot be shown, or None if it can."""
    path = os.path.normpath(mount_path)
    if path == SHARED_MEMORY:
        return None
    if path in SYSTEM or path.startswith(("/proc/", "/sys/", "/dev/")):
        return f"the sandbox cannot mount over {path!r}: it translates paths and has no mounts"
    return None


class Translation:
    """Longest `mountPath` first, as the innermost mount wins."""

    def __init__(self, mounts: Sequence[Mount]) -> None:
        self._mounts = sorted(mounts, key=lambda mount: len(mount.path), reverse=True)

    def __bool__(self) -> bool:
        return bool(self._mounts)

    def real(self, path: Any, *, writing: bool = False, follow: bool = True) -> Any:
        """The real location of `path`; descriptors and paths outside every mount are returned
        unchanged.

        A link at its end is followed here if its target is an absolute path, which is relative to
        the container's own files. The kernel follows links further up.
        """
        if isinstance(path, int) or path is None:
            return path
        plain = os.fspath(path)
        text = os.fsdecode(plain)
        # By the name that the container uses: a volume may really be below another mountPath.
        whole = os.path.join(self.seen(_cwd()), text)
        found = self._find(whole)
        if found is None:
            # Up and out of a mount: that path does not exist on the host.
            left = ".." in whole and any(whole.startswith(m.path + "/") for m in self._mounts)
            return os.path.normpath(whole) if left else path
        mount, place = found
        if follow and mount.source != mount.path:
            mount, place = self._followed(mount, place)
        if writing and mount.read_only:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), text)
        return os.fsencode(place) if isinstance(plain, bytes) else place

    def _followed(self, mount: Mount, place: str) -> tuple[Mount, str]:
        for _ in range(MOST_LINKS):
            try:
                said = _readlink(place)
            except OSError:
                break  # not a link, or missing
            found = self._find(said) if said.startswith("/") else None
            if found is None:
                break
            mount, place = found
        return mount, place

    def _find(self, path: str) -> tuple[Mount, str] | None:
        path = os.path.normpath(path)
        for mount in self._mounts:
            if path == mount.path:
                return mount, mount.source
            if path.startswith(mount.path.rstrip("/") + "/"):
                return mount, mount.source + path[len(mount.path.rstrip("/")) :]
        return None

    def real_text(self, path: str) -> str:
        """`real` for code that bypasses the wrapped functions, such as the import system."""
        return str(self.real(os.path.join(self.seen(_cwd()), path)))

    def seen(self, real: str) -> str:
        """The path by which the container knows `real`."""
        for mount in self._mounts:
            if real == mount.source or real.startswith(mount.source + "/"):
                return mount.path.rstrip("/") + real[len(mount.source) :] or "/"
        return real

    def socket_address(self, address: Any) -> Any:
        """The real path of a Unix socket's address; abstract ones and other values are returned
        unchanged.

        The kernel accepts 107 bytes: a longer path goes through a descriptor of its directory,
        which stays open with the process.
        """
        if not isinstance(address, str) or not address or address[0] == "\0":
            return address
        place = str(self.real(address))
        if len(os.fsencode(place)) < UNIX_LIMIT:
            return place
        directory, name = os.path.split(place)
        return f"/proc/self/fd/{_open(directory, os.O_PATH | os.O_DIRECTORY)}/{name}"


UNIX_LIMIT = 108
MOST_LINKS = 40
_cwd = os.getcwd
_open = os.open
_readlink = os.readlink
installed = Translation(())
"""This process' own; a container's process has exactly one, set once before its program runs."""


def install(translation: Translation) -> None:
    """Translate the paths this process uses from now on."""
    global installed
    installed = translation
    if not translation:
        return
    for name in ONE_PATH:
        setattr(os, name, _one(getattr(os, name), translation, name))
    _install_scandir(translation)
    for name in TWO_PATHS:
        setattr(os, name, _two(getattr(os, name), translation))
    # The link's target stays as the program wrote it; only the link's own path is translated.
    os.symlink = _second(os.symlink, translation)
    real_getcwd = os.getcwd
    os.getcwd = lambda: translation.seen(real_getcwd())
    _install_sqlite(translation)
    _install_ssl(translation)
    opened = _opening(io.open, translation)
    builtins.open = opened
    if "tarfile" in sys.modules:  # that module keeps a copy of the function from its import
        sys.modules["tarfile"].bltn_open = opened  # type: ignore[attr-defined]
    io.open = opened
    io.open_code = lambda path: opened(path, "rb")


class _Entry:
    """An `os.DirEntry` with the path that the container used."""

    def __init__(self, entry: os.DirEntry[Any], asked: Any) -> None:
        self._entry = entry
        self.name = entry.name
        self.path = os.path.join(asked, entry.name)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._entry, name)

    def __fspath__(self) -> Any:
        return self.path


class _Entries:
    """What `os.scandir` returns: an iterator that is a context manager too."""

    def __init__(self, scanned: Any, asked: Any) -> None:
        self._scanned = scanned
        self._asked = asked

    def __iter__(self) -> _Entries:
        return self

    def __next__(self) -> _Entry:
        return _Entry(next(self._scanned), self._asked)

    def __enter__(self) -> _Entries:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """As `os.scandir`'s."""
        self._scanned.close()


def _scanning(function: Callable[..., Any], translation: Translation) -> Callable[..., Any]:
    def scandir(path: Any = ".") -> Any:
        real = translation.real(path)
        return function(path) if real is path else _Entries(function(real), path)

    return scandir


def _install_scandir(translation: Translation) -> None:
    scandir = _scanning(os.scandir, translation)
    setattr(os, "scandir", scandir)  # noqa: B010 # its type is a builtin's
    # From Python 3.13 on, pathlib globs through classes that took the function at import.
    for each in vars(glob).values():
        if isinstance(each, type) and "scandir" in vars(each):
            setattr(each, "scandir", staticmethod(scandir))  # noqa: B010


def _install_sqlite(translation: Translation) -> None:
    """C code opens databases, bypassing every function above. The zygote has imported it."""
    sqlite = sys.modules.get("sqlite3")
    if sqlite is not None:
        connect = _one(sqlite.connect, translation, "connect")
        sqlite.connect = sys.modules["sqlite3.dbapi2"].connect = connect  # type: ignore[attr-defined]


def _install_ssl(translation: Translation) -> None:
    """C code reads certificates as well. The zygote has imported it, for asyncio."""
    ssl = sys.modules.get("ssl")
    if ssl is None:
        return
    context = ssl.SSLContext
    verify, chain = context.load_verify_locations, context.load_cert_chain

    def load_verify_locations(
        self: Any, cafile: Any = None, capath: Any = None, cadata: Any = None
    ) -> None:
        verify(self, translation.real(cafile), translation.real(capath), cadata)

    def load_cert_chain(
        self: Any, certfile: Any, keyfile: Any = None, password: Any = None
    ) -> None:
        chain(self, translation.real(certfile), translation.real(keyfile), password)

    context.load_verify_locations = load_verify_locations
    context.load_cert_chain = load_cert_chain


def _one(function: Callable[..., Any], translation: Translation, name: str) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapped(path: Any = ".", *rest: Any, **named: Any) -> Any:
        if named.get("dir_fd") is not None or named.get("src_dir_fd") is not None:
            return function(path, *rest, **named)
        writing = name in WRITING or (name == "open" and bool(_flags(rest, named) & WRITE_FLAGS))
        follow = name not in LINK_ITSELF and named.get("follow_symlinks", True)
        return function(translation.real(path, writing=writing, follow=follow), *rest, **named)

    return wrapped


def _flags(rest: tuple[Any, ...], named: dict[str, Any]) -> int:
    return int(rest[0] if rest else named.get("flags", 0))


def _two(function: Callable[..., Any], translation: Translation) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapped(source: Any, target: Any, *rest: Any, **named: Any) -> Any:
        one = translation.real(source, writing=True, follow=False)
        two = translation.real(target, writing=True, follow=False)
        return function(one, two, *rest, **named)

    return wrapped


def _second(function: Callable[..., Any], translation: Translation) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapped(source: Any, target: Any, *rest: Any, **named: Any) -> Any:
        place = translation.real(target, writing=True, follow=False)
        return function(source, place, *rest, **named)

    return wrapped


def _opening(function: Callable[..., Any], translation: Translation) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapped(file: Any, mode: str = "r", *rest: Any, **named: Any) -> Any:
        writing = any(letter in mode for letter in "wax+")
        return function(translation.real(file, writing=writing), mode, *rest, **named)

    return wrapped
