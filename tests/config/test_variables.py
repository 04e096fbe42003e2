"""A misspelt variable is an error: without it the run would be another one."""

from __future__ import annotations

from pathlib import Path

import pytest

from resilience.config.settings import BadSetting, nothing, resolve
from resilience.config.variables import BESIDE_OPTIONS, INSIDE, PREFIX, misspelt
from tests.test_secrets import ENVIRONMENT


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("RESILIENCE_CONTXT", "RESILIENCE_CONTEXT"),
        ("RESILIENCE_KUBE_CONFIG", "RESILIENCE_KUBECONFIG"),
        ("RESILIENCE_SIGNINGKEY", "RESILIENCE_SIGNING_KEY"),
        ("RESILIENCE_CONTEXT", ""),
        ("RESILIENCE_DB_PASSWORD", ""),
        ("RESILIENCE_TENANT", ""),
        ("RESILIENCE4J_CONTEXT", ""),
        ("MY_CONTXT", ""),
        ("RESILIENCE_PORT", ""),
        ("RESILIENCE_PORT_8080_TCP_ADDR", ""),
        ("RESILIENCE_REPORTS_SERVICE_HOST", ""),
        ("RESILIENCE_REPRT", "RESILIENCE_REPORT"),
        *((name, "") for name in INSIDE),
    ],
)
def test_a_variable_that_resembles_a_known_one_is_told(name: str, meant: str) -> None:
    assert misspelt(["HOME", name]) == (name if meant else "", meant)


def test_every_variable_that_is_read_is_known() -> None:
    read = {name for name in ENVIRONMENT if name.startswith(PREFIX)}
    assert read - {"RESILIENCE_IDENTITY_FILE"} == {*BESIDE_OPTIONS}


def test_no_run_begins_with_a_misspelt_variable() -> None:
    with pytest.raises(BadSetting, match=r"RESILIENCE_CONTXT is unknown; did you mean"):
        resolve(root=Path(), cli=nothing, ini=nothing, environment={"RESILIENCE_CONTXT": "x"})
