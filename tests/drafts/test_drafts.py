"""Drafts are valid by our own language, whatever they are written for."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from resilience.config import targets
from resilience.drafts import ci_draft, plan_draft, scenario_draft, target_draft
from resilience.drafts.questions import Baseline, Question
from resilience.drafts.subjects import Place, Subject, services_of, subject, without_pods, workloads
from resilience.language import load
from resilience.language.load import Loaded
from resilience.verbs.catalogue import catalogue
from tests.audit.objects import budget, deployment, inventory, scaler, service

GOOD = Question(service="web", port=80, path="/ready", status=200)
CALM = Baseline(asked=300, good=300, p95=0.012)


def subject_of(
    *objects: Any, question: Question | None = GOOD, calm: Baseline | None = CALM
) -> Subject:
    found = inventory(*objects)
    return subject(found, workloads(found, "shop")[0], [(question, calm)] if question else [])


def read(text: str, name: str = "a.scenario.yaml") -> Loaded:
    loaded = load(Path(name), text.encode(), catalogue(), os.environ)
    assert loaded.problems == (), text
    return loaded


def ids(text: str) -> list[str]:
    return [each.id.removeprefix("web-") for each in read(text).scenarios]


def draft(found: Subject, **place: Any) -> str:
    return scenario_draft.draft(found, Place(namespace="shop", **place), file="x")


def test_a_deployment_on_several_nodes_gets_all() -> None:
    text = draft(subject_of(deployment(), budget()), nodes=3, machines=True)
    assert ids(text) == ["lose-one", "lose-a-third", "restart", "scale", "drain", "node-down"]


@pytest.mark.parametrize(
    ("objects", "place", "missing"),
    [
        ((deployment(),), {"nodes": 1, "machines": True}, {"drain", "node-down"}),
        ((deployment(),), {"nodes": 3}, {"node-down"}),
        ((deployment(), scaler()), {"nodes": 3, "machines": True}, {"scale"}),
        ((deployment(replicas=2),), {"nodes": 3, "machines": True}, {"lose-a-third"}),
        ((deployment(kind="DaemonSet", replicas=None),), {"nodes": 3, "machines": True},
         {"lose-a-third", "scale", "drain", "node-down"}),
        ((deployment(kind="ReplicaSet"),), {"nodes": 3, "machines": True}, {"restart"}),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_not_written(objects: Any, place: Any, missing: set[str]) -> None:
    every = {"lose-one", "lose-a-third", "restart", "scale", "drain", "node-down"}
    assert every - set(ids(draft(subject_of(*objects), **place))) == missing


def test_objectives_are_what_was_measured_and_say_so() -> None:
    text = draft(subject_of(deployment()))
    assert "measured without any fault: 300 of 300 good, p95 12ms" in text
    assert "objective: {availability: 100%, p95: 50ms}" in text
    worse = draft(subject_of(deployment(), calm=Baseline(asked=300, good=299, p95=0.1)))
    assert "objective: {availability: 99.6%, p95: 200ms}" in worse
    unknown = draft(subject_of(deployment(), calm=None))
    assert "a guess: measure, then tighten" in unknown


def test_what_answers_no_http_is_connected_to_and_what_has_no_service_is_not_asked() -> None:
    deaf = Question(service="db", port=5432, reason="the API server says 502")
    assert "tcp: {service: db, port: 5432}  # no HTTP answer: the API server says 502" in draft(
        subject_of(deployment(), question=deaf, calm=None)
    )
    assert "while:" not in draft(subject_of(deployment(), question=None, calm=None))


def test_a_service_that_wants_a_password_is_expected_to() -> None:
    closed = Question(service="web", port=80, path="/", status=401)
    assert "status: 401}" in draft(subject_of(deployment(), question=closed))


def test_the_service_of_its_own_name_comes_first_and_a_headless_one_never() -> None:
    headless = service("a")
    headless["spec"]["clusterIP"] = "None"
    found = inventory(deployment(), headless, service("zz", {"app": "web"}), service("web"))
    chosen = services_of(found, found.workloads[0])
    assert [each["metadata"]["name"] for each in chosen] == ["web", "zz"]
    only = inventory(deployment(), headless)
    assert services_of(only, only.workloads[0]) == []


def test_each_service_of_a_workload_is_probed_with_its_own_objective() -> None:
    found = inventory(deployment())
    admin = Question(service="admin", port=8443, scheme="https", path="/", status=401)
    asked = [(GOOD, CALM), (admin, Baseline(asked=300, good=297, p95=0.3))]
    text = draft(subject(found, workloads(found, "shop")[0], asked))
    probes = yaml.safe_load(text.split("---")[0])["while"]
    assert [each["name"] for each in probes] == ["web", "admin"]
    assert probes[1]["http"] == {
        "service": "admin", "port": 8443, "scheme": "https", "path": "/", "status": 401,
    }  # fmt: skip
    assert [each["objective"]["availability"] for each in probes] == ["100%", "99%"]
    read(text)


def test_a_service_with_nobody_behind_it_is_named() -> None:
    outside = service("outside")
    del outside["spec"]["selector"]
    elsewhere = service("other", {"app": "gone"})
    elsewhere["metadata"]["namespace"] = "else"
    found = inventory(deployment(), service(), service("gone", {"app": "gone"}), outside, elsewhere)
    assert without_pods(found, "shop") == ["gone"]


WORD = "[A-Za-z0-9]([A-Za-z0-9_.-]{0,8}[A-Za-z0-9])?"
NAMES = st.from_regex(r"[a-z0-9]([a-z0-9.-]{0,20}[a-z0-9])?", fullmatch=True)
LABELS = st.dictionaries(
    st.from_regex(rf"([a-z]{{1,5}}\.[a-z]{{1,3}}/)?{WORD}", fullmatch=True),
    st.from_regex(f"({WORD})?", fullmatch=True),
    min_size=1,
    max_size=3,
)


@settings(max_examples=40)
@example(
    name="a--b..c", labels={"app": "a"}, replicas=1, path="", port=1, kind="Deployment", status=0,
    good=0,
)  # fmt: skip
@given(
    name=NAMES, labels=LABELS, replicas=st.integers(1, 40), path=st.text(max_size=12),
    port=st.integers(1, 65535), kind=st.sampled_from(["Deployment", "StatefulSet", "DaemonSet"]),
    status=st.sampled_from([0, 200, 204, 401]), good=st.integers(0, 300),
)  # fmt: skip
def test_every_draft_is_a_scenario_by_our_own_schema(
    name: str, labels: dict[str, str], replicas: int, path: str, port: int, kind: str,
    status: int, good: int,
) -> None:  # fmt: skip
    made = deployment(name, replicas=replicas, kind=kind)
    made["spec"]["selector"]["matchLabels"] = labels
    safe = "/" + "".join(c for c in path if c.isprintable() and not c.isspace())
    question = Question(
        service="web", port=port, path=safe, status=status, reason="it said #no: {}"
    )
    found = subject_of(made, question=question, calm=Baseline(asked=300, good=good, p95=0.3))
    text = draft(found, nodes=3, machines=True)
    assert len(read(text).scenarios) >= 2


def stateful(image: str = "docker.io/library/postgres:17", **mount: Any) -> Any:
    claim = {"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"]}}
    mounts = [{"name": "data", "mountPath": "/var/lib/db", **mount}]
    return deployment(
        "db", kind="StatefulSet", spec={"volumeClaimTemplates": [claim]},
        container={"image": image, "volumeMounts": mounts},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("made", "sentinel"),
    [
        (stateful(), True),
        (stateful("ghcr.io/shop/own:1"), False),
        (stateful(readOnly=True), False),
        (stateful("my-postgres-exporter:1"), False),
    ],
)
def test_a_plan_has_a_sentinel_where_a_command_can_be_guessed(made: Any, sentinel: bool) -> None:
    found = inventory(made)
    text = plan_draft.draft("shop", found.workloads, file="x")
    [plan] = read(text, "a.plan.yaml").plans
    assert plan.namespaces == ("shop",)
    assert ("\nsentinel:" in text) is sentinel
    assert "/var/lib/db/.resilience-sentinel" in text or not sentinel


def test_a_target_is_read_as_it_was_meant(tmp_path: Path) -> None:
    text = target_draft.draft("my cluster", 'my "own" cluster', "uid-1", ["shop"], nodes=True)
    assert tomllib.loads(text)["targets"]["my cluster"]["max_nodes"] == 1
    (tmp_path / "resilience.toml").write_text(text)
    [found] = targets.load(tmp_path)
    assert (found.context, found.cluster, found.nodes) == ('my "own" cluster', "uid-1", True)


def test_ci_is_yaml_that_runs_what_exists() -> None:
    github = yaml.safe_load(ci_draft.github("scenarios/", "shop"))
    runs = [step.get("run", "") for step in github["jobs"]["scenarios"]["steps"]]
    gitlab = yaml.safe_load(ci_draft.gitlab("scenarios/", "shop"))
    from resilience.cli import parser

    lines = [
        line for text in (*runs, *gitlab["resilience"]["script"]) for line in text.splitlines()
    ]
    ours = [line.split() for line in lines if line.startswith("resilience ")]
    assert len(ours) == 6
    for words in ours:
        _, rest = parser().parse_known_args(words[1:])
        assert [word for word in rest if not word.startswith("--junitxml")] == []
    inner = runs[4].partition("<<'END'\n")[2].partition("END\n")[0]
    assert len(yaml.safe_load(inner)["nodes"]) == 3
