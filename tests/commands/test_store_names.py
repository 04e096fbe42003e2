"""A store is named by URL, by plan, by a name from the settings, or by the environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from resilience.backup.format.errors import BadRequest
from resilience.commands.store_names import located
from resilience.config.targets import BadTarget

PLAN = """\
plan: shop
namespaces: [shop]
store: {store}
"""


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RESILIENCE_STORE", raising=False)
    (tmp_path / "resilience.toml").write_text(
        '[stores]\nstaging = "s3://backups/staging"\nhere = "file:./data"\n'
    )
    return tmp_path


@pytest.mark.parametrize("url", ["s3://b/p?region=x&endpoint=http://h", "file:./data"])
def test_a_url_is_taken_as_it_is(url: str) -> None:
    assert located(url, required=True) == url


def test_a_name_is_looked_up_in_the_settings(project: Path) -> None:
    assert located("staging", required=True) == "s3://backups/staging"
    assert located("here", required=True) == f"file:{project}/data"


def test_a_plan_stands_for_its_store(project: Path) -> None:
    (project / "backups").mkdir()
    plan = project / "backups" / "shop.plan.yaml"
    plan.write_text(PLAN.format(store="file:./data"))
    assert located("backups/shop.plan.yaml", required=True) == f"file:{project}/backups/data"
    plan.write_text(PLAN.format(store="s3://backups/p"))
    assert located("backups/shop.plan.yaml", required=True) == "s3://backups/p"


def test_the_environment_is_read_where_no_option_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESILIENCE_STORE", "staging")
    assert located(None, required=True) == "s3://backups/staging"
    assert located("file:x", required=True) == "file:x"


def test_no_store_is_an_error_where_one_is_needed() -> None:
    assert located(None, required=False) == ""
    with pytest.raises(BadRequest, match="no store is named; use --store URL"):
        located(None, required=True)


def test_an_unknown_name_names_the_known_ones() -> None:
    with pytest.raises(BadRequest, match=r"it has: here, staging; did you mean `staging`\?"):
        located("stagin", required=True)


def test_a_store_in_the_settings_that_is_no_url_is_an_error(project: Path) -> None:
    (project / "resilience.toml").write_text('[stores]\nx = "bucket"\n')
    with pytest.raises(BadTarget, match="expected s3://BUCKET/PREFIX"):
        located("x", required=True)
