"""A plan of a walled namespace, with what `resilience rbac` prints for it and no more."""

from __future__ import annotations

from pathlib import Path

from resilience.cluster.access.embedded import Embedded
from resilience.cluster.interface import NAMESPACES, Object
from resilience.cluster.transport import HttpCluster
from tests.real_cluster import account, admin, applied, called, embedded, folder, resilience

__all__ = ["admin", "embedded", "folder"]

SUBJECT = """
apiVersion: v1
kind: Namespace
metadata: {name: walled}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: walled}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: "registry.k8s.io/pause:3.10"}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: both-ways, namespace: walled}
spec:
  podSelector: {}
  policyTypes: [Ingress, Egress]
  ingress: [{from: [{podSelector: {}}]}]
  egress: [{ports: [{protocol: UDP, port: 53}]}]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: only-out, namespace: walled}
spec: {podSelector: {}, policyTypes: [Egress], egress: [{}]}
"""
PLAN = """
plan: walled
namespaces: [walled]
store: file:./store
drill: {then: [{ready: all}, {matches_snapshot: {as: snapshot}}]}
"""
TARGET = """
[targets.box]
context = "{context}"
cluster = "{uid}"
namespaces = ["walled", "walled-drill"]
"""


def test_a_drill_with_policies_passes_with_the_printed_rights(
    folder: Path, admin: HttpCluster, embedded: Embedded
) -> None:
    applied(admin, SUBJECT)
    (folder / "walled.plan.yaml").write_text(PLAN)
    uid = admin.get(NAMESPACES, "kube-system")["metadata"]["uid"]
    (folder / "resilience.toml").write_text(TARGET.format(context=admin.context, uid=uid))
    printed = resilience(
        folder, "rbac", "walled.plan.yaml", "--with-namespaces", "--service-account", "walled:least"
    )
    assert printed.returncode == 0, printed.stdout
    rights = applied(admin, printed.stdout)
    least = account(admin, embedded, folder, "least", "walled")
    made = resilience(folder, "backup", "create", "walled.plan.yaml", "--kubeconfig", str(least))
    assert made.returncode == 0, made.stdout
    words = [f"--resilience-kubeconfig={least}", "-p", "no:cacheprovider", "walled.plan.yaml"]
    done = called(folder, "-m", "pytest", *words)
    assert "3 passed" in done.stdout, done.stdout
    _lessened(admin, rights)
    done = called(folder, "-m", "pytest", *words, "-m", "drill")
    assert done.returncode == 23, done.stdout
    assert "lacks 2 permissions" in done.stdout
    assert "delete pods" in done.stdout
    assert "nothing was touched" in done.stdout


def _lessened(admin: HttpCluster, rights: list[Object]) -> None:
    """Without a rule the drill is refused first: its scratch namespace could not be cleared."""
    role = next(each for each in rights if each["kind"] == "ClusterRole")
    rules = [rule for rule in role["rules"] if "pods" not in rule["resources"]]
    resource = admin.resource("rbac.authorization.k8s.io/v1", "ClusterRole")
    admin.patch(resource, role["metadata"]["name"], {"rules": rules})
