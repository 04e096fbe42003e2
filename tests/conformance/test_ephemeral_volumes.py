"""Generic ephemeral volumes: a claim for each Pod, owned by it and gone with it.

Source: pkg/controller/volume/ephemeral.
"""

from __future__ import annotations

import pytest

from tests.conformance.objects import is_ready, pod
from tests.conformance.wire import Cluster, Obj

SPEC = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "16Mi"}}}


def with_volume(name: str = "p") -> Obj:
    template = {"metadata": {"labels": {"kind": "scratch"}}, "spec": SPEC}
    body = pod(name, volumes=[{"name": "v", "ephemeral": {"volumeClaimTemplate": template}}])
    body["spec"]["containers"][0]["volumeMounts"] = [{"name": "v", "mountPath": "/data"}]
    return body


@pytest.mark.usefixtures("runs_pods")
def test_a_claim_is_made_for_the_pod_and_goes_with_it(cluster: Cluster) -> None:
    cluster.create("pods", with_volume())
    made = cluster.until_one("pods", "p", is_ready)
    claim = cluster.get("persistentvolumeclaims", "p-v")
    (owner,) = claim["metadata"]["ownerReferences"]
    assert (owner["uid"], owner["controller"]) == (made["metadata"]["uid"], True)
    assert claim["metadata"]["labels"] == {"kind": "scratch"}
    cluster.delete("pods", "p")
    cluster.until_gone("persistentvolumeclaims", "p-v")


def test_a_claim_of_somebody_else_is_not_used(cluster: Cluster) -> None:
    cluster.create("persistentvolumeclaims", {"metadata": {"name": "p-v"}, "spec": SPEC})
    cluster.create("pods", with_volume())
    found = cluster.until_one(
        "pods",
        "p",
        lambda p: any(
            "not created for pod" in (c.get("message") or "")
            for c in p["status"].get("conditions") or ()
        ),
    )
    assert not is_ready(found)
