"""A ledger by commands in a Pod: the store's own client (`redis-cli`, `psql`), over exec.

It works where no port is reachable. The command's exit code 0 acknowledges; any other leaves the
write unknown, because it is unknown how far the command got.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from resilience.ledger import values
from resilience.ledger.drivers.session import Place, Refused, Unclear, Unreadable
from resilience.ledger.records import Found
from resilience.model.masks import ending

Run = Callable[[Sequence[str]], tuple[int, str, str]]
"""(command) -> exit code, what it printed, the Pod. Raises Refused where it never began, Unclear
where it is not known how it ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecStore:
    """Commands with `{key}`, `{value}` and `{prefix}` in their arguments; without a shell."""

    place: Place
    run: Run
    put: tuple[str, ...]
    get: tuple[str, ...] = ()
    list: tuple[str, ...] = ()
    delete: tuple[str, ...] = ()

    def __call__(self) -> ExecSession:
        return ExecSession(self)


class ExecSession:
    """`resilience.ledger.drivers.session.Session`."""

    def __init__(self, store: ExecStore) -> None:
        self._store = store

    def put(self, key: str, value: str) -> str:
        code, said, pod = self._run(self._store.put, key=key, value=value)
        if code:
            raise Unclear(f"exit code {code}: {ending(said, 100)}")
        return pod

    def get(self, key: str) -> Found:
        if not self._store.get:
            return self.every()
        text = self._read(self._store.get, key=key)
        return values.scan(text, self._store.place.start)

    def every(self) -> Found:
        if not self._store.list:
            raise Unreadable("`list` is not set")
        return values.scan(self._read(self._store.list), self._store.place.start)

    def clear(self) -> None:
        found = self.every()
        for key in sorted({*found.values, *found.corrupt}):
            self._read(self._store.delete, key=key)

    def close(self) -> None:
        """Nothing to close: every command had its own connection."""

    def _read(self, command: Sequence[str], **names: Any) -> str:
        try:
            code, said, _ = self._run(command, **names)
        except (Refused, Unclear) as error:
            raise Unreadable(str(error)) from error
        if code:
            raise Unreadable(f"exit code {code}: {ending(said, 100)}")
        return said

    def _run(self, command: Sequence[str], key: str = "", value: str = "") -> tuple[int, str, str]:
        names = {"{key}": key, "{value}": value, "{prefix}": self._store.place.start}
        arguments = []
        for argument in command:
            for name, text in names.items():
                argument = argument.replace(name, text)
            arguments.append(argument)
        return self._store.run(arguments)
