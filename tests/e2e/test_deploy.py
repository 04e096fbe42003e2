"""deploy/ as it is shipped: applied to a sandbox, its CronJobs run there with the rights it gives.

Only what belongs to a cluster is filled in, as its user would: the image, the cluster's uid, the
hours. The sandbox's `python` image is the interpreter that runs these tests, so the Pods run us.
"""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e.kubectl import FOUND, ROOT, Kubectl
from tests.e2e.pods_of_deploy import (
    DEPLOY,
    HELM,
    Everywhere,
    ended,
    helm_template,
    printed,
    start,
)

RESTRICTED_VOLUMES = {
    "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim",
    "projected", "secret",
}  # fmt: skip
"""https://kubernetes.io/docs/concepts/security/pod-security-standards/, Restricted."""


@pytest.fixture(scope="module", params=["kustomize", "helm"])
def rendered(request: pytest.FixtureRequest) -> list[dict[str, Any]]:
    """What `kubectl apply -k deploy` and `helm install` send."""
    if request.param == "helm":
        return helm_template() if HELM else pytest.skip("helm cannot be had here")
    return [*yaml.safe_load_all(printed(FOUND[0], "kustomize", str(DEPLOY)))]


def templates(rendered: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {
        each["metadata"]["name"].removeprefix("here-"): each["spec"]["jobTemplate"]["spec"]
        for each in rendered
        if each["kind"] == "CronJob"
    }


def test_the_rights_are_those_that_the_files_need() -> None:
    """Write them anew with: resilience rbac deploy/files --service-account resilience:resilience
    --without-namespaces > deploy/rights.yaml"""
    wanted = printed(
        sys.executable, "-m", "resilience", "rbac", "deploy/files",
        "--service-account", "resilience:resilience", "--without-namespaces",
    )  # fmt: skip
    assert (DEPLOY / "rights.yaml").read_text() == wanted


def test_taking_it_away_takes_no_namespace_of_anybody_else_away(
    rendered: list[dict[str, Any]],
) -> None:
    names = {each["metadata"]["name"] for each in rendered if each["kind"] == "Namespace"}
    assert names - {"resilience"} == {"resilience-journal"}


def test_every_namespace_admits_restricted_pods_alone(rendered: list[dict[str, Any]]) -> None:
    """A journal is undone with the runs' rights: nothing has to run beside it."""
    for each in rendered:
        if each["kind"] == "Namespace":
            labels = each["metadata"].get("labels") or {}
            assert labels["pod-security.kubernetes.io/enforce"] == "restricted", each["metadata"]


def test_every_pod_is_one_that_pod_security_restricted_lets_in(
    rendered: list[dict[str, Any]],
) -> None:
    for job in templates(rendered).values():
        pod = job["template"]["spec"]
        around = pod["securityContext"]
        assert around["runAsNonRoot"] is True
        assert around["runAsUser"] > 0
        assert around["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()
        for volume in pod["volumes"]:
            assert (volume.keys() - {"name"}) <= RESTRICTED_VOLUMES
        for container in pod["containers"]:
            own = container["securityContext"]
            assert own["allowPrivilegeEscalation"] is False
            assert own["readOnlyRootFilesystem"] is True
            assert own["capabilities"] == {"drop": ["ALL"]}


def test_a_fault_is_never_tried_again_and_has_time_to_be_undone(
    rendered: list[dict[str, Any]],
) -> None:
    jobs = templates(rendered)
    assert jobs.keys() == {"backup", "drill", "proof", "scenarios"}
    for job in jobs.values():
        pod = job["template"]["spec"]
        assert (job["backoffLimit"], pod["restartPolicy"]) == (0, "Never")
        assert pod["terminationGracePeriodSeconds"] >= 180  # what one undo may take


def test_the_image_ends_as_nobody_with_the_command_it_is_for() -> None:
    last = (DEPLOY / "Dockerfile").read_text().rpartition("\nFROM ")[2]
    user = re.search(r"^USER [1-9]\d+:[1-9]\d+$", last, re.MULTILINE)
    assert user
    assert "RUN " not in last[user.start() :]
    assert 'ENTRYPOINT ["resilience"]' in last


@pytest.fixture
def deployed(kubeconfig: Path, tmp_path: Path) -> Iterator[Kubectl]:
    """kubectl where the CronJobs are, beside a service to act on."""
    kubectl = Everywhere(FOUND[0], kubeconfig, "", tmp_path)
    kubectl("create", "namespace", "shop")
    try:
        kubectl("apply", "-n", "shop", "-f", str(ROOT / "scenarios/manifests/checkout.yaml"))
        kubectl("apply", "-k", str(filled_in(tmp_path / "deploy", kubectl)))
        kubectl("rollout", "status", "-n", "shop", "deployment/checkout", "--timeout=60s")
        yield kubectl
    finally:
        gone = ("--ignore-not-found", "--wait=false")
        kubectl("delete", "-k", str(tmp_path / "deploy"), *gone)
        kubectl("delete", "namespace", "shop", "shop-drill", *gone)


def filled_in(folder: Path, kubectl: Kubectl) -> Path:
    shutil.copytree(DEPLOY, folder)
    uid = kubectl("get", "namespace", "kube-system", "-o", "jsonpath={.metadata.uid}")
    for name, changes in {
        "files/resilience.toml": {r"0{8}-[0-]+": uid, r"windows = .*": 'windows = ["* * * * *"]'},
        "kustomization.yaml": {r"newName: .*": "newName: python", r"newTag: .*": "newTag: '3.13'"},
    }.items():
        text = (folder / name).read_text()
        for pattern, new in changes.items():
            text, count = re.subn(pattern, new, text)
            assert count == 1, (name, pattern)
        (folder / name).write_text(text)
    return folder


def test_each_cronjob_does_its_work_with_the_rights_it_has(deployed: Kubectl) -> None:
    start(deployed, "backup")
    code, log = ended(deployed, "backup")
    assert (code, "shop-" in log) == (0, True), log
    for name in ("proof", "drill", "scenarios"):  # all at once: locks keep them apart
        start(deployed, name)
    code, log = ended(deployed, "proof")
    assert (code, "2 passed" in log) == (0, True), log
    code, log = ended(deployed, "drill")
    assert (code, "everything in shop-drill matches snapshot" in log) == (0, True), log
    code, log = ended(deployed, "scenarios")
    assert code in (0, 21), log  # 21: this machine was too busy to measure
    assert "done: kill one Pod app=checkout" in log
    assert "metrics: /reports/resilience.prom" in log
