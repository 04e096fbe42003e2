"""Public application sets on the sandbox: applied, ready, snapshot, restored elsewhere, compared.

`python -m tests.referee.apps FOLDER --out DIRECTORY` reads the sets that `apps.toml` names out of
the clones in FOLDER (one for each repository, `OWNER+NAME` or `OWNER+NAME/repo`, bare or not).
Images that the sandbox does not have are mapped to one program that serves the manifests' ports.
kubectl applies, waits and is asked for both sides; the comparison is this file's own. Results are
written to DIRECTORY/results.jsonl; a second run asks only what has not passed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import yaml

from tests.referee import apps_compare
from tests.referee.apps_mapping import claims_without_class, mapping

HERE = Path(__file__).parent
WORKLOADS = "deployments,statefulsets,daemonsets,replicationcontrollers,replicasets,jobs"


class Unmet(Exception):
    """A set went no further; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """One set of manifests."""

    name: str
    repo: str
    files: tuple[str, ...]
    namespace: str = "app"
    also: tuple[str, ...] = ()
    nodes: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How far a set came: passed, or the step that failed. `objects` were compared."""

    name: str
    state: str
    seconds: float
    objects: int = 0
    message: str = ""


def apps() -> tuple[list[App], dict[str, str]]:
    """The sets, and the commit of each repository."""
    said = tomllib.loads((HERE / "apps.toml").read_text())
    found = [App(**{**each, "files": tuple(each["files"]), "also": tuple(each.get("also", ()))})
             for each in said["apps"]]  # fmt: skip
    return found, said["repos"]


def manifests(app: App, folder: Path, commit: str) -> list[tuple[str, str]]:
    """(path, text) of the set's files at that commit, in the order of the patterns."""
    named = app.repo.replace("/", "+")
    clone = next(
        (each for each in (folder / named / "repo", folder / named) if each.is_dir()), None
    )
    if clone is None:
        raise Unmet(f"there is no clone of {app.repo} in {folder}")
    listed = _run("git", "-C", str(clone), "ls-tree", "-r", "--name-only", commit).split("\n")
    paths = [path for glob in app.files for path in sorted(listed) if _covers(glob, path)]
    if not paths:
        raise Unmet(f"{app.repo} has no {', '.join(app.files)} at {commit}")
    return [(path, _run("git", "-C", str(clone), "show", f"{commit}:{path}")) for path in paths]


def _covers(glob: str, path: str) -> bool:
    return glob.count("/") == path.count("/") and fnmatchcase(path, glob)


class Trial:
    """One set on a sandbox of its own."""

    def __init__(self, app: App, directory: Path) -> None:
        self.app = app
        self.directory = directory
        self.step = "fetch"
        self.objects = 0
        self._kubeconfig = ""

    def run(self, files: Sequence[tuple[str, str]]) -> None:
        """Every step; Unmet where one fails, `step` says which."""
        self.directory.mkdir(parents=True, exist_ok=True)
        objects = [each for _, text in files for each in _objects(text)]
        for number, (path, text) in enumerate(files):
            name = f"{number:03}-{Path(path).name}"
            (self.directory / name).write_text(text)
        (self.directory / "images.toml").write_text(
            mapping(objects, self.app.also, HERE / "apps_stand_in.py")
        )
        with self._sandbox():
            self._prepare(objects)
            self.step = "apply"
            self.kubectl("apply", "-n", self.app.namespace, "-f", str(self.directory))
            self.step = "ready"
            self._ready(self.app.namespace)
            self.step = "snapshot"
            store = f"file:{self.directory / 'store'}"
            self._resilience("backup", "create", "--namespace", self.app.namespace,
                             "--store", store)  # fmt: skip
            name = sorted(path.name for path in (self.directory / "store/backups").iterdir())[-1]
            self.step = "restore"
            copy = f"{self.app.namespace}-copy"
            chosen = [] if "nodePort:" not in str(files) else ["--allocations", "new"]
            chosen += ["--without-cluster-scoped"] if _shares(objects) else []
            self._resilience("restore", name, "--store", store, "--into", copy, *chosen)
            self.step = "ready again"
            self._ready(copy)
            self.step = "compare"
            found, differences = apps_compare.compare(self.kubectl, self.app.namespace, copy)
            self.objects = found
            if differences or not found:
                raise Unmet("; ".join(differences[:8]) or "nothing was compared")

    def _prepare(self, objects: Sequence[dict[str, Any]]) -> None:
        for name in claims_without_class(objects, self.kubectl("get", "sc", "-o", "name")):
            self.kubectl("apply", "-f", "-", stdin=json.dumps({
                "apiVersion": "storage.k8s.io/v1", "kind": "StorageClass",
                "metadata": {"name": name}, "volumeBindingMode": "WaitForFirstConsumer",
                "provisioner": self.kubectl("get", "sc", "-o", "jsonpath={.items[0].provisioner}"),
            }))  # fmt: skip
        if self.app.namespace != "default":
            self.kubectl("create", "namespace", self.app.namespace)
        uid = self.kubectl("get", "ns", "kube-system", "-o", "jsonpath={.metadata.uid}")
        context = self.kubectl("config", "current-context").strip()
        both = [self.app.namespace, f"{self.app.namespace}-copy"]
        (self.directory / "resilience.toml").write_text(
            f"[targets.sandbox]\ncontext = {context!r}\ncluster = {uid!r}\n"
            f"namespaces = {json.dumps(both)}\n"
            f"nodes = {json.dumps(self.app.nodes)}\n"
        )

    def _ready(self, namespace: str, within: float = 240.0) -> None:
        """Until kubectl shows as many ready Pods as every workload wants, and no other Pod."""
        end = time.monotonic() + within
        while True:
            waiting = self._waiting(namespace)
            if not waiting:
                return
            if time.monotonic() > end:
                raise Unmet("; ".join(waiting[:5]))
            time.sleep(1)

    def _waiting(self, namespace: str) -> list[str]:
        listed = json.loads(self.kubectl("get", f"{WORKLOADS},pods", "-n", namespace, "-o", "json"))
        return [why for each in listed["items"] if (why := apps_compare.unready(each))]

    @contextmanager
    def _sandbox(self) -> Iterator[None]:
        self.step = "sandbox"
        command = [sys.executable, "-m", "resilience.sandbox", "up", "--owner-stdin", "--nodes=10",
                   f"--images={self.directory / 'images.toml'}"]  # fmt: skip
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line:
                raise Unmet("the sandbox did not start")
            self._kubeconfig = json.loads(line)["kubeconfig"]
            try:
                yield
            finally:
                process.stdin.close()

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """kubectl's output; Unmet with its complaint."""
        kubectl = os.environ.get("KUBECTL", "kubectl")
        return _run(kubectl, "--kubeconfig", self._kubeconfig, *arguments, stdin=stdin)

    def _resilience(self, *arguments: str) -> str:
        named = ("--kubeconfig", self._kubeconfig)
        return _run(sys.executable, "-m", "resilience", *arguments, *named, cwd=self.directory)


def _shares(objects: Sequence[dict[str, Any]]) -> bool:
    """Whether the set binds roles in the whole cluster: a copy leaves these bindings alone."""
    return any(each.get("kind") == "ClusterRoleBinding" for each in objects)


def _objects(text: str) -> list[dict[str, Any]]:
    found = [each for each in yaml.safe_load_all(text) if each]
    return [inner for each in found for inner in each.get("items", [each])]


def _run(*command: str, stdin: str | None = None, cwd: Path | None = None) -> str:
    done = subprocess.run(
        command, input=stdin, cwd=cwd, capture_output=True, text=True, check=False, timeout=600
    )
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()
        raise Unmet(f"{Path(command[0]).name} {command[-1]}: " + " | ".join(said[-8:]))
    return done.stdout


def attempt(app: App, commit: str, folder: Path, out: Path) -> Result:
    """One set, whatever comes of it."""
    began = time.monotonic()
    trial = Trial(app, out.absolute() / app.name / time.strftime("%H%M%S"))
    state, message = "passed", ""
    try:
        trial.run(manifests(app, folder, commit))
    except (Unmet, subprocess.TimeoutExpired, yaml.YAMLError) as error:
        state, message = trial.step, str(error)
    seconds = round(time.monotonic() - began, 1)
    return Result(name=app.name, state=state, seconds=seconds, objects=trial.objects,
                  message=message)  # fmt: skip


def known(out: Path) -> dict[str, Result]:
    """The last result of each set."""
    file = out / "results.jsonl"
    lines = file.read_text().splitlines() if file.exists() else []
    return {each.name: each for each in (Result(**json.loads(line)) for line in lines)}


def main(arguments: Sequence[str]) -> int:
    """Try what has not passed yet, and sum up."""
    parser = argparse.ArgumentParser(prog="python -m tests.referee.apps")
    parser.add_argument("folder", type=Path, help="folder of clones")
    parser.add_argument("--out", type=Path, required=True, help="directory of results")
    parser.add_argument("--only", action="append", default=[], help="only this set; repeatable")
    parser.add_argument("--fresh", action="store_true", help="also those that have passed")
    given = parser.parse_args(arguments)
    given.out.mkdir(parents=True, exist_ok=True)
    found, commits = apps()
    before = {} if given.fresh else known(given.out)
    for app in found:
        passed = app.name in before and before[app.name].state == "passed"
        if (given.only and app.name not in given.only) or (passed and not given.only):
            continue
        result = attempt(app, commits[app.repo], given.folder, given.out)
        with open(given.out / "results.jsonl", "a") as file:
            file.write(json.dumps(asdict(result)) + "\n")
        print(f"{result.state:12} {result.seconds:6}s {result.objects:4} objects  {app.name}"
              + (f"\n    {result.message}" if result.message else ""), flush=True)  # fmt: skip
    states = Counter(each.state for each in known(given.out).values())
    print(", ".join(f"{count} {state}" for state, count in sorted(states.items())))
    return 0 if set(states) == {"passed"} else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
