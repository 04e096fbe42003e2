"""Watches over HTTP, and the hub's promises about slow clients."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any, ClassVar

import pytest

from resilience.sandbox.apiserver.registry.listing import select
from resilience.sandbox.apiserver.registry.registry import Registry
from resilience.sandbox.apiserver.request import query_options
from resilience.sandbox.apiserver.request.negotiate import Form
from resilience.sandbox.apiserver.watch import watch_stream, watching
from resilience.sandbox.kube.api import ApiError
from resilience.sandbox.store.store import Store
from tests.sandbox.apiserver.wire import Wire, config_map, pod

MAPS = "/api/v1/namespaces/NS/configmaps"
PODS = "/api/v1/namespaces/NS/pods"


def version(wire: Wire, path: str = MAPS) -> str:
    return str(wire("GET", path).json["metadata"]["resourceVersion"])


def labelled(name: str, value: str) -> dict[str, Any]:
    body = config_map(name)
    body["metadata"]["labels"] = {"l": value}
    return body


def test_a_watch_without_version_begins_with_what_is_there(wire: Wire) -> None:
    wire("POST", MAPS, labelled("x", "1"))
    with wire.watch(MAPS + "?watch=1&labelSelector=l") as events:
        first = next(events)
        assert (first["type"], first["object"]["metadata"]["name"]) == ("ADDED", "x")


def test_a_watch_resumes_after_its_version_and_misses_nothing(wire: Wire) -> None:
    start = version(wire)
    wire("POST", MAPS, config_map("x", a="1"))
    wire.patch(MAPS + "/x", {"data": {"a": "2"}})
    wire("DELETE", MAPS + "/x")
    with wire.watch(f"{MAPS}?watch=1&resourceVersion={start}") as events:
        seen = [
            (event["type"], event["object"]["data"]["a"]) for event in itertools.islice(events, 3)
        ]
    assert seen == [("ADDED", "1"), ("MODIFIED", "2"), ("DELETED", "2")]


def test_selectors_turn_changes_into_comings_and_goings(wire: Wire) -> None:
    start = version(wire)
    wire("POST", MAPS, labelled("x", "in"))
    wire("POST", MAPS, labelled("y", "out"))
    for value in ("out", "in"):
        wire.patch(MAPS + "/x", {"metadata": {"labels": {"l": value}}})
    wire("DELETE", MAPS + "/x")
    query = f"watch=1&resourceVersion={start}&labelSelector=l%3Din"
    with wire.watch(f"{MAPS}?{query}") as events:
        seen = [event["type"] for event in itertools.islice(events, 4)]
    assert seen == ["ADDED", "DELETED", "ADDED", "DELETED"]


def test_a_watch_of_one_name_hears_of_no_other(wire: Wire) -> None:
    start = version(wire)
    for name in ("a", "b"):
        wire("POST", MAPS, config_map(name))
    query = f"watch=1&resourceVersion={start}&fieldSelector=metadata.name=b"
    with wire.watch(f"{MAPS}?{query}") as events:
        assert next(events)["object"]["metadata"]["name"] == "b"


def test_a_timeout_ends_the_watch_with_a_bookmark(wire: Wire) -> None:
    query = f"watch=1&resourceVersion={version(wire)}&timeoutSeconds=1&allowWatchBookmarks=true"
    with wire.watch(f"{MAPS}?{query}") as events:
        (last,) = list(events)
    assert last["type"] == "BOOKMARK"
    assert int(last["object"]["metadata"]["resourceVersion"]) > 0
    assert last["object"]["kind"] == "ConfigMap"


def test_a_watch_list_ends_its_initial_events_with_a_marked_bookmark(wire: Wire) -> None:
    wire("POST", MAPS, labelled("x", "1"))
    query = (
        "watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan"
        "&allowWatchBookmarks=true&labelSelector=l"
    )
    with wire.watch(f"{MAPS}?{query}") as events:
        first, second = itertools.islice(events, 2)
    assert first["type"] == "ADDED"
    assert second["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}


def test_table_watches_send_columns_once_and_rows_always(wire: Wire) -> None:
    start = version(wire, PODS)
    wire("POST", PODS, pod("x", nodeName="n"))
    wire.patch(PODS + "/x/status", {"status": {"phase": "Running"}})
    accept = "application/json;as=Table;v=v1;g=meta.k8s.io"
    with wire.watch(f"{PODS}?watch=1&resourceVersion={start}", Accept=accept) as events:
        first, second = (event["object"] for event in itertools.islice(events, 2))
    assert first["columnDefinitions"][0]["name"] == "Name"
    assert second["columnDefinitions"] is None
    assert second["rows"][0]["cells"][2] == "Running"


def versions(events: Iterator[dict[str, Any]], count: int, kind: str) -> list[int]:
    """Of so many events, from an object or from the one row of a Table."""
    objects = [event["object"] for event in itertools.islice(events, count)]
    assert {entry["kind"] for entry in objects} == {kind}
    rows = [entry["rows"][0]["object"] if kind == "Table" else entry for entry in objects]
    return [int(entry["metadata"]["resourceVersion"]) for entry in rows]


def test_every_watcher_of_any_form_hears_every_change_once_and_in_order(wire: Wire) -> None:
    """Also those who do not read while it happens, whose events are sent in rounds."""
    writes, start = 300, version(wire)
    table = "application/json;as=Table;v=v1;g=meta.k8s.io"
    with ExitStack() as stack:
        path = f"{MAPS}?watch=1&resourceVersion={start}"
        open_ = [
            stack.enter_context(wire.watch(path, Accept=accept))
            for accept in ("application/json", table) * 4
        ]
        made = [wire("POST", MAPS, config_map("x", n="0"))]
        made += [wire("PUT", MAPS + "/x", config_map("x", n=str(n))) for n in range(1, writes)]
        wanted = [int(answer.json["metadata"]["resourceVersion"]) for answer in made]
        assert wanted == sorted(set(wanted))
        for events, kind in zip(open_, ("ConfigMap", "Table") * 4, strict=True):
            assert versions(events, writes, kind) == wanted


def open_hub(store: Store, api: Registry, **query: str) -> tuple[watching.Hub, watching.Watcher]:
    resource = api.resource("configmaps")
    hub = watching.Hub(store)
    wanted = query_options.list_options(resource, {"watch": "1", **query})
    return hub, hub.open(api.table(resource), None, wanted)


def test_a_version_before_the_history_is_expired(api: Registry) -> None:
    maps = api.resource("configmaps")
    table = api.table(maps)
    body = config_map("x")
    body["metadata"]["namespace"] = "default"
    api.create(maps, body)
    table.history.forget(api.store.version)
    with pytest.raises(ApiError, match="too old resource version", check=lambda e: e.code == 410):
        open_hub(api.store, api, resourceVersion="1")


def test_a_watcher_that_falls_behind_is_ended_and_others_go_on(
    api: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "QUEUE", 3)
    hub, slow = open_hub(api.store, api)
    wanted = query_options.list_options(api.resource("configmaps"), {"watch": "1"})
    quick = hub.open(api.table(api.resource("configmaps")), None, wanted)
    heard = 0
    for number in range(5):
        body = config_map(f"m{number}")
        body["metadata"]["namespace"] = "default"
        api.create(api.resource("configmaps"), body)
        heard += len(list(watching.take(quick)))
    assert slow.ended
    assert (quick.ended, heard) == (False, 5)
    assert asyncio.run(collect(slow)) == []


async def collect(watcher: watching.Watcher) -> list[Any]:
    return [batch async for batch in watching.batches(watcher, None, 60.0)]


def test_ending_all_watches_wakes_those_that_wait(api: Registry) -> None:
    hub, watcher = open_hub(api.store, api)

    async def waiting() -> list[Any]:
        asyncio.get_running_loop().call_soon(hub.end_all)
        return await asyncio.wait_for(collect(watcher), 60)

    assert asyncio.run(waiting()) == []


class Response:
    """Collects what a watch sends; the client goes away after `most` events."""

    sent: ClassVar[list[Any]] = []
    most = 2

    def __init__(self, headers: dict[str, str]) -> None:
        self.content_type = ""

    def enable_chunked_encoding(self) -> None:
        pass

    async def prepare(self, request: Any) -> None:
        pass

    async def write_eof(self) -> None:
        pass

    async def write(self, data: bytes) -> None:
        self.sent.extend(json.loads(line) for line in data.splitlines())
        if len(self.sent) >= self.most:
            raise ConnectionResetError


def test_a_change_while_the_first_state_is_selected_is_not_lost(
    api: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The selection of many objects hands the loop back in between, and others write then."""
    maps = api.resource("configmaps")

    def make(name: str) -> None:
        body = labelled(name, "in")
        body["metadata"]["namespace"] = "default"
        api.create(maps, body)

    async def slow(*about: Any) -> Any:
        found = await select(*about)
        make("late")
        return found

    monkeypatch.setattr(watch_stream, "select", slow)
    monkeypatch.setattr("aiohttp.web.StreamResponse", Response)
    Response.sent.clear()
    make("early")
    wanted = query_options.list_options(maps, {"watch": "1", "labelSelector": "l=in"})
    hub = watching.Hub(api.store)

    async def watch() -> None:
        async with asyncio.timeout(10):
            request: Any = None
            table = api.table(maps)
            await watch_stream.serve(request, hub, table, maps, None, wanted, Form(), api)

    asyncio.run(watch())
    seen = [(event["type"], event["object"]["metadata"]["name"]) for event in Response.sent]
    assert seen == [("ADDED", "early"), ("ADDED", "late")]


def test_a_watch_whose_client_went_away_unheard_does_not_stay(
    api: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a kind that never changes no event is written, and so no write fails."""
    monkeypatch.setattr(watch_stream, "BOOKMARK_SECONDS", 0.001)
    monkeypatch.setattr("aiohttp.web.StreamResponse", Response)
    maps = api.resource("configmaps")
    wanted = query_options.list_options(maps, {"watch": "1", "resourceVersion": "2"})
    hub = watching.Hub(api.store)

    class Request:
        transport = None

    async def watch() -> None:
        async with asyncio.timeout(10):
            request: Any = Request()
            await watch_stream.serve(request, hub, api.table(maps), maps, None, wanted, Form(), api)

    asyncio.run(watch())
    assert hub.count() == 0


def test_no_bookmark_overtakes_a_change_that_came_as_the_wait_ended(api: Registry) -> None:
    hub, watcher = open_hub(api.store, api)
    maps = api.resource("configmaps")

    async def first_batch() -> list[Any]:
        async def ended(watcher: watching.Watcher, moment: float) -> None:
            body = config_map("x")
            body["metadata"]["namespace"] = "default"
            api.create(maps, body)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(watching.Watcher, "wait", ended)
            async for batch in watching.batches(watcher, None, 0.0):
                return batch
        return []

    assert len(asyncio.run(first_batch())) == 1
    hub.close(api.table(maps), watcher)


def test_an_idle_watch_is_told_so_again_and_again(api: Registry) -> None:
    _, watcher = open_hub(api.store, api)

    async def two() -> list[Any]:
        found = []
        async for batch in watching.batches(watcher, None, 0.001):
            found.append(batch)
            if len(found) == 2:
                break
        watcher.ear.close()
        return found

    assert asyncio.run(asyncio.wait_for(two(), 60)) == [[], []]


def test_a_watch_through_another_version_of_its_kind_speaks_that_version(wire: Wire) -> None:
    path = "/apis/autoscaling/{}/namespaces/NS/horizontalpodautoscalers"
    body = {
        "metadata": {"name": "x"},
        "spec": {
            "maxReplicas": 3,
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "d"},
        },
    }
    start = version(wire, path.format("v2"))
    assert wire("POST", path.format("v2"), body).status == 201
    seen = []
    for each in ("v1", "v2"):
        with wire.watch(f"{path.format(each)}?watch=1&resourceVersion={start}") as events:
            seen.append(next(events)["object"]["apiVersion"])
    assert seen == ["autoscaling/v1", "autoscaling/v2"]
