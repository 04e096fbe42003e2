"""Address families of Services on a cluster that has IPv4 only."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.sandbox.apiserver.registry.registry import Registry
from resilience.sandbox.kube.api import ApiError

BOTH = ["IPv4", "IPv6"]
V4, V6 = "127.20.200.9", "fd00::9"
NO_SELECTOR = {"clusterIP": "None", "selector": None}
NOT_HERE = "not configured on this cluster"
NO_DUAL = "this cluster is not configured for dual-stack services"
CONTRADICTS = "must be 'RequireDualStack' or 'PreferDualStack' when multiple"
FIRST = "first value must match `clusterIP`"
OF_A_NAME = "may not be set for ExternalName services"


def service(**spec: Any) -> dict[str, Any]:
    spec = {"ports": [{"port": 80}], "selector": {"app": "a"}} | spec
    return {"metadata": {"name": "a", "namespace": "default"}, "spec": spec}


def made(api: Registry, **spec: Any) -> dict[str, Any]:
    return dict(api.create(api.resource("services"), service(**spec))["spec"])


def changed(api: Registry, **spec: Any) -> dict[str, Any]:
    return dict(api.update(api.resource("services"), service(**spec))["spec"])


@pytest.mark.parametrize(
    ("spec", "families", "policy"),
    [
        ({}, ["IPv4"], "SingleStack"),
        ({"ipFamilies": ["IPv4"]}, ["IPv4"], "SingleStack"),
        ({"ipFamilyPolicy": "PreferDualStack"}, ["IPv4"], "PreferDualStack"),
        ({"clusterIP": V4, "clusterIPs": [V4]}, ["IPv4"], "SingleStack"),
        ({"clusterIP": "None"}, ["IPv4"], "SingleStack"),
        (NO_SELECTOR, BOTH, "RequireDualStack"),
        (NO_SELECTOR | {"ipFamilies": ["IPv6"]}, ["IPv6", "IPv4"], "RequireDualStack"),
        (NO_SELECTOR | {"ipFamilyPolicy": "SingleStack"}, ["IPv4"], "SingleStack"),
        (
            NO_SELECTOR | {"ipFamilies": ["IPv6"], "ipFamilyPolicy": "SingleStack"},
            ["IPv6"], "SingleStack",
        ),
    ],
)  # fmt: skip
def test_a_service_gets_the_families_that_it_can_have(
    api: Registry, spec: dict[str, Any], families: list[str], policy: str
) -> None:
    found = made(api, **spec)
    assert (found["ipFamilies"], found["ipFamilyPolicy"]) == (families, policy)


@pytest.mark.parametrize(
    ("spec", "field", "why"),
    [
        ({"ipFamilies": ["IPv6"]}, "ipFamilies[0]", NOT_HERE),
        ({"clusterIP": "None", "ipFamilies": ["IPv6"]}, "ipFamilies[0]", NOT_HERE),
        ({"clusterIP": V6, "ipFamilies": ["IPv6"]}, "ipFamilies[0]", NOT_HERE),
        (
            {"ipFamilyPolicy": "PreferDualStack", "ipFamilies": BOTH},
            "ipFamilies[1]", NOT_HERE,
        ),
        ({"ipFamilyPolicy": "RequireDualStack"}, "ipFamilyPolicy", NO_DUAL),
        ({"ipFamilies": BOTH}, "ipFamilyPolicy", f"{CONTRADICTS} IP families are specified"),
        (
            {"clusterIP": V4, "clusterIPs": [V4, V6], "ipFamilies": ["IPv4"]},
            "ipFamilyPolicy", f"{CONTRADICTS} cluster IPs are specified",
        ),
        ({"clusterIP": V6}, "clusterIPs[0]", f"IPv6 is {NOT_HERE}"),
        (
            {"clusterIP": V4, "clusterIPs": [V4, V6], "ipFamilyPolicy": "PreferDualStack"},
            "clusterIPs[1]", f"IPv6 is {NOT_HERE}",
        ),
        ({"clusterIP": V4, "clusterIPs": ["127.20.200.8"]}, "clusterIPs", FIRST),
        (
            {"clusterIPs": [V4]},
            "clusterIPs", "must be empty when `clusterIP` is not specified",
        ),
        (
            {"clusterIP": V4, "ipFamilies": ["IPv6"]},
            "clusterIPs[0]", "expected an IPv6 value as indicated by `ipFamilies[0]`",
        ),
        ({"ipFamilies": ["IPv5"]}, "ipFamilies[0]", 'supported values: "IPv4", "IPv6"'),
        ({"ipFamilies": ["IPv4", "IPv4"]}, "ipFamilies[1]", 'Duplicate value: "IPv4"'),
        ({"ipFamilyPolicy": "Dual"}, "ipFamilyPolicy", 'values: "PreferDualStack", "Require'),
        ({"clusterIP": "1.2.3"}, "clusterIPs[0]", "must be a valid IP address"),
        (
            {"clusterIP": "None", "clusterIPs": ["None", V4]},
            "clusterIPs", "'None' must be the first and only value",
        ),
        (
            {"clusterIP": V4, "clusterIPs": [V4, "127.20.200.8"]},
            "clusterIPs", "may specify no more than one IP for each IP family",
        ),
        (
            {"clusterIP": V4, "clusterIPs": [V4, V6, V6]},
            "clusterIPs", "may only hold up to 2 values",
        ),
        (
            {"type": "ExternalName", "externalName": "a.b", "ipFamilies": ["IPv4"]},
            "ipFamilies", OF_A_NAME,
        ),
        (
            {"type": "ExternalName", "externalName": "a.b", "clusterIP": "None"},
            "clusterIPs", OF_A_NAME,
        ),
    ],
)  # fmt: skip
def test_what_contradicts_itself_or_this_cluster_is_refused(
    api: Registry, spec: dict[str, Any], field: str, why: str
) -> None:
    with pytest.raises(ApiError) as refused:
        made(api, **spec)
    assert refused.value.code == 422
    causes = {each["field"]: each["message"] for each in refused.value.details["causes"]}
    assert why in causes[f"spec.{field}"]


def test_what_an_update_leaves_out_stays(api: Registry) -> None:
    before = made(api, ipFamilyPolicy="PreferDualStack")
    after = changed(api, sessionAffinity="ClientIP")
    fields = ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy")
    assert [after[each] for each in fields] == [before[each] for each in fields]


def test_a_service_that_becomes_a_name_gives_up_its_address_and_families(api: Registry) -> None:
    before = made(api)
    kept = {key: before[key] for key in ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy")}
    after = changed(api, type="ExternalName", externalName="a.b", **kept)
    assert not kept.keys() & after.keys()
    assert changed(api, type="ClusterIP")["ipFamilies"] == ["IPv4"]


def test_a_service_that_becomes_a_name_may_not_ask_for_other_families(api: Registry) -> None:
    made(api)
    with pytest.raises(ApiError, match=f"ipFamilies: Forbidden: {OF_A_NAME}"):
        changed(api, type="ExternalName", externalName="a.b", ipFamilies=BOTH)


def test_a_new_address_beside_the_old_list_is_told_as_a_change(api: Registry) -> None:
    before = made(api)
    with pytest.raises(ApiError, match="may not change once set"):
        changed(api, clusterIP=V4, clusterIPs=before["clusterIPs"])
