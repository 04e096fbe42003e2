"""One kubectl in one namespace of a sandbox, for tests that type what people type."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NEWEST = ROOT / ".venv" / "bin" / "kubectl-newest"
FOUND = [
    path for path in (shutil.which("kubectl"), str(NEWEST) if NEWEST.exists() else None) if path
]
LONGEST = 180.0
"""Seconds for one command: more than the longest `--timeout` that is typed."""

WEB = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - name: web
        image: registry.k8s.io/e2e-test-images/agnhost:2.45
        args: [netexec, --http-port=8080]
        ports: [{containerPort: 8080}]
        readinessProbe: {httpGet: {path: /readyz, port: 8080}, periodSeconds: 1}
"""


@dataclass(frozen=True)
class Kubectl:
    """One kubectl in one namespace."""

    program: str
    kubeconfig: Path
    namespace: str
    home: Path
    environment: dict[str, str] = field(default_factory=dict)

    def command(self, *arguments: str) -> list[str]:
        """What to start for `kubectl ARGUMENTS`."""
        return [self.program, "-n", self.namespace, *arguments]

    def around(self) -> dict[str, str]:
        """The environment to start it in."""
        ours = {"KUBECONFIG": str(self.kubeconfig), "HOME": str(self.home)}
        return {**os.environ, **ours, **self.environment}

    def run(
        self, *arguments: str, stdin: str = "", timeout: float = LONGEST
    ) -> tuple[int, str, str]:
        done = subprocess.run(
            self.command(*arguments),
            input=stdin,
            text=True,
            capture_output=True,
            timeout=timeout,
            env=self.around(),
            check=False,
        )
        return done.returncode, done.stdout, done.stderr

    def __call__(self, *arguments: str, stdin: str = "", timeout: float = LONGEST) -> str:
        code, out, err = self.run(*arguments, stdin=stdin, timeout=timeout)
        assert code == 0, f"kubectl {' '.join(arguments)}: {out}{err}"
        return out

    def fails(self, *arguments: str, stdin: str = "") -> str:
        code, out, err = self.run(*arguments, stdin=stdin)
        assert code != 0, f"kubectl {' '.join(arguments)} should fail: {out}"
        return out + err
