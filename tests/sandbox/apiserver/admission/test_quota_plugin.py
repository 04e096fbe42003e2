"""ResourceQuota and LimitRange at admission."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.sandbox.apiserver.registry.registry import Registry
from resilience.sandbox.host.sandbox_config import Identity
from resilience.sandbox.kube.api import ApiError
from resilience.sandbox.kube.call import Call
from tests.sandbox.apiserver.wire import config_map, pod


def quota(api: Registry, **hard: str) -> None:
    body = {"metadata": {"name": "q", "namespace": "default"}, "spec": {"hard": hard}}
    api.create(api.resource("resourcequotas"), body)


def make(api: Registry, name: str, call: Call | None = None, **resources: Any) -> dict[str, Any]:
    container = {"name": "c", "image": "i", "resources": resources}
    body = pod(name, containers=[container])
    body["metadata"]["namespace"] = "default"
    return api.create(api.resource("pods"), body, **({"call": call} if call else {}))


def used(api: Registry) -> dict[str, str]:
    found = api.get(api.resource("resourcequotas"), "default", "q")
    return dict((found.get("status") or {}).get("used") or {})


def test_a_pod_too_many_is_forbidden_with_the_numbers(api: Registry) -> None:
    quota(api, pods="1")
    make(api, "a")
    assert used(api) == {"pods": "1"}
    with pytest.raises(ApiError) as caught:
        make(api, "b")
    assert caught.value.code == 403
    assert caught.value.message == (
        'pods "b" is forbidden: exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1'
    )


def test_a_quota_adds_up_requests_and_limits_exactly(api: Registry) -> None:
    quota(api, **{"requests.cpu": "1", "limits.memory": "1Gi"})
    sizes: dict[str, Any] = {"requests": {"cpu": "400m"}, "limits": {"memory": "256Mi", "cpu": "1"}}
    make(api, "a", **sizes)
    make(api, "b", **sizes)
    assert used(api) == {"requests.cpu": "800m", "limits.memory": "512Mi"}
    with pytest.raises(ApiError, match=r"requested: requests\.cpu=400m, used: requests\.cpu=800m"):
        make(api, "c", **sizes)


def test_a_quota_on_cpu_wants_every_container_to_say(api: Registry) -> None:
    quota(api, **{"limits.cpu": "1"})
    with pytest.raises(ApiError, match=r"failed quota: q: must specify limits\.cpu for: c"):
        make(api, "a")


def test_a_quota_on_cpu_asks_init_containers_too_and_no_pod_that_states_its_own(
    api: Registry,
) -> None:
    quota(api, **{"limits.cpu": "1"})
    stated = {"limits": {"cpu": "100m"}}
    body = pod("a", containers=[{"name": "c", "image": "i", "resources": stated}])
    body["metadata"]["namespace"] = "default"
    body["spec"]["initContainers"] = [{"name": "first", "image": "i"}]
    with pytest.raises(ApiError, match=r"must specify limits\.cpu for: first"):
        api.create(api.resource("pods"), body)
    body["spec"]["resources"] = {"limits": {"cpu": "200m"}, "requests": {"cpu": "200m"}}
    api.create(api.resource("pods"), body)


def test_a_quota_is_asked_before_the_name_is_looked_for(api: Registry) -> None:
    """And what is refused for its name is not charged."""
    quota(api, pods="2")
    make(api, "a")
    with pytest.raises(ApiError, match="already exists"):
        make(api, "a")
    assert used(api) == {"pods": "1"}
    make(api, "b")
    with pytest.raises(ApiError, match="exceeded quota"):
        make(api, "a")


def test_a_dry_run_is_checked_and_not_charged(api: Registry) -> None:
    quota(api, pods="1")
    make(api, "a", call=Call(user=Identity("u"), dry_run=True))
    assert used(api) == {}


def test_counts_of_any_kind_are_held(api: Registry) -> None:
    quota(api, **{"count/configmaps": "1"})
    for name in ("a", "b"):
        body = config_map(name)
        body["metadata"]["namespace"] = "default"
        if name == "b":
            with pytest.raises(ApiError, match="exceeded quota"):
                api.create(api.resource("configmaps"), body)
        else:
            api.create(api.resource("configmaps"), body)


def limit_range(api: Registry, **item: Any) -> None:
    spec = {"limits": [{"type": "Container", **item}]}
    api.create(
        api.resource("limitranges"),
        {"metadata": {"name": "l", "namespace": "default"}, "spec": spec},
    )


def test_defaults_are_filled_and_noted(api: Registry) -> None:
    limit_range(api, default={"cpu": "500m"}, defaultRequest={"cpu": "100m"})
    made = make(api, "a")
    assert made["spec"]["containers"][0]["resources"] == {
        "requests": {"cpu": "100m"},
        "limits": {"cpu": "500m"},
    }
    assert made["metadata"]["annotations"]["kubernetes.io/limit-ranger"] == (
        "LimitRanger plugin set: cpu request for container c; cpu limit for container c"
    )


@pytest.mark.parametrize(
    ("item", "resources", "message"),
    [
        (
            {"max": {"cpu": "1"}, "default": {"cpu": "1"}},
            {"limits": {"cpu": "2"}},
            "maximum cpu usage per Container is 1, but limit is 2",
        ),
        (
            {"min": {"cpu": "100m"}},
            {"requests": {"cpu": "50m"}},
            "minimum cpu usage per Container is 100m, but request is 50m",
        ),
        (
            {"min": {"memory": "1Gi"}},
            {"limits": {"memory": "512Mi"}},
            "minimum memory usage per Container is 1Gi, but request is 512Mi",
        ),
        (
            {"maxLimitRequestRatio": {"cpu": "2"}},
            {"limits": {"cpu": "4"}, "requests": {"cpu": "1"}},
            "cpu max limit to request ratio per Container is 2, but provided ratio is 4.000000",
        ),
    ],
)
def test_what_is_out_of_range_is_forbidden(
    api: Registry, item: Any, resources: Any, message: str
) -> None:
    limit_range(api, **item)
    with pytest.raises(ApiError, match=message, check=lambda error: error.code == 403):
        make(api, "a", **resources)
