"""A webhook whose only Pod can block the API server."""

from __future__ import annotations

from collections.abc import Iterator

from resilience.audit.base.inventory import Inventory
from resilience.audit.base.proofs import judged, kill_one, pods
from resilience.audit.base.rule import Hit, Level, Rule
from resilience.audit.base.workloads import Workload, listed, mapping

KINDS = ("ValidatingWebhookConfiguration", "MutatingWebhookConfiguration")


def find(inventory: Inventory) -> Iterator[Hit]:
    """Webhooks with failurePolicy Fail whose Service has at most one Pod behind it."""
    for configuration in inventory.of(*KINDS):
        for webhook in listed(configuration, "webhooks"):
            service = mapping(webhook, "clientConfig", "service")
            if webhook.get("failurePolicy", "Fail") != "Fail" or not service:
                continue
            behind = _behind(service, inventory)
            name = f"{service.get('namespace')}/{service.get('name')}"
            if behind is None:
                if inventory.live and "Service" not in inventory.unseen:
                    yield Hit(
                        configuration, f"Service {name} does not exist", str(webhook.get("name"))
                    )
            elif sum(inventory.fewest(each) or 2 for each in behind) < 2:
                text = f"failurePolicy Fail, and one replica behind Service {name}"
                yield Hit(configuration, text, str(webhook.get("name")))


def _behind(service: dict[str, object], inventory: Inventory) -> list[Workload] | None:
    """Workloads behind it, None where the Service is not known."""
    found = inventory.get("Service", str(service.get("name")), str(service.get("namespace")))
    return None if found is None else list(inventory.behind(found))


def _prove(hit: Hit, inventory: Inventory) -> str:
    for webhook in listed(hit.object, "webhooks"):
        if str(webhook.get("name")) == hit.part:
            behind = _behind(mapping(webhook, "clientConfig", "service"), inventory)
            if behind:
                return judged(behind[0], f"- kill: {pods(behind[0])}")
    return kill_one(hit, inventory)


RULE = Rule(
    id="webhook-blocks",
    level=Level.ERROR,
    title="a webhook whose only Pod can block others",
    reason=(
        "While that Pod is down, the API server refuses everything that the webhook should see:"
        " Pods of other services are not created. After a node loss it may even block itself."
    ),
    remedy="Run two replicas, exclude the webhook's own namespace, or set failurePolicy: Ignore.",
    link="https://kubernetes.io/docs/concepts/cluster-administration/admission-webhooks-good-practices/",
    source="staging/src/k8s.io/apiserver/pkg/admission/plugin/webhook/generic/webhook.go",
    needs=("Deployment",),
    find=find,
    prove=_prove,
)
