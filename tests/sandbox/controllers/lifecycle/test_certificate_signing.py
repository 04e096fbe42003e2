"""Each approved request is answered once."""

from __future__ import annotations

import base64
from collections.abc import Sequence

import pytest

from tests.sandbox import signing_requests
from tests.sandbox.controllers.world import World

KIND = "certificatesigningrequests.certificates.k8s.io"
APPROVED = {"type": "Approved", "status": "True", "reason": "Test", "message": ""}


@pytest.mark.parametrize(("usage", "calls"), [("client auth", 1), ("server auth", 0)])
def test_a_request_is_answered_once(usage: str, calls: int) -> None:
    asked: list[float] = []

    def issue(request: bytes, usages: Sequence[str], seconds: float) -> str:
        asked.append(seconds)
        return f"certificate {len(asked)}"

    world = World(issue=issue)
    pem, _ = signing_requests.make("jane")
    signer = "kubernetes.io/kube-apiserver-client"
    spec = {"request": base64.b64encode(pem).decode(), "signerName": signer, "usages": [usage]}
    made = world.create(KIND, {"metadata": {"name": "jane"}, "spec": spec})
    world.run(5)
    assert asked == []
    world.api.update(world.kind(KIND), {**made, "status": {"conditions": [APPROVED]}}, "status")
    world.run(5)
    answered = world.api.get(world.kind(KIND), "", "jane")
    assert len(answered["status"]) + len(answered["status"]["conditions"]) == 3
    world.run(5)
    # Another write of somebody else makes it no new request.
    changed = {**answered, "metadata": {**answered["metadata"], "labels": {"a": "b"}}}
    before = world.api.update(world.kind(KIND), changed)["metadata"]["resourceVersion"]
    world.run(5)
    after = world.api.get(world.kind(KIND), "", "jane")["metadata"]["resourceVersion"]
    assert (after, asked) == (before, [365 * 86400] * calls)


@pytest.mark.parametrize(("wanted", "gets"), [(600, 600), (86400, 86400), (10**9, 365 * 86400)])
def test_it_lasts_as_long_as_it_may(wanted: int, gets: float) -> None:
    asked: list[float] = []

    def issue(request: bytes, usages: Sequence[str], seconds: float) -> str:
        asked.append(seconds)
        return "certificate"

    world = World(issue=issue)
    pem, _ = signing_requests.make("jane")
    spec = {
        "request": base64.b64encode(pem).decode(),
        "signerName": "kubernetes.io/kube-apiserver-client",
        "usages": ["client auth"],
        "expirationSeconds": wanted,
    }
    made = world.create(KIND, {"metadata": {"name": "jane"}, "spec": spec})
    world.api.update(world.kind(KIND), {**made, "status": {"conditions": [APPROVED]}}, "status")
    world.run(5)
    assert asked == [gets]


def test_without_an_authority_nobody_answers() -> None:
    world = World()
    pem, _ = signing_requests.make("jane")
    spec = {
        "request": base64.b64encode(pem).decode(),
        "signerName": "kubernetes.io/kube-apiserver-client",
        "usages": ["server auth"],
    }
    made = world.create(KIND, {"metadata": {"name": "jane"}, "spec": spec})
    world.api.update(world.kind(KIND), {**made, "status": {"conditions": [APPROVED]}}, "status")
    world.run(5)
    assert world.api.get(world.kind(KIND), "", "jane")["status"] == {"conditions": [APPROVED]}
