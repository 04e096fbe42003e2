"""Nothing of a store's URL is dropped, and a bad value names the good ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from resilience.backup.format.errors import BadRequest
from resilience.backup.store.s3 import S3Store
from resilience.backup.store.url import open_store


def opened(url: str) -> S3Store:
    store = open_store(url)
    assert isinstance(store, S3Store)
    return store


@pytest.mark.parametrize("url", ["s3://plain/t#1/prod?endpoint=http://127.0.0.1:1", "file:a#b"])
def test_a_fragment_is_refused_with_the_way_to_write_it(url: str) -> None:
    with pytest.raises(BadRequest, match=r"write it as %23"):
        open_store(url)


@pytest.mark.parametrize(
    ("written", "prefix"),
    [("t%231/prod", "t#1/prod"), ("a%3Fb", "a?b"), ("a%2Fb", "a%2Fb"), ("a b", "a b"), ("", "")],
)
def test_a_prefix_is_what_was_written(written: str, prefix: str) -> None:
    assert opened(f"s3://plain/{written}").settings.prefix == prefix


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("addressing=dns", "expected path or virtual"),
        ("sse=yes", "expected AES256 or aws:kms"),
        ("kms_key=k1", "kms_key needs sse=aws:kms"),
        ("overwrites=no", "expected accepted"),
    ],
)
def test_a_wrong_value_names_the_good_ones(query: str, says: str) -> None:
    with pytest.raises(BadRequest, match=says):
        open_store(f"s3://plain/x?{query}")


def style(url: str) -> str:
    store = opened(url)
    return str(store.client.meta.config.s3.get("addressing_style", "auto"))


@pytest.fixture
def configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config").write_text("[default]\ns3 =\n    addressing_style = virtual\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")


def test_an_endpoint_is_asked_by_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    assert style("s3://plain/x?endpoint=http://127.0.0.1:1") == "path"


@pytest.mark.usefixtures("configured")
def test_the_aws_configuration_says_how_a_bucket_is_addressed() -> None:
    assert style("s3://plain/x?endpoint=http://127.0.0.1:1") == "virtual"


@pytest.mark.usefixtures("configured")
def test_the_url_goes_before_the_aws_configuration() -> None:
    assert style("s3://plain/x?endpoint=http://127.0.0.1:1&addressing=path") == "path"


@pytest.mark.parametrize(
    "url",
    [
        "s3://KEY:hunter2@bucket/x",
        "gs://u:hunter2@bucket/p",
        "az://u:hunter2@c/p?account=a",
        "s3://bucket/x?endpoint=https://u:hunter2@s3.example",
        "s3://bucket/x?secret_key=hunter2",
        "az://c/p?account=a&sig=hunter2",
        "s3://u:hunter2@bucket/x#y",
        "S4://u:hunter2@bucket/x",
        "s3://bucket/x?sse_c=hunter2&sse=AES256",
    ],
)
def test_a_password_in_a_url_is_refused_and_not_repeated(url: str) -> None:
    """What is printed and recorded is no place for it."""
    with pytest.raises(BadRequest) as refused:
        open_store(url)
    assert "hunter2" not in str(refused.value)
    assert "hunter2" not in repr(refused.value.__cause__)


def test_an_at_sign_in_a_prefix_is_no_password() -> None:
    assert opened("s3://plain/a@b?region=r").settings.prefix == "a@b"
