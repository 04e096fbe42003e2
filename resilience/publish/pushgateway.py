"""Sends metrics to a Pushgateway: one group for each scenario, so that each keeps its last success.

In a fleet, a scenario has a group for each cluster.
A POST replaces only the metrics that it contains, within its group
(github.com/prometheus/pushgateway, "API"): a failed run sends no time of a last success, so the
earlier one stays. Alerts on missing proofs use that time.
"""

from __future__ import annotations

import os
from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from typing import Any

from resilience.model.masks import MASKS, excerpt
from resilience.model.report import RunRecord
from resilience.model.total_time import TooLong, within
from resilience.model.words import many

JOB = "resilience"
USER, PASSWORD = "RESILIENCE_PUSH_USER", "RESILIENCE_PUSH_PASSWORD"
TIMEOUT = 10.0
SHOWN = 200


class PushFailed(OSError):
    """The gateway did not accept the metrics."""


def push(
    records: Sequence[RunRecord], url: str, environment: Mapping[str, str] = os.environ
) -> int:
    """Send the metrics of each scenario; returns the number of groups. A group that the gateway
    refuses keeps no other from being sent; PushFailed then quotes the first refusal. PushFailed at
    once if the gateway cannot be reached."""
    import urllib3

    headers = {"Content-Type": "text/plain; version=0.0.4", **_authorization(environment)}
    last = {(each.scenario.id, each.scenario.place.file, each.member): each for each in records}
    refused: list[str] = []
    with urllib3.PoolManager(timeout=TIMEOUT, retries=False, headers=headers) as pool:
        for record in last.values():
            try:
                refused += _refusal(pool, url, record)
            except (urllib3.exceptions.HTTPError, TooLong) as error:
                raise PushFailed(f"Pushgateway {url}: {error}") from error
    if refused:
        raise PushFailed(f"Pushgateway {url}: {refused[0]} ({len(refused)} of "
                         f"{many(len(last), 'scenario')} refused)")  # fmt: skip
    return len(last)


def _refusal(pool: Any, url: str, record: RunRecord) -> list[str]:
    """What the gateway says against the metrics of one scenario; empty if it takes them."""
    from resilience.report.machine.metrics import metrics

    scenario = record.scenario
    where = f"{url}/metrics/job/{JOB}{_part('scenario', scenario.id)}"
    where += _part("file", scenario.place.file)
    where += _part("cluster", record.member) if record.member else ""
    body = metrics([record]).encode()
    answer = within(TIMEOUT, lambda: pool.request("POST", where, body=body, redirect=False))
    if 200 <= answer.status < 300:
        return []
    said = excerpt(answer.data.decode(errors="replace").strip(), SHOWN)
    return [f"HTTP {answer.status} {said}".rstrip()]


def _part(label: str, value: str) -> str:
    """A label of the group, in the form that allows any value; `=` alone is the empty one."""
    return f"/{label}@base64/{urlsafe_b64encode(value.encode()).decode() or '='}"


def _authorization(environment: Mapping[str, str]) -> Mapping[str, str]:
    import urllib3

    user, password = environment.get(USER, ""), environment.get(PASSWORD, "")
    if not user:
        return {}
    MASKS.take(PASSWORD, password)
    return urllib3.make_headers(basic_auth=f"{user}:{password}")
