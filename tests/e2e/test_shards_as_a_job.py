"""The Indexed Job of docs/how-to/backups.md: three shards on a sandbox, with the rights that `rbac`
prints; one Pod is killed when it has saved a volume."""

from __future__ import annotations

import json
import re
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from resilience.backup.take.continued import Shard
from tests.e2e.kubectl import FOUND, ROOT, Kubectl
from tests.e2e.pods_of_deploy import Everywhere, printed
from tests.spaces import fresh

pytestmark = pytest.mark.skipif(not FOUND, reason="no kubectl on this machine")

PAGE = ROOT / "docs/how-to/backups.md"
NAME = "shop-20261130020000"
ON_STORE = f"/store/data/backups/{NAME}"
FILL = "open('/data/it', 'wb').write(b'x' * (8 << 20)); import time; time.sleep(3600)"
LOOK = f"import glob; print(*glob.glob('{ON_STORE}/saved/volumes/*/*.json'))"


def job_of_the_page() -> dict[str, Any]:
    blocks = re.findall(r"(?s)```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"))
    (text,) = [each for each in blocks if "completionMode: Indexed" in each]
    found: dict[str, Any] = yaml.safe_load(text)
    return found


def job(home: str) -> dict[str, Any]:
    """As on the page; the image is the interpreter of these tests, the store is a claim."""
    body: dict[str, Any] = json.loads(json.dumps(job_of_the_page()).replace("/8", "/3"))
    body["metadata"]["namespace"] = home
    body["spec"] |= {"completions": 3, "parallelism": 3}
    pod = body["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    container |= {"image": "python:3.12-alpine", "command": ["python", "-m", "resilience"]}
    del container["envFrom"]
    container["volumeMounts"].append({"name": "store", "mountPath": "/store"})
    pod["volumes"].append({"name": "store", "persistentVolumeClaim": {"claimName": "store"}})
    return body


def claim(name: str, namespace: str, mode: str) -> dict[str, Any]:
    spec = {"accessModes": [mode], "resources": {"requests": {"storage": "1Gi"}}}
    about = {"name": name, "namespace": namespace}
    kind = {"apiVersion": "v1", "kind": "PersistentVolumeClaim"}
    return {**kind, "metadata": about, "spec": spec}


def team(name: str) -> list[dict[str, Any]]:
    """A namespace that consents, with two volumes that a Pod fills."""
    labels = {"resilience/consent": "allow"}
    found = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}
    ]
    for data in ("one", "two"):
        container = {
            "name": "app", "image": "python:3.12-alpine", "command": ["python", "-c", FILL],
            "readinessProbe": {"exec": {"command": ["cat", "/data/it"]}},
            "volumeMounts": [{"name": "data", "mountPath": "/data"}],
        }  # fmt: skip
        volume = {"name": "data", "persistentVolumeClaim": {"claimName": data}}
        spec = {"terminationGracePeriodSeconds": 0, "containers": [container], "volumes": [volume]}
        about = {"name": data, "namespace": name}
        found.append(claim(data, name, "ReadWriteOnce"))
        found.append({"apiVersion": "v1", "kind": "Pod", "metadata": about, "spec": spec})
    return found


def applied(kubectl: Kubectl, *objects: dict[str, Any]) -> None:
    kubectl("apply", "-f", "-", stdin=yaml.safe_dump_all(objects))


def in_store(kubectl: Kubectl, home: str, program: str) -> str:
    return kubectl("exec", "-n", home, "store", "--", "python", "-c", program)


def test_a_killed_shard_resumes_and_the_manifest_is_written_once(
    kubeconfig: Path, tmp_path: Path
) -> None:
    home, teams = fresh("backups"), [fresh("team") for _ in range(4)]
    kubectl = Everywhere(FOUND[0], kubeconfig, home, tmp_path)
    plan = tmp_path / "shop.plan.yaml"
    plan.write_text(f"plan: shop\nnamespaces: {json.dumps(teams)}\nstore: file:/store/data\n"
                    "volumes: true\n")  # fmt: skip
    kubectl("create", "namespace", home)
    applied(kubectl, *(each for name in teams for each in team(name)))
    kubectl("create", "configmap", "-n", home, "backup-plans", f"--from-file={plan}")
    rights = printed(sys.executable, "-m", "resilience", "rbac", str(plan), "--only", "backup",
                     "--service-account", f"{home}:backup")  # fmt: skip
    kubectl("apply", "-f", "-", stdin=rights)
    holder = job(home)["spec"]["template"]["spec"] | {"serviceAccountName": "default"}
    holder["containers"][0]["command"] = ["sleep", "3600"]
    holder["containers"][0].pop("args")
    about = {"name": "store", "namespace": home}
    applied(kubectl, claim("store", home, "ReadWriteMany"),
            {"apiVersion": "v1", "kind": "Pod", "metadata": about, "spec": holder})  # fmt: skip
    kubectl("wait", "-n", home, "pod/store", "--for=condition=Ready", "--timeout=60s")
    for name in teams:
        kubectl("wait", "-n", name, "pod", "--all", "--for=condition=Ready", "--timeout=60s")

    applied(kubectl, job(home))
    until = time.monotonic() + 100
    while not (saved := in_store(kubectl, home, LOOK).split()):
        assert time.monotonic() < until, "no volume was saved"
    first = saved[0].removeprefix(f"{ON_STORE}/saved/volumes/").removesuffix(".json")
    stat = f"import os; print(os.stat('{ON_STORE}/volumes/{first}.tar').st_ino)"
    before = in_store(kubectl, home, stat)
    (owner,) = (index for index in range(3) if Shard(index, 3).has(first.split("/")[0]))
    kubectl("delete", "pod", "-n", home, "--grace-period=0", "--force", "-l",
            f"job-name={NAME},batch.kubernetes.io/job-completion-index={owner}")  # fmt: skip
    kubectl("wait", "-n", home, f"job/{NAME}", "--for=condition=Complete", "--timeout=150s")

    assert in_store(kubectl, home, stat) == before
    show = "import glob; print(len(glob.glob('/store/data/backups/*/resilience-manifest.json')))"
    assert in_store(kubectl, home, show).strip() == "1"
    words = ("backup", "show", NAME, "--store", "file:/store/data", "-o", "json")
    whole = kubectl("exec", "-n", home, "store", "--", "python", "-m", "resilience", *words)
    held = {(each["namespace"], each["claim"]) for each in json.loads(whole)["volumes"]}
    assert held == {(name, data) for name in teams for data in ("one", "two")}
    told = kubectl("logs", "-n", home, "-l", f"job-name={NAME}", "--tail=-1")
    assert "all shards are done, and this one completes the snapshot" in told
