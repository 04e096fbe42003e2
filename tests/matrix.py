"""The plugin's tests on each supported pytest: `python -m tests.matrix [VERSION]`, `make matrix`.

One virtual environment per pytest, kept under .matrix/ so that a second run installs nothing. Each
has the plugins that must get along with ours. One line per version; exit code 1 if one fails.
"""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

VERSIONS = ("9.0", "9.1", "9.2")

PLUGINS = (
    "flaky",
    "pytest-asyncio",
    "pytest-randomly",
    "pytest-rerunfailures",
    "pytest-retry",
    "pytest-timeout",
    "pytest-xdist",
)

TESTS = ("tests/harness", "tests/test_imports.py")

ROOT = Path(__file__).parent.parent


def main(versions: list[str]) -> int:
    """Run all; returns the exit code."""
    results = {version: _run(version) for version in versions or VERSIONS}
    for version, code in results.items():
        print(f"pytest {version}: {'passed' if code == 0 else f'failed ({code})'}")
    return 1 if any(results.values()) else 0


def _run(version: str) -> int:
    python = _environment(version)
    print(f"--- {_version(python)}", flush=True)
    return subprocess.run([python, "-m", "pytest", "-q", *TESTS], cwd=ROOT, check=False).returncode


def _environment(version: str) -> str:
    """The Python of the environment for that pytest, made if need be."""
    folder = ROOT / ".matrix" / version
    python = str(folder / "bin" / "python")
    if not (folder / ".done").exists():
        venv.create(folder, with_pip=True, clear=True)
        wanted = [f"pytest=={version}.*", *PLUGINS, "-e", f"{ROOT}[test]"]
        subprocess.run([python, "-m", "pip", "install", "-q", *wanted], check=True)
        (folder / ".done").touch()
    return python


def _version(python: str) -> str:
    done = subprocess.run(
        [python, "-m", "pytest", "--version"], capture_output=True, text=True, check=True
    )
    return done.stdout.strip() or done.stderr.strip()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
