"""State that one pytest session shares: settings, the cluster, the seed, the runs.

The cluster is opened when the first item needs it and closed at the end; the embedded sandbox is
started when no context is named. Does not depend on pytest: the plugin passes in what it needs.
"""

from __future__ import annotations

import os
import platform
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cached_property
from pathlib import Path
from random import SystemRandom
from typing import TYPE_CHECKING, Any

from resilience import __version__
from resilience.config.root import project_files
from resilience.config.settings import Settings
from resilience.harness.signals import Signals
from resilience.model.masks import MASKS

if TYPE_CHECKING:
    from resilience.cluster.access.embedded import Life
    from resilience.cluster.connection.wire import Gate
    from resilience.cluster.transport import HttpCluster
    from resilience.config.targets import Target
    from resilience.engine.base.abort import Aborter
    from resilience.engine.base.run_options import Options
    from resilience.engine.journal.journal import Journal
    from resilience.engine.journal.recover import Recovered
    from resilience.engine.python.fixture import Resilience
    from resilience.harness.run_guard import Guarding
    from resilience.model.report import RunRecord
    from resilience.model.scenario import Scenario
    from resilience.model.verdict import Outcome
    from resilience.report.live import Live
    from resilience.verbs.catalogue import Verbs


class Session:
    """One per pytest session. `tell` shows a line to the person there, past pytest's capture."""

    def __init__(
        self, settings: Settings, tell: Callable[[str], None], terminate: Callable[[str], None]
    ) -> None:
        MASKS.clear(settings.public)
        self.settings = settings
        self.signals = Signals(tell, terminate)
        self.records: list[RunRecord] = []
        self.outcomes: dict[str, Outcome] = {}
        """By node id: how each item that we ran, or refused to run, ended."""
        self.notices: dict[str, None] = {}
        """What files say that will not be read any more, each once."""
        self.put_back: list[str] = []
        """Dead runs that were undone in this session, before its own."""
        self.left: list[str] = []
        """What dead runs left and could not be put back, in words."""
        self.files: list[str] = []
        """Lines that say where the report lies."""
        self._tell = tell
        self._environment: dict[str, Any] = {}
        self._life: Life | None = None

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
    def seed(self) -> int:
        """For scenarios that have none of their own."""
        given = self.settings.seed
        return SystemRandom().randrange(2**32) if given is None else given

    @property
    def wants_sandbox(self) -> bool:
        """Whether the embedded cluster is what will be acted on."""
        return not self.settings.context and not self.settings.kubeconfig

    def refusal(self, environment: Mapping[str, str] | None = None) -> str:
        """Why nothing may be started with these settings here; "" when it may."""
        from resilience.engine.guard.consent import in_cluster_unnamed

        named = self.settings.context or self.settings.kubeconfig
        return in_cluster_unnamed(named, os.environ if environment is None else environment)

    def headline(self) -> str:
        """Where and with what randomness scenarios run."""
        if self.wants_sandbox:
            nodes = self.settings.sandbox_nodes
            where = f"embedded sandbox, {nodes} node{'s' if nodes > 1 else ''}"
            if os.environ.get("KUBECONFIG"):
                where += " (KUBECONFIG is set and not used: --resilience-context NAME uses it)"
        else:
            where = f"context {self.settings.context or '(current)'}"
            where += f" of {self.settings.kubeconfig}" if self.settings.kubeconfig else ""
        return f"{where}, seed {self.seed}"

    @contextmanager
    def cluster(self) -> Iterator[HttpCluster]:
        """The cluster, with signals in our hands while it is open."""
        from resilience import cluster
        from resilience.engine.guard import consent

        with self.signals.installed():
            if self.wants_sandbox:
                from resilience.cluster.access.embedded import sandbox

                files = project_files(self.settings.root)
                with sandbox(nodes=self.settings.sandbox_nodes, images=files) as embedded:
                    self._life = embedded.life
                    with cluster.connect(embedded.access) as opened:
                        yield self._prepared(opened)
            else:
                settings = self.settings
                gate = self._gate()
                with cluster.open_context(
                    settings.context, settings.kubeconfig, gate=gate
                ) as opened:
                    if settings.dry_run:
                        opened.means = consent.means(opened, self.targets, settings.helper_image)
                    yield opened if settings.dry_run else self._prepared(opened)

    def _gate(self) -> Gate | None:
        """In a dry run nothing that would change anything is sent, whoever tries."""
        if not self.settings.dry_run:
            return None
        from resilience.cluster import dry

        return dry.gate

    def rehearse(self, scenario: Scenario, cluster: HttpCluster) -> list[str]:
        """What it would do, as lines."""
        from resilience.engine.base.real_clock import RealClock
        from resilience.engine.base.run_options import Options
        from resilience.engine.run import dry_run

        namespace = scenario.namespace or self.settings.namespace
        limits, cluster = self._guarding(cluster).rehearsing(scenario, namespace)
        options = Options(
            seed=self._seed_for(scenario),
            namespace=namespace,
            before=limits.before,
            may_harm=limits.may_harm,
        )
        options = self._repeating(scenario, options)
        return [*dry_run.told(dry_run.rehearse(scenario, cluster, options, RealClock()))]

    def missing_images(self, scenario: Scenario) -> Sequence[str]:
        """Images of its manifests that the sandbox would not have, a line each."""
        from resilience.commands.manifest_images import missing

        return missing([scenario], self.settings.root)

    def _prepared(self, cluster: HttpCluster) -> HttpCluster:
        """Ready to act on: what killed runs left there is put back before anything new."""
        from resilience.engine.guard import consent
        from resilience.harness import recovering

        directory = self.settings.journal_directory
        targets = () if self.wants_sandbox else self.targets
        cluster.means = consent.means(cluster, targets, self.settings.helper_image)
        recovering.from_here(cluster, directory, self.catalogue, self.heed)
        if not self.wants_sandbox:
            place = self._guarding(cluster).place(directory)
            recovering.from_there(place, self.settings.lock_wait, self._tell, self.heed)
        self._environment = {
            "resilience": __version__,
            "python": platform.python_version(),
            "context": cluster.context,
            "sandbox": cluster.is_sandbox,
            "server": cluster.server_version(),
        }
        return cluster

    def ask_consent(self, scenario: Scenario, cluster: HttpCluster) -> None:
        """Refused when nothing allows what the scenario would touch, or a right is missing."""
        from resilience.engine.guard import consent, preflight
        from resilience.engine.plan.scenario_reach import of_scenario

        namespace = scenario.namespace or self.settings.namespace
        reach = of_scenario(scenario, namespace)
        if not reach:  # it reads a store, say; nothing of the cluster concerns it
            return
        consent.consent_to(cluster, self.targets, reach)
        if not self.wants_sandbox:
            preflight.ask(cluster, scenario, namespace, self.settings.journal_namespace)

    def ask_consent_for(self, cluster: HttpCluster, namespaces: Sequence[str]) -> None:
        """Refused when nothing allows acting there."""
        from resilience.engine.guard import consent

        consent.consent(cluster, self.targets, namespaces)

    def heed(self, result: Recovered) -> None:
        """What became of a dead run: told, and kept for the end where it weighs."""
        from resilience.model.masks import shown

        for line in result.lines:
            self._tell(f"recovering {line}")
        if result.undone:
            self.put_back.append(result.run)
        if result.weighs:
            self.left += map(shown, result.lines)

    def interruption(self, outcome: Outcome | None) -> str:
        """Why the session stops, and whether everything was put back first."""
        from resilience.model.verdict import Outcome

        incomplete = outcome is Outcome.UNDO_INCOMPLETE
        after = "not everything was undone" if incomplete else "after the undo"
        return f"{self.signals.interrupted}, {after}"

    @property
    def recovery(self) -> str:
        """The command that undoes what runs of this session leave."""
        settings, words = self.settings, ["resilience", "recover"]
        for name, value in (("kubeconfig", settings.kubeconfig), ("context", settings.context),
                            ("journal", settings.journal)):  # fmt: skip
            words += [f"--{name}", str(value)] if value else []
        return shlex.join(words)

    @property
    def untouched(self) -> str:
        """What may be said of a scenario that was refused before it began."""
        if not self.put_back:
            return "nothing was touched"
        runs = ", ".join(self.put_back)
        return f"this scenario touched nothing; what run {runs} had left was undone before"

    def mark_incomplete(self, node: str) -> None:
        """A test of someone's left something in the cluster."""
        from resilience.model.verdict import Outcome

        self.outcomes[node] = Outcome.UNDO_INCOMPLETE

    def run(self, scenario: Scenario, cluster: HttpCluster, shown: Live) -> RunRecord:
        """Carry one scenario out, twice where only the prober's lateness kept a verdict from it."""
        from resilience.harness import remeasuring

        def announce(text: str) -> None:
            self._tell(text)
            shown.restart()

        return remeasuring.run(
            lambda: self._run(scenario, cluster, shown),
            self.records,
            announce,
            lambda: bool(self.signals.interrupted),
        )

    def _run(self, scenario: Scenario, cluster: HttpCluster, shown: Live) -> RunRecord:
        """Whatever happens, what it changed is put back first."""
        from resilience.engine.base.abort import Aborted, Aborter
        from resilience.engine.base.real_clock import RealClock
        from resilience.engine.plan.scenario_reach import of_scenario
        from resilience.engine.run.scenario import run
        from resilience.model.masks import shown_record
        from resilience.verbs.context import Refused

        options = self._repeating(scenario, self._options(self._seed_for(scenario), shown))
        aborter, clock = Aborter(self.recovery), RealClock()
        namespace = scenario.namespace or self.settings.namespace

        def work() -> RunRecord:
            reach = of_scenario(scenario, namespace)
            with self._guarded(
                cluster, options, aborter, title=scenario.id, namespace=namespace, reach=reach
            ) as (acting, hung, journal):
                return run(
                    scenario,
                    cluster=acting,
                    options=hung,
                    clock=clock,
                    journal=journal,
                    emit=shown.entry,
                    aborter=aborter,
                )

        with self._ending_with_the_sandbox(aborter):
            try:
                record: RunRecord = shown_record(self.signals.supervise(work, aborter))
            except Aborted as error:  # it never began
                raise Refused(f"{error} while waiting for the lock") from None
        return record

    def _seed_for(self, scenario: Scenario) -> int | None:
        """None: the scenario's own."""
        own = self.settings.seed is None and scenario.seed is not None
        return None if own else self.seed

    def _repeating(self, scenario: Scenario, options: Options) -> Options:
        """With the choices of an earlier run, where its report is named."""
        if not self.settings.replay:
            return options
        from dataclasses import replace

        from resilience.engine.run import replay as replaying

        replay = replaying.of(Path(self.settings.replay), scenario.id)
        return replace(options, seed=replay.seed, stream=replay.stream)

    @contextmanager
    def _guarded(
        self, cluster: HttpCluster, options: Options, aborter: Aborter, **what: Any
    ) -> Iterator[tuple[HttpCluster, Options, Journal]]:
        """The cluster as one run may use it, its options and its journal."""
        from resilience.engine.journal import journal_file
        from resilience.engine.journal.journal import Journal

        assert options.run is not None
        if self.wants_sandbox:
            yield cluster, options, Journal([journal_file.create(options.journal, options.run)])
            return
        with self._guarding(cluster).about(options, aborter, **what) as (acting, hung, sinks):
            file = journal_file.create(options.journal, options.run)
            yield acting, hung, Journal([file, *sinks])

    def _guarding(self, cluster: HttpCluster) -> Guarding:
        from resilience.engine.base.real_clock import RealClock
        from resilience.harness.run_guard import Guarding

        return Guarding(
            settings=self.settings,
            targets=self.targets,
            cluster=cluster,
            verbs=self.catalogue,
            clock=RealClock(),
            tell=self._tell,
            heed=self.heed,
        )

    def _ending_with_the_sandbox(self, aborter: Aborter) -> AbstractContextManager[None]:
        """A run need not wait for a cluster that is gone, nor judge by one that cannot work."""
        from resilience.engine.base.abort import Why

        if self._life is None:
            return nullcontext()
        return self._life.telling(
            lambda why: aborter.abort(why, Why.GONE), lambda why: aborter.abort(why, Why.SICK)
        )

    @contextmanager
    def serve(
        self, cluster: HttpCluster, shown: Live, title: str, directory: Path
    ) -> Iterator[Resilience]:
        """The engine for a test in Python, for the time of the block."""
        from dataclasses import replace

        from resilience.engine.base.abort import Aborter
        from resilience.engine.base.real_clock import RealClock
        from resilience.engine.guard import consent
        from resilience.engine.python.fixture import Resilience
        from resilience.model.step_reach import ANY, Reach

        options = self._options(self.seed, shown)
        aborter = Aborter(self.recovery)
        namespace = self.settings.namespace
        target = None if self.wants_sandbox else consent.target_of(cluster, self.targets)
        nodes = cluster.is_sandbox or (target is not None and target.nodes)
        guarded = self._guarded(
            cluster,
            options,
            aborter,
            title=title,
            namespace=namespace,
            reach=Reach(namespaces=frozenset({namespace}), nodes=nodes, cluster_scoped=ANY),
        )
        with (
            self.signals.attached(aborter),
            self._ending_with_the_sandbox(aborter),
            guarded as (acting, hung, journal),
        ):
            if not self.wants_sandbox:
                before = self._guarding(cluster).before_each(hung.before, namespace)
                hung = replace(hung, before=before)
            with Resilience(
                cluster=acting,
                catalogue=self.catalogue,
                options=hung,
                clock=RealClock(),
                journal=journal,
                emit=shown.entry,
                aborter=aborter,
                directory=directory,
                title=title,
            ) as ours:
                yield ours

    def _options(self, seed: int | None, shown: Live) -> Options:
        import time

        from resilience.engine.base.run_options import Options
        from resilience.engine.run.scenario import new_id

        settings = self.settings
        return Options(
            seed=seed,
            namespace=settings.namespace,
            run=new_id(time.time()),
            journal=settings.journal_directory,
            ephemeral=self.wants_sandbox,
            environment=self._environment,
            observe=shown.probe,
            lookout=True,
            recovery=self.recovery,
        )
