"""Pods with and away from other Pods: affinity and anti-affinity (rules 3.13)."""

from __future__ import annotations

from typing import Any

from resilience.sandbox.kube.api import Obj
from tests.sandbox.controllers.world import World, pod
from tests.sandbox.scheduler.placing import node_of, place, why


def term(app: str, key: str = "kubernetes.io/hostname", **more: Any) -> Obj:
    return {"labelSelector": {"matchLabels": {"app": app}}, "topologyKey": key, **more}


def rule(kind: str, *terms: Obj) -> Obj:
    return {kind: {"requiredDuringSchedulingIgnoredDuringExecution": list(terms)}}


def test_anti_affinity_allows_one_per_node(world: World) -> None:
    apart = rule("podAntiAffinity", term("web"))
    assert len({place(world, n, affinity=apart) for n in "abc"}) == 3
    place(world, "d", affinity=apart)
    assert "3 node(s) didn't match pod anti-affinity rules" in why(world, "d")


def test_anti_affinity_of_placed_pods_holds_for_newcomers(world: World) -> None:
    for name in "abc":
        place(world, name, app="loner", affinity=rule("podAntiAffinity", term("web")))
    spots = {node_of(world, n) for n in "abc"}
    if len(spots) == 3:
        place(world, "late")
        assert "3 node(s) didn't satisfy existing pods anti-affinity rules" in why(world, "late")
    else:
        assert place(world, "late") not in spots


def test_affinity_follows_the_other_pod(world: World) -> None:
    home = place(world, "db", app="db")
    near = rule("podAffinity", term("db"))
    assert {place(world, n, affinity=near) for n in "abcd"} == {home}


def test_affinity_to_nobody_is_refused(world: World) -> None:
    place(world, "one", affinity=rule("podAffinity", term("db")))
    assert "3 node(s) didn't match pod affinity rules" in why(world, "one")


def test_the_first_of_a_group_that_wants_to_be_together_is_let_in(world: World) -> None:
    together = rule("podAffinity", term("web"))
    found = {place(world, n, affinity=together) for n in "abc"}
    assert len(found) == 1
    assert None not in found


def test_a_waiting_pod_follows_when_its_companion_comes(world: World) -> None:
    place(world, "one", affinity=rule("podAffinity", term("db")))
    home = place(world, "db", app="db")
    world.run(2)
    assert node_of(world, "one") == home


def test_affinity_looks_into_its_own_namespace_unless_told(world: World) -> None:
    world.create("namespaces", {"metadata": {"name": "other", "labels": {"team": "x"}}})
    world.run(0)
    world.create("pods", pod("db", "db"), namespace="other")
    world.run(0)
    place(world, "own", affinity=rule("podAffinity", term("db")))
    assert node_of(world, "own") is None
    assert place(world, "named", affinity=rule("podAffinity", term("db", namespaces=["other"])))
    chosen = term("db", namespaceSelector={"matchLabels": {"team": "x"}})
    assert place(world, "chosen", affinity=rule("podAffinity", chosen))


def test_a_namespace_that_gets_the_label_is_seen_by_the_selector(world: World) -> None:
    world.create("namespaces", {"metadata": {"name": "other"}})
    world.run(0)
    world.create("pods", pod("db", "db"), namespace="other")
    world.run(0)
    chosen = term("db", namespaceSelector={"matchLabels": {"team": "x"}})
    assert place(world, "one", affinity=rule("podAffinity", chosen)) is None
    world.patch("namespaces", "other", {"metadata": {"labels": {"team": "x"}}})
    world.patch("nodes", "node-1", {"metadata": {"labels": {"anything": "new"}}})
    world.run(2)
    assert node_of(world, "one") is not None
