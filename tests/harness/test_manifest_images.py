"""Images that the sandbox lacks are named before anything runs, and end the step at once."""

from __future__ import annotations

import time

import pytest

from tests.harness.conftest import Run

MANIFEST = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: first}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: nightly}
spec:
  schedule: "0 3 * * *"
  jobTemplate:
    spec:
      template:
        spec:
          restartPolicy: Never
          initContainers: [{name: init, image: "busybox:1"}]
          containers: [{name: main, image: "ghcr.io/acme/shop:1"}]
---
apiVersion: v1
kind: Pod
metadata: {name: shop}
spec: {containers: [{name: main, image: "ghcr.io/acme/shop:1"}, {name: b, image: "redis:7"}]}
"""
SCENARIO = """\
scenario: the shop starts
namespace: shop
given:
  - apply: shop.yaml
  - ready: all
    within: 3m
when:
  - sleep: 1ms
then:
  - ready: all
"""


@pytest.fixture
def folder(pytester: pytest.Pytester) -> pytest.Pytester:
    (pytester.path / "shop.yaml").write_text(MANIFEST)
    (pytester.path / "shop.scenario.yaml").write_text(SCENARIO)
    return pytester


def test_a_dry_run_names_each_unknown_image_once_with_its_place(
    folder: pytest.Pytester, run: Run
) -> None:
    output = run("--resilience-dry-run", "-rs", "shop.scenario.yaml").stdout.str()
    lines = [line.strip() for line in output.splitlines() if "the sandbox has no image" in line]
    assert lines[:2] == [
        "shop.yaml:5:1 CronJob nightly: the sandbox has no image ghcr.io/acme/shop:1; map it under"
        " [tool.resilience.sandbox.images] (docs/how-to/own-image.md)",
        "shop.yaml:18:1 Pod shop: the sandbox has no image redis:7; map it under"
        " [tool.resilience.sandbox.images] (docs/how-to/own-image.md)",
    ]


def test_the_step_that_waits_fails_at_once_with_the_remedy(
    folder: pytest.Pytester, run: Run
) -> None:
    began = time.monotonic()
    result = run("shop.scenario.yaml")
    assert result.ret != 0
    result.stdout.fnmatch_lines(["*not found (the sandbox has *; map it under*own-image.md)*"])
    assert time.monotonic() - began < 90  # the step's own deadline is three minutes


def test_a_mapped_image_starts_and_nothing_is_missing(folder: pytest.Pytester, run: Run) -> None:
    (folder.path / "resilience.toml").write_text(
        "[sandbox.images]\n"
        '"ghcr.io/acme/*" = {agnhost = ["pause"]}\n'
        'redis = {python = ["-c", "import time; time.sleep(600)"]}\n'
    )
    dry = run("--resilience-dry-run", "shop.scenario.yaml").stdout.str()
    assert "the sandbox has no image" not in dry
    output = run("shop.scenario.yaml").stdout.str()
    assert "not found" not in output


def test_a_table_that_cannot_be_read_is_the_users_own_mistake(
    folder: pytest.Pytester, run: Run
) -> None:
    (folder.path / "resilience.toml").write_text("[sandbox.images]\nshop = {imagee = 'nginx'}\n")
    result = run("shop.scenario.yaml")
    result.stdout.fnmatch_lines(["*resilience.toml: sandbox image 'shop': unknown key 'imagee'*"])
    assert result.ret not in (0, 1)
    assert "Traceback" not in result.stdout.str()
