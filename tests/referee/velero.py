"""A real Velero server on a sandbox, both ways, against one bucket on loopback.

`python -m tests.referee.velero VELERO PLUGINS --out DIRECTORY` takes the `velero` binary and a
folder with its AWS plugin. Velero backs up, and we list, show, verify, compare and restore; we back
up, and Velero lists, describes, restores and deletes. Results are in DIRECTORY/results.json.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.backup.servers import KEYS, moto
from tests.referee import apps_compare

HERE = Path(__file__).parent
SYNC = 100.0
"""Seconds: Velero looks at the bucket once a minute."""
NAMESPACES = ("shop", "shop-ours", "shop-theirs", "kinds", "kinds-copy", "shop-fs")


class Unmet(Exception):
    """A command ended otherwise than it should."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """Both programs, the cluster between them and the bucket."""

    velero_binary: Path
    kubeconfig: str
    directory: Path
    endpoint: str

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """kubectl's output."""
        kubectl = os.environ.get("KUBECTL", "kubectl")
        return self._run(0, kubectl, "--kubeconfig", self.kubeconfig, *arguments, stdin=stdin)

    def velero(self, *arguments: str, code: int = 0) -> str:
        """What the command `velero` printed."""
        return self._run(code, str(self.velero_binary), *arguments, "-n", "velero",
                         "--kubeconfig", self.kubeconfig, "--colorized=false")  # fmt: skip

    def ours(self, *arguments: str, code: int = 0) -> str:
        """What `resilience` printed; it has to end with `code`."""
        return self._run(code, sys.executable, "-m", "resilience", *arguments)

    def on_cluster(self, *arguments: str, code: int = 0) -> str:
        """The same, for commands that need the cluster."""
        return self.ours(*arguments, "--kubeconfig", self.kubeconfig, code=code)

    def _run(self, code: int, *command: str, stdin: str | None = None) -> str:
        environment = {**os.environ, **KEYS, "AWS_REGION": "us-east-1",
                       "RESILIENCE_STORE": f"s3://bucket/p?endpoint={self.endpoint}"}  # fmt: skip
        done = subprocess.run(command, input=stdin, cwd=self.directory, env=environment, text=True,
                              capture_output=True, check=False, timeout=300)  # fmt: skip
        said = done.stdout + done.stderr
        if done.returncode != code:
            raise Unmet(f"{command[-1]}: exit code {done.returncode}: {said[-1500:]}")
        return said

    def until(self, holds: Callable[[], bool], what: str, within: float = SYNC) -> None:
        """Wait for what the other side does in its own time."""
        end = time.monotonic() + within
        while not holds():
            if time.monotonic() > end:
                raise Unmet(f"not within {within:g} s: {what}")
            time.sleep(1)

    def ready(self, namespace: str) -> None:
        """Until every workload of the application is ready."""
        for workload in ("deployment/web", "statefulset/db"):
            self.kubectl("rollout", "status", workload, "-n", namespace, "--timeout=120s")

    def same(self, copy: str, absent: Sequence[str] = ()) -> None:
        """The copy of `shop` has every object with the same content."""
        found, differences = apps_compare.compare(self.kubectl, "shop", copy)
        differences = [each for each in differences if not each.startswith(tuple(absent) or "\0")]
        if not found or differences:
            raise Unmet(f"{found} objects compared: {'; '.join(differences[:6])}")


@contextmanager
def sides(binary: Path, plugins: Path, directory: Path) -> Iterator[Sides]:
    """Sandbox, bucket and Velero server for the time of the block."""
    with ExitStack() as stack:
        endpoint = stack.enter_context(moto())
        command = [sys.executable, "-m", "resilience.sandbox", "up", "--owner-stdin"]
        sandbox = stack.enter_context(
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        )
        assert sandbox.stdin is not None
        assert sandbox.stdout is not None
        stack.callback(sandbox.stdin.close)
        kubeconfig = json.loads(sandbox.stdout.readline())["kubeconfig"]
        found = Sides(velero_binary=binary.absolute(), kubeconfig=kubeconfig, directory=directory,
                      endpoint=endpoint)  # fmt: skip
        _prepare(found)
        log = stack.enter_context(open(directory / "velero-server.log", "wb"))
        credentials = directory / "credentials"
        credentials.write_text(
            f"[default]\naws_access_key_id={KEYS['AWS_ACCESS_KEY_ID']}\n"
            f"aws_secret_access_key={KEYS['AWS_SECRET_ACCESS_KEY']}\n"
        )
        server = subprocess.Popen(
            [str(binary.absolute()), "server", "--kubeconfig", kubeconfig, "--namespace", "velero",
             "--plugin-dir", str(plugins.absolute()), "--metrics-address=127.0.0.1:0",
             "--profiler-address=127.0.0.1:0", "--store-validation-frequency=5s"],
            stdout=log, stderr=log,
            env={**os.environ, "AWS_SHARED_CREDENTIALS_FILE": str(credentials)},
        )  # fmt: skip
        stack.callback(server.wait, 30)
        stack.callback(server.terminate)
        yield found


def _prepare(found: Sides) -> None:
    import boto3

    client = boto3.client(
        "s3",
        endpoint_url=found.endpoint,
        region_name="us-east-1",
        aws_access_key_id=KEYS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=KEYS["AWS_SECRET_ACCESS_KEY"],
    )
    client.create_bucket(Bucket="bucket")
    definitions = found.velero("install", "--crds-only", "--dry-run", "-o", "yaml")
    found.kubectl("apply", "--server-side", "-f", "-", stdin=definitions)
    for namespace in ("velero", "shop", "kinds"):
        found.kubectl("create", "namespace", namespace)
    template = {"metadata": {"labels": {"deploy": "velero"}},
                "spec": {"containers": [{"name": "velero", "image": "busybox"}]}}  # fmt: skip
    selector = {"matchLabels": {"deploy": "velero"}}
    config = {"region": "us-east-1", "s3ForcePathStyle": "true", "s3Url": found.endpoint}
    storage = {"bucket": "bucket", "prefix": "p"}
    for version, kind, name, spec in (
        ("v1", "ServiceAccount", "velero", None),
        ("apps/v1", "Deployment", "velero",
         {"replicas": 0, "selector": selector, "template": template}),
        ("velero.io/v1", "BackupStorageLocation", "default",
         {"provider": "aws", "default": True, "objectStorage": storage, "config": config}),
    ):  # fmt: skip
        body = {"apiVersion": version, "kind": kind, "metadata": {"name": name}}
        whole = body if spec is None else {**body, "spec": spec}
        found.kubectl("apply", "-n", "velero", "-f", "-", stdin=json.dumps(whole))
    found.kubectl("apply", "-n", "shop", "-f", str(HERE / "velero_app.yaml"))
    uid = found.kubectl("get", "ns", "kube-system", "-o", "jsonpath={.metadata.uid}")
    context = found.kubectl("config", "current-context").strip()
    (found.directory / "resilience.toml").write_text(
        f"[targets.sandbox]\ncontext = {context!r}\ncluster = {uid!r}\n"
        f"namespaces = {json.dumps(NAMESPACES)}\n"
    )
    found.ready("shop")


def main(arguments: Sequence[str]) -> int:
    """Carry out every check, whatever the ones before said."""
    from tests.referee.velero_checks import CHECKS

    parser = argparse.ArgumentParser(prog="python -m tests.referee.velero")
    parser.add_argument("velero", type=Path, help="the velero binary")
    parser.add_argument("plugins", type=Path, help="folder that holds velero-plugin-for-aws")
    parser.add_argument("--out", type=Path, required=True, help="directory of results")
    given = parser.parse_args(arguments)
    given.out.mkdir(parents=True, exist_ok=True)
    results = []
    with sides(given.velero, given.plugins, given.out.absolute()) as found:
        version = found.velero("version", "--client-only").split()
        print(" ".join(version), flush=True)
        for check in CHECKS:
            began, why = time.monotonic(), ""
            try:
                check(found)
            except (Unmet, AssertionError, subprocess.TimeoutExpired) as error:
                why = str(error) or "see the check"
            seconds = round(time.monotonic() - began, 1)
            results.append({"check": check.__name__, "seconds": seconds, "failed": why})
            print(f"{'FAILED' if why else 'passed'} {seconds:6}s {check.__name__}"
                  + (f"\n    {why}" if why else ""), flush=True)  # fmt: skip
    (given.out / "results.json").write_text(json.dumps(results, indent=1))
    failed = sum(bool(each["failed"]) for each in results)
    print(f"{len(results) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
