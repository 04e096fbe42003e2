"""What is sent, and what each answer of a server becomes."""

from __future__ import annotations

import socket
import threading
from datetime import UTC, datetime

import pytest

from resilience import __version__
from resilience.cluster import errors
from resilience.cluster.access.access import Access
from resilience.cluster.interface import CONFIGMAPS, DEPLOYMENTS, NODES, PODS
from resilience.cluster.requests.request import Request
from resilience.cluster.transport import HttpCluster
from tests.cluster.faulty import Asked, FaultyServer, Line, cut, reply, reset, status

POD = "/api/v1/namespaces/shop/pods/a"


def test_a_request_carries_the_token_and_says_who_we_are(
    server: FaultyServer, cluster: HttpCluster
) -> None:
    server.on(f"GET {POD}", reply({"kind": "Pod"}))
    assert cluster.get(PODS, "a", "shop") == {"kind": "Pod"}
    headers = server.asked[0].headers
    assert headers["authorization"] == "Bearer t0k3n"
    assert headers["user-agent"] == f"pytest-resilience/{__version__} (run r-1)"


def test_the_token_is_asked_for_each_request_so_that_it_may_expire(server: FaultyServer) -> None:
    tokens = iter(["Bearer one", "Bearer two"])
    access = Access(context="x", server=server.url, authorization=lambda: next(tokens))
    server.on("GET /version", reply({"gitVersion": "v1.36.2"}))
    with HttpCluster(access) as cluster:
        assert cluster.server_version() == "v1.36.2"
        cluster.server_version()
    assert [asked.headers["authorization"] for asked in server.asked] == [
        "Bearer one",
        "Bearer two",
    ]


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (400, errors.Invalid),
        (403, errors.Forbidden),
        (404, errors.NotFound),
        (409, errors.Conflict),
        (410, errors.Gone),
        (422, errors.Invalid),
        (429, errors.Throttled),
        (500, errors.ServerTrouble),
        (503, errors.ServerTrouble),
        (302, errors.ApiError),
        (418, errors.ApiError),
    ],
)
def test_a_refusal_is_the_error_of_its_code_in_the_servers_own_words(
    server: FaultyServer, cluster: HttpCluster, code: int, expected: type[errors.ApiError]
) -> None:
    server.on(f"GET {POD}", reply(status(code, "Because", "of the server's reasons"), code))
    with pytest.raises(expected) as caught:
        cluster.get(PODS, "a", "shop")
    assert type(caught.value) is expected
    assert str(caught.value) == f"GET {POD}: of the server's reasons"
    assert (caught.value.code, caught.value.reason) == (code, "Because")


def test_a_refusal_that_is_no_status_is_quoted(server: FaultyServer, cluster: HttpCluster) -> None:
    server.on(f"GET {POD}", reply(b"<html>\nBad   Gateway</html>", 502))
    with pytest.raises(errors.ServerTrouble, match=r"<html> Bad Gateway</html> \(HTTP 502\)"):
        cluster.get(PODS, "a", "shop")


def test_nothing_is_retried_not_even_with_retry_after(
    server: FaultyServer, cluster: HttpCluster
) -> None:
    busy = reply(status(429, "TooManyRequests", "later"), 429, {"Retry-After": "1"})
    server.on(f"DELETE {POD}", busy)
    with pytest.raises(errors.Throttled) as caught:
        cluster.delete(PODS, "a", "shop")
    assert caught.value.retry_after == 1.0
    assert len(server.asked) == 1


def test_retry_after_may_stand_in_the_status_alone_or_be_missing(
    server: FaultyServer, cluster: HttpCluster
) -> None:
    server.on(
        f"GET {POD}",
        reply(status(429, "TooManyRequests", "later", retryAfterSeconds=7), 429),
        reply(status(429, "TooManyRequests", "later"), 429, {"Retry-After": "Wed, 21 Oct 2026"}),
    )
    for expected in (7.0, None):
        with pytest.raises(errors.Throttled) as caught:
            cluster.get(PODS, "a", "shop")
        assert caught.value.retry_after == expected


def test_the_causes_of_a_refused_eviction_are_kept(
    server: FaultyServer, cluster: HttpCluster
) -> None:
    cause = {"reason": "DisruptionBudget", "message": "The disruption budget b needs 2"}
    refused = status(429, "TooManyRequests", "Cannot evict pod", causes=[cause])
    server.on(f"POST {POD}/eviction", reply(refused, 429))
    with pytest.raises(errors.Throttled) as caught:
        cluster.evict("a", "shop", grace=3)
    assert caught.value.causes == (cause,)
    assert server.asked[0].body["deleteOptions"] == {"gracePeriodSeconds": 3}


@pytest.mark.parametrize(
    ("behaviour", "text"),
    [
        (cut(b'{"kind": ', 400), "did not answer"),
        (reset, "connection reset by peer"),
        (reply(b"hello, I am not an API server"), "without a JSON object: 'hello, I am not"),
        (reply(b"[1, 2]"), "without a JSON object"),
        (reply(b"\xff\xfe\x00"), "without a JSON object"),
    ],
)
def test_a_broken_answer_is_unreachable_and_names_the_request(
    server: FaultyServer, cluster: HttpCluster, behaviour: object, text: str
) -> None:
    server.script[f"GET {POD}"] = [behaviour]  # type: ignore[list-item]
    with pytest.raises(errors.Unreachable, match=text) as caught:
        cluster.get(PODS, "a", "shop")
    assert f"GET {POD}" in str(caught.value)


def test_an_empty_answer_is_an_empty_mapping(server: FaultyServer, cluster: HttpCluster) -> None:
    server.on(f"DELETE {POD}", reply(b""))
    assert cluster.delete(PODS, "a", "shop") == {}


def test_nobody_listening_is_unreachable_with_server_and_context() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with HttpCluster(Access(context="staging", server=f"http://127.0.0.1:{port}")) as cluster:
        with pytest.raises(errors.Unreachable) as caught:
            cluster.server_version()
    text = str(caught.value)
    assert f"http://127.0.0.1:{port} (context 'staging')" in text
    assert "connection refused" in text


def test_a_server_that_is_no_url_is_refused_at_once() -> None:
    with pytest.raises(errors.Unreachable, match="is not an http"):
        HttpCluster(Access(context="x", server="10.0.0.1:6443"))


def test_a_silent_server_times_out(server: FaultyServer, cluster: HttpCluster) -> None:
    free = threading.Event()

    def say_nothing(asked: Asked, line: Line) -> None:
        free.wait(10)

    server.on("GET /version", say_nothing)
    with pytest.raises(errors.Unreachable, match="timed out"):
        cluster.send(Request("GET", "/version", timeout=0.05))
    free.set()


def test_an_answer_that_drips_is_given_up_at_the_deadline(
    server: FaultyServer, cluster: HttpCluster
) -> None:
    gone = threading.Event()

    def drip(asked: Asked, line: Line) -> None:
        line.send(b"HTTP/1.1 200 x\r\nContent-Length: 100000\r\n\r\n")
        while not gone.wait(0.01):
            line.send(b" ")

    server.on("GET /version", drip)
    with pytest.raises(errors.Unreachable, match=r"not complete after 1 s"):
        cluster.send(Request("GET", "/version", timeout=1.0))
    gone.set()


def test_a_list_is_read_page_by_page_and_its_items_get_their_kind(
    server: FaultyServer, cluster: HttpCluster
) -> None:
    server.on(
        "LIST",
        reply({"metadata": {"continue": "next"}, "items": [{"metadata": {"name": "a"}}]}),
        reply({"metadata": {}, "items": [{"metadata": {"name": "b"}}]}),
    )
    found = cluster.list(DEPLOYMENTS, "shop", labels="app=x", fields="metadata.name!=c")
    assert [(one["kind"], one["apiVersion"], one["metadata"]["name"]) for one in found] == [
        ("Deployment", "apps/v1", "a"),
        ("Deployment", "apps/v1", "b"),
    ]
    assert server.asked[0].query == {
        "limit": "500",
        "labelSelector": "app=x",
        "fieldSelector": "metadata.name!=c",
    }
    assert server.asked[1].query["continue"] == "next"


def test_a_list_whose_continuation_expired_is_begun_anew_once(
    server: FaultyServer, cluster: HttpCluster
) -> None:
    first = reply({"metadata": {"continue": "next"}, "items": [{"metadata": {"name": "old"}}]})
    expired = reply(status(410, "Expired", "too old"), 410)
    whole = reply({"metadata": {}, "items": [{"metadata": {"name": "new"}}]})
    server.on("LIST", first, expired, whole)
    assert [one["metadata"]["name"] for one in cluster.list(PODS, "shop")] == ["new"]
    server.on("LIST", first, expired, first, expired)
    with pytest.raises(errors.Gone):
        cluster.list(PODS, "shop")


def test_a_delete_sends_uid_grace_and_propagation(
    server: FaultyServer, cluster: HttpCluster
) -> None:
    server.on(f"DELETE {POD}", reply({}))
    cluster.delete(PODS, "a", "shop", grace=0, uid="u-1", propagation="Foreground", dry_run=True)
    assert server.asked[0].body == {
        "apiVersion": "v1",
        "kind": "DeleteOptions",
        "propagationPolicy": "Foreground",
        "preconditions": {"uid": "u-1"},
        "gracePeriodSeconds": 0,
        "dryRun": ["All"],
    }


@pytest.mark.parametrize(
    ("type", "content_type"),
    [
        ("merge", "application/merge-patch+json"),
        ("json", "application/json-patch+json"),
        ("strategic", "application/strategic-merge-patch+json"),
        ("apply", "application/apply-patch+yaml"),
    ],
)
def test_a_patch_is_sent_as_its_type(
    server: FaultyServer, cluster: HttpCluster, type: str, content_type: str
) -> None:
    server.on(f"PATCH {POD}", reply({}))
    cluster.patch(PODS, "a", {"x": 1}, "shop", type=type, dry_run=True)  # type: ignore[arg-type]
    assert server.asked[0].headers["content-type"] == content_type
    assert server.asked[0].query["dryRun"] == "All"
    assert ("fieldManager" in server.asked[0].query) == (type == "apply")


def test_writes_go_to_the_objects_own_namespace(server: FaultyServer, cluster: HttpCluster) -> None:
    body = {"metadata": {"name": "c", "namespace": "shop"}}
    server.on("POST /api/v1/namespaces/shop/configmaps", reply(body, 201))
    server.on("PUT /api/v1/namespaces/shop/configmaps/c", reply(body))
    server.on("PATCH /api/v1/nodes/n/status", reply({}))
    assert cluster.create(CONFIGMAPS, body) == body
    assert cluster.replace(CONFIGMAPS, body) == body
    cluster.patch(NODES, "n", {}, subresource="status")
    assert len(server.asked) == 3


def test_requests_of_many_threads_do_not_mix(server: FaultyServer, cluster: HttpCluster) -> None:
    def echo(asked: Asked, line: Line) -> None:
        reply({"name": asked.path})(asked, line)

    names = [f"/api/v1/nodes/{number}" for number in range(60)]
    for name in names:
        server.on(f"GET {name}", echo)
    seen: dict[str, str] = {}
    threads = [
        threading.Thread(
            target=lambda n=n: seen.update({n: cluster.send(Request("GET", n))["name"]})
        )
        for n in names
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert seen == {name: name for name in names}


def test_the_servers_time_is_that_of_its_answers_and_not_of_this_host(
    server: FaultyServer, cluster: HttpCluster
) -> None:
    dates = {"Date": "Mon, 02 Mar 2026 12:00:00 GMT"}
    server.on("GET /version", reply({"gitVersion": "v1"}, headers=dates))
    noon = datetime(2026, 3, 2, 12, 0, tzinfo=UTC).timestamp()
    assert 0 <= cluster.now() - noon < 60
    assert len(server.asked) == 1
    assert 0 <= cluster.now() - noon < 60
    assert len(server.asked) == 1  # the clock runs on by itself
