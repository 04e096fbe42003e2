"""What the plugin costs: an unrelated pytest run, and collecting a thousand scenarios.

Runs with and without the plugin alternate, so that a noisy machine treats both alike.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks import Row, milliseconds, seconds

ROUNDS = 21
FILES = 1000

SCENARIO = """\
scenario: number {number}
namespace: shop
while:
  - http: {{service: checkout, port: http, path: /healthz, status: 200}}
    objective: {{availability: 99%, longest_outage: 2s}}
when:
  - kill: {{pods: app=checkout, share: 1/3, grace: 0s}}
  - ready: deployment/checkout
then:
  - recovered: {{}}
    within: 30s
"""


def measure() -> Iterator[Row]:
    """All figures of this module."""
    with tempfile.TemporaryDirectory() as folder:
        yield _unrelated(Path(folder))
    with tempfile.TemporaryDirectory() as folder:
        yield _collection(Path(folder))


def _unrelated(folder: Path) -> Row:
    (folder / "test_one.py").write_text("def test_one(): pass\n")
    _pytest(folder)
    pairs = [
        (seconds(lambda: _pytest(folder)), seconds(lambda: _pytest(folder, *PLUGIN)))
        for _ in range(ROUNDS)
    ]
    bare = statistics.median(pair[0] for pair in pairs)
    more = statistics.median(pair[1] - pair[0] for pair in pairs)
    return Row(
        what="an unrelated one-test run costs more",
        measured=milliseconds(more),
        reach="20 ms",
        beside=f"without: {milliseconds(bare)}",
        ratio=(bare + more) / bare,
    )


def _collection(folder: Path) -> Row:
    for number in range(FILES):
        (folder / f"{number:04}.scenario.yaml").write_text(SCENARIO.format(number=number))
    arguments = ("--collect-only", "-q", *PLUGIN)
    took = statistics.median(seconds(lambda: _pytest(folder, *arguments)) for _ in range(5))
    for path in folder.glob("*.scenario.yaml"):
        text = f"def test_it(): {path.stem[:1]}\n"
        path.with_name(f"test_{path.name[:4]}.py").write_text(text)
        path.unlink()
    python = statistics.median(seconds(lambda: _pytest(folder, *arguments)) for _ in range(5))
    return Row(
        what=f"collect {FILES} scenario files, pytest's own start included",
        measured=milliseconds(took),
        reach="1 s",
        beside=f"as many Python test files: {milliseconds(python)}",
        ratio=took / python,
    )


PLUGIN = ("-p", "resilience.plugin")


def _pytest(folder: Path, *arguments: str) -> None:
    """No other plugin is loaded: what is measured is ours."""
    source = str(Path(__file__).parent.parent)
    subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments],
        cwd=folder,
        check=True,
        stdout=subprocess.DEVNULL,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": source},
    )
