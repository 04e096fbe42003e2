"""A workload that is admitted, and whose Pods are not, is told by the rehearsal."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.backup.objects.related import Need
from resilience.backup.restore.rehearsal.pod_templates import refusal
from resilience.cluster.errors import Forbidden, Invalid, Unreachable
from resilience.cluster.interface import Object, Resource
from tests.backup.fakes import FakeCluster, deployment
from tests.backup.restore.rehearsal.test_cluster_needs import asked
from tests.backup.restore.rehearsal.test_rehearsal_of_restore import kept

LIMIT = 'pods "web-x7k2p" is forbidden: maximum cpu usage per Container is 1, but limit is 2'
RBAC = 'pods is forbidden: User "ci" cannot create resource "pods" in API group "" in "shop"'
ACCOUNT = 'pods "web-x7k2p" is forbidden: serviceaccount "runner" not found'


def refusing(error: Exception) -> FakeCluster:
    """It refuses every Pod."""
    cluster = FakeCluster()
    cluster.namespace("shop")

    def fault(verb: str, kind: str, namespace: str, name: str) -> None:
        if (verb, kind) == ("dry-create", "pods"):
            raise error

    cluster.faults.append(fault)
    return cluster


def workload(kind: str) -> Object:
    made = deployment("web") | {"kind": kind}
    if kind == "CronJob":
        made["spec"] = {"jobTemplate": {"spec": {"template": made["spec"]["template"]}}}
    return made


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "DaemonSet", "CronJob", "Rollout"])
def test_a_rule_that_refuses_the_pods_is_named(kind: str) -> None:
    assert refusal(workload(kind), refusing(Forbidden(403, LIMIT)), ()) == LIMIT


class Mounts(FakeCluster):
    """Refuses a Pod that mounts a volume which it does not have, and knows the last one."""

    def create(
        self, resource: Resource, body: Object, namespace: str = "", *, dry_run: bool = False
    ) -> Object:
        if resource.kind == "Pod":
            self.pod = body["spec"]
            held = [each["name"] for each in body["spec"].get("volumes") or ()]
            if held != ["other", "data"]:
                raise Invalid(422, 'volumeMounts[0].name: Not found: "data"')
        return super().create(resource, body, namespace, dry_run=dry_run)


@pytest.mark.parametrize("volumes", [["other"], ["data", "other"]])
def test_the_claims_of_a_stateful_set_are_volumes_of_its_pods(volumes: list[str]) -> None:
    cluster = Mounts()
    cluster.namespace("shop")
    made = deployment("web", volumes=[{"name": each, "emptyDir": {}} for each in volumes])
    assert "Not found" in refusal(made, cluster, ())
    made |= {"kind": "StatefulSet"}
    made["spec"]["volumeClaimTemplates"] = [{"metadata": {"name": "data"}}]
    assert refusal(made, cluster, ()) == ""
    assert cluster.pod["volumes"][-1]["persistentVolumeClaim"] == {"claimName": "data-web-0"}
    template = made["spec"]["template"]["spec"]
    assert template["volumes"] == [{"name": each, "emptyDir": {}} for each in volumes]


@pytest.mark.parametrize("error", [Forbidden(403, RBAC), Unreachable("reset")])
def test_what_says_nothing_about_the_pods_is_no_refusal(error: Exception) -> None:
    assert refusal(workload("Deployment"), refusing(error), ()) == ""


@pytest.mark.parametrize(
    "spec",
    [
        pytest.param({"replicas": 0, "template": deployment("web")["spec"]["template"]}, id="none"),
        pytest.param({"template": "text"}, id="a template of another kind"),
        pytest.param({"template": {"spec": {"volumes": []}}}, id="no Pod"),
        pytest.param({}, id="no template"),
        pytest.param(["text"], id="no mapping"),
        pytest.param({"jobTemplate": "text"}, id="a job template of another kind"),
        pytest.param({"jobTemplate": {"spec": 1}}, id="a job of another kind"),
        pytest.param({"template": {"spec": ["text"]}}, id="a Pod of another kind"),
    ],
)
def test_what_makes_no_pods_is_not_asked_for(spec: Any) -> None:
    made = deployment("web") | {"spec": spec}
    assert refusal(made, refusing(Forbidden(403, LIMIT)), ()) == ""


@pytest.mark.parametrize("coming", [True, False])
def test_what_is_restored_first_is_no_reason(coming: bool) -> None:
    made = deployment("web", serviceAccountName="runner")
    first = [Need("serviceaccounts", "shop", "runner")] if coming else []
    found = refusal(made, refusing(Forbidden(403, ACCOUNT)), first)
    assert found == ("" if coming else ACCOUNT)


def test_a_restore_and_its_rehearsal_warn_of_it_once() -> None:
    for dry_run in (True, False):
        target = refusing(Forbidden(403, LIMIT))
        told = list(asked(kept(deployment("web")), target, dry_run=dry_run))
        assert told == [f"Deployment web: its Pods are refused: {LIMIT}"]
        assert (("deployments.apps", "shop", "web") in target.objects) is not dry_run


def test_a_target_that_admits_the_pods_gets_none_and_no_warning() -> None:
    target = FakeCluster()
    target.namespace("shop")
    assert list(asked(kept(deployment("web")), target)) == []
    assert not [key for key in target.objects if key[0] == "pods"]
