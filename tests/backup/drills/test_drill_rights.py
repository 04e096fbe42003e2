"""A drill never finds in its middle that it may not grant what an application's Roles hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from resilience.cluster.access.embedded import Embedded
from resilience.cluster.errors import NotFound
from resilience.cluster.interface import NAMESPACES
from resilience.cluster.transport import HttpCluster
from tests.real_cluster import account, admin, applied, called, embedded, folder, resilience

__all__ = ["admin", "embedded", "folder"]

SUBJECT = """
apiVersion: v1
kind: Namespace
metadata: {name: voting}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: voting}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: "registry.k8s.io/pause:3.10"}]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: leader, namespace: voting}
rules:
- {apiGroups: [coordination.k8s.io], resources: [leases], verbs: [get, deletecollection]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: leader, namespace: voting}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: leader}
subjects: [{kind: ServiceAccount, name: default, namespace: voting}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: reader, namespace: voting}
rules: [{apiGroups: [""], resources: [configmaps], verbs: [get, list]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: "pytest-resilience:ops:nightly:scenarios", namespace: voting}
rules: [{apiGroups: [""], resources: [pods], verbs: [delete, deletecollection]}]
"""
PLAN = """
plan: voting
namespaces: [voting]
store: file:./store
drill: {then: [{ready: all}, {matches_snapshot: {as: snapshot}}]}
"""
TARGET = """
[targets.box]
context = "{context}"
cluster = "{uid}"
namespaces = ["voting", "voting-drill", "voting-copy"]
"""


@pytest.fixture
def least(folder: Path, admin: HttpCluster, embedded: Embedded) -> Path:
    """The account with what `resilience rbac` prints, and a snapshot of the namespace."""
    applied(admin, SUBJECT)
    (folder / "voting.plan.yaml").write_text(PLAN)
    uid = admin.get(NAMESPACES, "kube-system")["metadata"]["uid"]
    (folder / "resilience.toml").write_text(TARGET.format(context=admin.context, uid=uid))
    printed = resilience(
        folder, "rbac", "voting.plan.yaml", "--with-namespaces", "--service-account", "voting:least"
    )
    applied(admin, printed.stdout)
    least = account(admin, embedded, folder, "least", "voting")
    made = resilience(folder, "backup", "create", "voting.plan.yaml", "--kubeconfig", str(least))
    assert made.returncode == 0, made.stdout
    return least


def drilled(folder: Path, least: Path) -> tuple[int, str]:
    done = called(folder, "-m", "pytest", f"--resilience-kubeconfig={least}", "-p",
                  "no:cacheprovider", "voting.plan.yaml", "-m", "drill", "-rA")  # fmt: skip
    return done.returncode, done.stdout


def test_a_role_that_grants_more_is_named_before_anything_is_written(
    folder: Path, admin: HttpCluster, least: Path
) -> None:
    code, said = drilled(folder, least)
    assert code == 1, said
    assert "2 of its Roles and bindings cannot be restored by this account" in said
    asked = "deletecollection on leases.coordination.k8s.io"
    assert f"Role voting-drill/leader grants {asked}, which this account does not hold" in said
    assert f"RoleBinding voting-drill/leader binds Role leader, which grants {asked}" in said
    assert "accept: [ungranted]" in said
    assert "reader" not in said
    with pytest.raises(NotFound):
        admin.get(NAMESPACES, "voting-drill")

    plan = (folder / "voting.plan.yaml").read_text()
    (folder / "voting.plan.yaml").write_text(f"{plan}accept: [ungranted]\n")
    code, said = drilled(folder, least)
    assert code == 0, said
    assert "everything in voting-drill matches snapshot" in said


def test_a_rehearsal_into_a_new_namespace_names_it_too(
    folder: Path, admin: HttpCluster, least: Path
) -> None:
    (name,) = [each.name for each in (folder / "store/backups").iterdir()]
    arguments = ("restore", name, "--store", "file:./store", "--into", "voting-copy",
                 "--kubeconfig", str(least))  # fmt: skip
    done = resilience(folder, *arguments, "--dry-run")
    assert done.returncode == 1, done.stdout
    assert "voting-copy/leader: would be refused (it grants deletecollection on" in done.stdout
    assert "it binds Role leader, which grants" in done.stdout
    assert "--exclude" in done.stdout
    assert "voting-copy/reader: would be refused" not in done.stdout
    left_out = ("--exclude", "roles/leader", "--exclude", "rolebindings/leader")
    done = resilience(folder, *arguments, *left_out, "--dry-run")
    assert done.returncode == 0, done.stdout
    with pytest.raises(NotFound):
        admin.get(NAMESPACES, "voting-copy")
