"""The own test suites of Python clients of Kubernetes, against a sandbox.

`python -m tests.referee.clients --out DIRECTORY --official TREE --kr8s TREE --lightkube TREE` takes
source trees of kubernetes-client/python, kr8s-org/kr8s and gtsystem/lightkube, one or more of them.
The clients themselves and what their tests need are installed from the package index, in an
environment for each suite. Where a suite makes a cluster with kind, it gets the sandbox instead;
the system Pods that kind and k3s have in kube-system are two Deployments of `pause` there, and its
kubeconfig has a certificate, as kind's has. Nothing else is changed. Results are in
DIRECTORY/NAME.xml.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from tests.sandbox import signing_requests

_COMMON = ("pytest", "pytest-asyncio", "pytest-timeout", "pytest-rerunfailures", "pytest-cov")
_PLUGIN = "sandbox_for_clients"
"""The pytest plugin that gives suites the sandbox; written into the output directory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """One client: `tests` is the path of its suite in the tree, `packages` what it needs, in the
    versions that the suite was written for."""

    name: str
    tests: str
    packages: tuple[str, ...]


SUITES = (
    Suite(
        name="official",
        tests="kubernetes/e2e_test",
        packages=("kubernetes",),
    ),
    Suite(
        name="kr8s",
        tests="kr8s",
        packages=(
            "kr8s", "trio", "lightkube<1", "kubernetes<36", "pykube-ng", "kubernetes-asyncio",
            "kubernetes-validate", "types-pyyaml",
        ),
    ),
    Suite(name="lightkube", tests="e2e-tests", packages=("lightkube<1",)),
)  # fmt: skip

SYSTEM_PODS = ("coredns", "metrics-server")
"""Deployments that the suites find in kube-system of the clusters that they were written for."""

USER = "kubernetes-admin"
"""Whom the suites are, and expect to be: kind's kubeconfig names it."""

_SOURCE = '''
"""Gives a suite the sandbox where it would make a cluster of its own."""

import os
import pathlib
import shutil
import subprocess
import sys
import types


class KindCluster:
    def __init__(self, *arguments, **named):
        self.name = "sandbox"
        self.kubeconfig_path = pathlib.Path(os.environ["SANDBOX_KUBECONFIG"])
        self.kubectl_path = pathlib.Path(shutil.which("kubectl"))
        self.api = None

    def create(self, *arguments, **named):
        pass

    def delete(self, *arguments, **named):
        pass

    def kubectl(self, *arguments, **named):
        command = ["kubectl", "--kubeconfig", str(self.kubeconfig_path), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def pytest_addoption(parser):
    parser.addoption("--keep-cluster", action="store_true", default=True)


cluster = types.ModuleType("pytest_kind.cluster")
cluster.KindCluster = KindCluster
package = types.ModuleType("pytest_kind")
package.KindCluster, package.cluster = KindCluster, cluster
sys.modules |= {"pytest_kind": package, "pytest_kind.cluster": cluster}

if os.environ["SANDBOX_SUITE"] == "official":
    import kubernetes

    kubernetes.__path__.append(os.path.join(os.getcwd(), "kubernetes"))
'''


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Where suites run; `limit` is the seconds for one test."""

    kubeconfig: Path
    directory: Path
    limit: int

    def suite(self, suite: Suite, tree: Path) -> list[tuple[str, str, str]]:
        """Name, state and message of every test."""
        report = self.directory / f"{suite.name}.xml"
        report.unlink(missing_ok=True)
        python = prepare(self.directory, suite)
        command = [
            str(python.parent / "pytest"), "-p", _PLUGIN, suite.tests,
            f"--junitxml={report}", "--import-mode=importlib",
            f"--timeout={self.limit}", "-p", "no:cacheprovider", "-q", "-W", "default",
        ]  # fmt: skip
        with open(self.directory / f"{suite.name}.log", "wb") as log:
            subprocess.run(
                command, cwd=self._copied(suite, tree), env=self._environment(suite, python),
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, check=False,
            )  # fmt: skip
        return results(report)

    def _copied(self, suite: Suite, tree: Path) -> Path:
        """A copy of the tree with the file that only a build makes: its version."""
        place = self.directory / "work" / suite.name
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(tree, place, ignore=shutil.ignore_patterns(".git", "docs", "doc"))
        version = place / suite.name / "_version.py"
        if version.parent.is_dir() and not version.exists():
            version.write_text('__version__ = "0.0.0"\n')
        return place

    def _environment(self, suite: Suite, python: Path) -> Mapping[str, str]:
        home = self.directory / "home"
        (home / ".kube").mkdir(parents=True, exist_ok=True)
        shutil.copyfile(self.kubeconfig, home / ".kube" / "config")
        return {
            **os.environ,
            "HOME": str(home),
            "KUBECONFIG": str(home / ".kube" / "config"),
            "SANDBOX_KUBECONFIG": str(self.kubeconfig),
            "SANDBOX_SUITE": suite.name,
            "PYTHONPATH": str(self.directory / "plugin"),
            "PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}",
        }


def results(report: Path) -> list[tuple[str, str, str]]:
    """Name, state and message of every case in a JUnit file; none where there is none."""
    if not report.exists():
        return []
    found = []
    for case in ElementTree.parse(report).iter("testcase"):
        state, message = "passed", ""
        for child in case:
            if child.tag in ("failure", "error", "skipped"):
                state = "skipped" if child.tag == "skipped" else "failed"
                message = child.get("message") or ""
        found.append((f"{case.get('classname')}.{case.get('name')}", state, message))
    return found


def prepare(directory: Path, suite: Suite) -> Path:
    """The suite's environment with everything installed, and the plugin; its Python."""
    (directory / "plugin").mkdir(parents=True, exist_ok=True)
    (directory / "plugin" / f"{_PLUGIN}.py").write_text(_SOURCE)
    place = directory / f"venv-{suite.name}"
    python = place / "bin" / "python"
    if not python.exists():
        venv.create(place, with_pip=True)
    command = [str(python), "-m", "pip", "install", "--quiet", *_COMMON, *suite.packages]
    subprocess.run(command, check=True)
    return python


def add_system_pods(kubeconfig: Path) -> None:
    """The Pods of `SYSTEM_PODS`, running."""
    to = ["kubectl", "--kubeconfig", str(kubeconfig), "--namespace", "kube-system"]
    for name in SYSTEM_PODS:
        create = ["create", "deployment", name, "--image=registry.k8s.io/pause:3.10"]
        subprocess.run([*to, *create], check=True, stdout=subprocess.DEVNULL)
        done = ["rollout", "status", f"deployment/{name}", "--timeout=60s"]
        subprocess.run([*to, *done], check=True, stdout=subprocess.DEVNULL)


def with_certificate(kubeconfig: Path, written: Path) -> None:
    """The same kubeconfig, with a certificate that the cluster issues in place of the token."""
    kubectl = ["kubectl", "--kubeconfig", str(kubeconfig)]

    def run(*arguments: str, stdin: bytes = b"") -> bytes:
        command = [*kubectl, *arguments]
        return subprocess.run(command, check=True, input=stdin, stdout=subprocess.PIPE).stdout

    request, key = signing_requests.make(USER)
    spec = {"request": base64.b64encode(request).decode(), "usages": ["client auth"],
            "signerName": "kubernetes.io/kube-apiserver-client"}  # fmt: skip
    body = {"apiVersion": "certificates.k8s.io/v1", "kind": "CertificateSigningRequest",
            "metadata": {"name": USER}, "spec": spec}  # fmt: skip
    run("create", "-f", "-", stdin=json.dumps(body).encode())
    run("certificate", "approve", USER)
    run("wait", f"csr/{USER}", "--for=jsonpath={.status.certificate}", "--timeout=10s")
    certificate = run("get", "csr", USER, "-o", "jsonpath={.status.certificate}").decode()
    run("create", "clusterrolebinding", USER, "--clusterrole=cluster-admin", f"--user={USER}")
    config = json.loads(kubeconfig.read_text())
    config["users"][0]["user"] = {
        "client-certificate-data": certificate,
        "client-key-data": base64.b64encode(key).decode(),
    }
    written.write_text(json.dumps(config))


def main(arguments: Sequence[str]) -> int:
    """Run the suites that there is a tree for, and sum up."""
    parser = argparse.ArgumentParser(prog="python -m tests.referee.clients")
    parser.add_argument("--out", type=Path, required=True, help="directory of results")
    parser.add_argument("--limit", type=int, default=180, help="seconds one test may take")
    for suite in SUITES:
        parser.add_argument(f"--{suite.name}", type=Path, help=f"source tree of {suite.name}")
    given = parser.parse_args(arguments)
    trees = {suite: getattr(given, suite.name) for suite in SUITES if getattr(given, suite.name)}
    missing = [str(tree / suite.tests) for suite, tree in trees.items()
               if not (tree / suite.tests).is_dir()]  # fmt: skip
    if missing or not trees:
        parser.error(f"no such suite: {', '.join(missing)}" if missing else "no tree is given")
    given.out.mkdir(parents=True, exist_ok=True)
    directory = given.out.resolve()
    command = [sys.executable, "-m", "resilience.sandbox", "up", "--owner-stdin", "--nodes", "2"]
    every = []
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as sandbox:
        assert sandbox.stdout is not None
        assert sandbox.stdin is not None
        kubeconfig = Path(json.loads(sandbox.stdout.readline())["kubeconfig"])
        add_system_pods(kubeconfig)
        with_certificate(kubeconfig, directory / "kubeconfig")
        run = Run(kubeconfig=directory / "kubeconfig", directory=directory, limit=given.limit)
        for suite, tree in trees.items():
            found = run.suite(suite, tree.resolve())
            every.append(found)
            states = [state for _, state, _ in found]
            print(f"{suite.name}: {states.count('passed')} of {len(states)} passed,"
                  f" {states.count('skipped')} skipped", flush=True)  # fmt: skip
            for name, state, message in found:
                if state == "failed":
                    print(f"    {name}: {' '.join(message.split())[:200]}", flush=True)
        sandbox.stdin.close()
    whole = all(found and all(state != "failed" for _, state, _ in found) for found in every)
    return 0 if whole else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
