"""Client-side encryption of streams with age, without any custom format.

`pyrage` is an optional extra. A recipient is an `age1...` public key (or an ssh one), an identity
the matching private key; losing it means losing the snapshot, which is why a drill reads with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib import import_module
from typing import Any

from resilience.backup.format.errors import BackupError, BadRequest, Tampered
from resilience.backup.format.pipe import PullReader, pushed

KIND = "age"


def _pyrage() -> Any:
    try:
        return import_module("pyrage")
    except ImportError:
        raise BadRequest(
            "encrypted snapshots need the extra: pip install 'pytest-resilience[age]'"
        ) from None


def recipient(text: str) -> Any:
    """A public key."""
    pyrage = _pyrage()
    kind = pyrage.ssh if text.startswith("ssh-") else pyrage.x25519
    try:
        return kind.Recipient.from_str(text)
    except pyrage.RecipientError as problem:
        raise BadRequest(f"recipient {text!r} is not an age public key ({problem})") from None


def identity(text: str, origin: str = "the identity") -> Any:
    """A private key; its text never appears in a message."""
    pyrage = _pyrage()
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    try:
        return pyrage.x25519.Identity.from_str(lines[0].strip() if lines else "")
    except pyrage.IdentityError:
        raise BadRequest(f"{origin} is not an age private key (AGE-SECRET-KEY-1...)") from None


class _Push:
    """A writable file that passes on what is written to it."""

    def __init__(self, sink: Callable[[bytes], object]) -> None:
        self._sink = sink

    def write(self, data: bytes) -> int:
        self._sink(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Does nothing: no data is buffered."""


def sealed(
    chunks: Iterable[bytes], recipients: Sequence[str], sink: Callable[[bytes], object]
) -> None:
    """Encrypt a stream."""
    keys = [recipient(text) for text in recipients]
    _pyrage().encrypt_io(PullReader(iter(chunks)), _Push(sink), keys)


def opened(chunks: Iterable[bytes], identities: Sequence[Any], what: str) -> Iterator[bytes]:
    """Decrypt a stream; age authenticates each 64 KiB before it is passed on."""
    pyrage = _pyrage()

    def work(sink: Callable[[bytes], object]) -> None:
        source = _Told(chunks)
        try:
            pyrage.decrypt_io(PullReader(iter(source)), _Push(sink), list(identities))
        except (
            pyrage.DecryptError,
            OSError,
        ) as problem:  # pyrage raises the second one in the middle of a stream
            if source.failure:
                raise source.failure from None
            raise Tampered(
                f"{what} cannot be decrypted: wrong identity, or damaged ({problem})"
            ) from None

    return pushed(work)


class _Told:
    """Remembers the error of its source, because pyrage only reports that there was one."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = chunks
        self.failure: BackupError | None = None

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._chunks
        except BackupError as problem:
            self.failure = problem
            raise
