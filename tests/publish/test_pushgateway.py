"""Metrics to a Pushgateway, against a small one on loopback that keeps groups as the real one."""

from __future__ import annotations

import dataclasses
import re
from base64 import b64encode, urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator

import pytest

from resilience.model.masks import MASKS
from resilience.model.verdict import Outcome
from resilience.publish.pushgateway import PushFailed, push
from tests.loopback import Answering, serving
from tests.report.made import record


class Gateway:
    """Groups by their path; a POST replaces the metrics of the names that it brings."""

    def __init__(self) -> None:
        self.groups: dict[str, dict[str, list[str]]] = {}
        self.logins: list[str | None] = []
        self.status = 200
        self.body = b""
        self.url = ""
        self.refuse = ""

    def post(self, path: str, text: str) -> None:
        brought: dict[str, list[str]] = {}
        for line in text.splitlines():
            if match := re.match(r"(\w+)\{", line):
                brought.setdefault(match[1], []).append(line)
        self.groups.setdefault(path, {}).update(brought)


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    made = Gateway()

    class Handler(Answering):
        def do_POST(self) -> None:
            text = self.sent_body().decode()
            made.logins.append(self.headers.get("Authorization"))
            if made.refuse and made.refuse in self.path:
                self.answer(400, b"inconsistent")
                return
            if made.status == 200:
                made.post(self.path, text)
            self.answer(made.status, made.body)

    with serving(Handler) as made.url:
        yield made


def test_each_scenario_has_a_group_that_names_it(gateway: Gateway) -> None:
    one = record()
    assert push([one], gateway.url, {}) == 1
    [path] = gateway.groups
    match = re.fullmatch(
        r"/metrics/job/resilience/scenario@base64/([^/]+)/file@base64/([^/]+)", path
    )
    assert match is not None
    assert urlsafe_b64decode(match[1]).decode() == one.scenario.id
    assert urlsafe_b64decode(match[2]).decode() == one.scenario.place.file


def test_a_failed_run_leaves_the_last_success(gateway: Gateway) -> None:
    good = dataclasses.replace(record(broken=False), outcome=Outcome.PASSED)
    bad = dataclasses.replace(record(), scenario=good.scenario, outcome=Outcome.SERVICE_FAILED)
    push([good], gateway.url, {})
    [group] = gateway.groups.values()
    success = group["resilience_last_success_timestamp_seconds"]
    push([bad], gateway.url, {})
    assert group["resilience_run_passed"][0].endswith(" 0")
    assert group["resilience_last_success_timestamp_seconds"] == success


def test_the_last_of_several_runs_is_pushed(gateway: Gateway) -> None:
    good = dataclasses.replace(record(broken=False), outcome=Outcome.PASSED)
    bad = dataclasses.replace(good, outcome=Outcome.SERVICE_FAILED)
    assert push([bad, good], gateway.url, {}) == 1
    [group] = gateway.groups.values()
    assert group["resilience_run_passed"][0].endswith(" 1")


def test_credentials_come_from_the_environment(gateway: Gateway) -> None:
    login = {"RESILIENCE_PUSH_USER": "ci", "RESILIENCE_PUSH_PASSWORD": "opensesame"}
    push([record()], gateway.url, login)
    push([record()], gateway.url, {})
    assert gateway.logins == [f"Basic {b64encode(b'ci:opensesame').decode()}", None]
    assert "opensesame" not in MASKS.over("it is opensesame")


@pytest.mark.parametrize(("status", "body"), [(400, b"inconsistent"), (302, b""), (503, b"full")])
def test_a_refusal_is_shown_in_its_own_words(gateway: Gateway, status: int, body: bytes) -> None:
    gateway.status, gateway.body = status, body
    with pytest.raises(PushFailed, match=f"HTTP {status} {body.decode()}".rstrip()):
        push([record()], gateway.url, {})


def test_a_scenario_that_is_refused_keeps_no_other_from_being_pushed(gateway: Gateway) -> None:
    """A gateway refuses a group whose metrics it holds with another type."""
    one = record()
    runs = [dataclasses.replace(one, scenario=dataclasses.replace(one.scenario, id=f"s{number}"))
            for number in range(3)]  # fmt: skip
    gateway.refuse = urlsafe_b64encode(b"s0").decode()
    with pytest.raises(PushFailed, match=r"HTTP 400 inconsistent \(1 of 3 scenarios refused\)"):
        push(runs, gateway.url, {})
    assert len(gateway.groups) == 2


def test_an_absent_gateway_is_named() -> None:
    with pytest.raises(PushFailed, match=r"Pushgateway http://127\.0\.0\.1:9"):
        push([record()], "http://127.0.0.1:9", {})
