"""What is mutated, and which tests have to notice: the parts where a wrong clause does harm."""

from __future__ import annotations

TARGETS = (
    "resilience/engine/guard",
    "resilience/engine/journal",
    "resilience/drain",
    "resilience/backup/objects/rules.py",
    "resilience/backup/objects/skips.py",
    "resilience/actions/undo",
    "resilience/actions/backups/restore.py::undo",
    "resilience/actions/workloads/run_job.py::undo",
    "resilience/actions/nodes/machines.py::undo",
    "resilience/actions/nodes/node_down.py::undo",
    "resilience/actions/network/chaos_mesh.py::undo",
)
"""Files, folders, and functions of a file."""

TESTS = (
    "tests/engine/guard",
    "tests/engine/journal",
    "tests/drain",
    "tests/actions/undo",
    "tests/actions/nodes",
    "tests/actions/workloads",
    "tests/actions/pods",
    "tests/actions/objects",
    "tests/actions/network/test_chaos_mesh.py",
    "tests/actions/backups",
    "tests/backup/objects",
)
"""Tests that are tried; those that take longer than `LONGEST` by themselves are left out."""

LONGEST = 4.0
"""Seconds. After one that takes longer, the rest of its file is left out."""
