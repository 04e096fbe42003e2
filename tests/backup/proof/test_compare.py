"""The proof of a restore shares no code with the restore: what one forgets, the other sees."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import resilience
from resilience.backup.proof.may_differ import LIST, excused
from resilience.cluster.interface import Object

ROOT = Path(resilience.__file__).parent
PROOF = ("compare", "diff", "drill_terms", "expected_names", "may_be_absent", "may_differ")
RESTORE = {
    "mapping",
    "merge",
    "order",
    "outside_owners",
    "passes",
    "publishing",
    "restore",
    "rules",
    "safety",
    "short_lived",
    "skips",
    "writing",
}


def imported(path: Path) -> set[str]:
    """Base names of modules of ours, also those imported inside of functions."""
    return {
        part
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("resilience.")
        for part in (node.module or "").split(".")
    }


@pytest.mark.parametrize("name", PROOF)
def test_the_proof_imports_nothing_of_what_it_proves(name: str) -> None:
    (path,) = ROOT.glob(f"backup/**/{name}.py")
    assert not imported(path) & RESTORE


@pytest.mark.parametrize("by_hand", [True, False])
def test_a_selector_that_the_server_makes_is_never_someones_choice(by_hand: bool) -> None:
    """Whoever wrote the Job, it is allowed to choose one only with `manualSelector`."""
    wrote = {"manager": "kubectl", "operation": "Update",
             "fieldsV1": {"f:spec": {"f:selector": {}}}}  # fmt: skip
    job: Object = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "a", "namespace": "shop", "managedFields": [wrote]},
        "spec": {"manualSelector": by_hand, "selector": {"matchLabels": {"uid": "1"}}},
    }
    at = ("spec", "selector", "matchLabels", "uid")
    assert (excused(LIST, job, at, "1", "2") is None) is by_hand
