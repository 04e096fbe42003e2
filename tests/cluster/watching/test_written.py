"""Which writes a view has to show before it may answer."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.cluster.copy import Copy
from resilience.cluster.interface import WatchEvent
from resilience.cluster.watching.viewing import selection
from resilience.cluster.watching.written import Unseen, Write, address, answered, lost, number


def pod(name: str, version: int, uid: str = "", **metadata: Any) -> dict[str, Any]:
    meta = {
        "name": name,
        "namespace": "shop",
        "uid": uid or f"u-{name}",
        "resourceVersion": str(version),
    }
    return {"metadata": meta | metadata}


POD = "/api/v1/namespaces/shop/pods/a"
STATUS = {"kind": "Status", "status": "Success"}


def wrote(method: str, path: str, answer: Any, body: Any = None, at: float = 5.0) -> Write:
    write = answered(method, path, {}, body, answer, at)
    assert write is not None
    return write


class Watch:
    """A copy and what it has not shown, moved by events."""

    def __init__(self, *pods: dict[str, Any], labels: str = "", version: int = 10) -> None:
        self.copy = Copy()
        self.version = str(version)
        self.unseen = Unseen("shop", selection(labels, ""))
        self.copy.replace(pods, 0.0)

    def expect(self, write: Write) -> bool:
        """Whether the view may still answer."""
        self.unseen.expect(write, self.copy, self.version)
        return not self.unseen

    def show(self, kind: str, obj: dict[str, Any]) -> bool:
        event = WatchEvent(kind, obj, 1.0)
        self.copy.apply(event)
        self.version = obj["metadata"]["resourceVersion"]
        self.unseen.told(event)
        return not self.unseen


@pytest.mark.parametrize(
    ("path", "group", "plural", "namespace", "name", "subresource"),
    [
        (POD, "", "pods", "shop", "a", ""),
        (f"{POD}/eviction", "", "pods", "shop", "a", "eviction"),
        ("/api/v1/namespaces/shop", "", "namespaces", "", "shop", ""),
        ("/api/v1/namespaces/shop/status", "", "namespaces", "", "shop", "status"),
        ("/api/v1/namespaces/shop/finalize", "", "namespaces", "", "shop", "finalize"),
        ("/api/v1/namespaces/shop/pods", "", "pods", "shop", "", ""),
        ("/api/v1/nodes/n", "", "nodes", "", "n", ""),
        (
            "/apis/apps/v1/namespaces/s/deployments/w/scale",
            "apps",
            "deployments",
            "s",
            "w",
            "scale",
        ),
        ("/apis/x.io/v1/things/t", "x.io", "things", "", "t", ""),
    ],
)
def test_a_path_names_what_it_writes(
    path: str, group: str, plural: str, namespace: str, name: str, subresource: str
) -> None:
    found = address(path)
    assert found is not None
    assert (found.group, found.plural, found.namespace, found.name, found.subresource) == (
        group,
        plural,
        namespace,
        name,
        subresource,
    )


@pytest.mark.parametrize(
    "path",
    [
        "/version",
        "/sandbox/v1/faults/crash",
        f"{POD}/exec",
        "/api/v1/namespaces/shop/serviceaccounts/x/token",
        "/api/v1/namespaces/shop/services/web/proxy/healthz",
        "/api/v1",
        "/apis",
    ],
)
def test_a_path_that_stores_nothing_is_no_write(path: str) -> None:
    assert address(path) is None


def test_reads_and_dry_runs_and_reviews_write_nothing() -> None:
    dry = {"deleteOptions": {"dryRun": ["All"]}}
    assert answered("GET", POD, {}, None, pod("a", 3), 1.0) is None
    assert answered("PATCH", POD, {"dryRun": "All"}, {}, pod("a", 3), 1.0) is None
    assert answered("DELETE", POD, {}, {"dryRun": ["All"]}, STATUS, 1.0) is None
    assert answered("POST", f"{POD}/eviction", {}, dry, STATUS, 1.0) is None
    review = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    assert answered("POST", review, {}, {}, {"kind": "SelfSubjectAccessReview"}, 1.0) is None
    assert lost("GET", POD, {}, None, 1.0) is None


def test_a_change_is_shown_by_its_version_or_a_later_one() -> None:
    view = Watch(pod("a", 7))
    assert not view.expect(wrote("PATCH", POD, pod("a", 12)))
    assert not view.show("MODIFIED", pod("b", 11))
    assert view.show("MODIFIED", pod("b", 12))


def test_a_bookmark_beyond_the_change_shows_that_nothing_is_missing() -> None:
    view = Watch(pod("a", 7))
    assert not view.expect(wrote("PATCH", POD, pod("a", 12)))
    view.unseen.told(WatchEvent("BOOKMARK", {"metadata": {"resourceVersion": "12"}}, 1.0))
    assert not view.unseen


def test_a_change_that_was_shown_before_its_answer_came_is_not_waited_for() -> None:
    assert Watch(pod("a", 7), version=12).expect(wrote("PATCH", POD, pod("a", 12)))


def test_a_creation_in_a_collection_is_waited_for() -> None:
    view = Watch()
    assert not view.expect(wrote("POST", "/api/v1/namespaces/shop/pods", pod("new", 12)))
    assert view.show("ADDED", pod("new", 12))


def test_the_scale_of_a_workload_counts_as_the_workload() -> None:
    path = "/apis/apps/v1/namespaces/shop/deployments/web/scale"
    write = wrote("PATCH", path, {"kind": "Scale", **pod("web", 12, "u-web")})
    assert write.address.plural == "deployments"
    assert not Watch(pod("web", 7)).expect(write)


def test_a_deletion_that_is_answered_by_a_status_is_shown_by_what_is_gone() -> None:
    view = Watch(pod("a", 7))
    assert not view.expect(wrote("DELETE", POD, {**STATUS, "details": {"uid": "u-a"}}))
    assert not view.show("MODIFIED", pod("b", 20))
    assert view.show("DELETED", pod("a", 21))


def test_an_eviction_is_shown_by_a_pod_that_terminates() -> None:
    view = Watch(pod("a", 7))
    assert not view.expect(wrote("POST", f"{POD}/eviction", STATUS))
    assert view.show("MODIFIED", pod("a", 20, deletionTimestamp="2026-01-01T00:00:00Z"))


def test_a_deletion_that_was_shown_before_its_answer_came_is_not_waited_for() -> None:
    view = Watch(pod("a", 7))
    view.show("DELETED", pod("a", 20))
    assert view.expect(wrote("DELETE", POD, {**STATUS, "details": {"uid": "u-a"}}))


def test_an_object_that_the_view_never_showed_is_not_taken_for_a_deleted_one() -> None:
    assert not Watch().expect(wrote("DELETE", POD, STATUS))


def test_another_object_of_the_name_shows_that_the_deleted_one_is_gone() -> None:
    view = Watch(pod("a", 20, uid="second"))
    assert view.expect(wrote("DELETE", POD, {**STATUS, "details": {"uid": "first"}}))


def test_a_deletion_is_shown_after_the_creation_that_came_before_it() -> None:
    view = Watch()
    assert not view.expect(wrote("POST", "/api/v1/namespaces/shop/pods", pod("a", 12)))
    assert not view.expect(wrote("DELETE", POD, STATUS))
    assert not view.show("ADDED", pod("a", 12))
    assert view.show("DELETED", pod("a", 13))


@pytest.mark.parametrize(
    "write",
    [
        lost("PATCH", POD, {}, {}, 5.0),
        answered("PATCH", POD, {}, {}, {"metadata": {"uid": "u-a", "resourceVersion": "x1"}}, 5.0),
        answered("DELETE", "/api/v1/namespaces/shop/pods", {}, {}, STATUS, 5.0),
    ],
    ids=["lost answer", "a version that is no number", "a whole collection"],
)
def test_what_no_event_can_prove_is_shown_by_a_later_list_alone(write: Write | None) -> None:
    assert write is not None
    view = Watch(pod("a", 7))
    assert not view.expect(write)
    assert not view.show("MODIFIED", pod("a", 99))
    view.unseen.listed(4.9, "100")
    assert view.unseen
    view.unseen.listed(5.1, "100")
    assert not view.unseen


def test_a_list_that_began_before_the_answer_shows_a_version_that_it_reaches() -> None:
    view = Watch(pod("a", 7))
    assert not view.expect(wrote("PATCH", POD, pod("a", 12)))
    view.unseen.listed(4.0, "12")
    assert not view.unseen


def test_a_view_waits_for_its_own_namespace_only() -> None:
    other = wrote("PATCH", "/api/v1/namespaces/other/pods/a", pod("a", 12, namespace="other"))
    assert Watch(pod("a", 7)).expect(other)


def test_a_view_with_selectors_waits_for_what_it_holds_or_takes() -> None:
    app: Any = {"labels": {"app": "x"}}
    path = "/api/v1/namespaces/shop/pods"
    assert Watch(labels="app=x").expect(wrote("POST", path, pod("b", 12)))
    assert not Watch(labels="app=x").expect(wrote("POST", path, pod("b", 12, **app)))
    held = Watch(pod("a", 7, **app), labels="app=x")
    assert not held.expect(wrote("PATCH", POD, pod("a", 12)))
    assert held.show("DELETED", pod("a", 12))


def test_a_view_with_selectors_waits_for_a_change_of_what_it_still_has_to_show() -> None:
    view = Watch(labels="app=x")
    created = pod("a", 12, labels={"app": "x"})
    assert not view.expect(wrote("POST", "/api/v1/namespaces/shop/pods", created))
    assert not view.expect(wrote("PATCH", POD, pod("a", 13)))
    assert not view.show("ADDED", created)
    assert view.show("DELETED", pod("a", 13))


def test_field_selectors_that_are_not_known_count_as_matching() -> None:
    takes = selection("", "spec.nodeName=n1,status.phase=Running")
    assert takes is not None
    assert takes({"spec": {"nodeName": "n1"}})
    assert not takes({"spec": {"nodeName": "n2"}})
    assert selection("", "") is None


def test_versions_are_compared_as_numbers() -> None:
    assert number("0100") == 100
    assert number("v1") is None
    assert number(None) is None
