"""Holds what a shared `given` set up between two scenarios: its locks, its journal, its undos.

Only a scenario whose next one uses the same `given` leaves it behind. It is released as soon as a
run begins that does not use it, and at the latest when pytest leaves the folder, also after Ctrl-C,
a skipped test or `-x`. If the process is killed, journal and locks are those of any dead run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest

from resilience.engine.base.real_clock import RealClock
from resilience.engine.journal import journal_file
from resilience.engine.journal.journal import Journal
from resilience.engine.run.run import Run
from resilience.engine.run.shared_given import SharedGiven
from resilience.harness import NEXT
from resilience.model.masks import shown

if TYPE_CHECKING:
    from resilience.cluster.transport import HttpCluster
    from resilience.harness.sites.site import Guarded, Site, Wanted
    from resilience.model.scenario import Scenario
    from resilience.model.timeline import Entry


_FOLDERS = (pytest.Session, pytest.Directory)


@dataclass(slots=True, kw_only=True)
class Place:
    """Where a run begins. `stack` holds the locks."""

    wanted: Wanted
    member: str
    guarded: Guarded
    journal: Journal
    shared: SharedGiven | None
    stack: ExitStack

    def begin(self, wanted: Wanted, emit: Callable[[Entry], None]) -> Run:
        """A run that has changed nothing yet."""
        return Run.begin(
            wanted.scenario,
            cluster=self.guarded.cluster,
            options=replace(wanted.options, guard=self.guarded.guard),
            clock=RealClock(),
            journal=self.journal,
            emit=emit,
            aborter=wanted.aborter,
            shared=self.shared,
        )


class GivenHolder:
    """One per session; the sessions of a fleet's clusters share it. `left` receives what could not
    be undone."""

    def __init__(self, tell: Callable[[str], None], left: list[str]) -> None:
        self.following: Scenario | None = None
        self._tell = tell
        self._left = left
        self._held: Place | None = None

    @contextmanager
    def around(self, item: pytest.Item) -> Iterator[None]:
        """While the scenario of `item` runs. What it leaves is released with its folder at the
        latest."""
        self.following = _next_of(item)
        try:
            yield
        finally:
            self.following = None
            if self._held is not None:
                _folder(item).addfinalizer(self.release)

    def joined(self, wanted: Wanted, member: str) -> Wanted:
        """With the aborter of what is held, if this run may use that: whatever ends the one ends
        the other."""
        held = self._held
        if held is None or held.member != member or held.wanted.aborter.aborted:
            return wanted
        if not held.wanted.scenario.same_given(wanted.scenario):
            return wanted
        return replace(wanted, aborter=held.wanted.aborter)

    @contextmanager
    def place(
        self, site: Site, cluster: HttpCluster, wanted: Wanted, member: str
    ) -> Iterator[Place]:
        """Where the run begins: at what is held, or at the start. Locks are held while the
        block runs, and after it as long as something is held."""
        place = self._taken(wanted) or _anew(site, cluster, wanted, member)
        if place.shared is not None:
            following = self.following
            place.shared.wanted = following is not None and wanted.scenario.same_given(following)
        try:
            yield place
        finally:
            if place.shared is not None and place.shared.stays:
                place.wanted = wanted
                self._held = place
            else:
                place.stack.close()

    def release(self) -> None:
        """Undo what is held, if anything is."""
        if self._held is not None:
            held, self._held = self._held, None
            self._end(held)

    def _taken(self, wanted: Wanted) -> Place | None:
        held = self._held
        if held is None or held.shared is None:
            return None
        if wanted.aborter is not held.wanted.aborter:
            self.release()
            return None
        guarded = held.guarded.again(wanted)
        why = held.shared.differs(RealClock(wanted.aborter.check)) if guarded else ""
        if why:
            self._tell(f"`given` is set up again: {shown(why)}")
        if guarded is None or why:
            self.release()
            return None
        self._held, held.guarded = None, guarded
        return held

    def _end(self, held: Place) -> None:
        left: list[str] = []
        try:
            if held.shared is not None:
                left = held.shared.release(RealClock(), lambda entry: None)
        finally:
            held.stack.close()
        run = held.shared.run if held.shared is not None else held.wanted.run
        for text in (shown(f"run {run}: {each}") for each in left):
            self._left.append(text)
            self._tell(f"not undone: {text}")


def _next_of(item: pytest.Item) -> Scenario | None:
    """The scenario that pytest runs next, if it is of the same folder and cluster."""
    after = item.config.stash.get(NEXT, None)
    if after is None or _folder(after) is not _folder(item):
        return None
    same = getattr(after, "member", "") == getattr(item, "member", "")
    return getattr(after, "scenario", None) if same else None


def _folder(item: pytest.Item) -> pytest.Session | pytest.Directory:
    """The node that pytest tears down when it leaves the folder."""
    nodes = (node for node in reversed(item.listchain()) if isinstance(node, _FOLDERS))
    return next(nodes, item.session)


def _anew(site: Site, cluster: HttpCluster, wanted: Wanted, member: str) -> Place:
    with ExitStack() as stack:
        guarded = stack.enter_context(site.guarded(cluster, wanted))
        file = journal_file.create(wanted.options.journal, wanted.run)
        shares = wanted.scenario.shares_given
        return Place(
            wanted=wanted,
            member=member,
            guarded=guarded,
            journal=Journal([file, *guarded.sinks]),
            shared=SharedGiven(run=wanted.run, wanted=False) if shares else None,
            stack=stack.pop_all(),
        )
