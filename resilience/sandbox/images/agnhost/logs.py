"""`agnhost logs-generator`: a known number of numbered log lines over a known time."""

from __future__ import annotations

import random
import time
from datetime import UTC, datetime

from resilience.sandbox.images.agnhost.agnhost_main import FlagError, parse
from resilience.sandbox.images.agnhost.golang import duration

SHORT = {"-t": "--log-lines-total", "-d": "--run-duration"}
METHODS = ("GET", "PUT", "POST")
NAMESPACES = ("kube-system", "default", "ns")


def logs_generator(arguments: list[str]) -> int:
    """Write every line, evenly spread, then exit 0."""
    words = [SHORT.get(argument, argument) for argument in arguments]
    flags, _ = parse(words, {"log-lines-total": 0, "run-duration": "0"})
    total, seconds = flags["log-lines-total"], duration(flags["run-duration"])
    if total <= 0 or seconds <= 0:
        raise FlagError("--log-lines-total and --run-duration must be greater than 0")
    started = time.monotonic()
    for number in range(total):
        time.sleep(max(0.0, started + number * seconds / total - time.monotonic()))
        print(_line(number), flush=True)
    return 0


def _line(number: int) -> str:
    stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    name = "".join(random.choices("abcdefghijklmnopqrstuvwxyz0123456789", k=4))
    path = f"/api/v1/namespaces/{random.choice(NAMESPACES)}/endpoints/{name}"
    return f"{stamp} {number} {random.choice(METHODS)} {path} {random.randrange(200, 600)}"
