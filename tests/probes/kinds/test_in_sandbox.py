"""Probes as a user runs them: on the sandbox, with a service that keeps its promise and one that
does not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import yaml

from tests.harness.conftest import Run, _alone, embedded, on_sandbox, run  # noqa: F401
from tests.probes.kinds.servers_in_pods import ASKED, SERVERS
from tests.probes.kinds.trial import found, runs, scenario, web

pytestmark = [
    pytest.mark.usefixtures("on_sandbox"),
    pytest.mark.alone,  # outages of these services are held to a clock
]


SLOW_START: dict[str, Any] = {
    "readinessProbe": {"tcpSocket": {"port": 8080}, "initialDelaySeconds": 3, "periodSeconds": 1}
}
"""Of the only Pod: three seconds without any, where one of several would not be missed. A request
that hangs until its timeout of a second, at the Pod that has just gone, is no outage of two."""

SAYS = """
import http.server, sys, time
print("started", flush=True)
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/fail":
            print("panic: it failed", flush=True)
        self.send_response(200)
        self.end_headers()
    def log_message(self, *ignored):
        pass
http.server.HTTPServer(("", 8080), Handler).serve_forever()
"""


def talker(first: str = "", name: str = "web") -> str:
    """A web server that prints a line when it starts."""
    text = SAYS.replace('"started"', repr(first or "started"))
    return web(name=name, image="python:3.12-slim", command=["python", "-c", text], args=[])


def outcomes(told: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    return {name: each["outcome"] for name, each in told.items()}


def test_a_name_with_an_address_of_its_own_outlives_its_pods_a_headless_one_does_not(
    pytester: pytest.Pytester,
    run: Run,  # noqa: F811
) -> None:
    # A name with a final dot does not end at this machine's resolver, which may take its time.
    probe = "{dns: {name: web.NS.svc.cluster.local.}, rate: 100/s, objective: {availability: 99%}}"
    # Successors that serve at once leave a headless name without an address for 30 ms: too short.
    late = {"tcpSocket": {"port": 8080}, "initialDelaySeconds": 1, "periodSeconds": 1}
    scenario(pytester.path, "right", web(readinessProbe=late), probe.replace("NS", "right"))
    headless = web(headless=True, readinessProbe=late)
    scenario(pytester.path, "wrong", headless, probe.replace("NS", "wrong"))
    run("--resilience-report=report").assert_outcomes(passed=1, failed=1)
    told = runs(pytester.path)
    assert outcomes(told) == {"right": "passed", "wrong": "service failed"}
    bad = found(told["wrong"])["probe.availability"]
    assert {name for each in bad["outages"] for name in each["answers"]} == {"NXDOMAIN"}
    assert "NXDOMAIN: web.wrong.svc.cluster.local does not exist" in bad["detail"][0]
    assert all(each["leftovers"] == [] for each in told.values())


def test_a_command_answers_while_one_pod_is_lost_and_not_while_the_only_one_is(
    pytester: pytest.Pytester,
    run: Run,  # noqa: F811
) -> None:
    probe = """{command: {pods: app=web, command: [cat, /etc/hostname], matches: "^web-"},
              rate: 10/s, objective: {longest_outage: 2s}}"""
    kill = "kill: {pods: app=web, count: 1, grace: 0s}"
    scenario(pytester.path, "right", web(replicas=3), probe, when=kill)
    scenario(pytester.path, "wrong", web(replicas=1, **SLOW_START), probe, when=kill)
    run("--resilience-report=report").assert_outcomes(passed=1, failed=1)
    told = runs(pytester.path)
    assert outcomes(told) == {"right": "passed", "wrong": "service failed"}
    outages = found(told["wrong"])["probe.longest_outage"]["outages"]
    assert {name for each in outages for name in each["answers"]} == {"unreachable"}


def test_a_line_is_found_in_pods_that_are_replaced_and_one_that_is_never_written_is_not(
    pytester: pytest.Pytester,
    run: Run,  # noqa: F811
) -> None:
    folder = pytester.path
    scenario(folder, "quiet", talker(), "{log: {pods: app=web, absent: 'panic:'}}")
    scenario(folder, "loud", talker("panic: no memory"), "{log: {pods: app=web, absent: 'panic:'}}")
    scenario(folder, "started", talker(), "{log: {pods: app=web, present: '^started$'}}")
    scenario(folder, "crashed", talker("panic: x"), "{log: {pods: app=web, absent: 'panic:'}}",
             when="crash: {pods: app=web, count: 1}")  # fmt: skip
    silent = web(image="registry.k8s.io/pause:3.10", args=[], readinessProbe=None)
    scenario(folder, "silent", silent, "{log: {pods: app=web, absent: 'panic:'}}")
    run("--resilience-report=report").assert_outcomes(passed=2, failed=3)
    told = runs(folder)
    assert outcomes(told) == {
        "quiet": "passed", "loud": "service failed", "started": "passed",
        "crashed": "service failed", "silent": "not measured",
    }  # fmt: skip
    measured = {name: found(each)["probe.lines"]["measured"] for name, each in told.items()}
    assert measured["quiet"] == "none of 4 lines of 4 containers"
    assert measured["loud"].startswith("2 lines, the first of web-")
    assert measured["crashed"].startswith("1 line, the first of web-")
    assert measured["silent"].startswith("no line was read")


SLOW_ONES = """
import http.server, os, time
PAUSE = float(os.environ.get("PAUSE", "0"))
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.0"
    def do_GET(self):
        time.sleep(0.25 + (PAUSE if os.path.exists("/tmp/slow") else 0))
        self.send_response(200)
        self.end_headers()
    def log_message(self, *ignored):
        pass
http.server.ThreadingHTTPServer(("", 8080), Handler).serve_forever()
"""


def test_a_service_that_answers_slower_after_a_fault_is_worse_than_its_baseline(
    pytester: pytest.Pytester,
    run: Run,  # noqa: F811
) -> None:
    probe = """{http: {service: web, port: http, timeout: 3s}, rate: 30/s,
              objective: {no_worse_than_baseline: 100%}}"""
    slows = "exec: {pods: app=web, count: all, command: [touch, /tmp/slow]}"
    for name, pause in (("right", "0"), ("wrong", "0.6")):
        manifest = web(image="python:3.12-slim", command=["python", "-c", SLOW_ONES], args=[],
                       env=[{"name": "PAUSE", "value": pause}])  # fmt: skip
        scenario(pytester.path, name, manifest, probe, when=f"{{{slows}, lasting: true}}",
                 settle="5s", baseline="5s")  # fmt: skip
    run("--resilience-report=report").assert_outcomes(passed=1, failed=1)
    told = runs(pytester.path)
    assert outcomes(told) == {"right": "passed", "wrong": "service failed"}
    bad = found(told["wrong"])["probe.no_worse_than_baseline"]
    assert bad["value"] > 1


def test_a_grpc_server_is_healthy_while_one_pod_is_lost_and_not_while_the_only_one_is(
    pytester: pytest.Pytester,
    run: Run,  # noqa: F811
) -> None:
    probe = """{grpc: {service: web, port: http}, rate: 20/s,
              objective: {longest_outage: 2s}}"""
    kill = "kill: {pods: app=web, count: 1, grace: 0s}"
    for name, replicas in (("right", 3), ("wrong", 1)):
        manifest = web(replicas=replicas, image="python:3.12-slim", args=[],
                       command=["python", "-c", SERVERS["grpc"]],
                       **(SLOW_START if replicas == 1 else {}))  # fmt: skip
        scenario(pytester.path, name, manifest, probe, when=kill)
    run("--resilience-report=report").assert_outcomes(passed=1, failed=1)
    assert outcomes(runs(pytester.path)) == {"right": "passed", "wrong": "service failed"}


def test_users_get_through_while_one_pod_is_lost_and_not_while_the_only_one_is(
    pytester: pytest.Pytester,
    run: Run,  # noqa: F811
) -> None:
    probe = """{journey: {service: web, port: http, steps: [
                {name: log in, method: POST, path: /login, body: user=a, keep: {id: cart.id}},
                {name: pay, method: POST, path: "/cart/{id}/pay"}]},
              rate: 20/s, objective: {longest_outage: 2s}}"""
    kill = "kill: {pods: app=web, count: 1, grace: 0s}"
    for name, replicas in (("right", 3), ("wrong", 1)):
        manifest = web(replicas=replicas, image="python:3.12-slim", args=[],
                       command=["python", "-c", SERVERS["journey"]],
                       **(SLOW_START if replicas == 1 else {}))  # fmt: skip
        scenario(pytester.path, name, manifest, probe, when=kill)
    run("--resilience-report=report").assert_outcomes(passed=1, failed=1)
    told = runs(pytester.path)
    assert outcomes(told) == {"right": "passed", "wrong": "service failed"}
    assert found(told["right"])["probe.pay"]["measured"].startswith("`pay`: 0 of ")
    assert found(told["wrong"])["probe.log_in"]["result"] == "failed"


INSIDE = ("grpc", "journey", "redis", "sql")
"""The kinds whose prober needs this package in its image."""


def test_probers_that_need_a_library_ask_from_a_pod_and_leave_nothing(
    pytester: pytest.Pytester,
    run: Run,  # noqa: F811
) -> None:
    kill = "kill: {pods: app=web, count: 1, grace: 0s}"
    for kind in INSIDE:
        manifest = web(replicas=3, image="python:3.12-slim", args=[],
                       command=["python", "-c", SERVERS[kind]])  # fmt: skip
        probe = {"via": "pod", **yaml.safe_load(ASKED[kind])}
        step = yaml.safe_dump({kind: probe, "rate": "20/s", "objective": {"longest_outage": "4s"}})
        scenario(pytester.path, kind, manifest, step, when=kill)
    run("--resilience-report=report").assert_outcomes(passed=len(INSIDE))
    told = runs(pytester.path)
    assert outcomes(told) == dict.fromkeys(INSIDE, "passed")
    assert all(each["leftovers"] == [] for each in told.values())
    assert found(told["journey"])["probe.log_in"]["measured"].startswith("`log in`: 0 of ")
