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

from resilience.model.masks import MASKS, excerpt
from resilience.model.report import RunRecord

JOB = "resilience"
USER, PASSWORD = "RESILIENCE_PUSH_USER", "RESILIENCE_PUSH_PASSWORD"
TIMEOUT = 10.0
SHOWN = 200


class PushFailed(OSError):
    """The gateway did not accept the metrics."""


def push(
    records: Sequence[RunRecord], url: str, environment: Mapping[str, str] = os.environ
) -> int:
    """Send the metrics of each scenario; returns the number of groups. PushFailed at the first that
    fails."""
    import urllib3

    from resilience.report.machine.metrics import metrics

    headers = {"Content-Type": "text/plain; version=0.0.4", **_authorization(environment)}
    last = {(each.scenario.id, each.scenario.place.file, each.member): each for each in records}
    with urllib3.PoolManager(timeout=TIMEOUT, retries=False) as pool:
        for (scenario, file, member), record in last.items():
            where = f"{url}/metrics/job/{JOB}{_part('scenario', scenario)}{_part('file', file)}"
            where += _part("cluster", member) if member else ""
            body = metrics([record]).encode()
            try:
                answer = pool.request("POST", where, body=body, headers=headers, redirect=False)
            except urllib3.exceptions.HTTPError as error:
                raise PushFailed(f"Pushgateway {url}: {error}") from error
            if not 200 <= answer.status < 300:
                said = excerpt(answer.data.decode(errors="replace").strip(), SHOWN)
                raise PushFailed(f"Pushgateway {url}: HTTP {answer.status} {said}".rstrip())
    return len(last)


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
