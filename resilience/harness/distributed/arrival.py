"""Runs on the controller, which only knows ids: it reads the files again when the first worker has
collected its items, checks the options, and distributes the items."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from resilience.engine.plan.plan_scenarios import compiled
from resilience.harness import collecting, refusals, run_settings
from resilience.harness.current import session
from resilience.harness.distributed import controller
from resilience.harness.distributed.controller import Located
from resilience.harness.fleet.item_names import named
from resilience.harness.fleet.of_member import for_each
from resilience.harness.naming import near
from resilience.language import load
from resilience.model.scenario import Scenario


def check(config: pytest.Config, ids: Sequence[str]) -> None:
    """UsageError when scenarios may not run with these options. If there are other tests, they run,
    and each worker refuses its scenarios with the reasons that it got at its start."""
    if controller.KNOWN in config.stash:
        return
    found = scenarios(config, ids)
    if not found:
        return
    if (
        any(each.mutates for _, each in found.values())
        and not run_settings.settings(config).dry_run
    ):
        if len(found) == len(ids):
            collecting.check_options(config)
        elif list(refusals.reasons(config)):
            return
    if text := session(config).refusal():
        raise pytest.UsageError(f"resilience: {text}")
    collecting.check_targets(session(config))
    collecting.check_places(config)
    collecting.check_fleet(config, ())
    controller.take_over(config, found)


def scenarios(config: pytest.Config, ids: Sequence[str]) -> dict[str, Located]:
    """The items that belong to scenarios or plans, by id, each with its cluster of the fleet."""
    found: dict[str, Located] = {}
    for name in sorted({id.partition("::")[0] for id in ids}):
        path = config.rootpath / name
        if path.suffix in (".yaml", ".yml") and path.exists():
            found |= {
                f"{name}::{named(scenario.id, member)}": (member, scenario)
                for member, scenario in _of_file(config, path)
            }
    return {id: found[id] for id in ids if id in found}


def _of_file(config: pytest.Config, path: Path) -> Iterator[Located]:
    fleet = session(config).fleet
    if not fleet:
        yield from (("", each) for each in _read(config, path))
    for member, found in for_each(fleet.values(), lambda: _read(config, path)):
        yield from ((member.name, each) for each in found)


def _read(config: pytest.Config, path: Path) -> Sequence[Scenario]:
    ours = session(config)
    loaded = load(
        near(path, config.invocation_params.dir), None, ours.catalogue, os.environ,
        namespace=ours.settings.namespace,
    )  # fmt: skip
    return [*loaded.scenarios, *(one for plan in loaded.plans for one in compiled(plan))]
