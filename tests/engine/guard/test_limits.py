"""Limits of a target: how much, when, how fast, and who may say no."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from resilience.cluster.connection.pace import Bucket, paced
from resilience.cluster.errors import Forbidden, Throttled
from resilience.cluster.interface import NAMESPACES, PODS, Object
from resilience.cluster.requests.request import Request
from resilience.config.targets import BadTarget, Gate, Target, load
from resilience.config.windows import Windows
from resilience.engine.guard import consent
from resilience.engine.guard.gate import require
from resilience.engine.guard.limits import PAUSED, Limits
from resilience.kube import objects
from resilience.kube.selectors import Selector
from resilience.model.values import Duration, Share
from resilience.model.verb import Phase
from resilience.verbs.context import Refused
from tests.engine.fakes import FakeClock, FakeCluster
from tests.engine.helpers import step, world

OPEN = datetime(2026, 3, 2, 10, 0, tzinfo=UTC).timestamp()  # a Monday


def target(**more: Any) -> Target:
    return Target(name="staging", context="staging", cluster="u", **more)


def pod(name: str, namespace: str = "shop") -> Object:
    return {"kind": "Pod", "metadata": {"name": name, "namespace": namespace, "uid": f"u-{name}"}}


def node(name: str) -> Object:
    return {"kind": "Node", "metadata": {"name": name, "uid": f"u-{name}"}}


@pytest.fixture
def cluster() -> FakeCluster:
    made = world()
    made.deploy()  # three Pods in shop
    return made.cluster


def limits(cluster: FakeCluster, limited: Target | None, wall: float = OPEN, **more: Any) -> Limits:
    return Limits(limited, cluster, {"shop", "lab"}, lambda: wall, **more)


def test_pods_of_all_steps_count_together_and_each_once(cluster: FakeCluster) -> None:
    ours = limits(cluster, target(max_pods=2))
    ours.may_harm([pod("a")])
    ours.may_harm([pod("a"), pod("b")])
    with pytest.raises(Refused, match=r"3 Pods would be harmed by this run.*max_pods = 2"):
        ours.may_harm([pod("c")])


def test_finished_pods_are_not_harmed(cluster: FakeCluster) -> None:
    finished = [{**pod(name), "status": {"phase": "Succeeded"}} for name in ("x", "y", "z")]
    limits(cluster, target(max_pods=2)).may_harm([pod("a"), pod("b"), *finished])
    done = {**pod("dns", "kube-system"), "status": {"phase": "Failed"}}
    with pytest.raises(Refused, match="kube-system"):
        limits(cluster, target(namespaces=("shop",))).may_harm([done])


def test_pods_of_a_refused_step_do_not_count_toward_the_limit(cluster: FakeCluster) -> None:
    ours = limits(cluster, target(max_pods=2))
    with pytest.raises(Refused):
        ours.may_harm([pod("a"), pod("b"), pod("c")])
    ours.may_harm([pod("d"), pod("e")])


def test_the_worst_choice_of_others_keeps_the_limits(cluster: FakeCluster) -> None:
    done = {**pod("d"), "status": {"phase": "Succeeded"}}
    for found, most in (([pod("a"), pod("b")], 2), ([pod("a"), pod("b"), pod("c")], 1),
                        ([pod("b"), done], 2)):  # fmt: skip
        ours = limits(cluster, target(max_pods=2))
        ours.may_harm([pod("a")])
        ours.may_harm_some(found, most)  # only one of them is new
    ours = limits(cluster, target(max_pods=2))
    ours.may_harm([pod("a")])
    with pytest.raises(Refused, match=r"3 Pods would be harmed by this run.*max_pods = 2"):
        ours.may_harm_some([pod("b"), pod("c")], 2)
    ours.may_harm([pod("b")])  # what was refused counts nothing


def test_the_worst_choice_counts_until_it_is_known(cluster: FakeCluster) -> None:
    ours = limits(cluster, target(max_pods=2))
    found = [pod("a"), pod("b"), pod("c")]
    first = ours.may_harm_some(found, 1)
    second = ours.may_harm_some(found, 1)
    with pytest.raises(Refused, match="3 Pods"):
        ours.may_harm_some(found, 1)
    with pytest.raises(Refused, match="3 Pods"):
        ours.may_harm([pod("d")])
    ours.were_chosen([pod("a")], [first])
    ours.were_chosen([pod("a")], [second, None])  # both chose the same
    ours.may_harm([pod("d")])
    with pytest.raises(Refused, match="3 Pods"):
        ours.may_harm([pod("e")])


def test_more_choices_than_pods_count_each_pod_once(cluster: FakeCluster) -> None:
    ours = limits(cluster, target(max_pods=2))
    for _ in range(3):
        ours.may_harm_some([pod("a"), pod("b")], 2)
    with pytest.raises(Refused, match="3 Pods"):
        ours.were_chosen([pod("a"), pod("b"), pod("c")], ())


def test_a_choice_that_broke_the_limits_stays_counted(cluster: FakeCluster) -> None:
    ours = limits(cluster, target(max_pods=2))
    some = ours.may_harm_some([pod("a"), pod("b")], 2)
    with pytest.raises(Refused, match="3 Pods"):
        ours.were_chosen([pod("a"), pod("b"), pod("c")], [some])
    with pytest.raises(Refused, match="3 Pods"):
        ours.may_harm([pod("c")])


def test_choices_in_one_namespace_add_up_to_its_share(cluster: FakeCluster) -> None:
    ours = limits(cluster, target(max_share=Share.parse("50%")))
    for name in ("c", "d", "e"):
        cluster.put(PODS, pod(name, "lab"))
    ours.may_harm_some([pod("a"), pod("c", "lab")], 1)
    ours.may_harm_some([pod("b", "lab")], 0)
    with pytest.raises(Refused, match=r"2 of the 3 Pods of namespace lab.*max_share = 50%"):
        ours.may_harm_some([pod("d", "lab"), pod("e", "lab")], 1)


def test_the_worst_choice_of_others_lies_in_one_namespace(cluster: FakeCluster) -> None:
    ours = limits(cluster, target(max_share=Share.parse("50%")))
    found = [pod("a"), pod("b"), pod("c", "lab")]
    cluster.put(PODS, pod("c", "lab"))
    cluster.put(PODS, pod("e", "lab"))
    ours.may_harm_some(found, 1)
    with pytest.raises(Refused, match=r"2 of the 3 Pods of namespace shop.*max_share = 50%"):
        ours.may_harm_some(found, 2)


def test_a_choice_of_others_may_fall_on_a_system_namespace_or_a_paused_one(
    cluster: FakeCluster,
) -> None:
    found = [pod("a"), pod("dns", "kube-system")]
    with pytest.raises(Refused, match="kube-system"):
        limits(cluster, target(namespaces=("shop",))).may_harm_some(found, 1)
    limits(cluster, target(namespaces=("shop",))).may_harm_some(found, 0)
    paused = {"metadata": {"name": "bank", "annotations": {PAUSED: "incident"}}}
    cluster.put(NAMESPACES, paused)
    limits(cluster, None).may_harm_some([pod("a")], 1)
    for limited in (target(), None):
        with pytest.raises(Refused, match="bank is paused"):
            limits(cluster, limited).may_harm_some([pod("b", "bank")], 1)


def test_nodes_have_a_limit_of_their_own(cluster: FakeCluster) -> None:
    ours = limits(cluster, target(max_nodes=1, max_pods=1))
    ours.may_harm([node("a")])
    ours.may_harm([pod("p")])
    with pytest.raises(Refused, match=r"2 nodes would be affected.*max_nodes = 1"):
        ours.may_harm([node("b")])


def test_a_share_is_of_the_pods_that_were_there_at_first(cluster: FakeCluster) -> None:
    ours = limits(cluster, target(max_share=Share.parse("2/3")))
    found = list(cluster.list(PODS, "shop"))
    ours.may_harm(found[:1])
    cluster.delete(PODS, found[0]["metadata"]["name"], "shop", grace=0)
    ours.may_harm(found[1:2])
    with pytest.raises(Refused, match=r"3 of the 3 Pods of namespace shop.*max_share"):
        ours.may_harm(found[2:])


@pytest.mark.parametrize(
    "more",
    [
        {"metadata": {"deletionTimestamp": "2026-03-02T10:00:00Z"}},
        {"metadata": {"labels": {"app.kubernetes.io/managed-by": "pytest-resilience"}}},
        {"status": {"phase": "Succeeded"}},
    ],
    ids=["terminating", "a helper of ours", "finished"],
)
def test_a_share_is_of_pods_that_live_and_are_not_ours(cluster: FakeCluster, more: Any) -> None:
    """Counted in, it would let a second of three be harmed."""
    extra = pod("extra")
    cluster.put(PODS, {**extra, "metadata": {**extra["metadata"], **more.get("metadata", {})},
                       "status": more.get("status", {})})  # fmt: skip
    ours = limits(cluster, target(max_share=Share.parse("1/2")))
    found = [each for each in cluster.list(PODS, "shop") if objects.name(each) != "extra"]
    ours.may_harm(found[:1])
    with pytest.raises(Refused, match=r"2 of the 3 Pods of namespace shop"):
        ours.may_harm(found[1:2])


def test_a_gate_is_asked_before_an_action_and_not_before_a_proof(cluster: FakeCluster) -> None:
    from resilience.actions.pods.kill import VERB as KILL

    gate = Gate(kind="prometheus", url="http://p", unless="up == 0")
    asked: list[str] = []

    def fetch(url: str) -> bytes:
        asked.append(url)
        return series({"metric": {}})

    ours = limits(cluster, target(gate=gate), fetch=fetch)
    ours.before(step(KILL, Phase.THEN, pods=Selector.parse("app=web")))
    assert asked == []
    with pytest.raises(Refused, match="blocked by the gate"):
        ours.before(step(KILL, Phase.WHEN, pods=Selector.parse("app=web")))


def test_pods_of_the_system_are_harmed_only_where_it_is_named(cluster: FakeCluster) -> None:
    with pytest.raises(Refused, match="Pods of kube-system would be harmed"):
        limits(cluster, target(namespaces=("shop",))).may_harm([pod("dns", "kube-system")])
    limits(cluster, target(namespaces=("kube-system",))).may_harm([pod("dns", "kube-system")])


@pytest.mark.parametrize(("skew", "why"), [(3600, "3600 s ahead of"), (-3600, "3600 s behind")])
def test_a_window_is_open_by_both_clocks_where_they_differ(
    cluster: FakeCluster, skew: float, why: str
) -> None:
    windows = Windows.parse(["* 10 * * *"], [], "UTC")
    ours = limits(cluster, target(windows=windows), OPEN, server=lambda: OPEN + skew)
    with pytest.raises(Refused, match=rf"outside the windows.*API server's clock is {why}"):
        ours.open_now()
    limits(cluster, target(windows=windows), OPEN, server=lambda: OPEN + 59).open_now()
    wide = Windows.parse(["* 9-11 * * *"], [], "UTC")
    limits(cluster, target(windows=wide), OPEN, server=lambda: OPEN + skew).open_now()


def test_consent_by_label_sets_no_limits(cluster: FakeCluster) -> None:
    limits(cluster, None).may_harm([pod(str(number)) for number in range(100)])


def test_actions_are_refused_outside_of_the_windows_and_checks_are_not(
    cluster: FakeCluster,
) -> None:
    from resilience.actions.flow.sleep import VERB as SLEEP
    from resilience.actions.pods.kill import VERB as KILL

    windows = Windows.parse(["* 9-16 * * mon-fri"], ["2026-03-03"], "Europe/Berlin")
    kill = step(KILL, Phase.WHEN, pods=Selector.parse("app=web"))
    limits(cluster, target(windows=windows), OPEN).before(kill)
    for wall, why in ((OPEN + 8 * 3600, "outside the windows"), (OPEN + 86400, "in the blackout")):
        with pytest.raises(Refused, match=f"target staging is closed: .*{why}"):
            limits(cluster, target(windows=windows), wall).before(kill)
    limits(cluster, target(windows=windows), OPEN + 86400).before(
        step(SLEEP, Phase.WHEN, duration=Duration.of(1))
    )


def test_a_paused_namespace_stops_between_steps(cluster: FakeCluster) -> None:
    from resilience.actions.flow.sleep import VERB as SLEEP

    ours = limits(cluster, None)
    ours.before(step(SLEEP, Phase.WHEN, duration=Duration.of(1)))
    cluster.change(NAMESPACES, "", "shop", _annotated("incident-7"))
    with pytest.raises(Refused, match=r"namespace shop is paused .*incident-7.*kubectl annotate"):
        ours.before(step(SLEEP, Phase.WHEN, duration=Duration.of(1)))
    cluster.change(NAMESPACES, "", "shop", _annotated("false"))
    ours.before(step(SLEEP, Phase.WHEN, duration=Duration.of(1)))


def test_a_pause_of_any_namespace_in_which_it_acts_stops_a_run(cluster: FakeCluster) -> None:
    from resilience.actions.flow.sleep import VERB as SLEEP

    ours = limits(cluster, None)
    cluster.put(NAMESPACES, {"metadata": {"name": "lab"}})
    ours.before(step(SLEEP, Phase.WHEN, duration=Duration.of(1)))
    cluster.change(NAMESPACES, "", "lab", _annotated("incident-7"))
    with pytest.raises(Refused, match=r"namespace lab is paused .*annotate namespace lab"):
        ours.before(step(SLEEP, Phase.WHEN, duration=Duration.of(1)))


def test_a_namespace_that_cannot_be_read_may_be_paused(
    cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    from resilience.actions.flow.sleep import VERB as SLEEP

    def barred(*_: object) -> Object:
        raise Forbidden(403, "namespaces is forbidden")

    ours = limits(cluster, None)
    monkeypatch.setattr(cluster, "get", barred)
    with pytest.raises(Refused, match=r"cannot read whether namespace lab is paused.*allow `get`"):
        ours.before(step(SLEEP, Phase.WHEN, duration=Duration.of(1)))
    with pytest.raises(Refused, match=r"cannot read whether namespace other is paused"):
        ours.may_harm([pod("a", "other")])


@pytest.mark.parametrize("limited", [None, target()])
def test_pods_of_a_paused_namespace_are_not_harmed(
    cluster: FakeCluster, limited: Target | None
) -> None:
    ours = limits(cluster, limited)
    cluster.put(NAMESPACES, {"metadata": {"name": "other"}})
    ours.may_harm([pod("a", "other"), pod("b", "absent"), node("n")])
    cluster.change(NAMESPACES, "", "other", _annotated("incident-7"))
    with pytest.raises(Refused, match="namespace other is paused"):
        ours.may_harm([pod("a"), pod("a", "other")])


def _annotated(value: str) -> Any:
    return lambda obj: obj["metadata"].setdefault("annotations", {}).update({PAUSED: value})


PROMETHEUS = Gate(kind="prometheus", url="http://p", unless="up == 0")
ALERTS = Gate(kind="alertmanager", url="http://a", unless='severity="critical"')


def series(*found: object, kind: str = "vector") -> bytes:
    data = {"resultType": kind, "result": list(found)}
    return json.dumps({"status": "success", "data": data}).encode()


def test_a_gate_without_trouble_is_open() -> None:
    require(PROMETHEUS, lambda url: series())
    require(ALERTS, lambda url: b"[]")


def test_a_gate_asks_what_the_target_says() -> None:
    asked: list[str] = []
    require(PROMETHEUS, lambda url: (asked.append(url), series())[1])  # type: ignore[func-returns-value]
    assert asked == ["http://p/api/v1/query?query=up+%3D%3D+0"]


def test_an_active_alert_or_a_found_series_shuts_the_gate() -> None:
    with pytest.raises(Refused, match="blocked by the gate: prometheus finds `up == 0`: 1 series"):
        require(PROMETHEUS, lambda url: series({"metric": {}}))
    with pytest.raises(Refused, match="CheckoutDown"):
        require(ALERTS, lambda url: b'[{"labels": {"alertname": "CheckoutDown"}}]')


@pytest.mark.parametrize(
    ("gate", "answer"),
    [
        (PROMETHEUS, b""),
        (PROMETHEUS, b"{}"),
        (PROMETHEUS, b"[]"),
        (PROMETHEUS, b'{"status": "error", "error": "bad query"}'),
        (PROMETHEUS, series(kind="scalar")),
        (ALERTS, b"{}"),
        (ALERTS, b"null"),
        (ALERTS, b"[1]"),
        (ALERTS, b"\xff"),
    ],
)
def test_an_answer_that_cannot_be_used_refuses(gate: Gate, answer: bytes) -> None:
    with pytest.raises(Refused, match="gives no usable answer"):
        require(gate, lambda url: answer)


def test_a_gate_that_cannot_be_reached_refuses() -> None:
    from resilience.engine.guard.gate import fetch

    gate = Gate(kind="prometheus", url="http://127.0.0.1:1", unless="x")
    with pytest.raises(Refused, match="gives no usable answer"):
        require(gate, fetch)


def call() -> Request:
    return Request("GET", "/api/v1/pods")


def test_a_bucket_gives_its_burst_at_once_and_then_its_rate() -> None:
    clock = FakeClock()
    send = paced(Bucket(20.0, 40, clock))
    began = clock.monotonic()
    for _ in range(40):
        send(call(), lambda call: {})
    assert clock.monotonic() == began
    for _ in range(100):
        send(call(), lambda call: {})
    assert clock.monotonic() - began == pytest.approx(5.0)


def test_retry_after_is_waited_for_and_the_request_sent_again() -> None:
    clock, sent = FakeClock(), []

    def busy(request: Request) -> Object:
        sent.append(clock.monotonic())
        if len(sent) == 1:
            raise Throttled(429, "too many requests", retry_after=7.0)
        return {"kind": "PodList"}

    assert paced(Bucket(20.0, 40, clock))(call(), busy) == {"kind": "PodList"}
    assert sent[1] - sent[0] >= 7.0


def test_a_disruption_budget_is_an_answer_and_no_throttling() -> None:
    sent = []

    def blocked(request: Request) -> Object:
        sent.append(call)
        causes = [{"reason": "DisruptionBudget", "message": "no"}]
        raise Throttled(429, "no", retry_after=10.0, status={"details": {"causes": causes}})

    with pytest.raises(Throttled):
        paced(Bucket(20.0, 40, FakeClock()))(call(), blocked)
    assert len(sent) == 1


GOOD = """\
[targets.staging]
context = "staging"
cluster = "u"
namespaces = ["shop"]
namespace_selectors = ["team=shop,stage!=prod"]
nodes = true
max_pods = 5
max_nodes = 1
max_share = "1/3"
windows = ["* 9-16 * * mon-fri"]
timezone = "Europe/Berlin"
blackout = ["2026-12-24/2027-01-02"]
rate = "50/s"
burst = 100
gate = {prometheus = "http://prometheus:9090/", unless = "up == 0"}
"""


def test_every_limit_of_a_target_is_read_from_its_file(tmp_path: Path) -> None:
    (tmp_path / "resilience.toml").write_text(GOOD)
    [found] = load(tmp_path)
    assert (found.max_pods, found.max_nodes, str(found.max_share)) == (5, 1, "1/3")
    assert (found.rate, found.burst) == (50.0, 100)
    assert found.gate == Gate(kind="prometheus", url="http://prometheus:9090", unless="up == 0")
    assert str(found.windows.zone) == "Europe/Berlin"
    assert [str(each) for each in found.namespace_selectors] == ["stage!=prod,team=shop"]


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("max_pods = 5", "max_pods = 0", "max_pods = 0; expected a whole number, at least 1"),
        ("max_pods = 5", "max_pods = true", "max_pods = True; expected a whole number"),
        ('max_share = "1/3"', 'max_share = "2"', "max_share = '2'"),
        ('max_share = "1/3"', "max_share = 0.3", 'expected a share such as "1/3"'),
        ("mon-fri", "mon-fry", "mon-fry"),
        ("Europe/Berlin", "Europe/Berlim", "time zone"),
        ("2026-12-24/2027-01-02", "24.12.", "24.12."),
        ('rate = "50/s"', 'rate = "50"', "rate = '50'"),
        ("max_pods", "max_pod", "did you mean `max_pods`?"),
        ("blackout", "blackouts", "did you mean `blackout`?"),
        ("prometheus = ", "prometeus = ", "expected two strings: prometheus or alertmanager"),
        ('unless = "up == 0"', 'if = "up == 0"', "expected two strings"),
        ("team=shop,stage!=prod", "team in shop", "namespace_selectors = 'team in shop'"),
    ],
)
def test_a_limit_that_is_misspelt_is_an_error(
    tmp_path: Path, before: str, after: str, message: str
) -> None:
    assert before in GOOD
    (tmp_path / "resilience.toml").write_text(GOOD.replace(before, after))
    with pytest.raises(BadTarget) as caught:
        load(tmp_path)
    assert message in str(caught.value)


def test_a_namespace_selector_consents_but_never_for_the_system(cluster: FakeCluster) -> None:
    uid = cluster.get(NAMESPACES, "kube-system")["metadata"]["uid"]
    named = Target(name="t", context=cluster.context, cluster=uid,
                   namespace_selectors=(Selector.parse("team=shop"),))  # fmt: skip
    label = {"team": "shop"}
    for namespace in ("shop", "kube-system"):
        cluster.change(NAMESPACES, "", namespace,
                       lambda o: o["metadata"].setdefault("labels", {}).update(label))  # fmt: skip
    _unsandboxed(cluster)
    consent.consent(cluster, [named], ["shop"])
    with pytest.raises(Refused, match="'kube-system' is a system namespace"):
        consent.consent(cluster, [named], ["kube-system"])
    with pytest.raises(Refused, match="leads to a different cluster"):
        consent.consent(cluster, [Target(name="t", context=cluster.context, cluster="x")], ["shop"])


def _unsandboxed(cluster: FakeCluster) -> None:
    cluster.__class__ = type("Real", (FakeCluster,), {"is_sandbox": property(lambda self: False)})
