"""`resilience audit` of 1,000 workloads, each with a Service and a budget, from a file.

In a process of its own, start included. The least that the same file can take is what the YAML
parser alone takes.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks import Row

WORKLOADS = 1000
ONE = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web-%(n)d, namespace: shop-%(s)d, labels: {app: web-%(n)d}}
spec:
  replicas: %(r)d
  selector: {matchLabels: {app: web-%(n)d}}
  template:
    metadata:
      labels: {app: web-%(n)d}
    spec:
      terminationGracePeriodSeconds: 10
      containers:
        - name: web
          image: registry.example/web:%(n)d
          ports:
            - {name: http, containerPort: 8080}
          readinessProbe:
            httpGet: {path: /ready, port: http}
          resources:
            requests: {cpu: 10m, memory: 16Mi}
---
apiVersion: v1
kind: Service
metadata: {name: web-%(n)d, namespace: shop-%(s)d}
spec:
  selector: {app: web-%(n)d}
  ports:
    - {name: http, port: 80, targetPort: http}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web-%(n)d, namespace: shop-%(s)d}
spec:
  maxUnavailable: 1
  selector: {matchLabels: {app: web-%(n)d}}
---
"""


def measure() -> Iterator[Row]:
    """Processor time, which other work on the machine does not change."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "all.yaml"
        text = "".join(ONE % {"n": n, "s": n % 10, "r": 1 + n % 3} for n in range(WORKLOADS))
        path.write_text(text)
        taken, peak, found = _measured(path)
        yield Row(
            what=f"audit of {WORKLOADS:,} workloads, {found:,} findings",
            measured=f"{taken:.2f} s, {peak:.0f} MB",
            reach="3 s, 150 MB",
            beside=f"the YAML parser alone {_parser(text):.2f} s",
        )


def _measured(path: Path) -> tuple[float, float, int]:
    """(seconds of the processor, MB, findings) of the command."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-m", "resilience", "audit", str(path), "-o", "json"],
        capture_output=True,
        text=True,
        check=False,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    taken = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return taken, after.ru_maxrss / 1024, len(json.loads(done.stdout)["findings"])


def _parser(text: str) -> float:
    import yaml

    began = time.process_time()
    for _ in yaml.parse(text, Loader=getattr(yaml, "CLoader", yaml.Loader)):
        pass
    return time.process_time() - began
