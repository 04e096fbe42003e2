"""A resource of Chaos Mesh: injected, recovered, or told why not; its controller is scripted."""

from __future__ import annotations

from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from resilience.actions.flow.parallel import VERB as PARALLEL
from resilience.actions.network.chaos_mesh import VERB as CHAOS_MESH
from resilience.cluster.interface import PODS, Object, Resource
from resilience.config.targets import Target
from resilience.engine.base.run_guard import RunGuard
from resilience.engine.guard.limits import Limits
from resilience.harness.sites.target_guard import LimitsOnly
from resilience.kube import objects
from resilience.model.timeline import What
from resilience.model.values import Duration
from resilience.model.verb import Phase
from resilience.model.verdict import Outcome
from resilience.verbs.context import Refused
from tests.engine.helpers import World, step, world

KIND = Resource("chaos-mesh.org", "v1alpha1", "networkchaos", "NetworkChaos")
MANIFEST = """
apiVersion: chaos-mesh.org/v1alpha1
kind: NetworkChaos
metadata: {name: slow, finalizers: [chaos-mesh/records]}
spec: {action: delay, mode: all, selector: {labelSelectors: {app: web}}, delay: {latency: 100ms}}
"""


class Controller:
    """Injects after a second, recovers two seconds after a deletion."""

    def __init__(self, here: World, *, targets: int = 3, recovers: bool = True) -> None:
        self._here, self._targets, self._recovers = here, targets, recovers
        here.cluster.hooks.append(self._changed)

    def _changed(self, resource: Resource, kind: str, obj: Object) -> None:
        if resource != KIND:
            return
        clock, name = self._here.clock, objects.name(obj)
        if kind == "ADDED":
            clock.after(1.0, lambda: self._here.cluster.change(KIND, "shop", name, self._inject))
        elif kind == "MODIFIED" and objects.is_terminating(obj) and self._recovers:
            clock.after(2.0, lambda: self._here.cluster.remove(KIND, "shop", name))

    def _inject(self, obj: Object) -> None:
        pods = [pod for pod in self._here.cluster.find(PODS, "shop")][: self._targets]
        obj["status"] = {
            "conditions": [{"type": "AllInjected", "status": "True"}],
            "experiment": {"containerRecords": [
                {"id": f"shop/{objects.name(pod)}", "phase": "Injected"} for pod in pods]},
        }  # fmt: skip


@pytest.fixture
def here(tmp_path: Path) -> World:
    (tmp_path / "slow.yaml").write_text(MANIFEST)
    made = world()
    made.cluster.serve(KIND)
    made.directory = tmp_path
    made.deploy()
    return made


def slow(within: float | None = None, **parameters: Any) -> Any:
    return step(CHAOS_MESH, Phase.WHEN, within=within,
                **({"file": Path("slow.yaml")} | parameters))  # fmt: skip


def test_it_is_injected_lasts_and_is_waited_for_until_it_has_recovered(here: World) -> None:
    Controller(here)
    record = here.run(when=[slow(duration=Duration.of(10))])
    assert record.outcome is Outcome.PASSED, record.message
    [done] = record.steps
    assert done.ended is not None
    assert done.ended - done.started == pytest.approx(13.0, abs=1.0)
    assert len([entry for entry in record.timeline if entry.what is What.VICTIM]) == 3
    assert here.cluster.find(KIND) == []


def test_without_a_duration_it_stays_until_the_end(here: World) -> None:
    Controller(here)
    record = here.run(when=[slow()])
    assert record.outcome is Outcome.PASSED, record.message
    assert any("undone: delete NetworkChaos shop/slow" in entry.text for entry in record.timeline)
    assert here.cluster.find(KIND) == []


def test_injected_into_nothing_proves_nothing(here: World) -> None:
    Controller(here, targets=0)
    record = here.run(when=[slow()])
    assert record.outcome is Outcome.NOT_MEASURED
    assert "its selector matches no Pod" in record.message


class Limited(RunGuard):
    """Allows to harm so many Pods, as a target's limits do."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most = most

    def may_harm(self, chosen: Any) -> None:
        if len(chosen) > self.most:
            raise Refused(f"{len(chosen)} Pods are too many")

    def may_harm_some(self, candidates: Any, most: int) -> None:
        if most > self.most:
            raise Refused(f"{most} of {len(candidates)} Pods are too many")


def two_that_choose(here: World) -> list[Any]:
    """Each injects into one Pod that Chaos Mesh chooses."""
    for name in ("slow", "slower"):
        text = MANIFEST.replace("name: slow", f"name: {name}").replace("mode: all", "mode: one")
        (here.directory / f"{name}.yaml").write_text(text)
    return [slow(), slow(file=Path("slower.yaml"))]


class Together(LimitsOnly):
    """None goes on before so many have been compared with the limits."""

    def __init__(self, here: World, most: int, steps: int) -> None:
        target = Target(name="t", context="t", cluster="u", max_pods=most)
        super().__init__(Limits(target, here.cluster, {"shop"}, here.clock.wall))
        self.compared = Barrier(steps)

    def may_harm_some(self, candidates: Any, most: int) -> object:
        try:
            return super().may_harm_some(candidates, most)
        finally:
            self.compared.wait(60)


def test_two_at_once_do_not_exceed_the_limits_together(here: World) -> None:
    Controller(here, targets=1)
    both = step(PARALLEL, Phase.WHEN, steps=tuple(two_that_choose(here)))
    record = here.run(when=[both], guard=Together(here, 1, 2))
    assert record.outcome is Outcome.REFUSED, record.message
    assert "2 Pods would be harmed by this run" in record.message
    assert len([entry for entry in record.timeline if "is applied" in entry.text]) < 2


def test_what_was_chosen_counts_instead_of_the_worst(here: World) -> None:
    Controller(here, targets=1)  # chooses the same Pod twice
    record = here.run(when=two_that_choose(here), guard=Together(here, 2, 1))
    assert record.outcome is Outcome.PASSED, record.message


@pytest.mark.parametrize(
    "selector",
    ["{labelSelectors: {app: web}}", "{namespaces: [shop], labelSelectors: {app: web}}", "{}"],
)
def test_pods_beyond_the_limits_are_not_injected(here: World, selector: str) -> None:
    Controller(here)
    manifest = MANIFEST.replace("{labelSelectors: {app: web}}", selector)
    (here.directory / "slow.yaml").write_text(manifest)
    record = here.run(when=[slow()], guard=Limited(2))
    assert record.outcome is Outcome.REFUSED, record.message
    assert "3 Pods are too many" in record.message
    assert not [entry for entry in record.timeline if "is applied" in entry.text]


@pytest.mark.parametrize(
    "mode",
    [
        "mode: fixed, value: '2'",
        "mode: fixed-percent, value: '67'",
        "mode: random-max-percent, value: '67'",
        "mode: fixed",
        "mode: new",
    ],
)
def test_the_worst_that_a_mode_may_choose_is_not_injected(here: World, mode: str) -> None:
    Controller(here, targets=1)
    (here.directory / "slow.yaml").write_text(MANIFEST.replace("mode: all", mode))
    record = here.run(when=[slow()], guard=Limited(1))
    assert record.outcome is Outcome.REFUSED, record.message
    assert "of 3 Pods are too many" in record.message
    assert not [entry for entry in record.timeline if "is applied" in entry.text]


@pytest.mark.parametrize(
    ("was", "now"),
    [
        ("mode: all", "mode: one"),
        ("mode: all", "mode: fixed, value: '1'"),
        ("mode: all", "mode: random-max-percent, value: '34'"),
        ("app: web}}", "app: web}, nodes: [a]}"),
        ("app: web", "app: x"),
    ],
)
def test_what_keeps_the_limits_at_worst_is_injected(here: World, was: str, now: str) -> None:
    Controller(here, targets=1)
    (here.directory / "slow.yaml").write_text(MANIFEST.replace(was, now))
    record = here.run(when=[slow()], guard=Limited(1))
    assert record.outcome is Outcome.PASSED, record.message


def test_without_its_controller_the_message_says_so(here: World) -> None:
    record = here.run(when=[slow(within=20.0)], undo_within=10.0)
    assert "is not injected after 20s: it has no status: does its controller run?" in record.message


def test_what_does_not_recover_is_told_as_not_undone(here: World) -> None:
    Controller(here, recovers=False)
    record = here.run(when=[slow()], undo_within=10.0)
    assert record.outcome is Outcome.UNDO_INCOMPLETE
    assert "chaos-mesh/records" in record.message


def test_where_chaos_mesh_is_not_installed_nothing_is_applied(here: World) -> None:
    here.cluster.withdraw(KIND)
    record = here.run(when=[slow()])
    assert record.outcome is Outcome.NOT_MEASURED
    assert "is Chaos Mesh installed?" in record.message


def test_a_manifest_of_something_else_is_refused(here: World) -> None:
    (here.directory / "slow.yaml").write_text(MANIFEST.replace("chaos-mesh.org/", "example.org/"))
    record = here.run(when=[slow()])
    assert "must hold one resource of chaos-mesh.org" in record.message
