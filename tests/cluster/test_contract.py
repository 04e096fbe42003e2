"""What every cluster answers alike: the sandbox over its wire, and the twins that tests run on.

A test that passes on a twin says something of a cluster only where the twin answers as one does.
Each claim here is made of all three; what only one of them can do is tested beside it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from resilience.cluster import connect
from resilience.cluster.access.embedded import sandbox
from resilience.cluster.errors import Conflict, Invalid, NotFound
from resilience.cluster.interface import CONFIGMAPS, NAMESPACES, SERVICES, Cluster, Object
from tests.backup.fakes import FakeCluster as BackupTwin
from tests.engine.fakes import FakeClock
from tests.engine.fakes import FakeCluster as EngineTwin
from tests.spaces import fresh


@pytest.fixture(scope="module")
def served() -> Iterator[Cluster]:
    with sandbox(nodes=1) as running, connect(running.access) as cluster:
        yield cluster


@pytest.fixture(params=["sandbox", "engine", "backup"])
def cluster(request: pytest.FixtureRequest) -> Cluster:
    if request.param == "sandbox":
        found: Cluster = request.getfixturevalue("served")
        return found
    return EngineTwin(FakeClock()) if request.param == "engine" else BackupTwin()


@pytest.fixture
def there(cluster: Cluster) -> str:
    """A namespace of the test's own."""
    name = fresh("contract")
    cluster.create(NAMESPACES, {"metadata": {"name": name}})
    return name


def settings(name: str = "settings", **labels: str) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "labels": labels},
        "data": {"colour": "red", "size": "big"},
    }


def names(found: Sequence[Object]) -> list[str]:
    return [each["metadata"]["name"] for each in found if "kube-" not in each["metadata"]["name"]]


def test_what_was_created_is_found_with_an_identity_and_a_version(
    cluster: Cluster, there: str
) -> None:
    made = cluster.create(CONFIGMAPS, settings(), there)
    found = cluster.get(CONFIGMAPS, "settings", there)
    assert found == made
    assert found["metadata"]["namespace"] == there
    assert found["metadata"]["uid"]
    assert found["metadata"]["resourceVersion"]
    assert (found["apiVersion"], found["kind"]) == ("v1", "ConfigMap")


def test_what_was_handed_in_or_out_is_nobody_elses(cluster: Cluster, there: str) -> None:
    body = settings()
    made = cluster.create(CONFIGMAPS, body, there)
    assert body == settings()
    made["data"]["colour"] = cluster.get(CONFIGMAPS, "settings", there)["data"]["size"] = "none"
    assert cluster.get(CONFIGMAPS, "settings", there)["data"] == settings()["data"]


def test_what_is_not_there_is_not_found(cluster: Cluster, there: str) -> None:
    with pytest.raises(NotFound):
        cluster.get(CONFIGMAPS, "absent", there)
    with pytest.raises(NotFound):
        cluster.patch(CONFIGMAPS, "absent", {"data": {}}, there)
    with pytest.raises(NotFound):
        cluster.delete(CONFIGMAPS, "absent", there)
    with pytest.raises(NotFound):
        cluster.create(CONFIGMAPS, settings(), "no-such-namespace")


def test_a_name_is_given_once(cluster: Cluster, there: str) -> None:
    cluster.create(CONFIGMAPS, settings(), there)
    with pytest.raises(Conflict) as caught:
        cluster.create(CONFIGMAPS, settings(), there)
    assert (caught.value.code, caught.value.reason) == (409, "AlreadyExists")
    with pytest.raises(Conflict):
        cluster.create(CONFIGMAPS, settings(), there, dry_run=True)


def test_a_dry_run_leaves_everything_as_it_was(cluster: Cluster, there: str) -> None:
    assert cluster.create(CONFIGMAPS, settings("dry"), there, dry_run=True)["data"]
    with pytest.raises(NotFound):
        cluster.get(CONFIGMAPS, "dry", there)
    before = cluster.create(CONFIGMAPS, settings(), there)
    answer = cluster.patch(
        CONFIGMAPS, "settings", {"data": {"colour": "blue"}}, there, dry_run=True
    )
    assert answer["data"]["colour"] == "blue"
    cluster.delete(CONFIGMAPS, "settings", there, dry_run=True)
    assert cluster.get(CONFIGMAPS, "settings", there) == before


def test_a_merge_patch_changes_what_it_names_and_null_takes_away(
    cluster: Cluster, there: str
) -> None:
    before = cluster.create(CONFIGMAPS, settings(a="1"), there)
    patch = {"metadata": {"labels": {"b": "2"}}, "data": {"colour": None, "size": "small"}}
    after = cluster.patch(CONFIGMAPS, "settings", patch, there)
    assert after["data"] == {"size": "small"}
    assert after["metadata"]["labels"] == {"a": "1", "b": "2"}
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    assert after["metadata"]["resourceVersion"] != before["metadata"]["resourceVersion"]


def test_who_replaces_says_which_version_is_meant(cluster: Cluster, there: str) -> None:
    old = cluster.create(CONFIGMAPS, settings(), there)
    new = cluster.replace(CONFIGMAPS, old | {"data": {"colour": "blue"}})
    assert new["data"] == {"colour": "blue"}
    assert new["metadata"]["uid"] == old["metadata"]["uid"]
    assert new["metadata"]["resourceVersion"] != old["metadata"]["resourceVersion"]
    with pytest.raises(Conflict):
        cluster.replace(CONFIGMAPS, old | {"data": {"colour": "green"}})
    assert cluster.get(CONFIGMAPS, "settings", there) == new


def test_an_object_is_deleted_by_its_uid_and_no_other(cluster: Cluster, there: str) -> None:
    made = cluster.create(CONFIGMAPS, settings(), there)
    with pytest.raises(Conflict):
        cluster.delete(CONFIGMAPS, "settings", there, uid="another")
    cluster.delete(CONFIGMAPS, "settings", there, uid=made["metadata"]["uid"])
    with pytest.raises(NotFound):
        cluster.get(CONFIGMAPS, "settings", there)
    again = cluster.create(CONFIGMAPS, settings(), there)
    assert again["metadata"]["uid"] != made["metadata"]["uid"]


def test_a_list_is_of_one_namespace_and_sorted(cluster: Cluster, there: str) -> None:
    for name in ("b", "c", "a"):
        cluster.create(CONFIGMAPS, settings(name), there)
    other = f"{there}-other"
    cluster.create(NAMESPACES, {"metadata": {"name": other}})
    cluster.create(CONFIGMAPS, settings("d"), other)
    found = list(cluster.list(CONFIGMAPS, there))
    assert names(found) == ["a", "b", "c"]
    assert {(each["apiVersion"], each["kind"]) for each in found} == {("v1", "ConfigMap")}
    everywhere = [one for one in cluster.list(CONFIGMAPS) if there in one["metadata"]["namespace"]]
    assert names(everywhere) == ["a", "b", "c", "d"]
    assert list(cluster.list(SERVICES, there)) == []


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ("app=web", ["a", "b"]),
        ("app=web,tier=front", ["a"]),
        ("tier", ["a", "c"]),
        ("!tier", ["b", "d"]),
        ("app!=web", ["c", "d"]),
        ("app in (db, cache)", ["c"]),
        ("app notin (db)", ["a", "b", "d"]),
    ],
)
def test_a_label_selector_selects_as_kubernetes_does(
    cluster: Cluster, there: str, selector: str, expected: list[str]
) -> None:
    cluster.create(CONFIGMAPS, settings("a", app="web", tier="front"), there)
    cluster.create(CONFIGMAPS, settings("b", app="web"), there)
    cluster.create(CONFIGMAPS, settings("c", app="db", tier="back"), there)
    cluster.create(CONFIGMAPS, settings("d"), there)
    assert names(cluster.list(CONFIGMAPS, there, labels=selector)) == expected


def test_pages_hold_what_the_list_holds(cluster: Cluster, there: str) -> None:
    for number in range(5):
        cluster.create(CONFIGMAPS, settings(f"c{number}", app="web"), there)
    pages = list(cluster.pages(CONFIGMAPS, there, labels="app=web", limit=2))
    assert [len(page["items"]) for page in pages] == [2, 2, 1]
    assert [name for page in pages for name in names(page["items"])] == [
        f"c{number}" for number in range(5)
    ]
    assert all(page["metadata"]["resourceVersion"] for page in pages)


def test_a_kind_that_is_not_served_is_told(cluster: Cluster) -> None:
    assert cluster.resource("v1", "ConfigMap") == CONFIGMAPS
    assert CONFIGMAPS in cluster.resources()
    with pytest.raises(Invalid):
        cluster.resource("v1", "Nonsense")


def test_a_field_selector_selects_by_name(cluster: Cluster, there: str) -> None:
    for name in ("a", "b"):
        cluster.create(CONFIGMAPS, settings(name, app="web"), there)
    assert names(cluster.list(CONFIGMAPS, there, fields="metadata.name=b")) == ["b"]
    assert names(cluster.list(CONFIGMAPS, there, labels="app=db", fields="metadata.name=b")) == []
