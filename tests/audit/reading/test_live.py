"""A live cluster: in pages, and what may not be read is named."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from resilience.audit.base.inventory import Inventory
from resilience.audit.base.kinds import READ
from resilience.audit.catalogue import builtin
from resilience.audit.examine import examine
from resilience.audit.reading import live
from resilience.cluster.errors import Forbidden, NotFound
from resilience.cluster.interface import Object, Resource
from tests.audit.objects import NOW, budget, deployment, named
from tests.twin import Twin


class Cluster(Twin):
    """A cluster in memory with pages of two, that refuses some resources."""

    def __init__(self, *objects: Object, refused: tuple[str, ...] = ()) -> None:
        super().__init__(READ)
        self.refused = refused
        self.asked_pages: list[tuple[str, str]] = []
        for obj in objects:
            resource = next(each for each in READ if each.kind == obj["kind"])
            self.put(resource, obj)

    def pages(self, resource: Resource, namespace: str = "", **more: Any) -> Iterator[Object]:
        self.asked_pages.append((resource.plural, namespace))
        if resource.plural in self.refused:
            raise Forbidden(403, "no")
        more.pop("fields", None)
        yield from super().pages(resource, namespace, **{**more, "limit": 2})


def space(name: str = "shop") -> Object:
    return named("Namespace", name, namespace="")


def test_all_pages_are_read_and_other_namespaces_are_not() -> None:
    many = [deployment(f"web-{number}") for number in range(5)]
    foreign = deployment("foreign")
    foreign["metadata"]["namespace"] = "other"
    found = live.read(Cluster(space(), space("other"), *many, foreign), "shop")  # type: ignore[arg-type]
    names = [each["metadata"]["name"] for each in found.objects if each["kind"] == "Deployment"]
    assert names == [f"web-{number}" for number in range(5)]
    everywhere = live.read(Cluster(space(), space("other"), *many, foreign))  # type: ignore[arg-type]
    assert len(everywhere.objects) == 8


def test_a_kind_that_may_not_be_read_costs_its_rules_and_no_more() -> None:
    """Without the budgets, that none was seen says nothing."""
    cluster = Cluster(space(), deployment(), budget(), refused=("poddisruptionbudgets", "nodes"))
    found = live.read(cluster, "shop")  # type: ignore[arg-type]
    assert found.unseen == {
        "PodDisruptionBudget": "no permission to list poddisruptionbudgets (403)",
        "Node": "no permission to list nodes (403)",
    }
    inventory = Inventory(objects=found.objects, now=NOW, live=True, unseen=found.unseen)
    audit = examine(inventory, builtin())
    told = {each.rule.id for each in audit.findings}
    assert "no-budget" not in told
    assert "no-quota" in told
    assert {"no-budget", "one-node", "one-zone"} <= set(audit.skipped)
    assert "no permission to list poddisruptionbudgets" in audit.skipped["no-budget"]


def test_every_rule_needs_the_kinds_whose_absence_it_tells() -> None:
    """A rule that finds more when a kind may not be read would raise a false alarm."""
    from tests.audit.objects import inventory
    from tests.audit.rules.cases import CASES

    rules = {rule.id: rule for rule in builtin()}
    wrong = []
    for case in CASES:
        for kind in sorted({obj["kind"] for obj in case.good} & {each.kind for each in READ}):
            left = [obj for obj in case.good if obj["kind"] != kind]
            seen = inventory(*left, live=case.live, unseen={kind: "no permission"})
            audit = examine(seen, [rules[case.rule]])
            if audit.findings:
                wrong.append((case.rule, kind, [each.text for each in audit.findings]))
    assert wrong == []


def test_a_namespace_that_is_not_there_is_an_error() -> None:
    with pytest.raises(NotFound):
        live.read(Cluster(space()), "absent")  # type: ignore[arg-type]


def test_a_namespace_that_is_going_is_told() -> None:
    going = space()
    going["metadata"]["deletionTimestamp"] = "2026-03-01T00:00:00Z"
    going["metadata"]["finalizers"] = ["example.com/wait"]
    found = live.read(Cluster(going), "shop")  # type: ignore[arg-type]
    assert found.notices == ["namespace shop is being deleted"]
