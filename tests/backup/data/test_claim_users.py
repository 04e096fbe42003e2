"""A helper that fills a volume is scheduled where the Pods of the snapshot may run."""

from __future__ import annotations

import json
from typing import Any

import pytest

from resilience.backup.data.claim_users import ClaimUsers
from resilience.backup.format.archive import Address
from resilience.backup.format.velero import Found

TOLERATIONS = [{"key": "dedicated", "value": "db", "effect": "NoSchedule"}]
POD = {
    "tolerations": TOLERATIONS,
    "containers": [
        {
            "name": "db",
            "securityContext": {"runAsUser": 999},
            "volumeMounts": [{"name": "d", "mountPath": "/data"}],
        }
    ],
}
MOUNTED = POD | {"volumes": [{"name": "d", "persistentVolumeClaim": {"claimName": "data"}}]}


def held(resource: str, kind: str, spec: dict[str, Any]) -> Found:
    obj = {"apiVersion": "v1", "kind": kind, "spec": spec,
           "metadata": {"name": "db", "namespace": "shop"}}  # fmt: skip
    return Found(Address(resource, "v1", "shop", "db"), json.dumps(obj).encode(), "plain")


@pytest.mark.parametrize(
    ("found", "claim"),
    [
        (held("pods", "Pod", MOUNTED), "data"),
        (held("deployments.apps", "Deployment", {"template": {"spec": MOUNTED}}), "data"),
        (
            held(
                "statefulsets.apps",
                "StatefulSet",
                {
                    "template": {"spec": POD},
                    "volumeClaimTemplates": [{"metadata": {"name": "d"}}],
                },
            ),
            "d-db-12",
        ),
    ],
)
def test_a_claims_user_is_found_by_pod_template_or_claim_template(found: Found, claim: str) -> None:
    users = ClaimUsers([found])
    assert list(users.of("shop", claim).tolerations) == TOLERATIONS
    assert users.of("shop", claim).security == {"runAsUser": 999}
    for namespace, other in (("other", claim), ("shop", "another"), ("shop", "d-db-x")):
        assert users.of(namespace, other).tolerations == ()


def test_a_pod_says_more_than_its_template() -> None:
    """Admission gives it pull secrets and tolerations that the template has not."""
    admitted = MOUNTED | {"imagePullSecrets": [{"name": "mirror"}]}
    template = held("deployments.apps", "Deployment", {"template": {"spec": MOUNTED}})
    users = ClaimUsers([template, held("pods", "Pod", admitted)])
    assert list(users.of("shop", "data").pull_secrets) == [{"name": "mirror"}]
