"""A fleet in which one API server's clock is an hour ahead, and another's an hour behind.

What is judged by one clock stays right; what two clocks decide is told.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from resilience.cluster.interface import DEPLOYMENTS, PODS
from resilience.kube.clock import of_stamp
from tests.harness.conftest import Run
from tests.harness.fleet.test_fleets import runs
from tests.harness.sandboxed import DEADLINE, is_ready
from tests.real_cluster import resilience
from tests.sandbox.running import RunningSandbox, sandbox

BOTH = "--resilience-context=fast,slow"
AHEAD = {"fast": "1h", "slow": "-1h"}

KILL = """\
scenario: {title}
namespace: default
settle: 10ms
when:
  - kill: {{pods: app=quiet, count: 1, min_age: {age}, grace: 0s}}
  - ready: deployment/quiet
then:
  - recovered: {{}}
    within: 30s
"""

PLAN = """\
plan: notes
namespaces: [default]
kinds: [deployments.apps]
store: file:./data
schedule: "0 0 * * *"
objective: {rpo: 30m}
"""

QUIET = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: quiet}
spec:
  selector: {matchLabels: {app: quiet}}
  template:
    metadata: {labels: {app: quiet}}
    spec: {containers: [{name: c, image: "registry.k8s.io/pause:3.10"}]}
"""


@pytest.fixture(scope="module")
def boxes() -> Iterator[Mapping[str, RunningSandbox]]:
    with ExitStack() as stack:
        found = {
            name: stack.enter_context(sandbox("--nodes", "1", "--clock-ahead=" + ahead))
            for name, ahead in AHEAD.items()
        }
        for box in found.values():
            with box.cluster.view(PODS, "default") as pods:
                box.cluster.create(DEPLOYMENTS, yaml.safe_load(QUIET), "default")
                assert pods.wait(lambda seen: bool(seen) and is_ready(seen[0]), DEADLINE)
        yield found


@pytest.fixture
def fleet(
    boxes: Mapping[str, RunningSandbox], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    whole: dict[str, Any] = {"apiVersion": "v1", "kind": "Config"}
    whole |= {"contexts": [], "clusters": [], "users": []}
    for name, box in boxes.items():
        one = yaml.safe_load(Path(box.ready["kubeconfig"]).read_text())
        for kind in ("clusters", "users"):
            whole[kind].append({**one[kind][0], "name": name})
        whole["contexts"].append({"name": name, "context": {"cluster": name, "user": name}})
    path = tmp_path / "config"
    path.write_text(yaml.safe_dump(whole))
    monkeypatch.setenv("RESILIENCE_KUBECONFIG", str(path))
    return path


def test_its_answers_say_the_time_of_its_stamps(boxes: Mapping[str, RunningSandbox]) -> None:
    now = datetime.now(UTC).timestamp()
    for name, wrong in (("fast", 3600), ("slow", -3600)):
        cluster = boxes[name].cluster
        made = of_stamp(cluster.list(PODS, "default")[0]["metadata"]["creationTimestamp"])
        assert abs(cluster.now() - now - wrong) < 600
        assert made <= cluster.now() + 1


def test_the_wrong_clock_is_named_and_ages_count_by_the_clock_that_dated_them(
    pytester: pytest.Pytester, run: Run, fleet: Path
) -> None:
    """By this machine's, a Pod of `slow` would be an hour old, and one of `fast` not yet made."""
    for title, age in (("old", "30m"), ("young", "1s")):
        (pytester.path / f"{title}.scenario.yaml").write_text(KILL.format(title=title, age=age))
    text = run(BOTH, "--resilience-report=out").stdout.str()
    for name, where in (("fast", "ahead of"), ("slow", "behind")):
        line = rf"cluster {name} of the fleet: the API server's clock is 3\d\d\d s {where} this"
        assert re.search(line, text), text
    found = {(each["scenario"]["id"], each["outcome"]) for each in runs(pytester)}
    assert found == {("old", "not measured"), ("young", "passed")}, text


def test_the_age_of_a_snapshot_is_not_measured_where_the_clocks_decide_it(
    pytester: pytest.Pytester, run: Run, fleet: Path
) -> None:
    """A host of `fast` would have dated an hour too late what is an hour old."""
    (pytester.path / "notes.plan.yaml").write_text(PLAN)
    for name in AHEAD:
        where = ("--kubeconfig", str(fleet), "--context", name)
        told = resilience(pytester.path, "backup", "run", "notes.plan.yaml", *where)
        assert told.returncode == 0, told.stdout
        assert "Snapshots are dated by this machine's" in told.stdout
    result = run(BOTH, "-m", "fresh", "--resilience-report=out")
    found = {each["environment"]["member"]: each["outcome"] for each in runs(pytester)}
    assert found == {"fast": "not measured", "slow": "passed"}, result.stdout.str()
    assert "if the cluster's clock dated it" in result.stdout.str()
