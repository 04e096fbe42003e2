"""The claims that the controller of an applied StatefulSet made go with it; older ones stay."""

from __future__ import annotations

from pathlib import Path

import pytest

from resilience.actions.objects.apply import VERB as APPLY
from resilience.actions.undo import set_claims
from resilience.cluster.interface import CLAIMS, DEPLOYMENTS, STATEFULSETS
from resilience.kube import objects
from resilience.model.report import RunRecord
from resilience.model.verdict import Outcome
from tests.actions.objects.test_apply import applied, here
from tests.engine.helpers import World

__all__ = ["here"]

SET = """
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec:
  replicas: 2
  selector: {matchLabels: {app: db}}
  template: {metadata: {labels: {app: db}}, spec: {containers: [{name: a, image: pause}]}}
  volumeClaimTemplates: [{metadata: {name: data}}, {metadata: {name: log}}]
"""


def claim(here: World, name: str) -> None:
    here.cluster.put(CLAIMS, {"metadata": {"name": name, "namespace": "shop"}})


def controlled(here: World, *made: str, **more: bool) -> RunRecord:
    """The run of `apply`, while a controller makes these claims."""
    here.cluster.serve(STATEFULSETS)
    here.cluster.serve(CLAIMS)
    left = list(made)

    def makes(entry: object) -> None:
        if here.cluster.find(STATEFULSETS, "shop"):
            while left:
                claim(here, left.pop())

    here.on_entry = makes
    record = applied(here, SET, **more)
    assert not left
    return record


def names(here: World) -> list[str]:
    return sorted(map(objects.name, here.cluster.find(CLAIMS, "shop")))


def test_claims_that_the_controller_made_go_with_the_set(here: World) -> None:
    record = controlled(here, "data-db-0", "data-db-1", "log-db-0", "log-db-1")
    assert record.outcome is Outcome.PASSED, record.message
    assert not here.cluster.find(STATEFULSETS, "shop")
    assert names(here) == []


def test_claims_that_were_there_and_those_of_others_stay(here: World) -> None:
    here.cluster.serve(CLAIMS)
    for name in ("data-db-0", "data-db", "data-db-x", "data-other-0", "mydata-db-0"):
        claim(here, name)
    before = names(here)
    record = controlled(here, "data-db-1", "data-db2-0")
    assert record.outcome is Outcome.PASSED, record.message
    assert names(here) == sorted([*before, "data-db2-0"])


def test_claims_of_a_kept_set_stay(here: World) -> None:
    controlled(here, "data-db-0", keep=True)
    assert names(here) == ["data-db-0"]


def test_they_go_also_where_the_set_went_before_the_undo(here: World) -> None:
    here.cluster.serve(STATEFULSETS)
    made = here.cluster.put(STATEFULSETS, {"kind": "StatefulSet", "metadata": {
        "name": "db", "namespace": "shop"}, "spec": {"volumeClaimTemplates": [
            {"metadata": {"name": "data"}}]}})  # fmt: skip
    here.cluster.serve(CLAIMS)
    data = {"namespace": "shop", "name": "db",
            **set_claims.record(here.cluster, STATEFULSETS, made)}  # fmt: skip
    claim(here, "data-db-0")
    assert [objects.name(each) for each in set_claims.made(here.cluster, data)] == ["data-db-0"]


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet"])
def test_permissions_are_asked_for_templates_alone(kind: str, tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text(SET.replace("StatefulSet", kind))
    asked = {
        right.verb
        for right in APPLY.rights(APPLY.parameters(file=tmp_path / "x.yaml"), "shop")
        if right.resource == CLAIMS.plural
    }
    assert asked == ({"list", "get", "delete"} if kind == "StatefulSet" else set())


def test_other_kinds_have_no_record(here: World) -> None:
    assert set_claims.record(here.cluster, DEPLOYMENTS, {"kind": "Deployment"}) == {}


@pytest.mark.parametrize("spec", [None, {}, {"volumeClaimTemplates": None}])
def test_a_set_without_templates_makes_no_claims(spec: object) -> None:
    assert set_claims.templates({"kind": "StatefulSet", "spec": spec}) == []
