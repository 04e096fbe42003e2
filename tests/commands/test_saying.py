"""Whatever a command prints passes one door."""

from __future__ import annotations

import ast
import io
from pathlib import Path

import resilience
from resilience.commands.saying import say

ROOT = Path(resilience.__file__).parent

FOR_MACHINES = {
    "commands/saying.py": "the door",
    "commands/rbac.py": "YAML to apply: made of the files alone, escaped by YAML's own rules",
    "commands/schema.py": "a constant",
    "cli.py": "the script of a shell's completion, a constant",
    "reference": "makes the docs",
    "sandbox": "a program of its own",
    "actions/nodes/host_timer.py": "runs inside a Pod",
    "actions/pods/host_kill.py": "runs inside a Pod",
    "backup/data/dump_agent.py": "runs inside a Pod",
    "backup/data/volume_agent.py": "runs inside a Pod",
    "cluster/wall_canary.py": "runs inside a Pod",
    "ledger/serve/durable_store.py": "a program of its own: a store to try a ledger on",
}
"""Files that print by themselves, each with its reason."""


def test_only_saying_writes_to_the_terminal() -> None:
    printing = set()
    for path in ROOT.rglob("*.py"):
        name = str(path.relative_to(ROOT))
        if any(name == each or name.startswith(f"{each}/") for each in FOR_MACHINES):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in (
                "print", "sys.stdout.write", "sys.stderr.write", "input",
            ):  # fmt: skip
                printing.add((name, node.lineno, ast.unparse(node)))
    asked = {each for each in printing if each[2].startswith("input(shown(")}
    assert printing - asked == set()


def test_the_door_masks_and_takes_control_characters_out() -> None:
    out = io.StringIO()
    say(["a\x1b[2Jb", "::error::x"], out)
    assert out.getvalue() == "a\N{REPLACEMENT CHARACTER}[2Jb\n|::error::x\n"
