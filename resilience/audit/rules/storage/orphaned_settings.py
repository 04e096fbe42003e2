"""A ConfigMap or a Secret that no Pod uses."""

from __future__ import annotations

from collections.abc import Iterator

from resilience.audit.base.inventory import Inventory
from resilience.audit.base.references import used
from resilience.audit.base.rule import Hit, Level, Rule
from resilience.audit.base.workloads import mapping
from resilience.kube import objects
from resilience.kube.objects import Object

BY_OTHERS = (
    "kubernetes.io/service-account-token",
    "helm.sh/release.v1",
    "bootstrap.kubernetes.io/token",
)
"""Types of Secrets that Pods do not mount."""


def find(inventory: Inventory) -> Iterator[Hit]:
    """Those that no template names; owned or labelled ones may be read through the API."""
    for kind in ("ConfigMap", "Secret"):
        taken = used(inventory, kind)
        for obj in inventory.of(kind):
            key = objects.namespace(obj), objects.name(obj)
            if key not in taken and not _elsewhere(obj):
                yield Hit(obj, "no workload names it")


def _elsewhere(obj: Object) -> bool:
    meta = objects.metadata(obj)
    return bool(
        meta.get("ownerReferences")
        or objects.labels(obj)
        or objects.annotation(obj, "control-plane.alpha.kubernetes.io/leader")
        or objects.name(obj) in objects.ROOT_CERTIFICATES
        or objects.namespace(obj).startswith("kube-")
        or mapping(obj).get("type") in BY_OTHERS
    )


RULE = Rule(
    id="orphaned-settings",
    level=Level.INFO,
    title="settings that nothing reads",
    reason=(
        "Changing it has no effect, which is discovered when a change is urgent. An old"
        " password stays readable."
    ),
    remedy="Delete it, or refer to it where it should be read.",
    link="https://kubernetes.io/docs/concepts/configuration/configmap/",
    source="pkg/kubelet/kubelet_pods.go",
    live=True,
    needs=(
        "Pod",
        "Deployment",
        "StatefulSet",
        "DaemonSet",
        "Job",
        "CronJob",
        "ServiceAccount",
        "Ingress",
    ),
    find=find,
)
