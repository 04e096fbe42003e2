"""A pass in which nothing was broken, or nothing that the probe could have seen, is none."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from typing import Any

import pytest

from resilience.actions.flow.expect_refused import VERB as REFUSED
from resilience.actions.flow.sleep import VERB as SLEEP
from resilience.actions.objects.apply import VERB as APPLY
from resilience.actions.pods.kill import VERB as KILL
from resilience.checks.ready import VERB as READY
from resilience.cluster.interface import (
    CONFIGMAPS,
    ENDPOINTSLICES,
    NAMESPACES,
    PODS,
    SERVICES,
    STATEFULSETS,
    Object,
)
from resilience.kube.selectors import Selector
from resilience.model.report import RunRecord
from resilience.model.scenario import Step
from resilience.model.values import Duration, Rate, Reference
from resilience.model.verb import Family, Phase, Verb
from resilience.model.verdict import Outcome
from resilience.probes.kinds.kubernetes import VERB as KUBERNETES
from resilience.probes.kinds.kubernetes import Condition, Count, Endpoints
from resilience.verbs.catalogue import catalogue
from tests.engine.helpers import World, step, world
from tests.engine.toyprobe import Script

APP = Selector.parse("app=web")
STORE = Selector.parse("app=store")


def bare(name: str, namespace: str) -> Object:
    """A Pod without an owner."""
    return {
        "metadata": {"name": name, "namespace": namespace, "labels": {"app": name}},
        "spec": {"containers": [{"name": "web", "image": "web:1"}]},
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class OfService:
    """Parameters of a probe of a Service."""

    service: str = ""
    namespace: str = ""
    depends_on: Selector | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PodsOf:
    """A store inside of Pods."""

    pods: Selector


@pytest.fixture
def here() -> World:
    made = world()
    made.deploy()
    made.deploy("db", 1)
    for name in ("web", "db"):
        body = {
            "metadata": {"name": name, "namespace": "shop"},
            "spec": {"selector": {"app": name}},
        }
        made.cluster.put(SERVICES, body)
    return made


def probe(service: str = "", during: str = "", **more: Any) -> Step:
    verb = dataclasses.replace(Script().verb, measures=True)
    return dataclasses.replace(
        step(verb, Phase.WHILE),
        parameters=OfService(service=service, **more),
        during=(during,) if during else (),
        rate=Rate.parse("10/s"),
    )


def kill(app: str = "web", index: int = 0, **more: Any) -> Step:
    return step(KILL, Phase.WHEN, index, pods=Selector.parse(f"app={app}"), count=1, **more)


def run(here: World, *when: Step, probes: tuple[Step, ...] = ()) -> RunRecord:
    then = step(READY, Phase.THEN, target=Reference.parse("deployment/web"), within=30.0)
    return here.run(when=when, probes=probes, then=[then])


def test_an_action_that_may_fail_and_is_the_only_one_proves_nothing(here: World) -> None:
    record = run(here, kill("none", optional=True))
    assert record.outcome is Outcome.NOT_MEASURED
    assert "no action took effect, so nothing was broken" in record.message
    assert "matches app=none" in record.message


def test_beside_one_that_took_effect_it_may_fail(here: World) -> None:
    record = run(here, kill("none", optional=True), kill(index=1))
    assert record.outcome is Outcome.PASSED, record.message


def test_a_probe_of_a_service_whose_pods_were_never_touched_is_not_measured(here: World) -> None:
    record = run(here, kill("db"), probes=(probe("web"),))
    assert record.outcome is Outcome.NOT_MEASURED
    assert "no Pod behind the Service shop/web (app=web) was harmed or changed" in record.message
    assert "shop/db-" in record.message
    assert "depends_on: LABELS" in record.message


@pytest.mark.parametrize(
    "probed",
    [
        probe("web"),
        probe("db", depends_on=APP),
        probe("none"),
        probe(""),
    ],
    ids=["its own Pods", "Pods it depends on", "an unknown Service", "no Service"],
)
def test_a_probe_that_may_have_seen_harm_is_judged(here: World, probed: Step) -> None:
    record = run(here, kill(), probes=(probed,))
    assert record.outcome is Outcome.PASSED, record.message


def test_a_dependency_may_be_in_another_namespace(here: World) -> None:
    here.cluster.put(NAMESPACES, {"metadata": {"name": "data"}})
    here.cluster.put(PODS, bare("store", "data"))
    here.clock.until(lambda: False, here.clock.now + 3)
    other = step(KILL, Phase.WHEN, pods=STORE, count=1, bare=True, namespaces=Selector.parse("!a"))
    record = run(here, other, probes=(probe("web", depends_on=STORE),))
    assert record.outcome is Outcome.PASSED, record.message
    here.cluster.put(PODS, bare("store", "data"))
    here.clock.until(lambda: False, here.clock.now + 3)
    record = run(here, other, probes=(probe("web"),))
    assert record.outcome is Outcome.NOT_MEASURED


WATCHED = [
    {"endpoints": Endpoints(service="web", at_least=1)},
    {"count": Count(pods=APP, at_least=1)},
]


@pytest.mark.parametrize("what", WATCHED)
def test_a_watch_of_what_was_never_touched_is_not_measured(here: World, what: Any) -> None:
    labels = {"kubernetes.io/service-name": "web"}
    here.cluster.put(
        ENDPOINTSLICES,
        {
            "metadata": {"name": "web", "namespace": "shop", "labels": labels},
            "endpoints": [{"addresses": ["10.0.0.1"]}],
        },
    )
    watch = step(KUBERNETES, Phase.WHILE, **what)
    record = run(here, kill("db"), probes=(watch,))
    assert record.outcome is Outcome.NOT_MEASURED
    assert re.search(r"no Pod .*web\)? was harmed or changed, but shop/db-", record.message)
    wider = step(KUBERNETES, Phase.WHILE, depends_on=Selector.parse("app=db"), **what)
    assert run(here, kill("db"), probes=(wider,)).outcome is Outcome.PASSED
    assert run(here, kill("web"), probes=(watch,)).outcome is Outcome.PASSED


def test_a_condition_of_a_workload_that_was_never_touched_is_not_measured(here: World) -> None:
    status = {"conditions": [{"type": "Fine", "status": "True"}]}
    here.cluster.put(
        STATEFULSETS, {"metadata": {"name": "store", "namespace": "shop"}, "status": status}
    )
    what = Condition(of=Reference.parse("statefulset/store"), type="Fine")
    record = run(here, kill("db"), probes=(step(KUBERNETES, Phase.WHILE, condition=what),))
    assert record.outcome is Outcome.NOT_MEASURED
    assert "no Pod of statefulset/store was harmed or changed, but shop/db-" in record.message
    wider = step(KUBERNETES, Phase.WHILE, condition=what, depends_on=Selector.parse("app=db"))
    assert run(here, kill("db"), probes=(wider,)).outcome is Outcome.PASSED


def test_every_probe_of_a_service_can_be_told_what_it_depends_on() -> None:
    """Or the advice of a run that was not measured could not be followed."""
    known = catalogue()
    verbs = [verb for name in known.names() if isinstance(verb := known.find(name), Verb)]
    asking = {
        verb.name: keys
        for verb in verbs
        if verb.family is Family.PROBE and {"service", "pods", "http"} & (keys := _keys(verb))
    }
    for watching in ("prometheus", "log"):  # they say nothing about what they name
        del asking[watching]
    assert len(asking) >= 8
    assert not {name for name, keys in asking.items() if "depends_on" not in keys}


def _keys(verb: Verb) -> set[str]:
    return {each.name for each in dataclasses.fields(verb.parameters)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Writing:
    """Parameters like a ledger's."""

    target: Any
    depends_on: Selector | None = None


@pytest.mark.parametrize("target", [OfService(service="web"), PodsOf(pods=APP)])
def test_a_store_that_was_never_touched_lost_nothing(here: World, target: Any) -> None:
    verb = dataclasses.replace(Script().verb, measures=False)
    asked = dataclasses.replace(step(verb, Phase.WHILE), parameters=Writing(target=target))
    record = run(here, kill("db"), probes=(asked,))
    assert record.outcome is Outcome.NOT_MEASURED
    assert "app=web" in record.message
    assert run(here, kill("web"), probes=(asked,)).outcome is Outcome.PASSED
    given = Writing(target=target, depends_on=Selector.parse("app=db"))
    wider = dataclasses.replace(asked, parameters=given)
    assert run(here, kill("db"), probes=(wider,)).outcome is Outcome.PASSED


def test_a_refusal_that_did_not_happen_and_may_fail_proves_nothing(here: World) -> None:
    inner = kill("none")
    vain = step(REFUSED, Phase.WHEN, step=inner, optional=True)
    record = run(here, vain)
    assert record.outcome is Outcome.NOT_MEASURED
    assert "no action took effect, so nothing was broken" in record.message


def test_a_span_that_was_over_before_the_first_fault_is_not_measured(here: World) -> None:
    calm = step(SLEEP, Phase.WHEN, 0, name="calm", duration=Duration.of(1.0))
    record = run(here, calm, kill(index=1), probes=(probe("web", during="calm"),))
    assert record.outcome is Outcome.NOT_MEASURED
    assert "`during: calm` ended before the first fault" in record.message
    record = run(here, kill(), probes=(probe("web", during=kill().title),))
    assert record.outcome is Outcome.PASSED, record.message


def test_an_apply_that_changes_nothing_breaks_nothing(here: World, tmp_path: Any) -> None:
    here.cluster.put(
        CONFIGMAPS, {"metadata": {"name": "a", "namespace": "shop"}, "data": {"colour": "red"}}
    )
    file = tmp_path / "a.yaml"
    file.write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {colour: red}\n")
    record = run(here, step(APPLY, Phase.WHEN, file=file))
    assert record.outcome is not Outcome.PASSED
    assert "changed nothing" in record.message
    given = step(APPLY, Phase.GIVEN, file=file)
    record = here.run(given=[given], when=[kill()])
    assert record.outcome is Outcome.PASSED, record.message
