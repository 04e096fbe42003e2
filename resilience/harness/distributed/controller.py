"""The controller's side: it distributes items, passes signals to all workers, and collects all
results in one session."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from types import FrameType
from typing import TYPE_CHECKING, Any

import pytest

from resilience.harness.current import session
from resilience.harness.distributed.groups import grouped, grouped_in_fleet
from resilience.harness.fleet.of_member import environment_of
from resilience.harness.signals import ENDING
from resilience.model.scenario import Scenario
from resilience.model.step_reach import Reach

if TYPE_CHECKING:
    from resilience.harness.distributed.parcel import Key
    from resilience.harness.session import Session

KNOWN: pytest.StashKey[Mapping[Key, Scenario]] = pytest.StashKey()
"""Scenarios of all files, once xdist distributes them."""

Located = tuple[str, Scenario]
"""A scenario, and the cluster of the fleet on which it runs: "" without a fleet."""

LOCATED: pytest.StashKey[Mapping[str, Located]] = pytest.StashKey()
"""The same by the id of the item."""


def take_over(config: pytest.Config, found: Mapping[str, Located]) -> None:
    """From now on distribute these items (by id) in groups, and pass signals to all workers. A
    custom scheduler is not changed; then only locks separate runs."""
    config.stash[LOCATED] = found
    config.stash[KNOWN] = {
        (member, each.place.file, each.id): each for member, each in found.values()
    }
    distributing: Any = config.pluginmanager.getplugin("dsession")
    _swap(config, distributing, _groups(session(config), found))
    _forward_signals(config, distributing)


def _groups(ours: Session, found: Mapping[str, Located]) -> dict[str, str]:
    """On separate sandboxes only the scenarios of a plan depend on each other, by the store. The
    clusters of a fleet never wait for each other."""
    if ours.wants_sandbox:
        return {item: item.partition("::")[0] for item in found}
    if ours.fleet:
        return grouped_in_fleet({each: dict(_reaches(ours, inside))
                                 for each, inside in _by_member(found).items()})  # fmt: skip
    return grouped(dict(_reaches(ours, found)))


def _by_member(found: Mapping[str, Located]) -> Mapping[str, Mapping[str, Located]]:
    members: dict[str, dict[str, Located]] = {}
    for item, located in found.items():
        members.setdefault(located[0], {})[item] = located
    return members


def _reaches(ours: Session, found: Mapping[str, Located]) -> Iterator[tuple[str, Reach]]:
    from resilience.engine.plan.scenario_reach import of_scenario

    for item, (member, scenario) in found.items():
        with environment_of(ours.fleet.get(member)):
            yield item, of_scenario(scenario, ours.namespace(scenario))


def _swap(config: pytest.Config, distributing: Any, groups: Mapping[str, str]) -> None:
    from resilience.harness.distributed.scheduler import GroupScheduling

    before = distributing.sched
    if not type(before).__module__.startswith("xdist.scheduler"):
        return
    after = GroupScheduling(config, distributing.log, groups, config.getoption("dist"))
    for node in before.nodes:
        after.add_node(node)
    distributing.sched = after


def _forward_signals(config: pytest.Config, distributing: Any) -> None:
    """The first signal makes every worker end its run with the undo; later signals act as without
    workers."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, *ENDING)}
    ours = session(config)

    def on_signal(number: int, frame: FrameType | None) -> None:
        for each, handler in before.items():
            signal.signal(each, handler)
        name = "Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name
        ours.signals.interrupted = name
        distributing.shouldstop = f"{name}: workers undo what they changed first"
        for pid in _pids(distributing):
            os.kill(pid, signal.SIGTERM)

    for number, handler in before.items():
        if handler not in (signal.SIG_IGN, None):
            signal.signal(number, on_signal)

    def restore() -> None:
        for number, handler in before.items():
            if handler is not None:
                signal.signal(number, handler)

    config.add_cleanup(restore)


def _pids(distributing: Any) -> Sequence[int]:
    """The process ids of workers that have not ended; execnet offers no other way to get them."""
    processes = [node.gateway._io.popen for node in distributing._active_nodes]
    return [each.pid for each in processes if each.poll() is None]


def receive(config: pytest.Config, report: Any) -> None:
    """Add a worker's results to this session."""
    from resilience.harness.distributed.parcel import parsed

    ours = session(config)
    parcel = parsed(report.resilience_parcel, config.stash.get(KNOWN, {}))
    del report.resilience_parcel
    ours.records = sorted([*ours.records, *parcel.records], key=lambda each: each.started_wall)
    ours.outcomes |= parcel.outcomes
    ours.left += parcel.left
    ours.put_back += parcel.put_back
    ours.signals.interrupted = ours.signals.interrupted or parcel.interrupted
