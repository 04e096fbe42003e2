"""`resilience watch` as deploy/ and the chart run it: a Pod with the rights that they give it.

Only what belongs to a cluster is filled in, as in `test_deploy`. The Alertmanager is a Pod of its
own, whose alerts the test sets. Each fact is awaited in the log of the Pod, never by the clock.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e.kubectl import FOUND, WEB
from tests.e2e.pods_of_deploy import DEPLOY, HELM, Everywhere, helm_template, printed
from tests.spoken import rest, said

pytestmark = pytest.mark.alone  # a minute, most of which Pods take to start

SCENARIO = """
scenario: web loses one Pod
namespace: shop
settle: 10ms
given:
  - ready: deployment/web
when:
  - kill: {pods: app=web, count: 1}
  - ready: deployment/web
    within: 1m
%s
"""
INCIDENT = 'http://alertmanager.monitoring:9093 severity="critical"'
GOOD = "then: [ready: deployment/web]"
LONG = f"  - sleep: 10m\n{GOOD}"
FAILS = "then: [{ready: {pods: app=web, at_least: 99}, within: 100ms}]"
ASK = """
import urllib.request
for path in ("metrics", "healthz"):
    print(urllib.request.urlopen(f"http://127.0.0.1:9402/{path}", timeout=10).read().decode())
"""


ALERTMANAGER = """
apiVersion: v1
kind: Pod
metadata: {name: alertmanager, labels: {app: alertmanager}}
spec:
  terminationGracePeriodSeconds: 0
  containers:
    - name: server
      image: python:3.13
      command: [python, -u, -c]
      args:
        - |
          import http.server
          class Answers(http.server.BaseHTTPRequestHandler):
              alerts = b'[{"labels": {"alertname": "CheckoutIsDown"}}]'
              def do_GET(self):
                  self.send_response(200)
                  self.end_headers()
                  self.wfile.write(Answers.alerts)
              def do_POST(self):
                  Answers.alerts = self.rfile.read(int(self.headers["Content-Length"]))
                  self.do_GET()
          http.server.ThreadingHTTPServer(("", 9093), Answers).serve_forever()
      readinessProbe: {tcpSocket: {port: 9093}, periodSeconds: 1}
---
apiVersion: v1
kind: Service
metadata: {name: alertmanager}
spec: {selector: {app: alertmanager}, ports: [{port: 9093}]}
"""
CLEAR = """
import urllib.request
urllib.request.urlopen(urllib.request.Request("http://127.0.0.1:9093/", data=b"[]"), timeout=10)
"""


@dataclass
class Watching:
    """The Deployment, its ConfigMap of files, and kubectl."""

    kubectl: Everywhere
    deployment: dict[str, Any]
    files: dict[str, Any]

    @property
    def selector(self) -> str:
        labels = self.deployment["spec"]["selector"]["matchLabels"]
        return ",".join(f"{key}={value}" for key, value in labels.items())

    def pod(self) -> str:
        """The Pod's name, once it runs."""
        name = self.deployment["metadata"]["name"]
        self.kubectl("rollout", "status", "-n", "resilience", f"deployment/{name}",
                     "--timeout=180s", timeout=190)  # fmt: skip
        listed = json.loads(self.kubectl("get", "pods", "-n", "resilience", "-l", self.selector,
                                         "-o", "json"))["items"]  # fmt: skip
        (found,) = [each for each in listed if "deletionTimestamp" not in each["metadata"]]
        return str(found["metadata"]["name"])

    @contextmanager
    def log(self, pod: str) -> Iterator[subprocess.Popen[str]]:
        """Its log from the beginning, as it is written."""
        process = subprocess.Popen(
            self.kubectl.command("logs", "-n", "resilience", "-f", pod),
            text=True, env=self.kubectl.around(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        try:
            yield process
        finally:
            process.kill()
            process.communicate()

    def answers(self, pod: str) -> str:
        """What /metrics and /healthz say inside of it."""
        return self.kubectl("exec", "-n", "resilience", pod, "--", "python", "-c", ASK)

    def goes_on(self, how: str, pod: str) -> str:
        """The file with another end, in a Pod after this one; its name."""
        self.files["data"]["checkout.scenario.yaml"] = SCENARIO % how
        self.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-",
                     stdin=yaml.safe_dump(self.files))  # fmt: skip
        self.kubectl("delete", "pod", "-n", "resilience", pod, "--timeout=180s", timeout=190)
        return self.pod()


def rendered(kind: str) -> list[dict[str, Any]]:
    """Everything but the CronJobs."""
    if kind == "chart":
        objects = helm_template("watch.enabled=true")
    else:
        text = printed(FOUND[0], "kustomize", str(DEPLOY))
        more = (DEPLOY / "watch-deployment.yaml").read_text()
        objects = [*yaml.safe_load_all(text), *yaml.safe_load_all(more)]
    return [each for each in objects if each and each["kind"] != "CronJob"]


def filled_in(objects: list[dict[str, Any]], uid: str) -> tuple[Any, Any]:
    """The Deployment and the ConfigMap, changed as a user has to, and faster than a day."""
    (deployment,) = [each for each in objects if each["kind"] == "Deployment"]
    (files,) = [each for each in objects if "checkout.scenario.yaml" in each.get("data", {})]
    data = files["data"]
    data["checkout.scenario.yaml"] = SCENARIO % GOOD
    toml, count = re.subn(r'cluster = ".*?"', f'cluster = "{uid}"', data["resilience.toml"])
    toml, more = re.subn(r"windows = .*", 'windows = ["* * * * *"]', toml)
    assert (count, more) == (1, 1)
    data["resilience.toml"] = toml
    pod = deployment["spec"]["template"]["spec"]
    for volume in pod["volumes"]:
        if "configMap" in volume:
            volume["configMap"]["name"] = files["metadata"]["name"]
    (container,) = pod["containers"]
    container["image"] = "python:3.13"
    kept = [word for word in container["command"] if not re.match("--(every|jitter|window)=", word)]
    assert len(kept) == len(container["command"]) - 3
    container["command"] = [*kept, "--every=1s", f"--incident={INCIDENT}"]
    return deployment, files


@pytest.fixture
def watching(
    request: pytest.FixtureRequest, kubeconfig: Path, tmp_path: Path
) -> Iterator[Watching]:
    kubectl = Everywhere(FOUND[0], kubeconfig, "", tmp_path)
    objects = rendered(request.param)
    uid = kubectl("get", "namespace", "kube-system", "-o", "jsonpath={.metadata.uid}")
    made = Watching(kubectl, *filled_in(objects, uid))
    manifest = tmp_path / "watch.yaml"
    manifest.write_text(yaml.safe_dump_all(objects))
    namespaces = ("shop", "monitoring", "resilience")
    # One that a test before this one deleted may not be gone yet.
    kubectl("delete", "namespace", *namespaces, "--ignore-not-found", "--timeout=180s", timeout=190)
    for namespace in namespaces:
        kubectl("create", "namespace", namespace)
    try:
        kubectl("apply", "-n", "monitoring", "-f", "-", stdin=ALERTMANAGER)
        kubectl("apply", "-n", "shop", "-f", "-", stdin=WEB)
        for namespace in ("monitoring", "shop"):
            kubectl("wait", "pod", "--all", "-n", namespace, "--for=condition=Ready",
                    "--timeout=180s", timeout=190)  # fmt: skip
        kubectl("apply", "--server-side", "--force-conflicts", "-f", str(manifest))
        yield made
    finally:
        gone = ("--ignore-not-found", "--timeout=180s")
        kubectl("delete", "namespace", *namespaces, *gone, timeout=190)
        kubectl("delete", "-f", str(manifest), *gone, timeout=190)


def of(kind: str) -> pytest.MarkDecorator:
    """Run with the Deployment of deploy/ or of the chart."""
    return pytest.mark.parametrize("watching", [kind], indirect=True)


def begins(watching: Watching) -> str:
    """It runs nothing in an incident or a pause, and then judges. Returns the Pod."""
    kubectl, pod = watching.kubectl, watching.pod()
    pause = ("-n", "resilience", "configmap", "pause")
    with watching.log(pod) as log:
        said(log, "watching 1 file", "left out: blocked by the gate", "CheckoutIsDown")
        kubectl("create", *pause, "--from-literal=paused=true")
        kubectl("exec", "-n", "monitoring", "alertmanager", "--", "python", "-c", CLEAR)
        said(log, "left out: ConfigMap resilience/pause says paused=true")
        before = watching.answers(pod)
        assert 'resilience_watch_skipped_total{reason="incident"}' in before
        assert "resilience_watch_runs_total{" not in before
        assert before.rstrip().endswith("ok")
        kubectl("delete", *pause)
        # The next run begins once this one is counted.
        said(log, "done: kill one Pod app=web", "1 passed", "test session starts")
        after = watching.answers(pod)
        counted = 'resilience_watch_runs_total{file="checkout.scenario.yaml",verdict="passed"}'
        assert counted in after
    return pod


@pytest.mark.skipif(not HELM, reason="helm cannot be had here")
@of("chart")
def test_a_pod_of_the_chart_watches_pauses_and_judges(watching: Watching) -> None:
    assert begins(watching)


@of("deploy")
def test_a_pod_watches_pauses_judges_is_interrupted_and_remembers(watching: Watching) -> None:
    interrupted = watching.goes_on(LONG, begins(watching))
    with watching.log(interrupted) as log:
        said(log, "done: kill one Pod app=web")
        failing = watching.goes_on(FAILS, interrupted)
        assert "SIGTERM" in rest(log)
    with watching.log(failing) as log:
        said(log, "1 failed", "nothing more is broken until then")
    halted = watching.answers(failing)
    assert "resilience_watch_halted 1" in halted
    assert "rm /reports/watch/watch-failed" in halted
    remembering = watching.goes_on(FAILS, failing)
    with watching.log(remembering) as log:
        said(log, "checkout.scenario.yaml failed; to continue: rm /reports/watch/")
