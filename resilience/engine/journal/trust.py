"""Which records of a journal in the cluster are carried out, and which of them are trusted.

Anyone who may write ConfigMaps in the journal's namespace can write a record. It can never affect
more than the locks of its run cover. It affects nothing outside of the cluster and uses no value of
the environment, unless the file of that run on this machine holds the same record.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from resilience.engine.guard.locks import covered
from resilience.engine.journal import journal_file
from resilience.engine.journal.journal import Story, Undo
from resilience.model.step_reach import Reach
from resilience.model.words import one_line
from resilience.verbs.context import NotTrusted

PLACES = frozenset({"namespace", "resource", "node"})
"""Keys of an undo's data that say where it acts."""


def by_file(directory: Path, run: str) -> Callable[[Undo], bool]:
    """Whether the file of that run in `directory` holds the same record."""
    known = frozenset(map(journal_file.record_of, _own(directory, run).undos))
    return lambda undo: journal_file.record_of(undo) in known


def corrected(story: Story, directory: Path, run: str) -> Story:
    """The cluster's journal of a run, corrected by the complete file on this machine: anyone who
    may add lines in the cluster could claim that a change is undone, or name other locks. Repeating
    an undo is harmless; changes that wait for a person's decision stay kept."""
    own = _own(directory, run)
    if own.broken or not own.begin:
        return story
    kept = {undo.id for undo in story.kept}
    ours = {undo.id: undo for undo in own.pending if undo.id not in kept}
    merged = {undo.id: undo for undo in story.undos} | ours
    in_order = sorted(merged.values(), key=lambda undo: (len(undo.id), undo.id))
    begin = {**story.begin, **own.begin}
    return replace(story, begin=begin, undos=tuple(in_order), broken="")


def _own(directory: Path, run: str) -> Story:
    return journal_file.read_if_any(directory / f"{run}.jsonl")


def refused(undo: Undo, locks: Sequence[str], trusted: bool) -> str:
    """Why the record must not be carried out, regardless of its content; "" if it may."""
    if not trusted and not PLACES & set(undo.data):
        return str(NotTrusted("its record does not say where it acts"))
    return _outside(undo, locks)


def _outside(undo: Undo, locks: Sequence[str]) -> str:
    """A genuine run never records an undo outside of what its locks cover. Each place that the data
    name counts, since a verb may read any of them."""
    if strange := _strange(undo.data):
        return one_line(f"its record names a place that is not a string: {strange}")
    outside = [where for inside, where in _places(undo.data, covered(locks)) if not inside]
    return one_line(f"it would act {outside[0]}, which its locks do not cover") if outside else ""


def _strange(data: Mapping[str, Any]) -> str:
    """The first place key with an invalid value; "" if there is none."""
    resource = data.get("resource")
    kind = resource.get("plural") if isinstance(resource, Mapping) else None
    named = {"namespace": data.get("namespace"), "node": data.get("node"), "plural": kind}
    if kind == "namespaces":
        named["name"] = data.get("name")
    if not isinstance(resource, Mapping | None):
        return "resource"
    return next((key for key, at in named.items() if not isinstance(at, str | None)), "")


def _places(data: Mapping[str, Any], held: Reach) -> Iterator[tuple[bool, str]]:
    """Each place, and whether the locks cover it."""
    resource = data.get("resource")
    kind = resource.get("plural") if isinstance(resource, Mapping) else ""
    namespace = data.get("namespace")
    if kind == "namespaces":
        yield data.get("name") in held.namespaces, f"in namespace {data.get('name')}"
    elif kind == "nodes" or "node" in data:
        yield held.nodes, f"on node {data.get('node') or data.get('name')}"
    elif kind and not namespace:
        yield bool(held.cluster_scoped), f"on {kind} outside of namespaces"
    if namespace:
        yield namespace in held.namespaces, f"in namespace {namespace}"
