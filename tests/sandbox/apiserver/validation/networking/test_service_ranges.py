"""What a ServiceCIDR may be, and that it stays."""

from __future__ import annotations

import pytest

from resilience.sandbox.apiserver.registry.registry import Registry
from resilience.sandbox.kube.api import ApiError, Obj
from resilience.sandbox.kube.call import SYSTEM, Call

ONE, OTHER, SIXTH = "10.99.0.0/24", "10.98.0.0/24", "fd00::/64"


def written(api: Registry, *cidrs: str, update: bool = False) -> Obj:
    act = api.update if update else api.create
    kind = api.resource("servicecidrs", "networking.k8s.io")
    body = {"metadata": {"name": "more"}, "spec": {"cidrs": list(cidrs)}}
    return act(kind, body, call=Call(user=SYSTEM.user, validation="Strict"))


def causes(error: ApiError) -> dict[str, str]:
    assert error.code == 422
    return {each["field"]: each["message"] for each in error.details["causes"]}


@pytest.mark.parametrize("cidrs", [(ONE,), (SIXTH,), (ONE, SIXTH), (SIXTH, ONE)])
def test_it_has_a_network_of_each_family_at_most(api: Registry, cidrs: tuple[str, ...]) -> None:
    assert written(api, *cidrs)["spec"]["cidrs"] == list(cidrs)


@pytest.mark.parametrize(
    ("cidrs", "field", "why"),
    [
        ((), "spec.cidrs", "at least one CIDR required"),
        ((ONE, SIXTH, OTHER), "spec.cidrs", "may only hold up to 2 values"),
        (("10.0.0.1/24",), "spec.cidrs[0]", "prefix"),
        ((ONE, "x"), "spec.cidrs[1]", "must be a valid CIDR value"),
        ((ONE, OTHER), "spec.cidrs", "may specify no more than one IP for each IP family"),
    ],
)
def test_what_is_none_is_refused(
    api: Registry, cidrs: tuple[str, ...], field: str, why: str
) -> None:
    with pytest.raises(ApiError) as refused:
        written(api, *cidrs)
    assert why in causes(refused.value)[field]


@pytest.mark.parametrize(
    ("before", "after", "field"),
    [
        ((ONE,), (OTHER,), "spec.cidrs[0]"),
        ((ONE,), (OTHER, SIXTH), "spec.cidrs[0]"),
        ((ONE, SIXTH), (ONE,), "spec.cidrs"),
    ],
)
def test_its_networks_stay(
    api: Registry, before: tuple[str, ...], after: tuple[str, ...], field: str
) -> None:
    written(api, *before)
    with pytest.raises(ApiError) as refused:
        written(api, *after, update=True)
    assert causes(refused.value)[field].endswith("field is immutable")


def test_it_may_get_its_second_family(api: Registry) -> None:
    written(api, ONE)
    assert written(api, ONE, SIXTH, update=True)["spec"]["cidrs"] == [ONE, SIXTH]
