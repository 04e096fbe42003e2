"""Pods of images that only the user's own table knows, on a sandbox that was given the table."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sandbox.running import Pods, sandbox, wait_for

TABLE = """\
[sandbox.images]
"ghcr.io/acme/shop" = {run = ["python", "-m", "shop", "{args}"], env = {COLOUR = "red"}}
[sandbox.images.native]
run = ["/bin/sh", "-c", "echo at $IP $(cat {mount:/data}/x); exec sleep 60"]
env = {IP = "{pod_ip}"}
[sandbox.images.redis]
agnhost = ["netexec", "--http-port=6379"]
commands = {redis-cli = ["echo", "PONG"]}
ignore_command = true
"""
SHOP = """\
import http.server, os, sys

class Shop(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        try:
            open("written", "w")
        except OSError as error:
            said = error.strerror
        self.wfile.write(f"{os.environ['COLOUR']}, {said}".encode())

http.server.ThreadingHTTPServer(("", int(sys.argv[1])), Shop).serve_forever()
"""


@pytest.fixture(scope="module")
def pods(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pods]:
    project = tmp_path_factory.mktemp("project")
    (project / "resilience.toml").write_text(TABLE)
    (project / "shop").mkdir()
    (project / "shop" / "__main__.py").write_text(SHOP)
    with sandbox("--nodes=1", f"--images={project / 'resilience.toml'}") as running:
        yield Pods(running, "default")


def test_a_python_package_stands_in_on_the_pods_own_port(pods: Pods) -> None:
    ready = {"httpGet": {"port": 8080}, "periodSeconds": 1}
    environment = [{"name": "COLOUR", "value": "blue"}]
    for name in ("one", "two"):
        main = {"image": "ghcr.io/acme/shop:1.2", "command": ["/app/shop"], "args": ["8080"]}
        pods.run(name, main={**main, "readinessProbe": ready, "env": environment})
    for name in ("one", "two"):
        address = pods.until_ready(name)["status"]["podIP"]
        with urllib.request.urlopen(f"http://{address}:8080", timeout=10) as answer:
            assert answer.read() == b"red, Read-only file system"


def test_an_init_container_of_the_same_image_runs_its_own_command(pods: Pods) -> None:
    migrate = {"name": "migrate", "image": "ghcr.io/acme/shop", "command": ["sh", "-c", "ls shop"]}
    pods.run("three", main={"image": "ghcr.io/acme/shop", "args": ["8080"]},
             initContainers=[migrate])  # fmt: skip
    pods.until_ready("three")
    assert "__main__.py" in pods.logs("three", "-c", "migrate")


def test_another_program_knows_its_address_and_its_volume_and_is_ended(pods: Pods) -> None:
    volume = {"name": "data", "configMap": {"name": "words"}}
    pods.kubectl("create", "configmap", "words", "--from-literal=x=from the volume")
    mount = {"name": "data", "mountPath": "/data"}
    pods.run("native", main={"image": "native", "volumeMounts": [mount]}, volumes=[volume])
    address = pods.until_ready("native")["status"]["podIP"]
    expected = f"at {address} from the volume\n"
    wait_for(lambda: pods.logs("native") == expected, f"prints {expected!r}")
    pods.kubectl("delete", "pod", "native")
    pods.until_gone("native")


def test_a_volume_that_is_not_there_is_named(pods: Pods) -> None:
    pods.run("unmounted", main={"image": "native"})
    pods.until(
        "unmounted",
        lambda _: "no volume at /data" in json.dumps(pods.status("unmounted").get("state")),
        "says which volume it lacks",
    )


def test_probes_and_exec_find_the_programs_that_stand_in(pods: Pods) -> None:
    ready = {"exec": {"command": ["sh", "-c", "redis-cli ping | grep PONG"]}, "periodSeconds": 1}
    pods.run("redis", main={"image": "redis:7", "command": ["sh", "-c", "exec redis-server"],
                            "readinessProbe": ready})  # fmt: skip
    pods.until_ready("redis")
    assert pods.kubectl("exec", "redis", "--", "redis-cli") == "PONG\n"


def test_an_unknown_image_is_a_warning_at_once_and_the_remedy_is_in_its_status(
    pods: Pods, tmp_path: Path
) -> None:
    manifest = tmp_path / "lost.json"
    spec = {"containers": [{"name": "main", "image": "mysql:8"}, {"name": "b", "image": "redis"}]}
    body = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "lost"},
            "spec": {"replicas": 1, "selector": {"matchLabels": {"a": "b"}},
                     "template": {"metadata": {"labels": {"a": "b"}}, "spec": spec}}}  # fmt: skip
    manifest.write_text(json.dumps(body))
    with pytest.raises(AssertionError, match="the sandbox has no image mysql:8: map it under"):
        pods.kubectl("apply", "--warnings-as-errors", "-f", str(manifest))
    pods.run("lost", main={"image": "mysql:8"})
    pods.until(
        "lost",
        lambda _: (
            "ghcr.io/acme/shop" in json.dumps(pods.status("lost").get("state"))
            and "own-image.md" in json.dumps(pods.status("lost").get("state"))
        ),
        "names what there is and the remedy",
    )
