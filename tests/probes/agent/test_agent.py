"""The agent travels alone: what must hold of the file itself."""

from __future__ import annotations

import ast
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from resilience.model.masks import MASKS
from resilience.probes.agent.exchange import Exchange, Resolver
from resilience.probes.agent.main import REPLACE_ME
from resilience.probes.agent.plan import Plan
from resilience.probes.prober.process import AGENT
from resilience.probes.prober.program import AGENT as PROGRAM
from tests.probes.server import Server, answer

FILES = sorted(AGENT.parent.glob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_it_imports_the_standard_library_and_its_own_room_only(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import)
             for alias in node.names}  # fmt: skip
    names |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    foreign = {name for name in names if name.split(".")[0] not in sys.stdlib_module_names}
    assert {name for name in foreign if not name.startswith("resilience.probes.agent")} == set()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_its_syntax_is_that_of_python_3_9(path: Path) -> None:
    ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 9))


def test_a_pod_holds_all_that_it_imports(tmp_path: Path) -> None:
    """Laid out as its volume says, with nothing of the package beside it."""
    texts = PROGRAM.texts()
    for item in PROGRAM.places():
        place = tmp_path / item["path"]
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(texts[item["key"]])
    (tmp_path / "probe.json").write_text('{"kind": "dns", "name": "x", "type": "A", "rate": 100, '
                                         '"server": "127.0.0.1:9", "limit": 1}')  # fmt: skip
    start = tmp_path / PROGRAM.command[-2].removeprefix("/program/")
    said = subprocess.run(
        [sys.executable, "-I", "-S", str(start), str(tmp_path / "probe.json")],
        capture_output=True, text=True, timeout=120, check=True, stdin=subprocess.DEVNULL,
        cwd=tmp_path,
    )  # fmt: skip
    assert '"planned":1' in said.stdout.splitlines()[-1]


def test_a_plain_probe_loads_neither_tls_nor_threads() -> None:
    """They cost memory and start-up; only a probe that needs them pays."""
    said = subprocess.run(
        [sys.executable, "-I", "-S", "-X", "importtime", str(AGENT)],
        input='{"host": "127.0.0.1", "port": 9, "rate": 100, "limit": 1}\n',
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    loaded = {line.rpartition("|")[2].strip() for line in said.stderr.splitlines()}
    assert not {"ssl", "threading", "asyncio", "subprocess", "logging"} & loaded


def run_from_file(folder: Path, **also: int) -> subprocess.CompletedProcess[str]:
    told = folder / "probe.json"
    plan: dict[str, object] = {"host": "127.0.0.1", "port": 9, "rate": 100, "limit": 3}
    told.write_text(json.dumps(plan | also))
    return subprocess.run(
        [sys.executable, "-I", "-S", str(AGENT), str(told)],
        capture_output=True, text=True, timeout=120, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def test_it_runs_from_a_file_of_configuration_as_in_a_pod(tmp_path: Path) -> None:
    said = run_from_file(tmp_path)
    assert said.returncode == 0
    assert '"planned":3' in said.stdout.splitlines()[-1]


def test_one_of_several_agents_ends_as_failed_after_its_last_line(tmp_path: Path) -> None:
    """Its Job would never replace a Pod that ended well."""
    said = run_from_file(tmp_path, turns=2)
    assert (said.returncode, said.stderr) == (REPLACE_ME, "")
    assert '"planned":3' in said.stdout.splitlines()[-1]


def test_without_a_configuration_it_says_what_is_missing() -> None:
    said = subprocess.run(
        [sys.executable, "-I", "-S", str(AGENT)], input="", capture_output=True, text=True,
        timeout=120, check=False,
    )  # fmt: skip
    assert (said.returncode, said.stderr) == (1, "no configuration on stdin\n")


@pytest.mark.parametrize("before", [0, 4096 - 20, 4096 - 1, 4096, 4096 + 20, 8 * 4096 - 20])
def test_a_pods_log_holds_no_secret_that_the_server_repeats(before: int, tmp_path: Path) -> None:
    """Also none that begins where the text is cut."""
    MASKS.clear()
    MASKS.take("API_TOKEN", "t0p-secret" * 3)
    headers = {"Authorization": "Bearer " + "t0p-secret" * 3}
    body = b"x" * before + b"t0p-secret" * 3 + b"y" * 5000
    with Server(answer(200, body)) as server:
        given = {"host": "127.0.0.1", "port": server.port, "rate": 50, "limit": 1, "timeout": 20.0,
                 "headers": headers, "contains": "never"}  # fmt: skip
        told = PROGRAM.told(given, "python:3")
        MASKS.clear()
        (tmp_path / "probe.json").write_text(json.dumps(told))
        said = subprocess.run(
            [sys.executable, "-I", "-S", str(AGENT), str(tmp_path / "probe.json")],
            capture_output=True, text=True, timeout=60, check=True, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    (note,) = (json.loads(line)["note"] for line in said.stdout.splitlines() if "note" in line)
    assert "t0p" not in said.stdout
    assert set(note[1]) <= set("x*y")
    assert note[1].startswith("x" if before else "***y")
    assert len(note[1]) <= 4096


def test_without_secrets_nothing_is_masked() -> None:
    MASKS.clear()
    assert PROGRAM.told({"kind": "http"}, "python:3") == {"kind": "http"}


def test_a_final_dot_of_a_name_is_not_in_the_certificate() -> None:
    """It ends the search list of a resolver, and is no part of the name (RFC 6066)."""
    given = {"host": "shop.example.com.", "port": 443, "rate": 1}
    assert Plan(given).server_name == "shop.example.com"
    assert Plan({**given, "server_name": "shop."}).server_name == "shop"
    assert Plan(given).host == "shop.example.com."


def test_a_request_that_was_given_up_is_not_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """While a name server is silent they queue: what nobody waits for would delay those behind."""
    asked: list[str] = []

    def looked_up(host: str, *_: object, **__: object) -> list[object]:
        asked.append(host)
        return [(socket.AF_INET, 0, 0, "", ("192.0.2.1", 80))]

    monkeypatch.setattr(socket, "getaddrinfo", looked_up)
    read, write = os.pipe()
    resolver = Resolver(Plan({"host": "shop.example.com", "port": 80, "rate": 1}), write)
    asked.clear()
    given_up, wanted = Exchange(0, 0.0), Exchange(1, 1.0)
    given_up.done = True
    resolver.ask.put(given_up)
    resolver.ask.put(wanted)
    os.read(read, 1)
    assert [exchange for exchange, _, _ in resolver.found] == [wanted]
    assert asked == ["shop.example.com"]
