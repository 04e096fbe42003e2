"""What is mutated, and which tests have to notice: the parts where a wrong clause does harm.

A room's mutations are tried with that room's tests only, so a rule that only a distant test holds
counts as held by nobody. Tests of a sandbox are left out, and those that take longer than `LONGEST`
by themselves: what only they can show needs a table test beside it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """`mutated` are files, folders, and functions of a file (`file.py::function`)."""

    name: str
    mutated: tuple[str, ...]
    tests: tuple[str, ...]


ROOMS = (
    Room(
        name="guard",
        mutated=("resilience/engine/guard",),
        tests=("tests/engine/guard",),
    ),
    Room(
        name="permit",
        mutated=(
            "resilience/cluster/permit/acts_elsewhere.py",
            "resilience/cluster/permit/consent_keys.py",
            "resilience/cluster/permit/copiers.py",
            "resilience/cluster/permit/installers.py",
        ),
        tests=("tests/cluster/permit",),
    ),
    Room(
        name="objects",
        mutated=(
            "resilience/actions/objects/manifest_reach.py",
            "resilience/backup/restore/node_power.py",
            "resilience/actions/objects/replaced_pods.py",
        ),
        tests=("tests/actions/objects",),
    ),
    Room(
        name="journal",
        mutated=("resilience/engine/journal",),
        tests=("tests/engine/journal",),
    ),
    Room(
        name="drain",
        mutated=("resilience/drain",),
        tests=("tests/drain",),
    ),
    Room(
        name="rules",
        mutated=("resilience/backup/objects/rules.py", "resilience/backup/objects/skips.py"),
        tests=("tests/backup/objects",),
    ),
    Room(
        name="undo",
        mutated=("resilience/actions/undo",),
        tests=("tests/actions/undo",),
    ),
    Room(
        name="verbs",
        mutated=(
            "resilience/actions/backups/restore.py::undo",
            "resilience/actions/workloads/run_job.py::undo",
            "resilience/actions/nodes/machines.py::undo",
            "resilience/actions/nodes/node_down.py::undo",
            "resilience/actions/network/chaos_mesh.py::undo",
        ),
        tests=(
            "tests/actions/undo/test_object_undo.py",
            "tests/actions/backups",
            "tests/actions/workloads",
            "tests/actions/nodes",
            "tests/actions/network/test_chaos_mesh.py",
        ),
    ),
)

SLOW = frozenset({"embedded"})
"""Fixtures whose tests are not tried: each waits for a sandbox."""

LONGEST = 4.0
"""Seconds, of a traced test. After two tests that take longer, the rest of a file is left out."""

ENOUGH = 10.0
"""Seconds of tests for one mutation: those of the mirrored file first, then the quickest."""
