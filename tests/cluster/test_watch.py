"""A view stays true through everything that happens to its watch."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from resilience.cluster import errors, watch
from resilience.cluster.interface import PODS, View, WatchEvent
from resilience.cluster.transport import HttpCluster
from tests.cluster.faulty import FaultyServer, Feed, reply, reset, status

DEADLINE = 60.0


def pod(name: str, version: int, uid: str = "") -> dict[str, Any]:
    return {
        "metadata": {
            "name": name,
            "namespace": "shop",
            "uid": uid or f"u-{name}",
            "resourceVersion": str(version),
        }
    }


def listing(version: int, *pods: dict[str, Any]) -> dict[str, Any]:
    return {"metadata": {"resourceVersion": str(version)}, "items": list(pods)}


def names(objects: Any) -> list[str]:
    return [obj["metadata"]["name"] for obj in objects]


class Told:
    """What a listener was told, as "TYPE name"."""

    def __init__(self, view: View) -> None:
        self.events: queue.Queue[WatchEvent] = queue.Queue()
        view.subscribe(self.events.put)

    def next(self, number: int) -> list[str]:
        events = [self.events.get(timeout=DEADLINE) for _ in range(number)]
        return [f"{event.type} {event.object['metadata']['name']}" for event in events]


@pytest.fixture
def feed() -> Iterator[Feed]:
    feed = Feed()
    yield feed
    feed.end()


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def opened(server: FaultyServer, cluster: HttpCluster, stack: ExitStack) -> View:
    return stack.enter_context(cluster.view(PODS, "shop", labels="app=x"))


def until(view: View, wanted: list[str]) -> None:
    assert view.wait(lambda objects: names(objects) == wanted, DEADLINE), names(view.objects())


def test_a_view_is_complete_when_it_is_entered(
    server: FaultyServer, cluster: HttpCluster, stack: ExitStack, feed: Feed
) -> None:
    page = {"metadata": {"resourceVersion": "7", "continue": "more"}, "items": [pod("b", 2)]}
    server.on("LIST", reply(page), reply(listing(7, pod("a", 1))))
    server.on("WATCH", feed)
    view = opened(server, cluster, stack)
    assert names(view.objects()) == ["a", "b"]
    assert view.objects()[0]["kind"] == "Pod"
    assert view.version == "7"
    assert view.by_uid("u-a") == view.objects()[0]
    assert view.by_uid("u-z") is None


def test_it_watches_from_the_lists_version_with_bookmarks_and_an_end(
    server: FaultyServer, cluster: HttpCluster, stack: ExitStack, feed: Feed
) -> None:
    server.on("LIST", reply(listing(7)))
    server.on("WATCH", feed)
    opened(server, cluster, stack)
    feed.wait_open()
    query = server.asked[-1].query
    assert query["resourceVersion"] == "7"
    assert query["labelSelector"] == "app=x"
    assert query["allowWatchBookmarks"] == "true"
    assert int(query["timeoutSeconds"]) > 0


def test_events_change_what_it_holds_and_reach_listeners_in_order(
    server: FaultyServer, cluster: HttpCluster, stack: ExitStack, feed: Feed
) -> None:
    server.on("LIST", reply(listing(7, pod("a", 1))))
    server.on("WATCH", feed)
    view = opened(server, cluster, stack)
    told = Told(view)
    feed.event("ADDED", pod("b", 8))
    feed.event("MODIFIED", pod("a", 9))
    feed.event("BOOKMARK", {"metadata": {"resourceVersion": "20"}})
    feed.event("DELETED", pod("b", 21))
    assert told.next(3) == ["ADDED b", "MODIFIED a", "DELETED b"]
    until(view, ["a"])
    assert view.version == "21"


def test_a_bookmark_moves_the_version_that_a_new_watch_starts_from(
    server: FaultyServer, cluster: HttpCluster, stack: ExitStack, feed: Feed
) -> None:
    second = Feed()
    server.on("LIST", reply(listing(7)))
    server.on("WATCH", feed, second)
    opened(server, cluster, stack)
    feed.event("BOOKMARK", {"metadata": {"resourceVersion": "4711"}})
    feed.end()
    second.wait_open()
    assert server.asked[-1].query["resourceVersion"] == "4711"
    assert server.count("LIST") == 1
    second.end()


@pytest.mark.parametrize("end", ["", "cut", "reset"])
def test_a_watch_that_ends_or_breaks_is_resumed_without_a_new_list(
    server: FaultyServer, cluster: HttpCluster, stack: ExitStack, feed: Feed, end: str
) -> None:
    second = Feed()
    server.on("LIST", reply(listing(7)))
    server.on("WATCH", feed, second)
    view = opened(server, cluster, stack)
    feed.event("ADDED", pod("a", 8))
    until(view, ["a"])  # an RST takes along what was not read yet
    feed.end(end or None)
    second.event("ADDED", pod("b", 9))
    until(view, ["a", "b"])
    assert server.count("LIST") == 1
    assert [asked.query["resourceVersion"] for asked in server.asked if asked.kind == "WATCH"] == [
        "7",
        "8",
    ]
    second.end()


def test_a_line_cut_in_two_by_a_break_is_not_taken(
    server: FaultyServer, cluster: HttpCluster, stack: ExitStack, feed: Feed
) -> None:
    second = Feed()
    server.on("LIST", reply(listing(7)))
    server.on("WATCH", feed, second)
    view = opened(server, cluster, stack)
    feed.pieces.put(b'{"type": "ADDED", "object": {"metadata": {"name": "half", "res')
    feed.end("cut")
    second.event("ADDED", pod("whole", 9))
    until(view, ["whole"])
    second.end()


def test_an_event_in_many_pieces_and_many_events_in_one_are_all_read(
    server: FaultyServer, cluster: HttpCluster, stack: ExitStack, feed: Feed
) -> None:
    server.on("LIST", reply(listing(7)))
    server.on("WATCH", feed)
    view = opened(server, cluster, stack)
    lines = Feed()
    for number in range(5):
        lines.event("ADDED", pod(f"p{number}", 10 + number))
    whole = b"".join(piece for piece in list(lines.pieces.queue) if isinstance(piece, bytes))
    for start in range(0, len(whole), 37):
        feed.pieces.put(whole[start : start + 37])
    feed.pieces.put(whole.replace(b'"p', b'"q').replace(b'"u-', b'"v-'))
    until(view, [f"{letter}{number}" for letter in "pq" for number in range(5)])


@pytest.mark.parametrize("where", ["answer", "stream"])
def test_410_is_a_new_list_and_listeners_hear_what_was_missed(
    server: FaultyServer, cluster: HttpCluster, stack: ExitStack, feed: Feed, where: str
) -> None:
    gone = status(410, "Expired", "too old resource version: 7 (99)")
    server.on(
        "LIST",
        reply(listing(7, pod("dies", 1), pod("changes", 2), pod("stays", 3), pod("renews", 4))),
        reply(
            listing(
                99,
                pod("born", 50),
                pod("changes", 60),
                pod("stays", 3),
                pod("renews", 70, uid="another"),
            )
        ),
    )
    first = Feed()
    server.on("WATCH", first if where == "stream" else reply(gone, 410), feed)
    view = stack.enter_context(cluster.view(PODS, "shop"))
    told = Told(view)
    if where == "stream":
        first.event("ERROR", gone)
    until(view, ["born", "changes", "renews", "stays"])
    if where == "stream":  # else the list may have come before the subscription
        assert told.next(5) == [
            "DELETED dies",
            "DELETED renews",
            "ADDED born",
            "MODIFIED changes",
            "ADDED renews",
        ]
    feed.wait_open()
    assert server.asked[-1].query["resourceVersion"] == "99"


def test_resource_version_too_large_is_asked_again_from_the_same_version(
    server: FaultyServer, cluster: HttpCluster, stack: ExitStack, feed: Feed
) -> None:
    too_large = status(504, "Timeout", "Too large resource version", retryAfterSeconds=0)
    server.on("LIST", reply(listing(7)))
    server.on("WATCH", reply(too_large, 504), feed)
    view = opened(server, cluster, stack)
    feed.event("ADDED", pod("a", 8))
    until(view, ["a"])
    assert server.count("LIST") == 1
    assert [asked.query["resourceVersion"] for asked in server.asked[1:]] == ["7", "7"]


def test_a_version_refused_three_times_is_given_up_for_a_new_list(
    server: FaultyServer, cluster: HttpCluster, stack: ExitStack, feed: Feed
) -> None:
    too_large = reply(
        status(504, "Timeout", "Too large resource version", retryAfterSeconds=0), 504
    )
    server.on("LIST", reply(listing(70, pod("old", 1))), reply(listing(7, pod("new", 2))))
    server.on("WATCH", too_large, too_large, too_large, feed)
    view = opened(server, cluster, stack)
    until(view, ["new"])
    feed.wait_open()
    assert server.asked[-1].query["resourceVersion"] == "7"


@pytest.mark.parametrize(
    "answer",
    [
        reply(status(429, "TooManyRequests", "busy"), 429, {"Retry-After": "0"}),
        reply(status(429, "TooManyRequests", "busy"), 429),
        reply(status(500, "InternalError", "etcd leader changed"), 500),
        reply(b"<html>proxy</html>", 502),
        reply(b"garbage that is no event\n"),
        reply(b'{"type": "ADDED"}\n'),
        reply(b'{"type": "EXPLODED", "object": {"metadata": {"resourceVersion": "1"}}}\n'),
        reply(b"[]\n"),
        reset,
    ],
    ids=["429-0", "429", "500", "html", "garbage", "no-object", "unknown", "list", "reset"],
)
def test_any_other_trouble_is_waited_out(
    server: FaultyServer, cluster: HttpCluster, stack: ExitStack, feed: Feed, answer: Any
) -> None:
    server.on("LIST", reply(listing(7)))
    server.on("WATCH", answer, feed)
    view = opened(server, cluster, stack)
    feed.event("ADDED", pod("a", 8))
    until(view, ["a"])
    assert server.count("LIST") == 1


def test_trouble_is_told_while_it_lasts(
    server: FaultyServer, cluster: HttpCluster, stack: ExitStack, feed: Feed
) -> None:
    server.on("LIST", reply(listing(7)))
    server.on("WATCH", reply(status(500, "InternalError", "etcd is away"), 500))
    view = stack.enter_context(cluster.view(PODS, "shop"))
    server.wait_count("WATCH", 2)
    assert "etcd is away" in view.trouble
    server.on("WATCH", feed)
    feed.event("ADDED", pod("a", 8))
    until(view, ["a"])
    assert view.trouble == ""


def test_what_the_first_list_meets_is_raised_to_whoever_enters(
    server: FaultyServer, cluster: HttpCluster
) -> None:
    server.on("LIST", reply(status(403, "Forbidden", "pods is forbidden"), 403))
    with pytest.raises(errors.Forbidden, match="pods is forbidden"):
        with cluster.view(PODS, "shop"):
            pass


def test_the_same_key_is_one_watch_that_ends_with_its_last_user(
    server: FaultyServer, cluster: HttpCluster, feed: Feed
) -> None:
    server.on("LIST", reply(listing(7)))
    server.on("WATCH", feed)
    with cluster.view(PODS, "shop") as first:
        with cluster.view(PODS, "shop") as second:
            assert first is second
        feed.event("ADDED", pod("a", 8))
        until(first, ["a"])
    assert (server.count("LIST"), server.count("WATCH")) == (1, 1)
    with cluster.view(PODS, "shop") as third:
        assert third is not first
    assert server.count("LIST") == 2


def test_leaving_a_silent_watch_does_not_wait_for_it(
    server: FaultyServer, cluster: HttpCluster, feed: Feed
) -> None:
    server.on("LIST", reply(listing(7)))
    server.on("WATCH", feed)
    with cluster.view(PODS, "shop") as view:
        feed.wait_open()
    thread = view._thread  # type: ignore[attr-defined]
    assert not thread.is_alive()


def test_wait_gives_up_at_its_timeout_and_when_the_view_ends(
    server: FaultyServer, cluster: HttpCluster, feed: Feed
) -> None:
    server.on("LIST", reply(listing(7)))
    server.on("WATCH", feed)
    with cluster.view(PODS, "shop") as view:
        assert not view.wait(lambda objects: False, 0.01)
    assert not view.wait(lambda objects: False, DEADLINE)


def test_a_cancelled_listener_hears_nothing_more(
    server: FaultyServer, cluster: HttpCluster, stack: ExitStack, feed: Feed
) -> None:
    server.on("LIST", reply(listing(7)))
    server.on("WATCH", feed)
    view = opened(server, cluster, stack)
    heard: list[WatchEvent] = []
    view.subscribe(heard.append)()
    feed.event("ADDED", pod("a", 8))
    until(view, ["a"])
    assert heard == []


def test_a_half_open_connection_is_noticed_and_replaced(
    server: FaultyServer,
    cluster: HttpCluster,
    stack: ExitStack,
    feed: Feed,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("resilience.cluster.connection.watch_stream.WATCH_SECONDS", 0)
    monkeypatch.setattr("resilience.cluster.connection.watch_stream.GRACE_SECONDS", 0.2)
    second = Feed()
    server.on("LIST", reply(listing(7)))
    server.on("WATCH", feed, second)
    view = opened(server, cluster, stack)
    feed.wait_open()  # and then never a word, nor an end
    second.event("ADDED", pod("a", 8))
    until(view, ["a"])
    second.end()


PATH = "/api/v1/namespaces/shop/pods"


def labelled(name: str, version: int) -> dict[str, Any]:
    made = pod(name, version)
    made["metadata"]["labels"] = {"app": "x"}
    return made


def test_a_view_answers_only_once_it_shows_what_was_written(
    server: FaultyServer, cluster: HttpCluster, stack: ExitStack, feed: Feed
) -> None:
    server.on("LIST", reply(listing(7, labelled("a", 1))))
    server.on("WATCH", feed)
    server.on(f"PATCH {PATH}/a", reply(labelled("a", 9)))
    view = opened(server, cluster, stack)
    feed.wait_open()
    cluster.patch(PODS, "a", {}, "shop")
    threading.Timer(0.3, lambda: feed.event("MODIFIED", labelled("a", 9))).start()
    assert view.objects()[0]["metadata"]["resourceVersion"] == "9"
    assert server.count("LIST") == 1


def test_a_watch_that_never_shows_it_is_replaced_by_a_list(
    server: FaultyServer,
    cluster: HttpCluster,
    stack: ExitStack,
    feed: Feed,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(watch, "CATCHES_UP_WITHIN", 0.1)
    server.on("LIST", reply(listing(7, labelled("a", 1))), reply(listing(9, labelled("a", 9))))
    server.on("WATCH", feed)
    server.on(f"PATCH {PATH}/a", reply(labelled("a", 9)))
    view = opened(server, cluster, stack)
    feed.wait_open()
    told = Told(view)
    cluster.patch(PODS, "a", {}, "shop")
    assert view.objects()[0]["metadata"]["resourceVersion"] == "9"
    assert told.next(1) == ["MODIFIED a"]


def test_a_view_that_cannot_catch_up_says_so_and_answers_nothing(
    server: FaultyServer,
    cluster: HttpCluster,
    stack: ExitStack,
    feed: Feed,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(watch, "CATCHES_UP_WITHIN", 0.1)
    monkeypatch.setattr(watch, "LISTS_WITHIN", 0.3)
    server.on("LIST", reply(listing(7, labelled("a", 1))), reset)
    server.on("WATCH", feed)
    server.on(f"PATCH {PATH}/a", reply(labelled("a", 9)))
    view = opened(server, cluster, stack)
    feed.wait_open()
    cluster.patch(PODS, "a", {}, "shop")
    with pytest.raises(errors.Behind, match="has not shown the change to a"):
        view.objects()


def test_a_listener_is_never_made_to_wait(
    server: FaultyServer,
    cluster: HttpCluster,
    stack: ExitStack,
    feed: Feed,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(watch, "CATCHES_UP_WITHIN", 1e4)
    server.on("LIST", reply(listing(7, labelled("a", 1))))
    server.on("WATCH", feed)
    server.on(f"PATCH {PATH}/a", reply(labelled("a", 9)))
    view = opened(server, cluster, stack)
    feed.wait_open()
    seen: queue.Queue[str] = queue.Queue()
    view.subscribe(lambda event: seen.put(names(view.objects())[0]))
    cluster.patch(PODS, "a", {}, "shop")
    feed.event("MODIFIED", labelled("a", 8))
    assert seen.get(timeout=60.0) == "a"
