"""The Service kubernetes comes back."""

from __future__ import annotations

from tests.sandbox.controllers.world import World


def test_service_kubernetes_comes_back_with_its_address(world: World) -> None:
    kind = world.api.resource("services")
    before = world.api.get(kind, "default", "kubernetes")
    world.api.delete(kind, "default", "kubernetes")
    world.run(1)
    after = world.api.get(kind, "default", "kubernetes")
    assert after["metadata"]["uid"] != before["metadata"]["uid"]
    assert after["spec"]["clusterIP"] == before["spec"]["clusterIP"]
