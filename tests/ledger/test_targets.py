"""What a scenario may say of a store, and what the journal keeps of it."""

from __future__ import annotations

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
    to_json,
)

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


@pytest.mark.parametrize(
    ("target", "says"),
    [
        (HttpTarget(put="/{key}", list="/"), "nowhere to write"),
        (HttpTarget(service="kv", put="/{key}"), "the writes could never be read"),
        (HttpTarget(service="kv", put="/x", body="x", list="/"), "a write without `{value}`"),
        (HttpTarget(service="kv", put="/{key}", get="/{key}", delete="/{key}"), "needs `list`"),
        (RedisTarget(host="h", port="redis"), "needs the number of a port"),
        (RedisTarget(service="h", password=Credential()), "`password` names no source"),
        (ExecTarget(pods=Selector.parse("a=b"), put=("x", "{key}"), list=("y",)),
         "a write without `{value}`"),
    ],
)  # fmt: skip
def test_what_does_not_fit_together_is_said(target: Any, says: str) -> None:
    assert says in " ".join(each.message for each in complaints(target))
