"""State that one pytest session shares: settings, the cluster, the seed, the runs.

The cluster is opened when the first item needs it and closed at the end; the embedded sandbox is
started when no context is named. It does not depend on pytest: the plugin passes in everything.
"""

from __future__ import annotations

import os
import platform
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from random import SystemRandom
from typing import TYPE_CHECKING, Any

from resilience import __version__
from resilience.config.settings import Settings
from resilience.harness.distributed.sent import Sent
from resilience.harness.signals import Signals
from resilience.model.masks import MASKS

if TYPE_CHECKING:
    from resilience.cluster.transport import HttpCluster
    from resilience.config.fleet import Member
    from resilience.config.targets import Target
    from resilience.engine.base.run_options import Options
    from resilience.engine.journal.recover import Recovered
    from resilience.engine.python.fixture import Resilience
    from resilience.engine.run.run import Run
    from resilience.harness.sharing.given_holder import GivenHolder
    from resilience.harness.sites.site import Site, Wanted
    from resilience.model.report import RunRecord
    from resilience.model.scenario import Scenario
    from resilience.model.step_reach import Reach
    from resilience.model.verdict import Outcome
    from resilience.report.live import Live
    from resilience.verbs.catalogue import Verbs

PLACES = ("RESILIENCE_CONTEXT", "RESILIENCE_KUBECONFIG", "RESILIENCE_FLEET")
"""Variables that choose where runs act."""


class Interrupted(Exception):
    """A signal arrived before the run began; nothing was changed."""


SHARED = "share: given is set up once for the scenarios that use it one after another"
"""Said by a dry run."""


class Session:
    """One per pytest session. `tell` shows a line to the user, past pytest's capture."""

    def __init__(
        self,
        settings: Settings,
        tell: Callable[[str], None],
        terminate: Callable[[str], None],
        common_seed: int | None = None,
    ) -> None:
        MASKS.clear(settings.public)
        self._common_seed = common_seed
        self.settings = settings
        self.signals = Signals(tell, terminate)
        self.records: list[RunRecord] = []
        self.outcomes: dict[str, Outcome] = {}
        """The outcome of each item that was run or refused, by node id."""
        self.notices: dict[str, None] = {}
        """Deprecated words in files, each once."""
        self.put_back: list[str] = []
        """Dead runs that were undone in this session, before its own."""
        self.left: list[str] = []
        """Texts about leftovers of dead runs that could not be undone."""
        self.files: list[str] = []
        """Lines with the location of the report."""
        self.sent = Sent()
        self._tell = tell
        self._environment: dict[str, Any] = {}

    @cached_property
    def given_holder(self) -> GivenHolder:
        """What a scenario leaves for the next one. `on` must not make another."""
        from resilience.harness.sharing.given_holder import GivenHolder

        return GivenHolder(self._tell, self.left)

    @cached_property
    def catalogue(self) -> Verbs:
        """Every verb; read once."""
        from resilience.verbs.catalogue import catalogue

        return catalogue()

    @cached_property
    def targets(self) -> Sequence[Target]:
        """BadTarget when a file cannot be understood."""
        from resilience.config.targets import load

        return load(self.settings.root)

    @cached_property
    def fleet(self) -> Mapping[str, Member]:
        """The clusters of the fleet by name; {} if there is no fleet. Raises BadSetting."""
        if not self.settings.is_fleet:
            return {}
        from resilience.config.fleet import members

        return {each.name: each for each in members(self.settings)}

    @cached_property
    def _of_members(self) -> dict[str, Session]:
        return {}

    def on(self, member: str) -> Session:
        """The session for one cluster of the fleet: it has that cluster's settings and site, and
        shares all results. "" gives this session itself."""
        if not member:
            return self
        from resilience.harness.fleet.of_member import session_of

        if member not in self._of_members:
            self._of_members[member] = session_of(self, self.fleet[member], self._tell)
        return self._of_members[member]

    @cached_property
    def seed(self) -> int:
        """The seed for scenarios without their own; `common_seed` is shared by all workers."""
        given = self._common_seed if self.settings.seed is None else self.settings.seed
        return SystemRandom().randrange(2**32) if given is None else given

    @property
    def wants_sandbox(self) -> bool:
        """Whether runs act on the embedded sandbox."""
        return not (self.settings.context or self.settings.kubeconfig or self.settings.fleet)

    def refusal(self, environment: Mapping[str, str] | None = None) -> str:
        """Why no run may start with these settings; "" when it may."""
        from resilience.engine.guard.consent import in_cluster_unnamed

        named = "" if self.wants_sandbox else "named"
        return in_cluster_unnamed(named, os.environ if environment is None else environment)

    @cached_property
    def site(self) -> Site:
        """Where runs act. BadTarget when a file of targets cannot be understood."""
        from resilience.engine.base.real_clock import RealClock
        from resilience.harness.sites.sandbox_site import SandboxSite
        from resilience.harness.sites.site import Shared
        from resilience.harness.sites.target_site import TargetSite

        shared = Shared(
            settings=self.settings, verbs=self.catalogue, tell=self._tell, heed=self.heed
        )
        if self.wants_sandbox:
            return SandboxSite(shared)
        return TargetSite(shared=shared, targets=self.targets, clock=RealClock())

    def headline(self) -> str:
        """Header lines: where runs act, and with which seed."""
        if self.wants_sandbox:
            nodes = self.settings.sandbox_nodes
            where = f"embedded sandbox, {nodes} node{'s' if nodes > 1 else ''}"
            if os.environ.get("KUBECONFIG"):
                where += " (KUBECONFIG is set but not used: --resilience-context NAME uses it)"
            empty = sorted(
                name for name, value in os.environ.items() if name in PLACES and not value
            )
            where += "".join(f" ({name} is empty, so it is not used)" for name in empty)
        elif self.fleet:
            from resilience.model.words import told

            where = f"fleet of {len(self.fleet)}: {told([*self.fleet])}"
        else:
            where = f"context {self.settings.context or '(current)'}"
            where += f" of {self.settings.kubeconfig}" if self.settings.kubeconfig else ""
        return f"{where}, seed {self.seed}"

    @contextmanager
    def cluster(self) -> Iterator[HttpCluster]:
        """The cluster, with signals handled while it is open."""
        with self.signals.installed(), self.opened() as opened:
            if not self.settings.dry_run:
                self.announce(opened.context)
            yield opened

    @contextmanager
    def opened(self) -> Iterator[HttpCluster]:
        """The cluster, and what is known of it for the records."""
        with self.site.opened() as opened:
            if not self.settings.dry_run:
                from resilience.config.provenance import provenance

                self._environment = {
                    "resilience": __version__,
                    "python": platform.python_version(),
                    "context": opened.context,
                    "sandbox": opened.is_sandbox,
                    "server": opened.server_version(),
                    **({"member": self.settings.member} if self.settings.member else {}),
                    **provenance(os.environ, Path.cwd()),
                }
            yield opened

    def announce(self, where: str) -> None:
        """Notify people who want to know that a session begins; a message that cannot be sent is a
        warning."""
        from resilience.publish import notify

        to = notify.urls()
        if to and notify.STARTED in self.settings.notify_on:
            try:
                notify.send([notify.starting(where)], to)
            except OSError as problem:
                self._tell(f"warning: {problem}")

    def namespace(self, scenario: Scenario) -> str:
        """The scenario's own namespace, or else that of the settings."""
        return scenario.namespace or self.settings.namespace

    def rehearse(self, scenario: Scenario, cluster: HttpCluster) -> list[str]:
        """The dry run of the scenario, as lines."""
        from resilience.engine.base.real_clock import RealClock
        from resilience.engine.base.run_options import Options
        from resilience.engine.run import dry_run

        namespace = self.namespace(scenario)
        guarded = self.site.rehearsing(cluster, scenario, namespace)
        options = Options(
            seed=self._seed_for(scenario),
            namespace=namespace,
            guard=guarded.guard,
            identity_files=self.settings.identity_files(os.environ),
        )
        options = self._repeating(scenario, options)
        shared = [SHARED] if scenario.shares_given else []
        steps = dry_run.rehearse(scenario, guarded.cluster, options, RealClock())
        return [*shared, *dry_run.told(steps)]

    def not_due(self, scenario: Scenario, cluster: HttpCluster) -> str:
        """Why the scenario has nothing to do today; "" when it has something to do."""
        from resilience.engine.base.run_options import Options
        from resilience.engine.plan import due

        options = Options(seed=self._seed_for(scenario), namespace=self.settings.namespace)
        return due.why_not(scenario, cluster, self._repeating(scenario, options))

    def missing_images(self, scenario: Scenario) -> Sequence[str]:
        """Images in its manifests that the sandbox would lack, a line each."""
        from resilience.commands.manifest_images import missing

        return missing([scenario], self.settings.root)

    def heed(self, result: Recovered) -> None:
        """The result for a dead run: reported, and kept for the end if it counts."""
        from resilience.model.masks import shown

        for line in result.lines:
            self._tell(f"recovering {line}")
        if result.undone:
            self.put_back.append(result.run)
        if result.weighs:
            self.left += map(shown, result.lines)

    def interruption(self, outcome: Outcome | None) -> str:
        """Why the session stops, and whether everything was undone first."""
        from resilience.model.verdict import Outcome

        incomplete = outcome is Outcome.UNDO_INCOMPLETE
        after = "not everything was undone" if incomplete else "after the undo"
        return f"{self.signals.interrupted}, {after}"

    @property
    def recovery(self) -> str:
        """The command that undoes the leftovers of this session's runs."""
        settings, words = self.settings, ["resilience", "recover"]
        for name, value in (("kubeconfig", settings.kubeconfig), ("context", settings.context),
                            ("journal", settings.journal)):  # fmt: skip
            words += [f"--{name}", str(value)] if value else []
        return shlex.join(words)

    @property
    def untouched(self) -> str:
        """The record of a scenario that was refused before it began."""
        if not self.put_back:
            return "nothing was touched"
        runs = ", ".join(self.put_back)
        return f"this scenario changed nothing; leftovers of run {runs} were undone before"

    def run(self, scenario: Scenario, cluster: HttpCluster, shown: Live) -> RunRecord:
        """Execute one scenario, twice if only a busy machine kept it from a verdict."""
        from resilience.engine.plan.scenario_reach import of_scenario
        from resilience.harness import remeasuring

        def announce(text: str) -> None:
            self._tell(text)
            shown.restart()

        reach = of_scenario(scenario, self.namespace(scenario))
        return remeasuring.run(
            lambda: self._attempt(self._wanted(scenario, shown, reach), cluster, shown),
            self.records,
            announce,
            lambda: bool(self.signals.interrupted),
        )

    def _attempt(self, wanted: Wanted, cluster: HttpCluster, shown: Live) -> RunRecord:
        """Whatever happens, its changes are undone first."""
        wanted = self.given_holder.joined(wanted, self.settings.member)
        from resilience.engine.base.abort import Aborted
        from resilience.engine.run.scenario import carry_out
        from resilience.model.masks import shown_record
        from resilience.verbs.context import Refused

        def work() -> RunRecord:
            with self._begun(wanted, cluster, shown) as run:
                return carry_out(run)

        with self.site.ending(wanted.aborter):
            try:
                record: RunRecord = shown_record(self.signals.supervise(work, wanted.aborter))
            except Aborted as error:  # it never began
                raise Refused(f"{error} while waiting for the lock") from None
        return record

    @contextmanager
    def serve(
        self, scenario: Scenario, cluster: HttpCluster, shown: Live, directory: Path
    ) -> Iterator[Resilience]:
        """The engine for a test in Python, for the duration of the block. `scenario` represents
        it."""
        from resilience.engine.python.fixture import Resilience

        wanted = self._wanted(scenario, shown, None, directory)
        with (
            self.signals.attached(wanted.aborter),
            self.site.ending(wanted.aborter),
            self._begun(wanted, cluster, shown) as run,
            Resilience(run, self.catalogue) as ours,
        ):
            yield ours

    @contextmanager
    def _begun(self, wanted: Wanted, cluster: HttpCluster, shown: Live) -> Iterator[Run]:
        """A run that has changed nothing yet, with its guard active. Interrupted after a signal."""
        if self.signals.interrupted:
            raise Interrupted(f"{self.signals.interrupted}, before it began; {self.untouched}")
        holder, member = self.given_holder, self.settings.member
        with holder.place(self.site, cluster, wanted, member) as place:
            yield place.begin(wanted, shown.entry)

    def _seed_for(self, scenario: Scenario) -> int | None:
        """None means the scenario's own."""
        own = self.settings.seed is None and scenario.seed is not None
        return None if own else self.seed

    def _repeating(self, scenario: Scenario, options: Options) -> Options:
        """The random streams, with the choices of an earlier run if its report is given."""
        if not self.settings.replay:
            return options
        from dataclasses import replace

        from resilience.engine.base import replay as replaying

        replay = replaying.of(Path(self.settings.replay), scenario.id)
        return replace(options, seed=replay.seed, stream=replay.stream)

    def _struck_before(self) -> Mapping[str, float]:
        """From the reports that this session's own will be kept with; a replay repeats choices as
        if there were none."""
        from resilience.publish import past_victims

        settings = self.settings
        if settings.replay:
            return {}
        told = past_victims.of_records(self.records)
        return told | past_victims.read(settings.report_directory, settings.report_url)

    def _wanted(
        self, scenario: Scenario, shown: Live, reach: Reach | None, directory: Path | None = None
    ) -> Wanted:
        import time

        from resilience.engine.base.abort import Aborter
        from resilience.engine.base.run_options import Options
        from resilience.engine.base.seeds import new_id
        from resilience.harness.sites.site import Wanted

        settings = self.settings
        options = Options(
            seed=self._seed_for(scenario),
            namespace=settings.namespace,
            directory=directory,
            run=new_id(time.time()),
            identity_files=settings.identity_files(os.environ),
            journal=settings.journal_directory,
            ephemeral=self.site.ephemeral,
            environment=self._environment,
            observe=shown.probe,
            lookout=True,
            cpu_waits=self.site.cpu_waits,
            recovery=self.recovery,
            struck_before=self._struck_before,
        )
        return Wanted(
            scenario=scenario,
            options=self._repeating(scenario, options),
            reach=reach,
            aborter=Aborter(self.recovery),
        )
