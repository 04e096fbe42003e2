"""A mistake of the sandbox's own, met by one Pod, fails that Pod and no other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from resilience.sandbox.kubelet.base.kubelet_clock import WallClock
from resilience.sandbox.kubelet.pod.pod import Pod
from tests.sandbox.kubelet.pod.states import pod as pod_object


def fake_kubelet(directory: Path, said: list[str]) -> Any:
    """What a Pod needs of its kubelet; giving out an address goes wrong."""

    def take() -> str:
        raise RuntimeError("no such luck")

    def record(obj: Any, kind: str, reason: str, message: str, *, field_path: str = "") -> None:
        said.append(f"{kind} {reason}: {message}")

    return SimpleNamespace(
        clock=WallClock(0, 1),
        config=SimpleNamespace(directory=directory, id="sb", network="127.5"),
        references=None,
        addresses=SimpleNamespace(take=take, release=lambda address: None),
        events=SimpleNamespace(record=record),
        writer=SimpleNamespace(mark=lambda pod: None, seen=lambda pod: None),
        node_address=lambda name: "127.5.0.1",
        refusal=lambda obj: None,
        forget=lambda pod: said.append(f"forgot {pod.name}"),
    )


def in_time(body: Callable[[], Coroutine[Any, Any, None]]) -> None:
    async def within() -> None:
        async with asyncio.timeout(10):
            await body()

    asyncio.run(within())


def test_an_unexpected_error_fails_the_pod_and_says_what_it_was(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said: list[str] = []

    async def body() -> None:
        pod = Pod(fake_kubelet(tmp_path, said), pod_object(nodeName="node-1"))
        while pod.failure is None:
            await asyncio.sleep(0)
        text = "the sandbox failed here: RuntimeError: no such luck"
        assert pod.failure == ("SandboxError", text)
        assert said == [f"Warning FailedSync: {text}"]
        status = pod.status()
        assert (status["phase"], status["reason"]) == ("Failed", "SandboxError")
        pod.vanished()
        while len(said) < 2:
            await asyncio.sleep(0)
        assert said[1] == "forgot web"

    in_time(body)
    assert "RuntimeError: no such luck" in capsys.readouterr().err


@pytest.mark.parametrize("is_stale", [True, False])
def test_a_refusal_is_confirmed_by_the_node_as_it_is_now(tmp_path: Path, is_stale: bool) -> None:
    """What is known of a node may be behind the Pods that were placed by it."""
    said: list[str] = []
    kubelet = fake_kubelet(tmp_path, said)
    refused = ("NodeAffinity", "Pod was rejected: no such label")

    async def confirm(obj: Any) -> tuple[str, str] | None:
        return None if is_stale else refused

    kubelet.refusal = lambda obj: refused
    kubelet.confirm = confirm

    async def body() -> None:
        pod = Pod(kubelet, pod_object(nodeName="node-1"))
        assert not pod.holds_room, "before it is known"
        while pod.failure is None:
            await asyncio.sleep(0)
        assert pod.failure[0] == ("SandboxError" if is_stale else "NodeAffinity")
        assert (pod.refused is None) is is_stale
        assert ("containerStatuses" in pod.status()) is is_stale

    in_time(body)
