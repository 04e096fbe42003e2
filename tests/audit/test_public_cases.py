"""False alarms that people reported of other tools, rebuilt small: none of them here."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.audit.base.inventory import Inventory
from resilience.audit.catalogue import builtin
from resilience.audit.examine import examine
from resilience.audit.reading import files
from resilience.kube.objects import Object
from tests.audit.objects import NOW, deployment, inventory, named, scaler, service, template
from tests.audit.rules.cases import claim, cronjob, mounted

BROKEN = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      dnsPolicy: {{ }}
      containers: [{name: web, image: web:1}]
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  selector: {app: web}
  ports: [{port: 80}]
"""


def told(*objects: Object, live: bool = False) -> set[str]:
    audit = examine(inventory(*objects, live=live), builtin())
    return {each.rule.id for each in audit.findings}


def test_a_service_is_not_alone_because_its_deployment_could_not_be_read() -> None:
    read = files.read(["-"], "shop", BROKEN)
    assert len(read.unread) == 1
    seen = Inventory(objects=read.objects, now=NOW, unseen=read.unseen)
    audit = examine(seen, builtin())
    assert "service-selects-nothing" not in {each.rule.id for each in audit.findings}
    assert "could not be read" in audit.skipped["service-selects-nothing"]


def test_an_autoscaler_of_a_custom_resource_has_its_target() -> None:
    pool = scaler()
    pool["spec"]["scaleTargetRef"] = {
        "apiVersion": "kafka.example.com/v1",
        "kind": "Pool",
        "name": "p",
    }
    assert "scaler-without-target" not in told(pool)


def test_a_single_pod_without_replicas_lacks_no_budget() -> None:
    rules = told(deployment(replicas=None))
    assert "single-replica" in rules
    assert "no-budget" not in rules


@pytest.mark.parametrize(
    "volume",
    [
        {"projected": {"sources": [{"secret": {"name": "s"}}]}},
        {"csi": {"driver": "x", "nodePublishSecretRef": {"name": "s"}}},
        {"cephfs": {"monitors": [], "secretRef": {"name": "s"}}},
        {"azureFile": {"shareName": "x", "secretName": "s"}},
        {"secret": {"secretName": "s"}},
    ],
    ids=lambda volume: next(iter(volume)),
)
def test_a_secret_of_any_kind_of_volume_is_used(volume: dict[str, Any]) -> None:
    held = deployment(volumes=[{"name": "v", **volume}])
    assert "orphaned-settings" not in told(held, named("Secret", "s"), live=True)
    assert "orphaned-settings" in told(deployment(), named("Secret", "s"), live=True)


def test_a_secret_of_an_ingress_and_a_pull_secret_are_used() -> None:
    front = named("Ingress", "front", "networking.k8s.io/v1", spec={"tls": [{"secretName": "s"}]})
    account = named("ServiceAccount", "default", imagePullSecrets=[{"name": "s"}])
    for user in (front, account):
        assert "orphaned-settings" not in told(user, named("Secret", "s"), live=True)


def test_the_revisions_of_helm_are_nobodys_settings() -> None:
    revision = named("Secret", "sh.helm.release.v1.web.v1", type="helm.sh/release.v1")
    former = named("ConfigMap", "web.v1", labels={"OWNER": "TILLER"})
    assert "orphaned-settings" not in told(revision, former, live=True)


def test_a_claim_of_a_cronjob_is_used() -> None:
    spec = {"template": template(restartPolicy="Never", volumes=mounted("data"))}
    assert "orphaned-claim" not in told(cronjob(jobTemplate={"spec": spec}), claim("data"))


def test_a_service_by_the_name_of_a_stateful_pod_and_one_of_an_external_name_are_fine() -> None:
    outside = named(
        "Service", "db", spec={"type": "ExternalName", "externalName": "db.example.com"}
    )
    one = service("web-0", {"app": "web", "statefulset.kubernetes.io/pod-name": "web-0"})
    assert "service-selects-nothing" not in told(deployment(kind="StatefulSet"), one, outside)


def test_a_finished_job_of_a_cronjob_is_no_workload() -> None:
    owner = {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "name": "tidy",
        "controller": True,
        "uid": "t",
    }
    done = named("Job", "tidy-1", "batch/v1", ownerReferences=[owner],
                 spec={"template": template(container={"image": "web"})})  # fmt: skip
    assert "latest-tag" not in told(cronjob(), done, live=True)
