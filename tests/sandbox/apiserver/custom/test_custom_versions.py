"""Custom objects in several versions over HTTP: stored in one, read, listed and watched in each."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tests.sandbox.apiserver.custom.conftest import V1, V2, Places, Webhook, version

STABLE = "stable.example.com/"


def stored_in(name: str, *versions: dict[str, Any]) -> list[dict[str, Any]]:
    return [{**each, "storage": each["name"] == name} for each in versions]


def test_an_object_is_read_in_each_version(converted: Places) -> None:
    made = converted.make("v1", "a", hostPort="left:80")
    assert (made["apiVersion"], made["hostPort"]) == (STABLE + "v1", "left:80")
    other = converted.get("v2", "a")
    assert (other["apiVersion"], other["host"], other["port"]) == (STABLE + "v2", "left", "80")
    assert "hostPort" not in other
    assert other["metadata"] == made["metadata"]


def test_a_write_in_another_version_is_stored_in_the_storage_version(
    converted: Places, webhook: Webhook
) -> None:
    made = converted.make("v2", "a", host="left", port="80")
    assert (made["apiVersion"], made["host"]) == (STABLE + "v2", "left")
    webhook.asked.clear()
    assert converted.get("v1", "a")["hostPort"] == "left:80"
    assert webhook.asked == []


@pytest.mark.parametrize("way", ["PUT", "merge", "apply"])
def test_a_change_in_another_version_arrives(converted: Places, way: str) -> None:
    made = converted.make("v1", "a", hostPort="left:80")
    path = converted.at("v2", "a")
    if way == "PUT":
        seen = converted.get("v2", "a")
        answer = converted.wire("PUT", path, {**seen, "host": "right"})
    elif way == "merge":
        answer = converted.wire.patch(path, {"host": "right"})
    else:
        config = {"apiVersion": STABLE + "v2", "kind": "Place", "metadata": {"name": "a"},
                  "host": "right"}  # fmt: skip
        answer = converted.wire("PATCH", path + "?fieldManager=m&force=true", config,
                                media="application/apply-patch+yaml")  # fmt: skip
    assert answer.status == 200, answer.message
    assert (answer.json["host"], answer.json["port"]) == ("right", "80")
    assert answer.json["metadata"]["resourceVersion"] > made["metadata"]["resourceVersion"]
    assert converted.get("v1", "a")["hostPort"] == "right:80"


def test_a_change_that_changes_nothing_writes_nothing(converted: Places) -> None:
    before = converted.make("v2", "a", host="left", port="80")
    answer = converted.wire.patch(converted.at("v2", "a"), {"host": "left"})
    assert answer.json["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]


def test_a_stored_version_changes_with_the_next_write(converted: Places) -> None:
    before = converted.make("v1", "a", hostPort="left:80")
    converted.change(*stored_in("v2", V1, V2))
    answer = converted.wire.patch(converted.at("v1", "a"), {"hostPort": "left:80"})
    assert answer.json["metadata"]["resourceVersion"] > before["metadata"]["resourceVersion"]
    converted.change(conversion={"strategy": "None", "webhook": None})
    assert converted.get("v2", "a")["host"] == "left"


def test_a_list_of_objects_stored_in_both_versions(converted: Places) -> None:
    converted.make("v1", "a", hostPort="left:80")
    converted.change(*stored_in("v2", V1, V2))
    converted.make("v2", "b", host="right", port="81")
    items = converted.wire("GET", converted.at("v2")).json["items"]
    assert [(item["host"], item["port"]) for item in items] == [("left", "80"), ("right", "81")]
    items = converted.wire("GET", converted.at("v1")).json["items"]
    assert [item["hostPort"] for item in items] == ["left:80", "right:81"]


def test_pages_of_a_list_are_converted(converted: Places) -> None:
    for name in ("a", "b", "c"):
        converted.make("v1", name, hostPort=f"{name}:80")
    page = converted.wire("GET", converted.at("v2", query="?limit=2")).json
    rest = converted.wire(
        "GET", converted.at("v2", query=f"?limit=2&continue={page['metadata']['continue']}")
    ).json
    assert [item["host"] for item in [*page["items"], *rest["items"]]] == ["a", "b", "c"]


def test_a_watch_sees_its_own_version(converted: Places) -> None:
    converted.make("v1", "a", hostPort="left:80")
    with converted.wire.watch(converted.at("v2", query="?watch=true")) as events:
        first = next(events)
        converted.wire.patch(converted.at("v1", "a"), {"hostPort": "right:80"})
        second = next(events)
        converted.wire("DELETE", converted.at("v1", "a"))
        third = next(events)
    found = [(event["type"], event["object"]["apiVersion"], event["object"]["host"])
             for event in (first, second, third)]  # fmt: skip
    assert found == [
        ("ADDED", STABLE + "v2", "left"),
        ("MODIFIED", STABLE + "v2", "right"),
        ("DELETED", STABLE + "v2", "right"),
    ]


def test_fields_are_selected_in_the_version_that_is_asked(converted: Places) -> None:
    for name, host, port in (("a", "left", "80"), ("b", "left", "81"), ("c", "right", "80")):
        converted.make("v2", name, host=host, port=port)

    def names(at: str, selector: str) -> list[str]:
        answer = converted.wire("GET", converted.at(at, query=f"?fieldSelector={selector}"))
        return [item["metadata"]["name"] for item in answer.json["items"]]

    assert names("v2", "host=left") == ["a", "b"]
    assert names("v2", "host=left,port!=80") == ["b"]
    assert names("v1", "hostPort=right:80") == ["c"]
    wrong = converted.wire("GET", converted.at("v1", query="?fieldSelector=host=left"))
    assert (wrong.status, wrong.message) == (400, "field label not supported: host")


def test_a_watch_with_a_field_selector_sees_objects_come_and_go(converted: Places) -> None:
    with converted.wire.watch(
        converted.at("v2", query="?watch=true&fieldSelector=host=left")
    ) as events:
        converted.make("v1", "other", hostPort="right:80")
        converted.make("v1", "a", hostPort="left:80")
        first = next(events)
        converted.wire.patch(converted.at("v1", "a"), {"hostPort": "right:80"})
        second = next(events)
    assert [(event["type"], event["object"]["metadata"]["name"], event["object"]["host"])
            for event in (first, second)] == [
        ("ADDED", "a", "left"), ("DELETED", "a", "left"),
    ]  # fmt: skip


def test_what_was_converted_is_not_asked_again(converted: Places, webhook: Webhook) -> None:
    converted.make("v1", "a", hostPort="left:80")
    for _ in range(3):
        converted.get("v2", "a")
    converted.wire("GET", converted.at("v2"))
    assert [each["desiredAPIVersion"] for each in webhook.asked] == [STABLE + "v2"]


def test_labels_and_annotations_are_the_webhooks_and_nothing_else_is(
    converted: Places, webhook: Webhook
) -> None:
    right = webhook.act

    def act(review: dict[str, Any]) -> dict[str, Any]:
        answer = right(review)
        for obj in answer["response"]["convertedObjects"]:
            obj["metadata"] = {**obj["metadata"], "labels": {"by": "webhook"}, "finalizers": ["x"],
                               "generation": 42}  # fmt: skip
        return answer

    webhook.act = act
    converted.make("v1", "a", hostPort="left:80")
    metadata = converted.get("v2", "a")["metadata"]
    assert metadata["labels"] == {"by": "webhook"}
    assert metadata["generation"] == 1
    assert "finalizers" not in metadata


@pytest.mark.parametrize(
    ("method", "version_", "body"),
    [
        ("GET", "v2", None),
        ("PUT", "v2", {"host": "x"}),
        ("DELETE", "v2", None),
        ("PATCH", "v2", {"host": "x"}),
    ],
)
def test_a_webhook_that_is_away_fails_what_needs_it(
    converted: Places, method: str, version_: str, body: Any
) -> None:
    converted.make("v1", "a", hostPort="left:80")
    url = "https://127.0.0.1:1/crdconvert"
    converted.change(conversion={"webhook": {"clientConfig": {"url": url}}})
    path = converted.at(version_, "a")
    if method == "PATCH":
        answer = converted.wire.patch(path, body)
    else:
        full = body and {"apiVersion": STABLE + "v2", "kind": "Place",
                         "metadata": {"name": "a", "resourceVersion": "1"}, **body}  # fmt: skip
        answer = converted.wire(method, path, full)
    assert answer.status == 500
    assert answer.message == (
        f"conversion webhook for {STABLE}v1, Kind=Place failed: Post"
        f' "{url}?timeout=30s": dial tcp 127.0.0.1:1: connect: connection refused'
    )
    assert converted.wire("GET", converted.at("v2")).message == answer.message
    watch = converted.wire("GET", converted.at("v2", query="?watch=true"))
    assert (watch.status, watch.headers["Retry-After"]) == (429, "1")
    assert watch.message == "storage is (re)initializing"
    assert converted.get("v1", "a")["hostPort"] == "left:80"
    assert converted.wire("DELETE", converted.at("v1", "a")).status == 200


def test_a_webhook_with_another_certificate_is_not_believed(
    converted: Places, webhook: Webhook
) -> None:
    converted.make("v1", "a", hostPort="left:80")
    converted.change(conversion={"webhook": {"clientConfig": {"caBundle": None}}})
    assert converted.wire("GET", converted.at("v2", "a")).message == (
        f'conversion webhook for {STABLE}v1, Kind=Place failed: Post "{webhook.url}?timeout=30s":'
        " tls: failed to verify certificate: x509: certificate signed by unknown authority"
    )


def test_the_webhooks_own_refusal_is_passed_on(converted: Places) -> None:
    converted.make("v1", "a", hostPort="nonsense")
    answer = converted.wire("GET", converted.at("v2", "a"))
    assert (answer.status, answer.json.get("reason", "")) == (500, "")
    assert answer.message == (
        f"conversion webhook for {STABLE}v1, Kind=Place failed: invalid hostPort value `nonsense`"
    )


def test_a_version_that_is_served_no_longer_ends_its_watches(converted: Places) -> None:
    with converted.wire.watch(converted.at("v2", query="?watch=true")) as events:
        converted.change(V1, {**V2, "served": False})
        assert list(events) == []
    assert converted.wire("GET", converted.at("v2")).status == 404


def test_without_a_webhook_only_the_version_changes(places: Places) -> None:
    places.define(version("v1", "a", "b", storage=True), version("v2", "a"))
    places.make("v1", "x", a="1", b="2")
    assert (places.get("v2", "x").get("a"), places.get("v2", "x").get("b")) == ("1", None)
    assert places.get("v1", "x")["b"] == "2"


def test_the_newest_stable_version_is_preferred(places: Places) -> None:
    places.define(version("v1beta1", "a", storage=True), version("v1", "a"), version("v2alpha1"))
    group = places.wire("GET", "/apis/stable.example.com").json
    assert group["preferredVersion"]["version"] == "v1"
    assert [each["version"] for each in group["versions"]] == ["v1", "v1beta1", "v2alpha1"]


def defaulted(**defaults: str) -> dict[str, Any]:
    found = copy.deepcopy(version("v1", "a", "b", storage=True))
    for field, value in defaults.items():
        found["schema"]["openAPIV3Schema"]["properties"][field]["default"] = value
    return found


def test_stored_objects_get_defaults_when_they_are_read(places: Places) -> None:
    places.define(defaulted())
    before = places.make("v1", "x")
    places.change(defaulted(a="A"))
    assert places.get("v1", "x")["a"] == "A"
    assert places.wire("GET", places.at("v1")).json["items"][0]["a"] == "A"
    with places.wire.watch(places.at("v1", query="?watch=true")) as events:
        assert next(events)["object"]["a"] == "A"
    places.change(defaulted(b="B"))
    now = places.get("v1", "x")
    assert ("a" in now, now["b"]) == (False, "B")
    assert now["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]


def test_a_stored_value_wins_over_a_later_default(places: Places) -> None:
    places.define(defaulted(a="A"))
    places.make("v1", "x")
    places.change(defaulted(b="B"))
    assert (places.get("v1", "x")["a"], places.get("v1", "x")["b"]) == ("A", "B")
