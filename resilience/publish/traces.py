"""A run as a trace: a span for each step, so that the service's own traces line up with the fault.

OTLP 1.x over HTTP as JSON (opentelemetry-proto, "OTLP/HTTP"), which every collector takes; no
library is needed for it. Ids are made from the run's id: a run that is sent twice is the same
trace. With `TRACEPARENT` in the environment (W3C Trace Context) a run is a child of the CI's span.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from resilience.model.masks import MASKS, excerpt
from resilience.model.report import RunRecord
from resilience.model.timeline import What
from resilience.model.total_time import TooLong, within
from resilience.model.verdict import Outcome, Result, StepRecord

PATH = "/v1/traces"
HEADERS = "OTEL_EXPORTER_OTLP_HEADERS"
PARENT = "TRACEPARENT"
TIMEOUT = 10.0
SHOWN = 200
ERROR, OK, INTERNAL = 2, 1, 1

_PARENT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}")
_TOLD = {What.VICTIM: "victim", What.PROOF: "proof", What.EVENT: "kubernetes event"}
"""Entries of the timeline that become events of the run's span."""


class TracesRefused(OSError):
    """The collector did not accept the traces."""


def send(
    records: Sequence[RunRecord], url: str, environment: Mapping[str, str] = os.environ
) -> int:
    """Send a trace of each run; return the number of spans. Raises TracesRefused when the collector
    does not accept all of them."""
    import urllib3

    made = payload(records, environment.get(PARENT, ""))
    headers = {"Content-Type": "application/json", **_headers(environment)}
    with urllib3.PoolManager(timeout=TIMEOUT, retries=False) as pool:
        try:
            answer = within(TIMEOUT, lambda: pool.request(
                "POST", f"{url}{PATH}", body=json.dumps(made).encode(), headers=headers,
                redirect=False,
            ))  # fmt: skip
        except (urllib3.exceptions.HTTPError, TooLong) as error:
            raise TracesRefused(f"collector {url}: {error}") from error
    text = excerpt(answer.data.decode(errors="replace").strip(), SHOWN)
    if not 200 <= answer.status < 300:
        raise TracesRefused(f"collector {url}: HTTP {answer.status} {text}".rstrip())
    if rejected := _rejected(answer.data):
        raise TracesRefused(f"collector {url}: {rejected} spans were rejected: {text}")
    return sum(len(each["scopeSpans"][0]["spans"]) for each in made["resourceSpans"])


def payload(records: Sequence[RunRecord], parent: str = "") -> dict[str, Any]:
    """The body of the request; `parent` is a `traceparent`, "" for none."""
    return {"resourceSpans": [_resource(record, parent) for record in records]}


def _resource(record: RunRecord, parent: str) -> dict[str, Any]:
    known = {"resilience." + name: value for name, value in record.environment.items()
             if isinstance(value, str | bool | int | float)}  # fmt: skip
    return {
        "resource": {"attributes": _attributes({"service.name": "pytest-resilience", **known})},
        "scopeSpans": [
            {"scope": {"name": "pytest-resilience"}, "spans": list(_spans(record, parent))}
        ],
    }


def _spans(record: RunRecord, parent: str) -> Iterator[dict[str, Any]]:
    outer = _PARENT.fullmatch(parent.strip())
    trace = outer[1] if outer else _id(record, "trace", 32)
    root = _id(record, "run", 16)
    yield {
        **_span(record, trace, root, record.scenario.title, record.started, record.ended),
        **({"parentSpanId": outer[2]} if outer else {}),
        "attributes": _attributes({
            "resilience.run": record.run, "resilience.scenario": record.scenario.id,
            "resilience.outcome": record.outcome.value, "resilience.seed": str(record.seed),
        }),
        "events": [
            {"timeUnixNano": _nano(record, entry.monotonic), "name": _TOLD[entry.what],
             "attributes": _attributes({"text": entry.text})}
            for entry in record.timeline if entry.what in _TOLD
        ],
        "status": _status(record.outcome is Outcome.PASSED, record.message),
    }  # fmt: skip
    for number, step in enumerate(record.steps):
        yield {**_step(record, trace, step, number), "parentSpanId": root}


def _step(record: RunRecord, trace: str, step: StepRecord, number: int) -> dict[str, Any]:
    ended = record.ended if step.ended is None else step.ended
    identity = _id(record, f"{number} {step.path}", 16)
    return {
        **_span(record, trace, identity, step.title, step.started, ended),
        "attributes": _attributes({
            "resilience.phase": step.phase, "resilience.verb": step.verb,
            "resilience.path": step.path, "code.filepath": step.place.file,
        }),
        "status": _status(step.result is Result.PASSED, step.message),
    }  # fmt: skip


def _span(
    record: RunRecord, trace: str, identity: str, name: str, since: float, until: float
) -> dict[str, Any]:
    return {
        "traceId": trace,
        "spanId": identity,
        "name": name,
        "kind": INTERNAL,
        "startTimeUnixNano": _nano(record, since),
        "endTimeUnixNano": _nano(record, until),
    }


def _status(good: bool, message: str) -> dict[str, Any]:
    return {"code": OK} if good else {"code": ERROR, "message": message}


def _nano(record: RunRecord, moment: float) -> str:
    """64-bit numbers are strings in JSON (protobuf's JSON mapping)."""
    return str(round((record.started_wall + moment - record.started) * 1e9))


def _id(record: RunRecord, part: str, digits: int) -> str:
    text = f"{record.run} {record.scenario.id} {part}"
    return hashlib.sha256(text.encode()).hexdigest()[:digits]


def _attributes(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": _value(value)} for key, value in values.items()]


def _value(value: Any) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    return {"doubleValue": value} if isinstance(value, float) else {"stringValue": str(value)}


def _headers(environment: Mapping[str, str]) -> dict[str, str]:
    """`key=value,key=value`, percent-encoded (OpenTelemetry, "Environment Variable
    Specification")."""
    from urllib.parse import unquote

    found = {}
    for part in environment.get(HEADERS, "").split(","):
        name, equals, value = part.partition("=")
        if equals and name.strip():
            found[name.strip()] = unquote(value.strip())
            MASKS.take(f"{HEADERS} {name.strip()}", found[name.strip()])
            if not (found[name.strip()].isascii() and found[name.strip()].isprintable()):
                raise TracesRefused(  # the library's own error would quote the value
                    f"{HEADERS}: the value of {name.strip()} holds a line break or another"
                    " character that no header takes; expected one line (base64 -w0)"
                )
    return found


def _rejected(data: bytes) -> int:
    """A collector answers 200 also when it leaves spans out ("Partial Success")."""
    try:
        answer = json.loads(data or b"{}")
        return int((answer.get("partialSuccess") or {}).get("rejectedSpans") or 0)
    except (ValueError, AttributeError, TypeError):
        return 0
