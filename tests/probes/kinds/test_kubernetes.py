"""The `kubernetes` probe: what held all the time, for how long not, and what nobody saw."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resilience.actions.flow.sleep import VERB as SLEEP
from resilience.actions.pods.kill import VERB as KILL
from resilience.cluster.interface import DEPLOYMENTS, ENDPOINTSLICES, PODS
from resilience.kube import objects
from resilience.kube.selectors import Selector
from resilience.model.report import RunRecord
from resilience.model.timeline import Entry
from resilience.model.values import Duration, Reference
from resilience.model.verb import Phase
from resilience.model.verdict import Outcome, Window
from resilience.probes.kinds.kubernetes import VERB, Condition, Count, Endpoints, Kubernetes
from resilience.probes.kinds.object_watch import ObjectState, spans
from tests.engine.helpers import World, step, world

APP = Selector.parse("app=web")
WEB = Reference.parse("deployment/web")


@pytest.fixture
def here() -> World:
    made = world()
    made.deploy()
    return made


def run(here: World, **what: Any) -> RunRecord:
    kill = step(KILL, Phase.WHEN, pods=APP, count=1)
    rest = step(SLEEP, Phase.WHEN, 1, duration=Duration.of(10))
    probe = step(VERB, Phase.WHILE, name="web", **what)
    return here.run(probes=[probe], when=[kill, rest], steady_within=5.0)


def test_a_pod_too_few_fails_and_says_for_how_long(here: World) -> None:
    record = run(here, count=Count(pods=APP, at_least=3))
    assert record.outcome is Outcome.SERVICE_FAILED
    [finding] = record.findings
    assert finding.name == "web.holds"
    assert finding.promised == "at least 3 ready Pods app=web"
    assert finding.measured.startswith("2 ready Pods app=web, for ")
    assert finding.outages


def test_what_is_allowed_for_a_time_passes(here: World) -> None:
    record = run(here, count=Count(pods=APP, at_least=3), longest=Duration.of(60))
    assert record.outcome is Outcome.PASSED, record.message
    assert record.findings[0].measured.startswith("2 ready Pods app=web, for ")


def test_a_limit_on_pods_that_never_were_is_not_measured(here: World) -> None:
    record = run(here, count=Count(pods=Selector.parse("app=wbe"), at_most=3))
    assert record.outcome is Outcome.NOT_MEASURED
    assert "no unfinished Pod in shop had the labels app=wbe during the run" in record.message


def test_our_own_helpers_are_not_counted(here: World) -> None:
    labels = {"app": "web", objects.MANAGED_BY: objects.OURS}
    here.cluster.put(PODS, {"metadata": {"name": "prober", "namespace": "shop", "labels": labels},
                            "spec": {"containers": []}})  # fmt: skip
    here.clock.until(lambda: False, here.clock.now + 2)
    record = run(here, count=Count(pods=APP, at_most=3))
    assert record.outcome is Outcome.PASSED, record.message


def test_a_service_without_endpoints_is_told_apart_from_unready_ones(here: World) -> None:
    here.cluster.put(ENDPOINTSLICES, {"metadata": {
        "name": "web-a", "namespace": "shop", "labels": {"kubernetes.io/service-name": "web"}},
        "endpoints": [{"addresses": ["10.0.0.1"], "conditions": {"ready": False}}]})  # fmt: skip
    record = run(here, endpoints=Endpoints(service="wbe"))
    assert "no Service shop/wbe has an EndpointSlice; did you mean `web`?" in record.message
    record = run(here, endpoints=Endpoints(service="web"))
    assert "observed 0 ready endpoints of web; nothing was broken" in record.message
    here.cluster.change(ENDPOINTSLICES, "shop", "web-a", lambda each: each.update(endpoints=[]))
    record = run(here, endpoints=Endpoints(service="web"))
    assert "the selector of Service shop/web matches no Pod" in record.message


def test_a_count_that_holds_all_the_time_passes(here: World) -> None:
    record = run(here, count=Count(pods=APP, at_least=2, at_most=5))
    assert record.outcome is Outcome.PASSED, record.message
    assert record.findings[0].measured == "it held all the time"


def test_what_does_not_hold_at_the_beginning_breaks_nothing(here: World) -> None:
    record = run(here, count=Count(pods=APP, at_least=4))
    assert record.outcome is Outcome.NOT_MEASURED
    assert "expected at least 4 ready Pods app=web; observed 3 ready Pods app=web" in record.message
    assert not [entry for entry in record.timeline if entry.what.value == "victim"]


def test_a_condition_that_changes_is_told_with_its_reason(here: World) -> None:
    def set_to(status: str) -> Any:
        def change(deployment: Any) -> None:
            deployment["status"]["conditions"] = [
                {"type": "Synced", "status": status, "reason": "Lagging"}
            ]

        return change

    here.cluster.change(DEPLOYMENTS, "shop", "web", set_to("True"))

    def lag(entry: Entry) -> None:
        if entry.facts.get("verb") == "sleep" and entry.facts.get("state") == "started":
            here.cluster.change(DEPLOYMENTS, "shop", "web", set_to("False"))

    here.on_entry = lag
    record = run(here, condition=Condition(of=WEB, type="Synced"))
    assert record.outcome is Outcome.SERVICE_FAILED
    assert "deployment/web Synced=False (Lagging), for " in record.findings[0].measured
    assert record.findings[0].measured.endswith(" and still then")


def test_endpoints_count_ready_addresses_once(here: World) -> None:
    def put(name: str, service: str, *ready: tuple[str, bool | None]) -> None:
        endpoints = [{"addresses": [address], "conditions": {} if is_ready is None else
                      {"ready": is_ready}} for address, is_ready in ready]  # fmt: skip
        labels = {"kubernetes.io/service-name": service}
        here.cluster.put(ENDPOINTSLICES, {"metadata": {"name": name, "namespace": "shop",
                                                       "labels": labels},
                                          "endpoints": endpoints})  # fmt: skip

    put("a", "web", ("10.0.0.1", True), ("10.0.0.2", None), ("10.0.0.3", False))
    put("b", "web", ("10.0.0.1", True))
    put("c", "other", ("10.0.0.9", True))
    record = run(here, endpoints=Endpoints(service="web", at_least=2))
    assert record.outcome is Outcome.PASSED, record.message
    record = run(here, endpoints=Endpoints(service="web", at_least=3))
    assert "observed 2 ready endpoints of web" in record.message


def test_a_pod_with_an_address_of_each_family_is_one_endpoint(here: World) -> None:
    for family, address in (("IPv4", "10.0.0.1"), ("IPv6", "fd00::1")):
        here.cluster.put(ENDPOINTSLICES, {
            "metadata": {"name": family.lower(), "namespace": "shop",
                         "labels": {"kubernetes.io/service-name": "web"}},
            "addressType": family,
            "endpoints": [{"addresses": [address], "targetRef": {"kind": "Pod", "uid": "u1"}}],
        })  # fmt: skip
    record = run(here, endpoints=Endpoints(service="web", at_least=2))
    assert "observed 1 ready endpoint of web" in record.message


@given(
    st.lists(st.tuples(st.integers(-5, 30), st.booleans()), min_size=1, max_size=8),
    st.integers(0, 10), st.integers(11, 25),
)  # fmt: skip
def test_the_spans_are_those_seconds_at_which_it_did_not_hold(
    changes: list[tuple[int, bool]], since: int, until: int
) -> None:
    """Against a referee that looks at each half second."""
    ordered = dict(sorted(changes))
    states = [ObjectState(at=float(at), holds=holds, text="x") for at, holds in ordered.items()]
    found = spans(states, Window(since=float(since), until=float(until)))
    if min(ordered) > since:
        assert found is None
        return
    assert found is not None
    for half in range(2 * since, 2 * until):
        at = half / 2 + 0.25
        last = max(moment for moment in ordered if moment <= at)
        inside = any(state.at <= at < end for state, end in found)
        assert inside is not ordered[last]
    assert all(a[1] < b[0].at for a, b in pairwise(found))


@pytest.mark.parametrize(
    ("what", "says"),
    [
        (Kubernetes(), "nothing to watch"),
        (Kubernetes(count=Count(pods=APP)), "any number would be accepted"),
        (Kubernetes(count=Count(pods=APP, at_least=3, at_most=2)), "more than `at_most`"),
        (Kubernetes(condition=Condition(of=Reference("cronjob", "x"), type="y")),
         "cannot be watched"),
    ],
)  # fmt: skip
def test_what_does_not_fit_together_is_said(what: Kubernetes, says: str) -> None:
    assert says in " ".join(each.message for each in VERB.check(what))
