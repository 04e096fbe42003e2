"""Settings are resolved at the start of a run if any is set, and on first use otherwise."""

from __future__ import annotations

import pytest

from resilience.config.options import OPTIONS
from resilience.harness import SETTINGS
from resilience.harness.run_settings import settings

PLUGIN = ("-p", "resilience.plugin")


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    for option in OPTIONS:
        monkeypatch.delenv(option.variable, raising=False)


def test_a_run_that_sets_nothing_resolves_its_settings_on_first_use(
    pytester: pytest.Pytester,
) -> None:
    config = pytester.parseconfigure(*PLUGIN)
    assert SETTINGS not in config.stash
    assert settings(config).namespace == "default"
    assert settings(config) is config.stash[SETTINGS]


@pytest.mark.parametrize("source", ["cli", "environment", "ini"])
def test_a_value_from_any_source_is_read_at_the_start(
    source: str, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    if source == "environment":
        monkeypatch.setenv("RESILIENCE_SEED", "0")
    if source == "ini":
        pytester.makeini("[pytest]\nresilience_seed = 0\n")
    config = pytester.parseconfigure(*PLUGIN, *(["--resilience-seed=0"] if source == "cli" else []))
    assert config.stash[SETTINGS].seed == 0


@pytest.mark.parametrize("source", ["cli", "environment", "ini"])
def test_a_wrong_value_from_any_source_ends_the_run_at_its_start(
    source: str, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    if source == "environment":
        monkeypatch.setenv("RESILIENCE_SEED", "many")
    if source == "ini":
        pytester.makeini("[pytest]\nresilience_seed = many\n")
    with pytest.raises(pytest.UsageError, match=r"(?i)seed.*cannot be used|seed in the ini"):
        pytester.parseconfigure(*PLUGIN, *(["--resilience-seed=many"] if source == "cli" else []))
