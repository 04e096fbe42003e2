"""Undoes the changes of a dead run: at the next start, and by `resilience recover`.

Changes are undone only on the cluster where they were made: a journal contains kube-system's uid,
because the name of a context proves nothing. They are undone only when the writer is gone, which
the file's lock shows. Undos of one run are executed newest first, and runs as well, so that each
undo finds the state that its change left. Failed undos stay in the file for the next try. A run
that also kept its journal in the cluster is left to `resilience.engine.journal.takeover`, which
takes its locks first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from resilience.cluster.interface import Cluster
from resilience.engine.base.abort import Aborter
from resilience.engine.base.real_clock import EngineClock
from resilience.engine.base.timeline import Timeline
from resilience.engine.guard.identity import identity
from resilience.engine.journal import journal_file
from resilience.engine.journal.journal import Journal, Story, Undo
from resilience.engine.journal.undo import Putback, shielded
from resilience.model.timeline import Entry
from resilience.model.values import RunId
from resilience.model.verb import Catalogue, Verb
from resilience.model.words import many, one_line

WITHIN = 180.0
"""Seconds for each undo."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """A dead run with something to undo."""

    path: Path
    story: Story

    @property
    def run(self) -> str:
        """Its id."""
        return str(self.story.begin.get("run", self.path.stem))

    @property
    def text(self) -> str:
        """The line for `resilience recover --list`: which run, where, how many changes."""
        begin = self.story.begin
        count = len(self.story.pending)
        return (
            f"{self.run}: {begin.get('scenario', 'unknown scenario')} on "
            f"{begin.get('context', 'unknown context')}, namespace {begin.get('namespace', '')}: "
            f"{count} change{'s' * (count != 1)} to undo"
        )


class Kind(Enum):
    """Why a run was not undone, grouped by who has to act."""

    OURS = "ours"  # it should be undone now; what could not be undone is a failure
    LIVES = "lives"  # the run is alive, or another one undoes it
    IGNORED = "ignored"  # an unknown journal, another cluster's, or not covered by consent


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered:
    """The result for one dead run. `left` are changes that are still in the cluster. `kept` are
    changes that someone else has modified since; they are reported once and then only listed."""

    run: str
    undone: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    skipped: str = ""
    kind: Kind = Kind.OURS
    news: bool = True
    """Whether there is something new to report; otherwise all kept changes were reported before."""

    @property
    def complete(self) -> bool:
        """Whether nothing is left."""
        return not self.left and not self.skipped and not self.kept

    @property
    def weighs(self) -> bool:
        """Whether a session that found this must not end successfully."""
        return self.kind is Kind.OURS and not self.complete and self.news

    @property
    def lines(self) -> Sequence[str]:
        """For a terminal. The texts come from a journal, and control characters are removed."""
        told = [*(f"{text}: done" for text in self.undone), *self.left]
        told += [
            f"{text}. To restore the previous state anyway: resilience recover {self.run} --force;"
            f" to keep it so: resilience recover {self.run} --forget"
            for text in self.kept
        ]
        return [one_line(f"run {self.run}: {text}") for text in (*told, self.skipped) if text]


def left_behind(directory: Path) -> list[Left]:
    """Dead runs, newest first. Files of runs with nothing to undo are deleted, unless
    `resilience.engine.journal.takeover` still has to take over their locks."""
    found = []
    for path, story in reversed(journal_file.stories_left(directory)):
        if story.pending or story.kept or story.broken or story.begin.get("journal"):
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
    force: bool = False,
    forget: bool = False,
) -> list[Recovered]:
    """Undo what dead runs left on this cluster; `runs` limits it to these ids. One result per
    run found, including those of other clusters, with the reason why they were skipped."""
    wanted = set(runs)
    found = [
        left
        for left in left_behind(directory)
        if (not wanted or left.run in wanted) and not left.story.begin.get("journal")
    ]
    here = identity(cluster) if found else ""
    results = (
        _one(left, here, cluster, verbs, clock, aborter or Aborter(), emit, force, forget)
        for left in found
    )
    return [result for result in results if result]


def _one(
    left: Left,
    here: str,
    cluster: Cluster,
    verbs: Catalogue,
    clock: EngineClock,
    aborter: Aborter,
    emit: Callable[[Entry], None],
    force: bool,
    forget: bool,
) -> Recovered | None:
    begin = left.story.begin
    if begin.get("cluster") != here:
        if begin.get("ephemeral"):  # its cluster ended with the run
            left.path.unlink(missing_ok=True)
            return None
        return Recovered(
            run=left.run,
            kind=Kind.IGNORED,
            skipped=f"was on another cluster ({begin.get('context')}); name that context to undo "
            f"its {many(len(left.story.pending), 'change')}",
        )
    with journal_file.reopened(left.path, forget=forget) as taken:
        if taken is None:
            text = "is being undone by another process"
            return Recovered(run=left.run, kind=Kind.LIVES, skipped=text)
        story, journal = taken
        return undo_all(
            left.run, journal, cluster, verbs, clock, aborter, emit,
            force=force, forget=forget, broken=story.broken,
        )  # fmt: skip


def undo_all(
    run: str,
    journal: Journal,
    cluster: Cluster,
    verbs: Catalogue,
    clock: EngineClock,
    aborter: Aborter,
    emit: Callable[[Entry], None] = lambda entry: None,
    *,
    force: bool = False,
    forget: bool = False,
    broken: str = "",
    refuses: Callable[[Undo], str] = lambda undo: "",
    trusts: Callable[[Undo], bool] = lambda undo: True,
) -> Recovered:
    """Undo what is pending in `journal`; the caller closes it. `force` also undoes changes that
    someone else has modified since; `forget` keeps them. `broken` says which of its lines is
    damaged; the content of that line is unknown, and the journal stays. `refuses` and `trusts` are
    those of `Putback`."""
    if force:
        journal.reopen()
    before = journal.pending()
    putback = Putback(
        cluster=cluster,
        run=RunId(run),
        clock=clock.checking(aborter.check_undo),
        journal=journal,
        timeline=Timeline(clock, emit),
        verbs=_known(verbs, {undo.verb for undo in before}),
        within=WITHIN,
        force=force,
        refuses=refuses,
        trusts=trusts,
    )
    shielded(putback.all, aborter)
    accepted = [f"{undo.text}: kept as it is" for undo in journal.kept()] if forget else []
    if forget:
        journal.accept()
    after = journal.pending()
    still = {undo.id for undo in (*after, *journal.kept())}
    left = [f"{undo.text}: {undo.failure or 'not tried'}" for undo in after]
    if broken and not forget:
        left.append(
            f"the journal's {broken}; the entries from there on cannot be read. Check the "
            f"cluster, then remove the journal: resilience recover {run} --forget"
        )
    return Recovered(
        run=run,
        undone=(*(undo.text for undo in before if undo.id not in still), *accepted),
        left=tuple(left),
        kept=tuple(f"{undo.text}: {undo.failure}" for undo in journal.kept()),
        news=bool(before) or bool(broken),
    )


def _known(verbs: Catalogue, names: Iterable[str]) -> Mapping[str, Verb]:
    found = {name: verbs.find(name) for name in names}
    return {name: verb for name, verb in found.items() if isinstance(verb, Verb)}
