"""Scenario files as pytest collects them: one item per scenario, all problems of a file at once.

An item is a `pytest.Function` whose function requests the session's cluster, so that fixtures,
selection, `--setup-plan`, JUnit and plugins see an ordinary test. A failure shows the engine's
message, never a traceback; a traceback of this package is a defect.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import chdir
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from resilience.cluster.errors import ClusterError
from resilience.engine.plan.plan_scenarios import compiled
from resilience.harness import FIXTURE, FLEET, SESSION, output, recording
from resilience.harness.fleet import untouched
from resilience.harness.fleet.clusters import Dead
from resilience.harness.fleet.item_names import named
from resilience.harness.fleet.of_member import environment_of, for_each
from resilience.harness.naming import near
from resilience.harness.session import Interrupted
from resilience.harness.values import fixture_values
from resilience.language import load
from resilience.model.masks import shown
from resilience.model.place import Problem
from resilience.model.scenario import Scenario, Step
from resilience.model.verdict import Outcome
from resilience.verbs.context import ActionFailed, Refused

if TYPE_CHECKING:
    from resilience.cluster.transport import HttpCluster
    from resilience.config.fleet import Member
    from resilience.harness.fleet.clusters import Clusters
    from resilience.harness.session import Session
    from resilience.language.load import Loaded


class Problems(pytest.Collector.CollectError):
    """A file that cannot be used; its text is one line per problem."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        super().__init__(shown("\n".join(map(str, problems))))


class ScenarioFailed(Exception):
    """A scenario did not pass; the text is for the person who has to act on it."""

    def __init__(self, text: str) -> None:
        super().__init__(shown(text))


class ScenarioFile(pytest.File):
    """One YAML file."""

    def collect(self) -> Iterator[pytest.Item]:
        """An item per scenario; a plan has three: fresh, intact, drill. In a fleet, these for each
        cluster."""
        fleet = self.config.stash[SESSION].fleet
        if not fleet:
            yield from self._items(self._loaded(), None)
        for member, loaded in for_each(fleet.values(), self._loaded):
            yield from self._items(loaded, member)

    def _loaded(self) -> Loaded:
        session = self.config.stash[SESSION]
        loaded = load(
            near(self.path, self.config.invocation_params.dir),
            None,
            session.catalogue,
            os.environ,
            namespace=session.settings.namespace,
        )
        if loaded.problems:
            raise Problems(loaded.problems)
        for notice in loaded.notices:
            session.notices.setdefault(str(notice))
        return loaded

    def _items(self, loaded: Loaded, member: Member | None) -> Iterator[ScenarioItem]:
        for number, scenario in enumerate(loaded.scenarios):
            item = ScenarioItem.make(self, scenario, member)
            item.number = number
            yield item
        for plan in loaded.plans:
            yield from (ScenarioItem.make(self, scenario, member) for scenario in compiled(plan))


def _cases(identity: str) -> list[str]:
    """`name:value` of each value of a matrix that an id ends in, `a[share=33%,grace=0s]`."""
    values = identity.partition("[")[2].removesuffix("]")
    return [each.replace("=", ":", 1) for each in values.split(",") if "=" in each]


class ScenarioItem(pytest.Function):
    """One scenario."""

    scenario: Scenario
    number: int = 0
    """The number of the item among the scenarios of its file."""
    member: str = ""
    """The cluster of the fleet on which it runs."""

    @classmethod
    def make(
        cls, parent: ScenarioFile, scenario: Scenario, member: Member | None = None
    ) -> ScenarioItem:
        """The item, marked with its tags and those of its cluster, which need no registration."""
        session = parent.config.stash[SESSION]
        # A dry run starts no sandbox: an empty one would show nothing.
        alone = session.settings.dry_run and session.wants_sandbox
        wanted = () if alone else (FLEET if member else FIXTURE, *scenario.fixtures)
        call = _function(wanted)
        name = named(scenario.id, member.name if member else "")
        item: ScenarioItem = cls.from_parent(parent, name=name, callobj=call)
        call.item = item  # type: ignore[attr-defined]
        item.scenario = scenario
        item.member = member.name if member else ""
        # `-k` takes no "=": a case of a matrix is chosen by `-k "share:33"`.
        item.extra_keyword_matches.update(_cases(name))
        for tag in (*scenario.tags, *(member.tags if member else ())):
            parent.config.addinivalue_line("markers", f"{tag}: a scenario's tag")
            item.add_marker(tag)
        return item

    def reportinfo(self) -> tuple[Path, int, str]:
        """The location for editors; lines count from 0 here."""
        return self.path, self.scenario.place.line - 1, f"scenario: {self.name}"

    def repr_failure(
        self, excinfo: pytest.ExceptionInfo[BaseException], *args: Any, **kw: Any
    ) -> Any:
        """Failures of this package as text."""
        if isinstance(excinfo.value, ScenarioFailed):
            return str(excinfo.value)
        return super().repr_failure(excinfo, *args, **kw)

    def runtest(self) -> None:
        """Passes only if its own run recorded a pass; a failed one is not executed again."""
        session = self.config.stash[SESSION]
        if (before := session.outcomes.get(self.nodeid, Outcome.PASSED)) is not Outcome.PASSED:
            raise ScenarioFailed(
                f"{before.value}: this was the outcome earlier in this session, and a retry "
                "cannot change it; nothing was changed this time"
            )
        session.outcomes.pop(self.nodeid, None)
        super().runtest()
        if self.nodeid not in session.outcomes:
            recording.never_began(self, Outcome.NOT_MEASURED)
            raise ScenarioFailed(
                f"{Outcome.NOT_MEASURED.value}: no step was carried out, because a plugin or an "
                "option such as --trace prevented it"
            )

    def take(self, fixtures: Mapping[str, Any]) -> None:
        """Read the scenario again, with what its fixtures returned."""
        if not self.scenario.fixtures:
            return
        try:
            self.scenario = fixture_values.scenario(
                self.path, self.number, self.scenario, fixtures, self.config
            )
        except fixture_values.Unfit as error:
            recording.never_began(self, Outcome.HARNESS_ERROR)
            raise ScenarioFailed(f"{Outcome.HARNESS_ERROR.value}: {error}") from None

    @property
    def ours(self) -> Session:
        """The session, as it acts on the cluster of this item."""
        return self.config.stash[SESSION].on(self.member)

    def carry_out_on(self, clusters: Clusters, fixtures: Mapping[str, Any]) -> None:
        """The same for a fleet: a cluster that cannot be opened fails only its own items."""
        with environment_of(self.config.stash[SESSION].fleet[self.member]):
            try:
                cluster = clusters.of(self.member)
            except Refused as error:
                raise self._refused(error) from None
            except Dead as error:
                raise self._never_began(Outcome.NOT_MEASURED, error) from None
            self.take(fixtures)
            self.carry_out(cluster)

    def carry_out(self, cluster: HttpCluster) -> None:
        """Run the scenario, keep the record, and fail with a readable message."""
        session = self.ours
        try:
            with chdir(self.config.invocation_params.dir):
                session.site.consent(cluster, self.scenario, session.namespace(self.scenario))
        except Refused as error:
            if session.settings.dry_run:  # the effect is reported before consent is required
                self._tell(self._rehearsed(cluster))
            raise self._refused(error) from None
        if session.settings.dry_run:
            self._show(self._rehearsed(cluster))
        self.ihook.pytest_resilience_run_started(item=self, scenario=self.scenario)
        # The scenario's paths are relative to where pytest was started, even if a test changed
        # directory since.
        around = session.given_holder.around(self)
        with around, output.live(self.config) as live, chdir(self.config.invocation_params.dir):
            try:
                if why := session.not_due(self.scenario, cluster):
                    pytest.skip(why)
                record = session.run(self.scenario, cluster, live)
            except Refused as error:
                raise self._refused(error) from None
            except Interrupted as error:
                raise self._never_began(Outcome.INTERRUPTED, error) from None
            except (ActionFailed, ClusterError) as error:
                raise self._never_began(Outcome.HARNESS_ERROR, error) from None
        recording.show_steps(self, record.timeline, record.started)
        recording.keep(self, record)
        if session.signals.interrupted:
            self.session.shouldstop = session.interruption(record.outcome)
        if record.outcome is not Outcome.PASSED:
            raise ScenarioFailed(record.message)

    def _never_began(self, outcome: Outcome, error: Exception) -> ScenarioFailed:
        recording.never_began(self, outcome)
        untouched.keep(self.ours, self.scenario, outcome, str(error))
        return ScenarioFailed(f"{outcome.value}: {error}")

    def _rehearsed(self, cluster: HttpCluster) -> list[str]:
        session = self.ours
        with chdir(self.config.invocation_params.dir):
            return session.rehearse(self.scenario, cluster)

    def _refused(self, error: Refused) -> ScenarioFailed:
        session = self.ours
        recording.never_began(self, Outcome.REFUSED)
        untouched.keep(session, self.scenario, Outcome.REFUSED, str(error).rstrip())
        if session.signals.interrupted:
            self.session.shouldstop = f"{session.signals.interrupted}, {session.untouched}"
        return ScenarioFailed(f"refused by guard: {str(error).rstrip()}\n{session.untouched}")

    def show(self) -> None:
        """Dry run without a cluster: report the steps of the file."""
        scenario = self.scenario
        text = [
            f"{phase}: {_said(step)}"
            for phase, steps in (
                ("given", scenario.given),
                ("while", scenario.probes),
                ("when", scenario.when),
                ("then", scenario.then),
            )
            for step in steps
        ]
        try:
            with chdir(self.config.invocation_params.dir):
                text += self.config.stash[SESSION].missing_images(scenario)
        except ClusterError as error:
            raise ScenarioFailed(str(error)) from None
        self._show(text)

    def _show(self, text: Sequence[str]) -> None:
        self._tell(text)
        pytest.skip("dry run: nothing was changed")

    def _tell(self, text: Sequence[str]) -> None:
        text = [shown(line) for line in text]
        self.add_report_section("call", "dry run", "\n".join(text))
        lines = (f"  {line}" for line in text)
        output.write(self.config, [f"{self.nodeid}: {self.scenario.title}", *lines])


def _said(step: Step) -> str:
    """The name of a step and its description."""
    does = step.verb.describe(step.parameters)
    return does if step.title == does else f"{step.title}: {does}"


def _function(wanted: Sequence[str]) -> Callable[..., None]:
    def call(**fixtures: Any) -> None:
        item: ScenarioItem = call.item  # type: ignore[attr-defined]
        if FLEET in wanted:
            item.carry_out_on(fixtures.pop(FLEET), fixtures)
        elif wanted:
            cluster = fixtures.pop(FIXTURE)
            item.take(fixtures)
            item.carry_out(cluster)
        else:
            item.show()

    keywords = [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY) for name in wanted]
    call.__signature__ = inspect.Signature(keywords)  # type: ignore[attr-defined]
    return call
