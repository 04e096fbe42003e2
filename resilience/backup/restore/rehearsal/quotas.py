"""ResourceQuotas of the target, compared with everything that a restore would create.

A dry run checks objects one by one, so each passes a quota that all of them together exceed.
Numbers of objects and requested storage are counted, by the names that a quota gives them
(pkg/quota/v1/evaluator). CPU and memory are not counted, because controllers create most Pods
later.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any

from resilience.backup.objects.kind_identity import identity
from resilience.cluster.errors import ClusterError
from resilience.cluster.interface import QUOTAS, Cluster, Object
from resilience.model.quantity import parse_quantity

_BY_PLURAL = frozenset(
    {"configmaps", "persistentvolumeclaims", "pods", "replicationcontrollers", "resourcequotas",
     "secrets", "services"}
)  # fmt: skip

Amounts = dict[str, Fraction]


class Quotas:
    """What a restore adds to each namespace."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._more: dict[str, Amounts] = defaultdict(lambda: defaultdict(Fraction))

    def add(self, kind: str, obj: Object) -> None:
        """An object that would be created; `kind` is `deployments.apps`."""
        if namespace := obj["metadata"].get("namespace", ""):
            for name, amount in _uses(kind, obj):
                self._more[namespace][name] += amount

    def exceeded(self) -> Iterator[tuple[str, str, str]]:
        """Namespace, quota, reason. Quotas that may not be read are left to the API server."""
        for namespace, more in sorted(self._more.items()):
            try:
                quotas = self._cluster.list(QUOTAS, namespace)
            except ClusterError:
                continue
            for quota in quotas:
                for reason in _exceeded(quota, more):
                    yield namespace, quota["metadata"]["name"], reason


def _uses(kind: str, obj: Object) -> Iterator[tuple[str, Fraction]]:
    yield f"count/{kind}", Fraction(1)
    if kind in _BY_PLURAL:
        yield kind, Fraction(1)
    spec: Mapping[str, Any] = obj.get("spec") or {}
    if identity(obj) == "Service":
        yield from _of_service(spec)
    if identity(obj) == "PersistentVolumeClaim":
        size = _number((spec.get("resources") or {}).get("requests") or {}, "storage")
        yield "requests.storage", size
        if of_class := spec.get("storageClassName"):
            yield f"{of_class}.storageclass.storage.k8s.io/requests.storage", size
            yield f"{of_class}.storageclass.storage.k8s.io/persistentvolumeclaims", Fraction(1)


def _of_service(spec: Mapping[str, Any]) -> Iterator[tuple[str, Fraction]]:
    """A load balancer has node ports as well, unless it says that it needs none
    (pkg/quota/v1/evaluator/core/services.go)."""
    kind = spec.get("type")
    if kind == "LoadBalancer":
        yield "services.loadbalancers", Fraction(1)
    allocated = kind == "LoadBalancer" and spec.get("allocateLoadBalancerNodePorts") is not False
    if kind == "NodePort" or allocated:
        yield "services.nodeports", Fraction(len(spec.get("ports") or ()))


def _exceeded(quota: Object, more: Amounts) -> Iterator[str]:
    spec, status = quota.get("spec") or {}, quota.get("status") or {}
    if spec.get("scopes") or spec.get("scopeSelector"):
        return
    hard, used = spec.get("hard") or {}, status.get("used") or {}
    for name, amount in sorted(more.items()):
        if name in hard and _number(used, name) + amount > _number(hard, name):
            yield (
                f"it allows {hard[name]} of {name}, {used.get(name, 0)} are used, and the restore "
                f"creates {_shown(amount)} more: raise it first"
            )


def _shown(amount: Fraction) -> str:
    return str(int(amount)) if amount == int(amount) else f"{float(amount):g}"


def _number(amounts: Mapping[str, Any], name: str) -> Fraction:
    """The quantity; 0 if it is absent or invalid."""
    try:
        return parse_quantity(amounts.get(name, 0))
    except ValueError:
        return Fraction(0)
