"""Which scenarios may run beside each other."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resilience.harness.distributed.groups import ALONE, grouped, grouped_in_fleet
from resilience.model.step_reach import Reach


def inside(*names: str) -> Reach:
    return Reach(namespaces=frozenset(names))


def test_scenarios_of_one_namespace_share_a_worker() -> None:
    groups = grouped({"a": inside("shop"), "b": inside("shop"), "c": inside("web")})
    assert groups["a"] == groups["b"] != groups["c"]


def test_groups_join_where_one_scenario_acts_in_both() -> None:
    groups = grouped({"a": inside("shop"), "b": inside("web"), "c": inside("shop", "web")})
    assert len(set(groups.values())) == 1


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("shop-*", "shop-drill", True),
        ("shop-drill", "shop-*", True),
        ("shop-*", "web", False),
        ("shop-*", "*-drill", True),  # shop-drill, if there is one
    ],
)
def test_a_pattern_meets_the_names_that_it_may_match(one: str, other: str, *, same: bool) -> None:
    groups = grouped({"a": inside(one), "b": inside(other)})
    assert (groups["a"] == groups["b"]) is same


@pytest.mark.parametrize(
    "reach",
    [
        Reach(namespaces=frozenset({"shop"}), nodes=True),
        Reach(cluster_scoped=frozenset({"customresourcedefinitions.apiextensions.k8s.io"})),
        Reach(selected=frozenset({"team=shop"})),
    ],
)
def test_what_may_disturb_everybody_runs_alone(reach: Reach) -> None:
    assert grouped({"a": reach, "b": inside("shop")})["a"] == ALONE


def test_what_acts_on_nothing_may_run_anywhere() -> None:
    assert grouped({"a": Reach()}) == {}


NAMES = st.sets(st.sampled_from(["a", "b", "c", "d", "e*", "ef"]), min_size=1, max_size=3)


@given(st.dictionaries(st.integers().map(str), NAMES, max_size=12))
def test_no_two_groups_have_a_namespace_in_common(wanted: dict[str, set[str]]) -> None:
    groups = grouped({item: inside(*names) for item, names in wanted.items()})
    places: dict[str, str] = {}
    for item, names in wanted.items():
        for name in names:
            assert places.setdefault(name, groups[item]) == groups[item]
    if {"e*", "ef"} <= places.keys():
        assert places["e*"] == places["ef"]


def test_clusters_of_a_fleet_never_share_a_group() -> None:
    reaches = {"a": inside("shop"), "b": inside("web")}
    groups = grouped_in_fleet(
        {"eu": {f"eu/{item}": reach for item, reach in reaches.items()},
         "us": {f"us/{item}": reach for item, reach in reaches.items()}}
    )  # fmt: skip
    assert len(set(groups.values())) == 4


def test_in_a_fleet_nobody_waits_for_what_runs_alone_on_another_cluster() -> None:
    """One group for each cluster: alone there, beside the others."""
    nodes = Reach(namespaces=frozenset({"shop"}), nodes=True)
    groups = grouped_in_fleet(
        {name: {f"{name}/a": nodes, f"{name}/b": inside("web"), f"{name}/c": Reach()}
         for name in ("eu", "us")}
    )  # fmt: skip
    assert ALONE not in groups.values()
    assert groups["eu/a"] == groups["eu/b"] == groups["eu/c"] != groups["us/a"]
