"""The durable list of undos: its entries survive `kill -9` of the run.

One append-only sequence of JSON lines per run. A line is written, and synced, before the change it
undoes; entries are data (a verb's name and JSON), never code. A `Sink` stores the lines: the local
file here, an object in the cluster as well. The state follows from reading the lines in order. A
torn last line loses nothing: its change was never begun.

    begin   run, scenario, cluster (kube-system uid), context, wall
    undo    id, verb, path, data, text        amend   id, data
    forget  id                                done    id
    failed  id, text                          kept    id, text
    end     left
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from threading import Lock
from typing import Any, Protocol

from resilience.cluster.errors import ClusterError
from resilience.engine.journal.line_form import BadLine, checked
from resilience.engine.journal.line_form import Line as Line
from resilience.model.masks import shown
from resilience.verbs.context import ActionFailed

FORMAT = 1
LARGEST_UNDO = 1_000_000
"""Maximum size of one undo in bytes: the API server accepts one mebibyte per ConfigMap, including
names."""


class State(Enum):
    """The state of one undo."""

    OPEN = "open"
    FORGOTTEN = "forgotten"
    DONE = "done"
    FAILED = "failed"
    KEPT = "kept"  # someone else has modified it since; only a person decides what happens


@dataclass(frozen=True, slots=True, kw_only=True)
class Undo:
    """One recorded inverse."""

    id: str
    verb: str
    path: str
    data: Mapping[str, Any]
    text: str
    state: State = State.OPEN
    failure: str = ""

    @property
    def pending(self) -> bool:
        """Whether the undo is still to be executed; a failed one may be tried again."""
        return self.state in (State.OPEN, State.FAILED)


class NotRecorded(ActionFailed):
    """The local journal cannot be written. The change to be recorded was not begun."""

    def __init__(self, where: str, error: OSError) -> None:
        self.what = f"the journal {where} cannot be written: {error.strerror or error}"
        super().__init__(
            f"{self.what}. No change is made without a record: free disk space, or set another "
            "folder with --resilience-journal"
        )


class Sink(Protocol):
    """Durable storage for lines."""

    def append(self, line: Line) -> None:
        """Return only once the line is durable. NotRecorded or ClusterError when it is not."""

    def close(self, *, finished: bool) -> None:
        """No more lines. With `finished`, nothing is left to undo and the record may be deleted."""


class Journal:
    """Writes one run's lines to every sink, in order, and keeps the resulting state."""

    def __init__(self, sinks: Sequence[Sink], undos: Iterable[Undo] = ()) -> None:
        self._sinks = tuple(sinks)
        self._undos = {undo.id: undo for undo in undos}
        self._lock = Lock()
        self.trouble = ""
        """Why a sink on this machine lacks lines; "" if it is complete."""

    def begin(self, facts: Mapping[str, Any]) -> None:
        """Write the first line: who, where, when. The title of a scenario is text to be shown."""
        told = {**facts, "scenario": shown(str(facts.get("scenario", "")))}
        self._write({"op": "begin", "format": FORMAT, **told})

    def record(self, verb: str, path: str, data: Mapping[str, Any], text: str) -> str:
        """Record one undo and return its id; the record is durable when this returns."""
        text = shown(text)
        _check(data, text)
        with self._lock:
            identity = f"u{len(self._undos) + 1}"
            self._undos[identity] = Undo(id=identity, verb=verb, path=path, data=data, text=text)
        try:
            self._write(
                {"op": "undo", "id": identity, "verb": verb, "path": path, "data": data,
                 "text": text}
            )  # fmt: skip
        except (NotRecorded, ClusterError):
            self.forget(identity)  # another sink may have the line, but the change is not made
            raise
        return identity

    def amend(self, identity: str, data: Mapping[str, Any]) -> None:
        """Add facts that have become known."""
        _check(data, self._undos[identity].text)
        self._undos[identity] = replace(self._undos[identity], data=data)
        self._tell({"op": "amend", "id": identity, "data": data})

    def forget(self, identity: str) -> None:
        """Record that the change was never made."""
        self._settle(identity, State.FORGOTTEN, "forget")

    def done(self, identity: str) -> None:
        """Record that the change has been undone."""
        self._settle(identity, State.DONE, "done")

    def failed(self, identity: str, text: str) -> None:
        """Record that the change could not be undone; it stays pending."""
        self._settle(identity, State.FAILED, "failed", text)

    def keep(self, identity: str, text: str) -> None:
        """Record that someone else has modified it since: it is kept, and nothing retries the undo
        automatically."""
        self._settle(identity, State.KEPT, "kept", text)

    def reopen(self) -> None:
        """Record that a person decided to undo a kept change."""
        for undo in self.kept():
            self._undos[undo.id] = replace(undo, state=State.FAILED)

    def accept(self) -> None:
        """Record that a person decided to leave a kept change."""
        for undo in self.kept():
            self.done(undo.id)

    def pending(self) -> Sequence[Undo]:
        """The undos that are pending, newest first."""
        return [undo for undo in reversed(tuple(self._undos.values())) if undo.pending]

    def kept(self) -> Sequence[Undo]:
        """The changes that someone else has modified since, newest first."""
        undos = reversed(tuple(self._undos.values()))
        return [undo for undo in undos if undo.state is State.KEPT]

    def close(self) -> None:
        """Close the journal: the run is over."""
        left = len(self.pending()) + len(self.kept())
        self._tell({"op": "end", "left": left})
        for sink in self._sinks:
            try:
                sink.close(finished=not left)
            except ClusterError:
                continue
            except NotRecorded as error:
                self.trouble = self.trouble or error.what

    def _settle(self, identity: str, state: State, op: str, text: str = "") -> None:
        self._undos[identity] = replace(self._undos[identity], state=state, failure=text)
        self._tell({"op": op, "id": identity} | ({"text": shown(text)} if text else {}))

    def _write(self, line: Line) -> None:
        """Write a line that must be durable in every sink before the change is made."""
        for sink in self._sinks:
            sink.append(line)

    def _tell(self, line: Line) -> None:
        """Write a line that may be lost: at worst an undo is repeated, and undos are idempotent. A
        failing sink (an unreachable API server, a full disk) stops neither the other sinks nor the
        next undo. Only a local failure is kept in `trouble`, since an API server recovers."""
        for sink in self._sinks:
            try:
                sink.append(line)
            except ClusterError:
                continue
            except NotRecorded as error:
                self.trouble = self.trouble or error.what


def _check(data: Mapping[str, Any], text: str) -> None:
    if _holds_secret(data):
        raise ActionFailed(
            f"undoing this ({text}) would require a Secret's data in the journal, and Secrets are "
            "never written there; nothing was changed"
        )
    size = len(json.dumps(data))
    if size > LARGEST_UNDO:
        raise ActionFailed(
            f"undoing this ({text}) would require a record of {size:,} bytes, and the maximum is "
            f"{LARGEST_UNDO:,}; nothing was changed"
        )


def _holds_secret(value: Any) -> bool:
    if isinstance(value, Mapping):
        resource, fields = value.get("resource"), value.get("fields") or ()
        if isinstance(resource, Mapping) and resource.get("kind") == "Secret":
            return any(map(_is_data, fields))
        if value.get("kind") == "Secret" and (value.get("data") or value.get("stringData")):
            return True
        return any(_holds_secret(inner) for inner in value.values())
    return isinstance(value, list | tuple) and any(_holds_secret(inner) for inner in value)


def _is_data(field: Mapping[str, Any]) -> bool:
    """Whether a recorded field contains a Secret's data."""
    return field["path"][0] in ("data", "stringData")


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """The content of a journal's lines."""

    begin: Mapping[str, Any]
    undos: tuple[Undo, ...]
    ended: bool
    broken: str = ""
    """Which line has an unknown form, and why. The content of that line and of later ones is
    unknown."""

    @property
    def pending(self) -> tuple[Undo, ...]:
        """The undos that are pending, newest first."""
        return tuple(undo for undo in reversed(self.undos) if undo.pending)

    @property
    def kept(self) -> tuple[Undo, ...]:
        """The changes that someone else has modified since, newest first."""
        return tuple(undo for undo in reversed(self.undos) if undo.state is State.KEPT)


def fold(lines: Iterable[Any]) -> Story:
    """The state after reading the lines, up to the first with an unknown form. Operations of a
    later version are ignored."""
    begin: Line = {}
    undos: dict[str, Undo] = {}
    ended, broken = False, ""
    for number, found in enumerate(lines, 1):
        try:
            line = checked(found)
        except BadLine as error:
            broken = f"line {number} is damaged: {error}"
            break
        identity = str(line.get("id", ""))
        if line["op"] == "begin":
            begin = line
        elif line["op"] == "end":
            ended = True
        elif line["op"] == "undo":
            undos[identity] = _undo(identity, line)
        elif identity in undos:
            undos[identity] = _turn(undos[identity], line)
    return Story(begin=begin, undos=tuple(undos.values()), ended=ended, broken=broken)


def _undo(identity: str, line: Line) -> Undo:
    path, text = str(line.get("path", "")), str(line["text"])
    return Undo(id=identity, verb=line["verb"], path=path, data=line["data"], text=text)


def _turn(undo: Undo, line: Line) -> Undo:
    states = {"forget": State.FORGOTTEN, "done": State.DONE, "failed": State.FAILED,
              "kept": State.KEPT}  # fmt: skip
    if line["op"] == "amend":
        return replace(undo, data=line["data"])
    if line["op"] in states:
        return replace(undo, state=states[line["op"]], failure=str(line.get("text", "")))
    return undo
