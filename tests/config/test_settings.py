"""Four sources, one order, and a message that names the source."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from resilience.config.options import OPTIONS, Option
from resilience.config.settings import BadSetting, Settings, nothing, resolve


def source(**values: Any) -> Any:
    return lambda option: values.get(option.name)


def settle(cli: Any = nothing, ini: Any = nothing, **environment: str) -> Settings:
    return resolve(root=Path("/project"), cli=cli, ini=ini, environment=environment)


def test_command_line_wins_over_environment_over_ini_over_default() -> None:
    cli, ini, variable = source(namespace="cli"), source(namespace="ini"), "RESILIENCE_NAMESPACE"
    assert settle().namespace == "default"
    assert settle(ini=ini).namespace == "ini"
    assert settle(ini=ini, **{variable: "env"}).namespace == "env"
    assert settle(cli=cli, ini=ini, **{variable: "env"}).namespace == "cli"


def test_each_value_knows_who_asked_for_it() -> None:
    settings = settle(cli=source(seed="7"), ini=source(live="off"), RESILIENCE_CONTEXT="staging")
    assert settings.origin("seed") == "--resilience-seed"
    assert settings.origin("live") == "resilience_live in the ini file"
    assert settings.origin("context") == "RESILIENCE_CONTEXT"
    assert settings.origin("namespace") == "default"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("seed", "-1"),
        ("seed", "1.5"),
        ("seed", str(2**64)),
        ("sandbox_nodes", "5001"),
        ("sandbox_nodes", "three"),
        ("live", "yes"),
        ("dry_run", "perhaps"),
    ],
)
def test_a_bad_value_names_its_source_and_what_was_expected(name: str, text: str) -> None:
    variable = f"RESILIENCE_{name.upper()}"
    with pytest.raises(BadSetting, match=f"^{variable}: '{text}' cannot be used; expected .+"):
        settle(**{variable: text})


def test_an_empty_variable_counts_as_not_set() -> None:
    assert settle(ini=source(context="staging"), RESILIENCE_CONTEXT="").context == "staging"


@pytest.mark.parametrize("value", ["", [""]])
def test_an_empty_value_on_the_command_line_is_refused(value: Any) -> None:
    """`--resilience-context "$CLUSTER"` with an unset variable must not mean the sandbox."""
    with pytest.raises(BadSetting, match=r"^--resilience-context is empty"):
        settle(cli=source(context=value), RESILIENCE_CONTEXT="staging")


def test_flags_and_globs_come_from_text_too() -> None:
    settings = settle(RESILIENCE_DRY_RUN="yes", RESILIENCE_SCENARIOS="*.a.yaml *.b.yaml")
    assert settings.dry_run is True
    assert settings.scenarios == ("*.a.yaml", "*.b.yaml")
    assert settle(ini=source(scenarios=["*.c.yaml"])).scenarios == ("*.c.yaml",)
    assert settle(ini=source(dry_run="off")).dry_run is False


def test_paths_begin_where_they_should() -> None:
    assert settle().journal_directory == Path("/project/.resilience/journal")
    assert settle(cli=source(journal="/elsewhere")).journal_directory == Path("/elsewhere")
    assert settle().report_directory is None
    assert settle(cli=source(report="out")).report_directory == Path("out")
    assert settle(cli=source(report="out")).report_url == ""


@pytest.mark.parametrize(
    "url", ["s3://bucket/reports", "gs://bucket/reports", "az://held/reports", "file:reports"]
)
def test_a_url_is_not_a_folder(url: str) -> None:
    assert settle(cli=source(report=url)).report_directory is None
    assert settle(cli=source(report=url)).report_url == url


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("report", "ftp://host/x"),
        ("report_keep", "0s"),
        ("report_keep", "-1d"),
        ("push", "pushgateway:9091"),
        ("push", "http://me:secret@pushgateway:9091"),
        ("push", "ftp://pushgateway"),
    ],
)
def test_a_place_that_no_report_can_go_to_is_refused(name: str, value: str) -> None:
    with pytest.raises(BadSetting, match=f"--resilience-{name.replace('_', '-')}"):
        settle(cli=source(**{name: value}))


def test_every_option_has_a_setting_and_an_unambiguous_name() -> None:
    fields = set(Settings.__dataclass_fields__) - {"root", "origins", "member"}
    assert {option.name for option in OPTIONS} == fields
    assert len({option.cli for option in OPTIONS}) == len(OPTIONS)
    assert Option(name="dry_run", help="").variable == "RESILIENCE_DRY_RUN"


def test_an_identity_is_a_file_and_gives_way_to_the_text_only_when_the_ini_file_names_it() -> None:
    text = {"RESILIENCE_IDENTITY": "AGE-SECRET-KEY-1"}
    for given, environment, files in (
        (settle(), {}, ()),
        (settle(cli=source(identity="a.txt")), text, ("a.txt",)),
        (settle(RESILIENCE_IDENTITY_FILE="b.txt"), text, ()),
        (settle(RESILIENCE_IDENTITY_FILE="/b.txt"), {}, ("/b.txt",)),
        (settle(ini=source(identity="keys/c.txt")), {}, ("/project/keys/c.txt",)),
        (settle(ini=source(identity="keys/c.txt")), text, ()),
    ):
        assert given.identity_files(environment) == files
