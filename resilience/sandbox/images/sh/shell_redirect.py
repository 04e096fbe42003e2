"""Redirections of a shell: descriptors changed for a command, or permanently."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from resilience.sandbox.images.sh.shell_tree import Redirection, Word

Expand = Callable[[Word], str]
_TRUNCATE = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
_FLAGS = {
    ">": _TRUNCATE, ">|": _TRUNCATE, "&>": _TRUNCATE,
    ">>": os.O_WRONLY | os.O_CREAT | os.O_APPEND, "<": os.O_RDONLY, "<>": os.O_RDWR | os.O_CREAT,
}  # fmt: skip


@contextmanager
def applied(redirections: Sequence[Redirection], expand: Expand) -> Iterator[None]:
    """For the duration of the block; OSError, with the file's name, if one cannot be opened."""
    saved: list[tuple[int, int | None]] = []
    sys.stdout.flush()
    try:
        for redirection in redirections:
            for descriptor in _descriptors(redirection):
                saved.append((descriptor, _copy(descriptor)))
            _make(redirection, expand)
        yield
    finally:
        sys.stdout.flush()
        for descriptor, copy in reversed(saved):
            if copy is None:
                _close(descriptor)
            else:
                os.dup2(copy, descriptor)
                os.close(copy)


def for_good(redirections: Sequence[Redirection], expand: Expand) -> None:
    """`exec > file`: from now on."""
    sys.stdout.flush()
    for redirection in redirections:
        _make(redirection, expand)


def _descriptors(redirection: Redirection) -> tuple[int, ...]:
    return (1, 2) if redirection.operator == "&>" else (redirection.descriptor,)


def _make(redirection: Redirection, expand: Expand) -> None:
    operator, target = redirection.operator, expand(redirection.target)
    if operator in ("<&", ">&"):
        _point(redirection.descriptor, target)
        return
    target += "\n" * (operator == "<<<")
    opened = _text(target) if operator.startswith("<<") else _open(target, _FLAGS[operator])
    for descriptor in _descriptors(redirection):
        os.dup2(opened, descriptor)
    if opened not in _descriptors(redirection):
        os.close(opened)


def _point(descriptor: int, target: str) -> None:
    if target == "-":
        _close(descriptor)
    elif target.isdigit():
        os.dup2(int(target), descriptor)
    else:
        raise OSError(errno.EBADF, "bad file descriptor", target)


def _open(path: str, flags: int) -> int:
    known = {"/dev/stdin": 0, "/dev/stdout": 1, "/dev/stderr": 2}
    if path in known:
        return os.dup(known[path])
    try:
        return os.open(path, flags, 0o644)
    except OSError as error:
        creates = bool(flags & os.O_CREAT)
        missing = "nonexistent directory" if creates else "no such file"
        absent = error.errno in (errno.ENOENT, errno.ENOTDIR)
        about = f"can't {'create' if creates else 'open'} {path}"
        raise OSError(error.errno, missing if absent else error.strerror, about) from None


def _text(text: str) -> int:
    """A here-document: a file without a name, since a pipe would hold only a limited amount."""
    opened = os.memfd_create("here")
    os.write(opened, text.encode())
    os.lseek(opened, 0, os.SEEK_SET)
    return opened


def _copy(descriptor: int) -> int | None:
    try:
        return os.dup(descriptor)
    except OSError:
        return None


def _close(descriptor: int) -> None:
    try:
        os.close(descriptor)
    except OSError:
        pass  # it was not open
