"""A Pod's tokens are asked for once, and again before they expire."""

from __future__ import annotations

import asyncio
from typing import Any

from resilience.sandbox.kubelet.setup.pod_tokens import PodTokens

POD = {"metadata": {"name": "p", "namespace": "n", "uid": "u"}, "spec": {}}


class Issuer:
    """Counts what it is asked."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []

    async def token(self, pod: dict[str, Any], spec: dict[str, Any]) -> str:
        self.asked.append(spec)
        return f"token-{len(self.asked)}"


def test_a_token_is_kept_until_a_fifth_of_its_life_is_left() -> None:
    issuer, now = Issuer(), [0.0]
    tokens = PodTokens(issuer, lambda: now[0])  # type: ignore[arg-type]

    async def ask(**source: Any) -> str:
        return await tokens.get(POD, source)

    assert asyncio.run(ask(path="token", expirationSeconds=1000)) == "token-1"
    now[0] = 799
    assert asyncio.run(ask(path="token", expirationSeconds=1000)) == "token-1"
    now[0] = 801
    assert asyncio.run(ask(path="token", expirationSeconds=1000)) == "token-2"
    assert issuer.asked[0]["boundObjectRef"]["uid"] == "u"


def test_each_audience_has_a_token_of_its_own_and_none_is_kept_over_a_day() -> None:
    issuer, now = Issuer(), [0.0]
    tokens = PodTokens(issuer, lambda: now[0])  # type: ignore[arg-type]

    async def ask(audience: str) -> str:
        return await tokens.get(POD, {"audience": audience, "expirationSeconds": 10**6})

    assert asyncio.run(ask("a")) == "token-1"
    assert asyncio.run(ask("b")) == "token-2"
    assert [each["audiences"] for each in issuer.asked] == [["a"], ["b"]]
    now[0] = 24 * 3600 - 1
    assert asyncio.run(ask("a")) == "token-1"
    now[0] = 24 * 3600
    assert asyncio.run(ask("a")) == "token-3"
