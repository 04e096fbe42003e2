"""What an unrelated pytest run pays for this plugin: nothing heavy, and hardly any time."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = (
    "kubernetes",
    "boto3",
    "botocore",
    "rich",
    "yaml",
    "croniter",
    "aiohttp",
    "urllib3",
    "jinja2",
    "cryptography",
    "prometheus_client",
    "resilience.engine",
    "resilience.language",
    "resilience.cluster",
    "resilience.report",
    "resilience.probes",
    "resilience.harness.items",
)

UNSET = (
    "resilience.config.root",
    "resilience.config.settings",
    "resilience.harness.naming",
    "resilience.harness.run_settings",
)
"""What only runs with a setting, a scenario or a YAML file on the command line pay for."""

ASK = """
import sys, pytest
code = pytest.main(["-q", "-p", "no:cacheprovider", "-p", "resilience.plugin", "test_one.py"])
assert code == 0, code
print("LOADED", *(name for name in {names!r} if name in sys.modules))
"""


def loaded(pytester: pytest.Pytester, names: tuple[str, ...]) -> set[str]:
    pytester.makepyfile(test_one="def test_one(): pass")
    environment_free = [sys.executable, "-c", ASK.format(names=names)]
    pytester.path.joinpath("pytest.ini").write_text("[pytest]\n")
    done = subprocess.run(
        environment_free,
        cwd=pytester.path,
        capture_output=True,
        text=True,
        timeout=60,
        env={
            "PATH": "/usr/bin",
            "PYTHONPATH": ":".join(filter(None, sys.path)),
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        },
    )
    assert done.returncode == 0, done.stdout + done.stderr
    line = next(line for line in done.stdout.splitlines() if line.startswith("LOADED"))
    return set(line.split()[1:])


def test_an_unrelated_run_imports_nothing_heavy(pytester: pytest.Pytester) -> None:
    assert loaded(pytester, (*HEAVY, *UNSET)) == set()


def test_the_question_itself_sees_what_is_loaded(pytester: pytest.Pytester) -> None:
    assert loaded(pytester, ("resilience.plugin", "resilience.config.options", "json")) >= {
        "resilience.plugin",
        "resilience.config.options",
    }


def test_the_command_imports_nothing_heavy_to_show_its_help() -> None:
    ask = (
        "import sys; from resilience.cli import parser; parser().format_help();"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]", done.stderr
