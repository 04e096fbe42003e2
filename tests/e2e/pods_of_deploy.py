"""What the tests of deploy/ share: its folders, rendering, and starting its CronJobs by hand."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.e2e.kubectl import ROOT, Kubectl

DEPLOY = ROOT / "deploy"
CHART = DEPLOY / "chart"
_BESIDE = Path(sys.executable).with_name("helm")
HELM = str(_BESIDE) if _BESIDE.exists() else shutil.which("helm")
UID = "11111111-2222-3333-4444-555555555555"


def printed(*arguments: str) -> str:
    done = subprocess.run(
        arguments, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout


def helm_template(
    *values: str, release: str = "here", namespace: str = "resilience", chart: Path = CHART
) -> list[dict[str, Any]]:
    """What `helm install` would send with these values, on a cluster with `UID`."""
    assert HELM
    sets = [part for value in (f"target.cluster={UID}", *values) for part in ("--set", value)]
    text = printed(HELM, "template", release, str(chart), "-n", namespace, *sets)
    return [each for each in yaml.safe_load_all(text) if each]


class Everywhere(Kubectl):
    """As its user types it: a namespace is named where one is meant."""

    def command(self, *arguments: str) -> list[str]:
        return [self.program, *arguments]


def start(kubectl: Kubectl, name: str) -> None:
    """Now, and not when its schedule says."""
    kubectl("create", "job", "-n", "resilience", name, f"--from=cronjob/{name}")


def ended(kubectl: Kubectl, name: str) -> tuple[int, str]:
    """Exit code and log, once its Pod has ended."""
    gone = "--for=jsonpath={.status.containerStatuses[0].state.terminated.exitCode}"
    pods = ("pod", "-n", "resilience", "-l", f"job-name={name}")
    kubectl("wait", *pods, gone, "--timeout=100s", timeout=110)
    state: Mapping[str, Any] = json.loads(kubectl("get", *pods, "-o", "json"))["items"][0]
    code = state["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"]
    return code, kubectl("logs", "-n", "resilience", f"job/{name}", "--tail=-1")
