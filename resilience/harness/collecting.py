"""Turns files into items, and checks options before any of them runs."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from resilience.harness import FIXTURE, FLEET, REFUSAL, output, python_tests, refusals, run_settings
from resilience.harness.current import session
from resilience.harness.items import ScenarioFile, ScenarioItem
from resilience.harness.session import Session
from resilience.model.masks import shown
from resilience.model.words import told

if TYPE_CHECKING:
    from resilience.cluster.transport import HttpCluster
    from resilience.harness.fleet.clusters import Clusters


def file(path: Path, parent: pytest.Collector) -> ScenarioFile:
    """The collector of a scenario or plan file."""
    session(parent.config)
    found: ScenarioFile = ScenarioFile.from_parent(parent, path=path)
    return found


def check(config: pytest.Config, items: Sequence[pytest.Item]) -> None:
    """UsageError when items that change a cluster may not run with these options."""
    ours = [item for item in items if _is_ours(item)]
    for item in ours:
        output.shield(item)
    if config.option.collectonly or config.option.setupplan or hasattr(config, "workerinput"):
        return  # workers skip this: see `resilience.harness.distributed.arrival`
    if any(not isinstance(item, ScenarioItem) or item.scenario.mutates for item in ours):
        check_options(config)
    if ours and not run_settings.settings(config).dry_run and (text := session(config).refusal()):
        raise pytest.UsageError(f"resilience: {text}")
    if ours:
        check_targets(session(config))
        check_places(config)
        check_fleet(config, {item.member for item in ours if isinstance(item, ScenarioItem)})


def _is_ours(item: pytest.Item) -> bool:
    return isinstance(item, ScenarioItem) or python_tests.uses(item)


def check_targets(session: Session) -> None:
    """UsageError for a misspelt limit, before any cluster is opened."""
    from resilience.config.targets import BadTarget

    if session.wants_sandbox:
        return
    try:
        assert session.targets is not None
    except BadTarget as error:
        raise pytest.UsageError(f"resilience: {error}") from None


def check_places(config: pytest.Config) -> None:
    """UsageError for an unusable place for reports, before any cluster is opened."""
    from resilience.publish import places

    try:
        places.check(run_settings.settings(config))
    except ValueError as error:
        raise pytest.UsageError(f"resilience: {error}") from None


def check_fleet(config: pytest.Config, names: Collection[str]) -> None:
    """UsageError for clusters of a fleet that are wrong, before anything is changed; those that do
    not answer are named. `names` are those with anything to do; none: all."""
    current = session(config)
    members = [each for name, each in current.fleet.items() if not names or name in names]
    if not members:
        return
    from resilience.harness.fleet.survey import BadFleet, survey

    try:
        lines = survey(members)
    except BadFleet as error:
        raise pytest.UsageError(f"resilience: {error}") from None
    output.write(config, [shown(f"resilience: {line}") for line in lines])


def check_options(config: pytest.Config) -> None:
    """UsageError when these options and a fault conflict."""
    reasons = list(refusals.reasons(config))
    if reasons:
        raise pytest.UsageError("\n".join(f"resilience: {reason}" for reason in reasons))


def headlines(config: pytest.Config, items: Sequence[pytest.Item]) -> list[str]:
    """Header lines about the cluster, the seed and deprecated words; none when no scenario was
    selected."""
    if not any(_is_ours(item) for item in items):
        return []
    current = session(config)
    return [
        shown(f"resilience: {line}")
        for line in (current.headline(), *(f"warning: {text}" for text in current.notices))
    ]


def open_fleet(asking: pytest.Session) -> Iterator[Clusters]:
    """For the fixture: nothing is opened yet."""
    from resilience.harness.fleet.clusters import Clusters

    ours = session(asking.config)
    _require_allowed(asking.config, ours)
    clusters = Clusters(ours)
    with ours.signals.installed():
        if not ours.settings.dry_run:
            ours.announce(told([*ours.fleet]))
        try:
            yield clusters
        finally:
            clusters.close()


def open_member(request: pytest.FixtureRequest) -> Iterator[HttpCluster]:
    """For the fixture of a test in Python: the cluster of the fleet that is its parameter."""
    from resilience.cluster.errors import ClusterError
    from resilience.model.verdict import Outcome
    from resilience.verbs.context import Refused

    name = getattr(request, "param", "")
    ours = session(request.config)
    if not name:
        pytest.fail(
            f"a fixture of this scenario requests {FIXTURE}, and a fleet has {len(ours.fleet)}"
            f" clusters; request {FLEET} and call its method of(NAME)",
            pytrace=False,
        )
    clusters: Clusters = request.getfixturevalue(FLEET)
    try:
        cluster = clusters.of(name)
    except (ClusterError, Refused) as error:
        outcome = Outcome.REFUSED if isinstance(error, Refused) else Outcome.NOT_MEASURED
        needing = [
            item.nodeid for item in request.session.items if python_tests.member(item) == name
        ]
        ours.outcomes.update(dict.fromkeys(needing, outcome))
        failed = pytest.fail.Exception(shown(f"{outcome.value}: {error}"), pytrace=False)
        raise failed from None
    yield cluster


def _require_allowed(config: pytest.Config, ours: Session) -> None:
    if text := getattr(config, "workerinput", {}).get(REFUSAL, ""):
        pytest.fail(text, pytrace=False)
    if text := ours.refusal():
        pytest.exit(f"resilience: {text}", returncode=pytest.ExitCode.USAGE_ERROR)


def open_cluster(asking: pytest.Session) -> Iterator[HttpCluster]:
    """Opens the session for the fixture; the reason for a failure is shown without a traceback. It
    says nothing about any service, so the exit code must not either."""
    from resilience.cluster.access.access_value import NoAccess
    from resilience.cluster.errors import ClusterError
    from resilience.model.verdict import Outcome

    config = asking.config
    ours = session(config)
    _require_allowed(config, ours)
    opening = ours.cluster()
    try:
        cluster = opening.__enter__()
    except ClusterError as error:
        needing = [item.nodeid for item in asking.items if _is_ours(item)]
        if isinstance(error, NoAccess) and len(needing) == len(asking.items):
            pytest.exit(f"resilience: {error}", returncode=pytest.ExitCode.USAGE_ERROR)
        ours.outcomes.update(dict.fromkeys(needing, Outcome.HARNESS_ERROR))
        failed = pytest.fail.Exception(
            shown(f"the cluster cannot be opened: {error}"), pytrace=False
        )
        raise failed from None  # this message already contains the original one
    try:
        yield cluster
    finally:
        opening.__exit__(None, None, None)
