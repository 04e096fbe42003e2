"""Which requests to a Service may pass the API server's proxy."""

from __future__ import annotations

import pytest

from resilience.cluster.permit.door import Door, NotCovered, Permit

SHOP = "/api/v1/namespaces/shop/services/web:80/proxy"
ASKS = Permit(title="init", asks=frozenset({"shop"}))


@pytest.mark.parametrize(
    ("method", "path", "good"),
    [
        ("GET", f"{SHOP}/", True),
        ("GET", f"{SHOP}/healthz?full=1", True),
        ("GET", "/api/v1/namespaces/shop/services/https:web:443/proxy/healthz", True),
        ("POST", f"{SHOP}/", False),
        ("GET", f"{SHOP}/../../../pods", False),
        ("GET", f"{SHOP}/%2e%2e/%2e%2e/x", False),
        ("GET", f"{SHOP}/%252e%252e/x", False),
        ("GET", SHOP.replace("shop", "bank") + "/", False),
        ("GET", "/api/v1/namespaces/shop/pods/web:80/proxy/", False),
        ("CONNECT", "/api/v1/namespaces/shop/pods/web/exec?command=sh", False),
        ("DELETE", "/api/v1/namespaces/shop/pods/web", False),
    ],
)
def test_a_service_is_asked_and_nothing_else(method: str, path: str, good: bool) -> None:
    door = Door(peek=lambda *_: None, permits=(ASKS,))
    if good:
        door.check(method, path, {}, None)
        with pytest.raises(NotCovered):
            Door(peek=lambda *_: None, permits=(Permit(title="run"),)).check(method, path, {}, None)
    else:
        with pytest.raises(NotCovered):
            door.check(method, path, {}, None)
