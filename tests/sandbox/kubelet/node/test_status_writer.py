"""The status writer: one write for many changes, none lost, at a cost that others do not raise."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from resilience.sandbox.kube.api import ApiError, Obj
from resilience.sandbox.kubelet.node.status_writer import StatusWriter


class FakePod:
    """A Pod as the writer sees it; counts how often it is looked at."""

    def __init__(self, uid: str) -> None:
        self.uid = self.name = uid
        self.namespace = "default"
        self.spec = {"nodeName": "node-1"}
        self.phase = "Pending"
        self.is_gone = False
        self.looked_at = 0
        self.ready = "True"
        self.obj: Obj = {"metadata": {"resourceVersion": "1"}}

    @property
    def gone(self) -> bool:
        self.looked_at += 1
        return self.is_gone

    def status(self) -> Obj:
        return {"phase": self.phase, "conditions": [{"type": "Ready", "status": self.ready}]}

    def changed_by(self, version: int, *conditions: tuple[str, str]) -> None:
        """A newer object with these conditions in it."""
        found = [{"type": kind, "status": status} for kind, status in conditions]
        meta = {"resourceVersion": str(version)}
        self.obj = {"metadata": meta, "status": {"conditions": found}}


class FakeClient:
    """Remembers the phases written; a write takes one turn of the loop."""

    def __init__(self, refusals: list[ApiError] | None = None) -> None:
        self.written: list[tuple[str, str]] = []
        self.refusals = refusals or []
        self.during: Callable[[], None] = lambda: None

    async def patch(self, path: str, patch: Obj, content_type: str = "") -> Obj:
        await asyncio.sleep(0)
        self.during()
        if self.refusals:
            raise self.refusals.pop()
        self.written.append((path.split("/")[-2], patch["status"]["phase"]))
        return {"metadata": {"resourceVersion": str(10 * len(self.written))}}


def run(client: FakeClient, body: Callable[[Any], Awaitable[None]], workers: int = 2) -> None:
    """`body(writer)` while workers write."""

    async def main() -> None:
        writer = StatusWriter(client)  # type: ignore[arg-type]
        tasks = [asyncio.create_task(writer.run()) for _ in range(workers)]
        async with asyncio.timeout(10):
            await body(writer)
        for task in tasks:
            task.cancel()

    asyncio.run(main())


def test_a_flush_returns_when_the_newest_status_is_written() -> None:
    client = FakeClient()

    async def body(writer: StatusWriter) -> None:
        pod: Any = FakePod("web")
        writer.mark(pod)
        await asyncio.sleep(0)  # the first write is under way

        def change() -> None:
            if not client.written:
                pod.phase = "Failed"
                writer.mark(pod)

        client.during = change
        await writer.flush(pod)

    run(client, body)
    assert client.written == [("web", "Pending"), ("web", "Failed")]


def test_changes_between_two_writes_go_out_as_one() -> None:
    client = FakeClient()

    async def body(writer: StatusWriter) -> None:
        pod: Any = FakePod("web")
        for phase in ("Pending", "Running", "Succeeded"):
            pod.phase = phase
            writer.mark(pod)
        await writer.flush(pod)
        writer.mark(pod)
        await writer.flush(pod)

    run(client, body)
    assert client.written == [("web", "Succeeded")]


@pytest.mark.parametrize(
    ("version", "conditions", "writes"),
    [
        (11, [("Ready", "False")], 2),
        (9, [("Ready", "False")], 1),  # older than our own write: it undoes nothing
        (11, [("Ready", "True"), ("DisruptionTarget", "True")], 1),
    ],
)
def test_a_condition_of_ours_that_others_changed_is_written_again(
    version: int, conditions: list[tuple[str, str]], writes: int
) -> None:
    client = FakeClient()

    async def body(writer: StatusWriter) -> None:
        pod: Any = FakePod("web")
        writer.mark(pod)
        await writer.flush(pod)
        pod.changed_by(version, *conditions)
        writer.seen(pod)
        await writer.flush(pod)

    run(client, body)
    assert len(client.written) == writes


def test_what_others_changed_during_our_write_is_seen_after_it() -> None:
    client = FakeClient()

    async def body(writer: StatusWriter) -> None:
        pod: Any = FakePod("web")

        def change() -> None:
            if not client.written:
                pod.changed_by(11, ("Ready", "False"))
                writer.seen(pod)

        client.during = change
        writer.mark(pod)
        await writer.flush(pod)
        await writer.flush(pod)

    run(client, body)
    assert len(client.written) == 2


def test_a_refused_write_is_tried_again_before_the_flush_returns(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("resilience.sandbox.kubelet.node.status_writer.RETRY", 0.0)
    client = FakeClient([ApiError(503, "ServiceUnavailable", "busy")])

    async def body(writer: StatusWriter) -> None:
        pod: Any = FakePod("web")
        writer.mark(pod)
        await writer.flush(pod)

    run(client, body)
    assert client.written == [("web", "Pending")]


def test_nobody_waits_for_a_pod_that_is_forgotten() -> None:
    client = FakeClient()

    async def body(writer: StatusWriter) -> None:
        pod: Any = FakePod("web")
        writer.mark(pod)
        flushed = asyncio.ensure_future(writer.flush(pod))
        await asyncio.sleep(0)
        writer.forget(pod)
        await flushed

    run(client, body, workers=0)
    assert client.written == []


def test_a_write_costs_the_same_however_many_pods_wait_for_theirs() -> None:
    client, pods = FakeClient(), [FakePod(f"p{number}") for number in range(300)]

    async def body(writer: StatusWriter) -> None:
        flushes = []
        for pod in pods:
            writer.mark(pod)  # type: ignore[arg-type]
            flushes.append(asyncio.ensure_future(writer.flush(pod)))  # type: ignore[arg-type]
        await asyncio.gather(*flushes)

    run(client, body)
    assert len(client.written) == 300
    assert max(pod.looked_at for pod in pods) <= 4
