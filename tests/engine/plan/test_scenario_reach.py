"""Generated scenarios: consent is asked for every namespace in which any step acts.

`ATTEMPTS` scenarios over every verb that there is, loaded as a file is. What each of them does
where is known from how it was generated. On a cluster where `shop` alone consents, a scenario gets
its permit exactly if it acts in `shop` alone; what a permit covers, the door decides
(`tests.cluster.permit.test_door_fuzz`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml

from resilience.cluster.capabilities.means import Means
from resilience.cluster.interface import NAMESPACES
from resilience.engine.guard.consent import consent_to
from resilience.engine.guard.permissions import every_step
from resilience.engine.plan import scenario_reach
from resilience.kube import objects
from resilience.language.load import load
from resilience.model.scenario import Scenario
from resilience.model.step_reach import Reach
from resilience.model.verb import Family, Verb
from resilience.verbs.catalogue import BUILTIN
from resilience.verbs.context import Refused
from tests.engine.fakes import FakeClock, FakeCluster
from tests.language.real import REAL

ATTEMPTS = 10_000
FILE = 500
"""Documents in one file."""

SPACES = ("shop", "shop", "bank", "kube-system", "resilience-journal")
NODES = "(nodes)"
FOREVER = {"availability": "0%"}

PODS = {"pods": "app=web", "count": 1}

Made = tuple[dict[str, Any], set[str]]
"""A step, and where it acts."""


def space(random: Random) -> str:
    return random.choice(SPACES)


def inside(name: str, where: str, random: Random) -> str:
    """A host that is a Service of the cluster."""
    return f"{name}.{where}.svc{random.choice(('', '.cluster.local', '.cluster.local.'))}"


def credential(random: Random, where: str) -> tuple[dict[str, Any], set[str]]:
    found: list[tuple[dict[str, Any], set[str]]] = [
        ({}, set()),
        ({"password": {"env": "PASSWORD"}}, set()),
        ({"password": {"secret": "auth"}}, {where}),
    ]
    return random.choice(found)


def prober(random: Random, where: str, *, service: bool) -> tuple[dict[str, Any], set[str]]:
    """`via`, and where a Pod of the prober goes: beside the Service, or here."""
    via = random.choice(("auto", "pod", "direct"))
    pods = {where} if via != "direct" else set()
    return {"via": via}, pods if service else {"HERE"} if via == "pod" else set()


def http(random: Random) -> Made:
    where, via = space(random), random.choice(("auto", "pod", "direct"))
    if random.random() < 0.3:
        given = {"service": "web", "namespace": where, "agents": random.randint(2, 9)}
        return {"http": given}, {where}
    method = random.choice(("GET", "HEAD", "POST", "PUT", "DELETE"))
    writes = {where} if method in ("POST", "PUT", "DELETE") else set()
    if random.random() < 0.5:
        pods = {where} if via != "direct" else set()
        given = {"service": "web", "namespace": where}
        return {"http": {**given, "via": via, "method": method}}, writes | pods
    url = f"http://{inside('web', where, random)}/x"
    pods = {"HERE"} if via == "pod" else set()
    return {"http": {"url": url, "via": via, "method": method}}, writes | pods


def journey(random: Random) -> Made:
    where = space(random)
    method = random.choice(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"))
    token, read = credential(random, where)
    asked = {"token": token["password"]} if token else {}
    stops = [{"name": "look", "path": "/"}, {"name": "act", "path": "/x", "method": method}]
    writes = set() if method in ("GET", "HEAD") else {where}
    via, pods = prober(random, where, service=True)
    given = {"service": "web", "namespace": where, "steps": stops, **via}
    return {"journey": {**given, **asked}}, writes | read | pods


def tcp(random: Random) -> Made:
    where, via = space(random), random.choice(("auto", "pod", "direct"))
    said = random.choice(("", "FLUSHALL\r\n"))
    sent = {where} if said else set()
    if random.random() < 0.5:
        pods = {where} if via != "direct" else set()
        return {"tcp": {"service": "db", "namespace": where, "via": via, "send": said}}, sent | pods
    given = {"host": inside("db", where, random), "port": 5432, "via": via, "send": said}
    return {"tcp": given}, sent | ({"HERE"} if via == "pod" else set())


def redis(random: Random) -> Made:
    where = space(random)
    password, read = credential(random, where)
    place = random.choice(({"service": "cache"}, {"host": "cache.example.com"}))
    via, pods = prober(random, where, service=True)
    if "host" in place and via["via"] == "auto":
        pods = set()
    return {"redis": {**place, "namespace": where, **password, **via}}, read | pods


def sql(random: Random) -> Made:
    where = space(random)
    query = random.choice(("SELECT 1", "SELECT pg_reload_conf()", "COMMIT; DROP TABLE orders"))
    acts = set() if query == "SELECT 1" else {where}
    password, read = credential(random, where)
    if random.random() < 0.5:
        given = {"service": "db", "namespace": where}
    else:
        given, read = {"host": inside("db", where, random)}, {"HERE"} if read else set()
    via, pods = prober(random, where, service="service" in given)
    return {"sql": {**given, "query": query, **password, **via}}, acts | read | pods


def grpc(random: Random) -> Made:
    where, call = space(random), random.choice(({}, {"call": "shop.Orders/Delete"}))
    acts = {where} if call else set()
    password, read = credential(random, where)
    token = {"token": password["password"]} if password else {}
    if random.random() < 0.5:
        given: dict[str, Any] = {"service": "web", "namespace": where}
    else:
        given, read = (
            {"host": inside("web", where, random), "port": 80},
            {"HERE"} if read else set(),
        )
    via, pods = prober(random, where, service="service" in given)
    return {"grpc": {**given, **call, **token, **via}}, acts | read | pods


def prometheus(random: Random) -> Made:
    where = space(random)
    password, read = credential(random, where)
    token = {"token": password["password"]} if password else {}
    given = {"service": "prometheus", "namespace": where, "query": "up", "at_least": 1}
    return {"prometheus": {**given, **token}}, read


def ledger(random: Random) -> Made:
    where, copy = space(random), random.choice(("", *SPACES))
    kind = random.choice(("http", "redis", "postgres", "s3", "exec"))
    store: dict[str, Any] = {"put": "/{key}", "list": "/"} if kind == "http" else {}
    password, read = credential(random, where) if kind in ("redis", "postgres") else ({}, set())
    store |= password
    acts = {where}
    if kind == "s3":
        return {"ledger": {"s3": {"bucket": "orders"}}}, set()
    if kind == "exec":
        store, acts = (
            {"pods": "app=kv", "put": ["put", "{key}", "{value}"], "list": ["l"]},
            {"HERE"},
        )
    elif random.random() < 0.7:
        store |= {"service": "kv", "namespace": where}
    else:
        store |= {"host": inside("kv", where, random), "port": 80}
        read, copy = {"HERE"} if read else set(), ""
    given = {kind: store} | ({"restored": copy} if copy else {})
    return {"ledger": given}, acts | read | ({copy} if copy else set())


def apply(random: Random) -> Made:
    where = space(random)
    kind = random.choice(("cm", "chaos", "selected"))
    return {"apply": {"file": f"{kind}-{where}.yaml", "keep": random.random() < 0.5}}, {where}


def chaos_mesh(random: Random) -> Made:
    where = space(random)
    return {"chaos_mesh": f"{random.choice(('chaos', 'selected'))}-{where}.yaml"}, {where}


def snapshot(random: Random) -> Made:
    where, inside_ = space(random), random.random() < 0.5
    if random.random() < 0.5:
        return {"snapshot": {"store": "file:./s"}}, {"HERE"}
    return {"snapshot": f"{'acting' if inside_ else 'reading'}-{where}"}, (
        {where} if inside_ else set())  # fmt: skip


def restore(random: Random) -> Made:
    where = space(random)
    return {"restore": {"store": "file:./s", "into": where}}, {where}


def command(random: Random) -> Made:
    where = space(random)
    return {"command": {"pods": "a=b", "command": ["true"], "namespace": where}}, {where}


def dns(random: Random) -> Made:
    where, via = space(random), random.choice(("pod", "direct"))
    acts = {where} if via == "pod" else set()
    return {"dns": {"name": "web", "namespace": where, "via": via}}, acts


def wide(random: Random) -> Made:
    """Pods of all namespaces with some labels, and of none else."""
    verb, where = random.choice(("kill", "evict")), random.choice(SPACES[:3])
    every = random.random() < 0.3
    labels = "part=all" if every else f"team={where}"
    acts = set(SPACES) - {"kube-system"} if every else {where}
    return {verb: {**PODS, "namespaces": labels}}, acts | {"ONLY"}


def nodes(step: Any) -> Callable[[Random], Made]:
    return lambda random: (step, {NODES})


def here(step: Any) -> Callable[[Random], Made]:
    """In the scenario's own namespace."""
    return lambda random: (step, {"HERE"})


VERBS: Mapping[str, Callable[[Random], Made]] = {
    "http": http, "journey": journey, "tcp": tcp, "redis": redis, "sql": sql,
    "prometheus": prometheus, "grpc": grpc, "ledger": ledger, "apply": apply,
    "chaos_mesh": chaos_mesh, "snapshot": snapshot,
    "restore": restore, "command": command, "dns": dns, "(wide)": wide,
    "kubernetes": lambda random: (
        {"kubernetes": {"namespace": space(random), "count": {"pods": "app=web", "at_least": 1}}},
        set()),
    "log": lambda random: (
        {"log": {"pods": "app=web", "absent": "panic", "namespace": space(random)}}, set()),
    "python": lambda random: ({"python": {"call": "json:loads"}}, set()),
    "disruption_budget": lambda random: (
        {"disruption_budget": {"selector": "app=web", "namespace": space(random)}}, set()),
    "cordon": nodes({"cordon": "node-1"}), "drain": nodes({"drain": "node-1"}),
    "node_down": nodes({"node_down": "node-1"}), "reboot": nodes({"reboot": "node-1"}),
    "taint": nodes({"taint": {"node": "node-1", "taint": "a:NoSchedule"}}),
    "zone": nodes({"zone": {"value": "a", "act": "cordon"}}),
    "crash": here({"crash": PODS}), "kill": here({"kill": PODS}), "evict": here({"evict": PODS}),
    "quarantine": here({"quarantine": PODS}), "partition": here({"partition": {"pods": "a=b"}}),
    "exec": here({"exec": {**PODS, "command": ["true"]}, "lasting": True}),
    "delete": here({"delete": ["configmap/a"], "lasting": True}),
    "restart": here({"restart": "deployment/web"}),
    "scale": here({"scale": {"workload": "deployment/web", "replicas": 2}}),
    "set_image": here({"set_image": {"workload": "deployment/web", "image": "a:1"}}),
    "suspend": here({"suspend": "cronjob/a"}), "run_job": here({"run_job": "a"}),
    "sleep": lambda random: ({"sleep": "1s"}, set()),
}  # fmt: skip
FLOWS = ("choose", "parallel", "repeat", "expect_refused")
PROBES = ("http", "tcp", "redis", "sql", "prometheus", "ledger", "kubernetes", "python",
          "disruption_budget", "command", "dns", "log", "grpc", "journey")  # fmt: skip
MEASURED = ("http", "tcp", "redis", "sql", "python", "command", "dns", "grpc", "journey")


def scenario(random: Random, number: int) -> tuple[dict[str, Any], set[str]]:
    """One document, and where it acts."""
    verb, own = random.choice(list(VERBS)), random.choice(("shop", "shop", "shop", "bank"))
    step, acts = VERBS[verb](random)
    phases: dict[str, list[Any]] = {"when": [{"sleep": "1s"}], "then": [{"restarts": {
        "pods": "app=web", "at_most": 0}}]}  # fmt: skip
    if verb in MEASURED and random.random() < 0.3:
        phases[random.choice(("given", "then"))] = [step]
    elif verb in PROBES:
        judged = {"rate": "500/s", "objective": {"availability": "1%"}} if verb in MEASURED else {}
        phases["while"] = [{**step, **judged}]
    else:
        phases["when"] = [wrapped(step, random)]
    document = {"scenario": f"a{number}", "namespace": own, **phases}
    if "ONLY" in acts:
        return document, acts - {"ONLY"}
    at_home = (
        {own} if {"given", "while"} & set(phases) or verb not in (*MEASURED, "sleep") else set()
    )
    return document, {own if each == "HERE" else each for each in acts} | at_home


def wrapped(step: dict[str, Any], random: Random) -> dict[str, Any]:
    flow = random.choice(("", "", *FLOWS))
    if flow == "repeat":
        return {"repeat": {"times": 2, "steps": [step]}}
    if flow == "parallel":
        return {"parallel": [step, {"sleep": "1s"}]}
    if flow == "choose":
        return {"choose": [step, step]}
    if flow == "expect_refused" and "sleep" not in step:
        return {"expect_refused": step}
    return step


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("attempts")
    for where in set(SPACES):
        for name, body in manifests(where):
            (made / f"{name}-{where}.yaml").write_text(yaml.safe_dump(body))
        plan = {"namespaces": [where], "store": "file:./s"}
        hooks = {"hooks": [{"pods": "a=b", "before": ["true"]}]}
        (made / f"{where}.plan.yaml").write_text(
            yaml.safe_dump_all([{"plan": f"reading-{where}", **plan},
                                {"plan": f"acting-{where}", **plan, **hooks}])
        )  # fmt: skip
    return made


def manifests(where: str) -> Iterator[tuple[str, dict[str, Any]]]:
    meta = {"metadata": {"name": "a", "namespace": where}}
    yield "cm", {"apiVersion": "v1", "kind": "ConfigMap", **meta}
    chaos = {"apiVersion": "chaos-mesh.org/v1alpha1", "kind": "PodChaos"}
    yield "chaos", {**chaos, **meta, "spec": {}}
    spec = {"selector": {"namespaces": [where]}}
    yield "selected", {**chaos, "metadata": {"name": "a"}, "spec": spec}


@pytest.fixture(scope="module")
def cluster() -> FakeCluster:
    """`shop` alone consents."""
    made = FakeCluster(FakeClock())
    made.as_real(Means(privileged=True))
    for name in set(SPACES):
        labels = {"resilience/consent": "allow"} if name == "shop" else {}
        labels |= {"team": name, "part": "all"}
        made.put(NAMESPACES, {"metadata": {"name": name, "labels": labels}})
    return made


def loaded(folder: Path, documents: list[dict[str, Any]]) -> list[Scenario]:
    found: list[Scenario] = []
    for at in range(0, len(documents), FILE):
        text = yaml.dump_all(documents[at : at + FILE], Dumper=yaml.CSafeDumper)
        whole = load(folder / "all.scenario.yaml", text.encode(), REAL, {"PASSWORD": "x"})
        assert not whole.problems, whole.problems[:3]
        found += whole.scenarios
    return found


def agreed(cluster: FakeCluster, one: Scenario) -> bool:
    try:
        reach = scenario_reach.of_scenario(one, one.namespace)
        agreed = consent_to(cluster, (), reach)
    except Refused:
        return False
    assert agreed.reach.namespaces == {"shop"} or not agreed.reach
    return True


def test_of_ten_thousand_scenarios_none_acts_where_nobody_consented(
    folder: Path, cluster: FakeCluster
) -> None:
    random = Random(2026)
    tried = [scenario(random, number) for number in range(ATTEMPTS)]
    found = loaded(folder, [document for document, _ in tried])
    outcome: Counter[tuple[bool, bool]] = Counter()
    for (document, acts), one in zip(tried, found, strict=True):
        covered, passes = acts <= {"shop"}, agreed(cluster, one)
        assert passes is covered, (document, acts)
        outcome[covered, passes] += 1
        for step in every_step(one):
            for body in step.verb.helpers(step.parameters, one.namespace, cluster):
                assert objects.namespace(body) in acts, document
    assert outcome[False, True] == outcome[True, False] == 0
    assert min(outcome[True, True], outcome[False, False]) > ATTEMPTS / 10


def test_every_verb_that_there_is_is_tried() -> None:
    """Checks only read, and flows are around other steps."""
    found = [verb for name in BUILTIN if isinstance(verb := REAL.find(name), Verb)]
    acting = {verb.name for verb in found if verb.family in (Family.ACTION, Family.PROBE)}
    assert set(VERBS) >= acting


def test_a_reach_that_forgets_a_verb_is_found(
    folder: Path, cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scenario_reach, "of_secrets", lambda rights: Reach())
    random = Random(2026)
    tried = [scenario(random, number) for number in range(1000)]
    found = loaded(folder, [document for document, _ in tried])
    pairs = zip(tried, found, strict=True)
    assert any(agreed(cluster, one) and not acts <= {"shop"} for (_, acts), one in pairs)
