"""A probe as a user runs it: scenario files on the sandbox, and what their reports found."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

Finding = Mapping[str, Any]


def web(*, name: str = "web", replicas: int = 2, headless: bool = False, **container: Any) -> str:
    """A Deployment of web servers and its Service, as a manifest."""
    labels = {"app": name}
    port = container.pop("port", 8080)
    usual = {
        "name": "web",
        "image": "registry.k8s.io/e2e-test-images/agnhost:2.53",
        "args": ["netexec", "--http-port=8080", "--delay-shutdown=1"],
        "ports": [{"name": "http", "containerPort": port}],
        "readinessProbe": {"tcpSocket": {"port": port}, "periodSeconds": 1},
    }
    spec = {"terminationGracePeriodSeconds": 2, "containers": [{**usual, **container}]}
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": spec},
        },
    }
    service: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {
            "selector": labels,
            "ports": [{"name": "http", "port": 80, "targetPort": port}],
            **({"clusterIP": "None"} if headless else {}),
        },
    }
    return yaml.safe_dump_all([deployment, service])


def scenario(
    folder: Path,
    name: str,
    manifest: str,
    probe: str,
    *,
    when: str = "kill: {pods: app=web, share: 100%}",
    given: str = "",
    **more: Any,
) -> None:
    """`NAME.scenario.yaml` in namespace NAME: the probe, YAML of one step, during one fault."""
    (folder / f"{name}.yaml").write_text(manifest)
    steps = [{"apply": f"{name}.yaml"}, {"ready": "all"}, *yaml.safe_load(given or "[]")]
    told = {
        "scenario": name,
        "namespace": name,
        "settle": "2s",
        "given": steps,
        "while": [{"name": "probe", **yaml.safe_load(probe)}],
        "when": [{**yaml.safe_load(when)}, {"ready": "deployment/web"}],
        "then": [{"ready": "deployment/web"}],
        **more,
    }
    (folder / f"{name}.scenario.yaml").write_text(yaml.safe_dump(told, sort_keys=False))


def runs(folder: Path) -> dict[str, dict[str, Any]]:
    """Each scenario's run by its title, from the report."""
    told = json.loads((folder / "report" / "report.json").read_text())["runs"]
    return {each["scenario"]["title"]: each for each in told}


def found(run: Mapping[str, Any]) -> dict[str, Finding]:
    """A run's findings by name."""
    return {each["name"]: each for each in run["findings"]}
