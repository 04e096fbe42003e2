"""`resilience init`: one commented scenario with its manifest and schema, ready to run.

Existing files are never overwritten.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from resilience.commands import CommandError
from resilience.commands.saying import say
from resilience.commands.schema import schema_text
from resilience.commands.writing import write_files

SCENARIO = """\
# yaml-language-server: $schema=./scenario.schema.json
# Run it with: pytest {folder}/
scenario: hello survives losing one of two Pods
tags: [smoke]
namespace: hello

given: # the starting state: created here, and undone at the end
  - apply: manifests/hello.yaml
  - ready: deployment/hello
    within: 60s

while: # measured from before the first action to the end
  - http: {{service: hello, port: http, path: /hostname}}
    name: hello
    rate: 100/s
    objective: {{availability: 99%, longest_outage: 2s}}

when: # the actions, one after another
  - kill: {{pods: app=hello, count: 1}}
  - ready: deployment/hello # a check in this place waits until it holds

then: # what must hold at the end
  - recovered: {{}}
    within: 30s
"""

MANIFEST = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: hello
spec:
  replicas: 2
  selector:
    matchLabels: {app: hello}
  template:
    metadata:
      labels: {app: hello}
    spec:
      terminationGracePeriodSeconds: 10
      containers:
        - name: web
          image: registry.k8s.io/e2e-test-images/agnhost:2.53
          # It keeps answering for 3 s after SIGTERM, until every node knows that the Pod ends.
          args: [netexec, --http-port=8080, --delay-shutdown=3]
          ports:
            - {name: http, containerPort: 8080}
          readinessProbe:
            httpGet: {path: /hostname, port: http}
            periodSeconds: 1
---
apiVersion: v1
kind: Service
metadata:
  name: hello
spec:
  selector: {app: hello}
  ports:
    - {name: http, port: 80, targetPort: http}
"""


def init(options: argparse.Namespace) -> int:
    """The requested form."""
    if options.from_namespace or options.from_manifests:
        from resilience.commands import init_namespace

        if options.from_namespace:
            return init_namespace.from_namespace(options)
        return init_namespace.from_manifests(options)
    if options.folder in ("ci", "plan", "target"):
        from resilience.commands import init_more

        return int(getattr(init_more, options.folder)(options))
    return write(options.folder)


def write(folder: str) -> int:
    """Write the files; CommandError names one that already exists."""
    root = Path(folder)
    files = {
        root / "hello.scenario.yaml": SCENARIO.format(folder=root),
        root / "manifests" / "hello.yaml": MANIFEST,
        root / "scenario.schema.json": schema_text("scenario"),
    }
    for path in files:
        if path.exists():
            raise CommandError(f"{path} already exists; nothing was written")
    write_files(files)
    say(f"now run: pytest {root}/")
    return 0
