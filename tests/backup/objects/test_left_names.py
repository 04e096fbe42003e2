"""A copy that still talks to the namespace it came from is told, by place and never by text."""

from __future__ import annotations

import gzip
import json
from base64 import b64encode
from typing import Any

import pytest

from resilience.backup.objects.left_names import LeftNames
from resilience.backup.objects.mapping import Targets
from tests.backup.fakes import FakeCluster, config_map, shop
from tests.backup.restore.restoring import brought_back, stored

COPY = {"shop": "copy"}


def release(namespace: str) -> str:
    """A release as Helm's Secret holds it: the text is encoded once more than the Secret's data."""
    record = json.dumps({"name": "web", "namespace": namespace, "version": 3})
    return b64encode(b64encode(gzip.compress(record.encode()))).decode()


def told(obj: dict[str, Any], mapped: dict[str, str] = COPY) -> list[str]:
    names = LeftNames(mapped)
    plain = {"apiVersion": "v1", "kind": "Thing", "metadata": {"name": "a", "namespace": "copy"}}
    names.see("things", plain | obj)
    return names.notes()


@pytest.mark.parametrize(
    ("obj", "place"),
    [
        ({"spec": {"externalName": "db.shop.svc.cluster.local"}}, "spec.externalName"),
        ({"data": {"url": "http://db.shop.svc:5432/x"}}, "data.url"),
        ({"data": {"hosts": "a.b c db-0.db.shop.svc d"}}, "data.hosts"),
        ({"spec": {"env": [{"value": ""}, {"value": "db.shop.svc/"}]}}, "spec.env[1].value"),
        (
            {"metadata": {"name": "a", "namespace": "copy", "annotations": {"at": "x.shop.svc"}}},
            "metadata.annotations.at",
        ),
        (
            {"apiVersion": "v1", "kind": "Secret", "data": {
                "url": b64encode(b"pg://u:hidden@db.shop.svc/d").decode()}},
            "data.url",
        ),
        (
            {"apiVersion": "v1", "kind": "Secret", "stringData": {"url": "db.shop.svc"}},
            "stringData.url",
        ),
        ({"spec": {"target": {"namespace": "shop"}}}, "spec.target.namespace"),
        ({"spec": {"watchNamespace": "shop"}}, "spec.watchNamespace"),
        ({"spec": {"namespaces": ["other", "shop"]}}, "spec.namespaces[1]"),
        ({"spec": {"selector": {"matchNames": ["shop"]}}}, "spec.selector.matchNames[0]"),
        ({"data": {"WATCH_NAMESPACE": "shop"}}, "data.WATCH_NAMESPACE"),
        (
            {"spec": {"env": [{"name": "WATCH_NAMESPACES", "value": "other,shop"}]}},
            "spec.env[0].value",
        ),
        ({"spec": {"args": ["run", "--watch-namespace", "shop"]}}, "spec.args[2]"),
        ({"spec": {"args": ["--leader-election-namespace=shop"]}}, "spec.args[0]"),
        ({"data": {"config.yaml": "a: 1\nwatchNamespace: 'shop'\n"}}, "data.config.yaml"),
        ({"data": {"x.json": '{"namespace": "shop"}'}}, "data.x.json"),
        ({"data": {"url": "/api/v1/namespaces/shop/pods"}}, "data.url"),
        (
            {"metadata": {"name": "a", "namespace": "copy",
                          "labels": {"crossplane.io/claim-namespace": "shop"}}},
            "metadata.labels.crossplane.io/claim-namespace",
        ),
        (
            {"apiVersion": "v1", "kind": "Secret", "type": "helm.sh/release.v1",
             "data": {"release": release("shop")}},
            "data.release",
        ),
    ],
)  # fmt: skip
def test_a_name_of_the_old_namespace_is_told(obj: dict[str, Any], place: str) -> None:
    assert told(obj) == [f"things copy/a: {place} still leads to namespace shop"]


@pytest.mark.parametrize(
    "text",
    ["", "db.copy.svc", "shop", "db.shop", "www.shop.com", "shop.svc", ".shop.svc", "db.shop.svc-2",
     "db.workshop.svc", "db.shop.svcs", "db.shop-2.svc", "db.other.svc"],
)  # fmt: skip
def test_other_texts_are_not(text: str) -> None:
    assert told({"data": {"x": text}}) == []


@pytest.mark.parametrize(
    "obj",
    [
        {"spec": {"namespace": "copy", "name": "shop"}},
        {"spec": {"namespace": "shop-2"}},
        {"spec": {"namespaced": "shop", "namespaceName": ["x"]}},
        {"spec": {"env": [{"name": "SHOP", "value": "shop"}]}},
        {"spec": {"args": ["--namespace", "other", "shop", "--namespaced=shop"]}},
        {
            "data": {
                "x": "namespace: shop-2",
                "y": "namespaces: workshop",
                "z": "the namespace shop",
            }
        },
        {"metadata": {"name": "a", "labels": {"app": "shop", "namespaced": "shop"}}},
        {"apiVersion": "v1", "kind": "Secret", "data": {"release": release("shop")}},
        {"apiVersion": "v1", "kind": "Secret", "type": "helm.sh/release.v1",
         "data": {"release": release("other")}},
        *(
            {"apiVersion": "v1", "kind": "Secret", "type": "helm.sh/release.v1", "data": data}
            for data in (
                None, {}, *({"release": each} for each in (7, "Ym05MElIQmhZMnRsWkE9PQ==", "abc"))
            )
        ),
    ],
)  # fmt: skip
def test_words_that_are_no_namespaces_are_not(obj: dict[str, Any]) -> None:
    assert told(obj) == []


def test_the_record_of_an_apply_is_no_text_of_its_own() -> None:
    key = "kubectl.kubernetes.io/last-applied-configuration"
    metadata = {"name": "a", "namespace": "copy", "annotations": {key: "db.shop.svc"}}
    assert told({"metadata": metadata, "status": {"at": "db.shop.svc"}}) == []


@pytest.mark.parametrize("mapped", [{}, {"shop": "shop"}, {"other": "copy"}])
def test_nothing_is_told_of_a_namespace_that_stays(mapped: dict[str, str]) -> None:
    assert told({"data": {"x": "db.shop.svc"}}, mapped) == []


def test_an_object_of_the_whole_cluster_stays_with_the_release_of_the_original() -> None:
    annotations = {"meta.helm.sh/release-namespace": "shop"}
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": "a", "annotations": annotations},
    }
    Targets(namespaces=COPY).apply(role)
    at = "metadata.annotations.meta.helm.sh/release-namespace"
    assert told(role) == [f"things a: {at} still leads to namespace shop"]


def test_a_secret_that_is_no_text_is_passed_over() -> None:
    for data in ("\udcff", "====", "/w==", "not base64"):
        assert told({"apiVersion": "v1", "kind": "Secret", "data": {"x": data}}) == []


def test_ten_are_told_by_place_and_the_rest_by_number() -> None:
    data = {f"k{number:02}": "db.shop.svc" for number in range(12)}
    lines = told({"data": data})
    assert len(lines) == 11
    assert lines[0].startswith("things copy/a: data.k00 ")
    assert lines[-1] == "2 more texts with such names"


@pytest.mark.parametrize("dry_run", [True, False])
def test_a_restore_into_another_namespace_tells_each_once(dry_run: bool) -> None:
    source = shop()
    source.add(config_map("client", "shop", url="http://db.shop.svc"))
    snapshot = stored(source, "shop")
    report = brought_back(
        snapshot, FakeCluster(), targets=Targets(namespaces=COPY), dry_run=dry_run
    )
    [line] = [each for each in report.notes if "still leads" in each]
    assert line == "configmaps copy/client: data.url still leads to namespace shop"
    assert not any("leads" in each for each in brought_back(snapshot, FakeCluster()).notes)
