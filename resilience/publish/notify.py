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

from resilience.model.finding import Figure, Result
from resilience.model.masks import MASKS, shown
from resilience.model.report import RunRecord
from resilience.model.verdict import Outcome
from resilience.model.words import many, told
from resilience.report import wording
from resilience.report.cause import cause
from resilience.report.plain import plain

URLS = "RESILIENCE_NOTIFY"
STARTED, FAILED, RECOVERED, MISSED = EVENTS = ("started", "failed", "recovered", "missed")
DEFAULT = (FAILED, RECOVERED, MISSED)
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
    """Send each message to all URLs; returns the number of messages. Raises NotSent at the first
    that does not reach everyone."""
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # an import error of an apprise plugin must not fail the test
        return _sent(found, to)


def _sent(found: Sequence[Message], to: Sequence[str]) -> int:
    try:
        import apprise
    except ImportError:
        raise NotSent(
            f"{URLS} is set, but apprise is missing: pip install 'pytest-resilience[notify]'"
        ) from None
    sender = apprise.Apprise()
    for number, url in enumerate(to, 1):
        if not sender.add(url):
            raise NotSent(f"URL {number} of {URLS} is not one that apprise knows")
    kinds = {FAILED: "failure", MISSED: "failure", RECOVERED: "success", STARTED: "info"}
    for message in found:
        if not sender.notify(title=shown(message.title), body=shown(message.body) or " ",
                             notify_type=kinds[message.event]):  # fmt: skip
            raise NotSent(f"the message `{message.event}` did not reach each URL of {URLS}")
    return len(found)


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
