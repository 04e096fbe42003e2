"""CI that runs scenarios: a dry run on each change, and a run on a cluster made by kind."""

from __future__ import annotations

GITHUB = """\
# Written by `resilience init ci`. Scenarios run on a cluster of kind, made for this job alone.
name: resilience
on:
  pull_request:
  schedule:
    - cron: "23 4 * * *"  # every night, on what was merged
permissions:
  contents: read
jobs:
  scenarios:
    runs-on: ubuntu-latest
    timeout-minutes: 30
    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-python@v5
        with:
          python-version: "3.12"
      - run: pip install pytest-resilience
      # Every mistake in every file, without a cluster.
      - run: resilience run {folder} --dry-run
      # Three nodes, so that a drain has somewhere to go.
      - run: |
          cat > kind.yaml <<'END'
          kind: Cluster
          apiVersion: kind.x-k8s.io/v1alpha4
          nodes: [{{role: control-plane}}, {{role: worker}}, {{role: worker}}]
          END
          kind create cluster --name resilience --config kind.yaml --wait 3m
      # Your application goes here: kubectl apply, helm install, kind load docker-image.
      - run: kubectl create namespace {namespace} --dry-run=client -o yaml | kubectl apply -f -
      # Consent for this cluster: by its uid, because the name proves nothing.
      - run: resilience init target --context kind-resilience --namespace {namespace}
      - run: resilience run {folder} --context kind-resilience --report report
      - uses: actions/upload-artifact@v4
        if: always()
        with:
          name: resilience-report
          path: report
      - run: kind delete cluster --name resilience
        if: always()
"""

GITLAB = """\
# Written by `resilience init ci --gitlab`. Scenarios run on a cluster of kind, in Docker beside it.
resilience:
  image: docker:27
  services: ["docker:27-dind"]
  variables:
    DOCKER_HOST: tcp://docker:2375
    DOCKER_TLS_CERTDIR: ""
  before_script:
    - apk add --no-cache python3 py3-pip curl kubectl
    - curl -fsSLo /usr/local/bin/kind https://kind.sigs.k8s.io/dl/v0.30.0/kind-linux-amd64
    - chmod +x /usr/local/bin/kind
    - python3 -m venv /venv && /venv/bin/pip install pytest-resilience
    - export PATH=/venv/bin:$PATH
  script:
    # Every mistake in every file, without a cluster.
    - resilience run {folder} --dry-run
    # The API server has to listen where this job reaches it: at the name of the service.
    - |
      cat > kind.yaml <<'END'
      kind: Cluster
      apiVersion: kind.x-k8s.io/v1alpha4
      networking: {{apiServerAddress: "0.0.0.0", apiServerPort: 6443}}
      nodes: [{{role: control-plane}}, {{role: worker}}, {{role: worker}}]
      kubeadmConfigPatches:
        - |
          kind: ClusterConfiguration
          apiServer: {{certSANs: [docker, localhost]}}
      END
    - kind create cluster --name resilience --config kind.yaml --wait 3m
    - sed -i 's/0\\.0\\.0\\.0/docker/' ~/.kube/config
    # Your application goes here: kubectl apply, helm install, kind load docker-image.
    - kubectl create namespace {namespace} --dry-run=client -o yaml | kubectl apply -f -
    # Consent for this cluster: by its uid, because the name proves nothing.
    - resilience init target --context kind-resilience --namespace {namespace}
    - resilience run {folder} --context kind-resilience --report report --junitxml=junit.xml
  after_script:
    - kind delete cluster --name resilience
  artifacts:
    when: always
    paths: [report]
    reports: {{junit: junit.xml}}
"""


def github(folder: str, namespace: str) -> str:
    """A workflow of GitHub Actions."""
    return GITHUB.format(folder=folder, namespace=namespace)


def gitlab(folder: str, namespace: str) -> str:
    """A job of GitLab CI."""
    return GITLAB.format(folder=folder, namespace=namespace)
