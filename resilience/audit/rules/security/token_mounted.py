"""An API token in a Pod that may not need it."""

from __future__ import annotations

from collections.abc import Iterator

from resilience.audit.base.inventory import Inventory
from resilience.audit.base.proofs import restart
from resilience.audit.base.rule import Hit, Level, Rule


def find(inventory: Inventory) -> Iterator[Hit]:
    """Pods with the token of the default ServiceAccount."""
    for workload in inventory.workloads:
        account = str(workload.spec.get("serviceAccountName") or "default")
        own = workload.spec.get("automountServiceAccountToken")
        found = inventory.get("ServiceAccount", account, workload.namespace) or {}
        mounted = found.get("automountServiceAccountToken") if own is None else own
        if account == "default" and mounted is not False:
            yield Hit(workload.object, "the token of ServiceAccount default is mounted")


RULE = Rule(
    id="token-mounted",
    level=Level.INFO,
    title="a token that the Pod may not need",
    reason=(
        "Anyone who reads the Pod's files can use the API server as its ServiceAccount. Permissions"
        " granted to `default` later are granted to this Pod as well."
    ),
    remedy="Set automountServiceAccountToken: false, or give the Pod its own ServiceAccount.",
    link="https://kubernetes.io/docs/tasks/configure-pod-container/configure-service-account/",
    source="plugin/pkg/admission/serviceaccount/admission.go",
    needs=("ServiceAccount",),
    find=find,
    prove=restart,
)
