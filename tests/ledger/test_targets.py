"""What a scenario may say of a store, and what the journal keeps of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from resilience.kube.selectors import Selector
from resilience.ledger.drivers.session import Credential
from resilience.ledger.targets import (
    ExecTarget,
    HttpTarget,
    PostgresTarget,
    RedisTarget,
    S3Target,
    complaints,
    from_json,
    leads_out,
    to_json,
)
from resilience.model.masks import MASKS
from resilience.model.references import NotSet

GOOD: list[Any] = [
    HttpTarget(service="kv", put="/{key}", list="/", delete="/{key}"),
    HttpTarget(host="kv.example.com", scheme="https", put="/{value}", get="/{key}"),
    RedisTarget(service="cache", password=Credential(secret="auth", key="p")),
    PostgresTarget(
        host="db", password=Credential(env="PG"), settings={"synchronous_commit": "off"}
    ),
    S3Target(bucket="b", prefix="x/"),
    ExecTarget(pods=Selector.parse("app=etcd"), put=("p", "{key}", "{value}"), get=("g", "{key}")),
]


@pytest.mark.parametrize("target", GOOD, ids=lambda each: type(each).__name__)
def test_a_good_target_survives_the_journal(target: Any) -> None:
    assert list(complaints(target)) == []
    assert from_json(to_json(target)) == target


def test_headers_may_hold_credentials_and_are_not_journalled() -> None:
    target = HttpTarget(service="kv", put="/{key}", list="/", headers={"authorization": "s3cret"})
    assert "s3cret" not in str(to_json(target))


TOKEN = "s3cret-token"
TAKEN: list[Any] = [
    HttpTarget(service="kv", put=f"/{{key}}?t={TOKEN}", list=f"/?t={TOKEN}", delete="/{key}",
               body=f'{{"t": "{TOKEN}", "v": "{{value}}"}}',
               headers={"authorization": f"Bearer {TOKEN}", "x-price": f"{TOKEN} in $$"}),
    ExecTarget(pods=Selector.parse("app=kv"), put=("redis-cli", "-a", TOKEN, "{key}", "{value}"),
               list=("sh", "-c", f"AUTH={TOKEN} list $HOME ${{X}}")),
    PostgresTarget(service="db", settings={"my.token": TOKEN}),
]  # fmt: skip


@pytest.mark.parametrize("target", TAKEN, ids=lambda each: type(each).__name__)
def test_values_of_the_environment_are_referred_to(
    target: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", TOKEN)
    MASKS.take("TOKEN", TOKEN)
    try:
        told = to_json(target)
    finally:
        MASKS.clear()
    assert TOKEN not in json.dumps(told)
    assert from_json(json.loads(json.dumps(told))) == target
    assert leads_out(told) == "the environment variable TOKEN"
    monkeypatch.delenv("TOKEN")
    with pytest.raises(NotSet, match="TOKEN is not set"):
        from_json(told)


@pytest.mark.parametrize(
    ("target", "says"),
    [
        (HttpTarget(put="/{key}", list="/"), "nowhere to write"),
        (HttpTarget(service="kv", put="/{key}"), "the writes could never be read"),
        (HttpTarget(service="kv", put="/x", body="x", list="/"), "a write without `{value}`"),
        (HttpTarget(service="kv", put="/{key}", get="/{key}", delete="/{key}"), "needs `list`"),
        (RedisTarget(host="h", port="redis"), "needs the number of a port"),
        (RedisTarget(service="h", password=Credential()), "`password` does not say where to read "
                                                          "the value"),
        (ExecTarget(pods=Selector.parse("a=b"), put=("x", "{key}"), list=("y",)),
         "a write without `{value}`"),
    ],
)  # fmt: skip
def test_what_does_not_fit_together_is_said(target: Any, says: str) -> None:
    assert says in " ".join(each.message for each in complaints(target))
