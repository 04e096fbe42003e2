"""Messages to people when a session starts, a scenario fails or recovers, or a backup was missed.

apprise (extra `notify`) sends them to its URLs: chat, mail, pager. The URLs hold tokens,
so they come from `RESILIENCE_NOTIFY` alone, and are masked wherever they would be shown. A message
holds what the terminal shows, masked likewise. *Recovered* compares with the last report in the
report store; without one there is nothing to compare with.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from resilience.model.finding import Figure, Result
from resilience.model.masks import MASKS, shown
from resilience.model.report import RunRecord
from resilience.model.total_time import TooLong, within
from resilience.model.verdict import Outcome
from resilience.model.words import many, told
from resilience.report import wording
from resilience.report.cause import cause
from resilience.report.plain import plain

URLS = "RESILIENCE_NOTIFY"
STARTED, FAILED, RECOVERED, MISSED = EVENTS = ("started", "failed", "recovered", "missed")
DEFAULT = (FAILED, RECOVERED, MISSED)
TIMEOUT = 30.0
"""Seconds for one message to one URL, whole."""

MOST = 20
"""Scenarios that a message names."""

Before = Mapping[tuple[str, str, str], bool]
"""By (scenario, file, cluster): whether the run before this session passed."""


class NotSent(OSError):
    """A message did not reach everyone. The text contains no URL."""


@dataclass(frozen=True, slots=True)
class Message:
    """`event` is one of `EVENTS`."""

    event: str
    title: str
    body: str


def urls(environment: Mapping[str, str] = os.environ) -> list[str]:
    """The URLs to send to; each is masked from now on."""
    found = environment.get(URLS, "").split()
    for number, url in enumerate(found):
        MASKS.take(f"{URLS} {number}", url)
    return found


def starting(where: str) -> Message:
    """`where` is the cluster's context."""
    return Message(STARTED, f"Resilience: a session started on {where}", "")


def messages(records: Sequence[RunRecord], before: Before) -> Iterator[Message]:
    """One message for each kind of event, for any number of scenarios."""
    last = {_key(record): record for record in records if not record.again}
    missed = [each for each in last.values() if _missed(each)]
    failed = [each for each in last.values()
              if each.outcome is not Outcome.PASSED and each not in missed]  # fmt: skip
    recovered = [each for key, each in last.items()
                 if each.outcome is Outcome.PASSED and before.get(key) is False]  # fmt: skip
    where = told(sorted({_cluster(each) for each in records} - {""}))
    place = f" on {where}" if where else ""
    if failed:
        count = f"{len(failed)} of {many(len(last), 'scenario')} did not pass"
        yield _about(FAILED, f"{count}{place}", failed)
    if missed:
        yield _about(MISSED, f"{many(len(missed), 'plan')} missed a backup{place}", missed)
    if recovered:
        yield _about(RECOVERED, f"{many(len(recovered), 'scenario')} recovered{place}", recovered)


def send(found: Sequence[Message], to: Sequence[str]) -> int:
    """Send each message to each URL; return the number of messages. A URL that fails keeps no other
    from its messages; NotSent then counts the URLs from 1."""
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # an import error of an apprise plugin must not fail the test
        failed = list(_sent(found, to))
    if failed:
        raise NotSent("; ".join(failed))
    return len(found)


def _sent(found: Sequence[Message], to: Sequence[str]) -> Iterator[str]:
    """Lines about what did not arrive."""
    try:
        import apprise
    except ImportError:
        raise NotSent(
            f"{URLS} is set, but apprise is missing: pip install 'pytest-resilience[notify]'"
        ) from None
    kinds = {FAILED: "failure", MISSED: "failure", RECOVERED: "success", STARTED: "info"}
    for number, url in enumerate(to, 1):
        sender = apprise.Apprise()
        if not sender.add(url):
            yield f"URL {number} of {URLS} is not one that apprise knows"
            continue
        if "overflow=" not in url.lower():
            _split(sender)
        lost = [each.event for each in found if not _arrives(sender, each, kinds[each.event])]
        if lost:
            yield f"{told([f'`{each}`' for each in lost])} did not reach URL {number} of {URLS}"


def _arrives(sender: Any, message: Message, kind: str) -> bool:
    """Whether a service took it in time. apprise has timeouts of its own, for each packet."""
    title, body = shown(message.title), shown(message.body) or " "
    try:
        return bool(within(
            TIMEOUT, lambda: sender.notify(title=title, body=body, notify_type=kind)
        ))  # fmt: skip
    except TooLong:
        return False


def _split(sender: Any) -> None:
    """A message that is too long for a service is sent in parts: services refuse it as a whole,
    and the longest is about the worst day."""
    for server in sender:
        server.overflow_mode = "split"


def _about(event: str, title: str, records: Sequence[RunRecord]) -> Message:
    lines = []
    for record in records[:MOST]:
        why = cause(record)
        lines.append(f"- {wording.heading(record)}: {plain(record)}")
        lines += [f"  {record.outcome.value}: {why}"] if why else []
    if len(records) > MOST:
        lines.append(f"and {len(records) - MOST} more")
    link = next((str(each.environment["ci"]) for each in records if "ci" in each.environment), "")
    lines += [link] if link else []
    return Message(event, f"Resilience: {title}", "\n".join(lines))


def _missed(record: RunRecord) -> bool:
    return any(each.figure is Figure.MISSED and each.result is Result.FAILED
               for each in record.findings)  # fmt: skip


def _cluster(record: RunRecord) -> str:
    return record.member or str(record.environment.get("context", ""))


def _key(record: RunRecord) -> tuple[str, str, str]:
    return record.scenario.id, record.scenario.place.file, _cluster(record)
