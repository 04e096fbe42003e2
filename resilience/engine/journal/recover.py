"""Undoes what a run that died has left behind: at the next start, and by `resilience recover`.

Only on the cluster where it was done: a journal names kube-system's uid, for a context's name
proves nothing. Only when its writer is gone: the file's lock says so. Undos of one run go newest
first; runs go newest first too, so that each finds what it left. What cannot be undone stays in
the file for the next try. A run that kept its journal in the cluster too is left to
`resilience.engine.journal.takeover`, which asks for its locks first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from resilience.cluster.interface import Cluster
from resilience.engine.base.abort import Aborter
from resilience.engine.base.real_clock import EngineClock
from resilience.engine.base.timeline import Timeline
from resilience.engine.guard.identity import identity
from resilience.engine.journal import journal_file
from resilience.engine.journal.journal import Journal, Story
from resilience.engine.journal.undo import Putback, shielded
from resilience.model.timeline import Entry
from resilience.model.values import RunId
from resilience.model.verb import Catalogue, Verb
from resilience.model.words import many

WITHIN = 180.0
"""Seconds for each undo."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """A run that died with something to undo."""

    path: Path
    story: Story

    @property
    def run(self) -> str:
        """Its id."""
        return str(self.story.begin.get("run", self.path.stem))

    @property
    def text(self) -> str:
        """For `resilience recover --list`: who, where, how much."""
        begin = self.story.begin
        count = len(self.story.pending)
        return (
            f"{self.run}: {begin.get('scenario', 'unknown scenario')} on "
            f"{begin.get('context', 'unknown context')}, namespace {begin.get('namespace', '')}: "
            f"{count} change{'s' * (count != 1)} to undo"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered:
    """What became of one run that was left behind. `left` is what is still in the cluster."""

    run: str
    undone: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    skipped: str = ""

    @property
    def complete(self) -> bool:
        """Whether nothing is left."""
        return not self.left and not self.skipped

    @property
    def lines(self) -> Sequence[str]:
        """For a terminal."""
        if self.skipped:
            return [f"run {self.run}: {self.skipped}"]
        done = [f"run {self.run}: {text}: done" for text in self.undone]
        return [*done, *(f"run {self.run}: {text}" for text in self.left)]


def left_behind(directory: Path) -> list[Left]:
    """Runs that died, newest first. Files of runs that had nothing to undo are removed, but for
    those whose locks are still to be taken over, by `resilience.engine.journal.takeover`."""
    found = []
    for path in reversed(journal_file.left_behind(directory)):
        story = journal_file.read(path)
        if story.pending or story.begin.get("journal"):
            found.append(Left(path=path, story=story))
        else:
            path.unlink(missing_ok=True)
    return found


def replay(
    cluster: Cluster,
    directory: Path,
    verbs: Catalogue,
    *,
    clock: EngineClock,
    aborter: Aborter | None = None,
    runs: Iterable[str] = (),
    emit: Callable[[Entry], None] = lambda entry: None,
) -> list[Recovered]:
    """Undo what died runs left on this cluster; `runs` limits it to these ids. One result per run
    that was found, those of other clusters included, with the reason why they were skipped."""
    wanted = set(runs)
    found = [
        left
        for left in left_behind(directory)
        if (not wanted or left.run in wanted) and not left.story.begin.get("journal")
    ]
    here = identity(cluster) if found else ""
    return [
        result
        for left in found
        if (result := _one(left, here, cluster, verbs, clock, aborter or Aborter(), emit))
    ]


def _one(
    left: Left,
    here: str,
    cluster: Cluster,
    verbs: Catalogue,
    clock: EngineClock,
    aborter: Aborter,
    emit: Callable[[Entry], None],
) -> Recovered | None:
    begin = left.story.begin
    if begin.get("cluster") != here:
        if begin.get("ephemeral"):  # its cluster ended with the run
            left.path.unlink(missing_ok=True)
            return None
        return Recovered(
            run=left.run,
            skipped=f"was on another cluster ({begin.get('context')}); name that context to undo "
            f"its {many(len(left.story.pending), 'change')}",
        )
    with journal_file.reopened(left.path) as taken:
        if taken is None:
            return Recovered(run=left.run, skipped="is being undone by another process")
        _, journal = taken
        return undo_all(left.run, journal, cluster, verbs, clock, aborter, emit)


def undo_all(
    run: str,
    journal: Journal,
    cluster: Cluster,
    verbs: Catalogue,
    clock: EngineClock,
    aborter: Aborter,
    emit: Callable[[Entry], None] = lambda entry: None,
) -> Recovered:
    """Undo what is pending in `journal`; the caller closes it."""
    before = journal.pending()
    putback = Putback(
        cluster=cluster,
        run=RunId(run),
        clock=clock.checking(aborter.check_undo),
        journal=journal,
        timeline=Timeline(clock, emit),
        verbs=_known(verbs, {undo.verb for undo in before}),
        within=WITHIN,
    )
    shielded(putback.all, aborter)
    after = journal.pending()
    still = {undo.id for undo in after}
    return Recovered(
        run=run,
        undone=tuple(undo.text for undo in before if undo.id not in still),
        left=tuple(f"{undo.text}: {undo.failure or 'not tried'}" for undo in after),
    )


def _known(verbs: Catalogue, names: Iterable[str]) -> Mapping[str, Verb]:
    found = {name: verbs.find(name) for name in names}
    return {name: verb for name, verb in found.items() if isinstance(verb, Verb)}
