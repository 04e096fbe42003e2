"""Messages to people: what is said, when, to whom, and never with a secret."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from resilience.config.settings import Settings
from resilience.harness.session import Session
from resilience.model.finding import Figure, Finding, Result
from resilience.model.masks import MASKS
from resilience.model.report import RunRecord
from resilience.model.verdict import Outcome
from resilience.publish import notify, places
from resilience.publish.notify import NotSent, messages
from tests.loopback import Answering, serving
from tests.report.made import drill, record

GOOD, BAD = record(broken=False), record()
KEY = (GOOD.scenario.id, GOOD.scenario.place.file, "sandbox")


def missed() -> RunRecord:
    late = Finding(name="missed", figure=Figure.MISSED, result=Result.FAILED, value=2.0,
                   measured="2 missed", promised="none")  # fmt: skip
    return replace(drill(), outcome=Outcome.SERVICE_FAILED, findings=[late])


def test_a_failure_is_said_in_plain_words_and_in_exact_ones() -> None:
    [found] = messages([GOOD, BAD], {})
    assert (found.event, found.title) == (
        "failed", "Resilience: 1 of 2 scenarios did not pass on sandbox",
    )  # fmt: skip
    assert "The service did not withstand it: 82.814%" in found.body
    assert "service failed: checkout.availability 82.814%, expected 99%" in found.body
    assert found.body.endswith("https://ci.example.com/jobs/17")


def test_recovered_is_what_failed_before_and_only_that() -> None:
    [found] = messages([GOOD], {KEY: False})
    assert found.event == "recovered"
    assert list(messages([GOOD], {KEY: True})) == []
    assert list(messages([GOOD], {})) == []


def test_a_missed_backup_is_its_own_message() -> None:
    [found] = messages([missed()], {})
    assert (found.event, found.title) == ("missed", "Resilience: 1 plan missed a backup on sandbox")


def test_a_run_that_was_measured_once_more_is_not_spoken_of() -> None:
    first = replace(GOOD, outcome=Outcome.NOT_MEASURED, again="two")
    assert list(messages([first, replace(GOOD, before="one")], {})) == []


def test_many_are_counted_not_listed() -> None:
    runs = [replace(BAD, scenario=replace(BAD.scenario, id=f"s{n}")) for n in range(50)]
    [found] = messages(runs, {})
    assert "and 30 more" in found.body


@pytest.fixture(name="chat")
def fixture_chat() -> Iterator[tuple[str, list[dict[str, str]]]]:
    heard: list[dict[str, str]] = []

    class Handler(Answering):
        def do_POST(self) -> None:
            heard.append(json.loads(self.sent_body()))
            self.answer(200)

    with serving(Handler) as url:
        yield url.replace("http://", "json://") + "/token-opensesame", heard


def test_messages_are_sent_with_secrets_masked(chat: tuple[str, list[dict[str, str]]]) -> None:
    url, heard = chat
    MASKS.take("TOKEN", "opensesame")
    assert notify.urls({"RESILIENCE_NOTIFY": url}) == [url]
    said = notify.Message("failed", "Resilience: 1 failed", "the key is opensesame")
    assert notify.send([said, notify.starting("prod")], [url]) == 2
    assert [each["type"] for each in heard] == ["failure", "info"]
    assert heard[0]["message"] == "the key is ***"
    assert url not in MASKS.over(f"could not send to {url}")


def test_a_url_that_is_none_and_one_that_does_not_answer_are_errors_without_the_url() -> None:
    with pytest.raises(NotSent, match="URL 1 of RESILIENCE_NOTIFY is not one that apprise knows"):
        notify.send([notify.starting("prod")], ["nosuch://secret"])
    with pytest.raises(NotSent) as caught:
        notify.send([notify.starting("prod")], ["json://127.0.0.1:9/secret"])
    assert "secret" not in str(caught.value)


def test_a_url_that_fails_keeps_no_other_from_its_messages(
    chat: tuple[str, list[dict[str, str]]],
) -> None:
    url, heard = chat
    said = [notify.Message("failed", "one", ""), notify.Message("missed", "two", "")]
    with pytest.raises(NotSent) as caught:
        notify.send(said, ["nosuch://secret", "json://127.0.0.1:9/secret", url])
    assert [each["title"] for each in heard] == ["one", "two"]
    assert str(caught.value) == (
        "URL 1 of RESILIENCE_NOTIFY is not one that apprise knows; "
        "`failed`, `missed` did not reach URL 2 of RESILIENCE_NOTIFY"
    )


@pytest.mark.parametrize(("more", "parts"), [("", 3), ("?overflow=truncate", 1)])
def test_a_long_message_is_sent_in_parts(
    chat: tuple[str, list[dict[str, str]]], monkeypatch: pytest.MonkeyPatch, more: str, parts: int
) -> None:
    """As chats limit them."""
    from apprise.plugins.custom_json import NotifyJSON

    monkeypatch.setattr(NotifyJSON, "body_maxlen", 2000)
    url, heard = chat
    lines = [f"- scenario {number} did not pass" for number in range(150)]
    notify.send([notify.Message("failed", "150 failed", "\n".join(lines))], [f"{url}{more}"])
    assert len(heard) == parts
    text = "\n".join(each["message"] for each in heard)
    assert ("scenario 149" in text) is (parts > 1)


def test_without_apprise_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    with pytest.raises(NotSent, match=r"pip install 'pytest-resilience\[notify\]'"):
        notify.send([notify.starting("prod")], ["json://127.0.0.1:9"])


@pytest.mark.parametrize("kept", ["directory", "store"])
def test_a_session_compares_with_the_one_before(
    tmp_path: Path, chat: tuple[str, list[dict[str, str]]], kept: str
) -> None:
    url, heard = chat
    where = str(tmp_path / "reports") if kept == "directory" else f"file:{tmp_path / 'reports'}"
    settings = Settings(report=where, root=tmp_path)
    bad = replace(GOOD, outcome=Outcome.SERVICE_FAILED)
    for day, made in enumerate([bad, GOOD, GOOD], 1):
        session = places.Session(
            settings=settings, environment={"RESILIENCE_NOTIFY": url},
            now=datetime(2026, 9, day, tzinfo=UTC), mark=f"00000{day}",
        )  # fmt: skip
        places.publish([made], session)
    assert [each["type"] for each in heard] == ["failure", "success"]


def test_only_what_is_wanted_is_sent(
    tmp_path: Path, chat: tuple[str, list[dict[str, str]]]
) -> None:
    url, heard = chat
    session = places.Session(
        settings=Settings(notify_on=("missed",)), environment={"RESILIENCE_NOTIFY": url},
        now=datetime(2026, 9, 1, tzinfo=UTC), mark="000001",
    )  # fmt: skip
    assert places.publish([BAD], session) == []
    assert places.publish([missed()], session) == ["notified: missed"]
    assert len(heard) == 1


def test_a_session_that_begins_is_announced_where_that_is_wanted(
    monkeypatch: pytest.MonkeyPatch, chat: tuple[str, list[dict[str, str]]]
) -> None:
    url, heard = chat
    told: list[str] = []

    def announce(*events: str) -> None:
        session: Any = SimpleNamespace(settings=Settings(notify_on=events), _tell=told.append)
        Session.announce(session, "prod")

    monkeypatch.setenv("RESILIENCE_NOTIFY", url)
    announce("started")
    announce("failed")
    assert [each["title"] for each in heard] == ["Resilience: a session started on prod"]
    monkeypatch.setenv("RESILIENCE_NOTIFY", "json://127.0.0.1:9/secret")
    announce("started")
    assert told == ["warning: `started` did not reach URL 1 of RESILIENCE_NOTIFY"]
