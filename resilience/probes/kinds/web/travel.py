"""One journey after another on threads of this process, by httpx.

A step that fails ends its journey. Each step is passed on as it ends, so that `journey_probe` can
count steps apart.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

from resilience.ledger.drivers.session import Unusable
from resilience.ledger.drivers.trust import Trust
from resilience.model.masks import excerpt
from resilience.model.samples import Answer
from resilience.probes.kinds.web.dialling import Dialling, ServerNames
from resilience.probes.kinds.web.json_place import USE, found
from resilience.probes.kinds.web.redirects import answered, body
from resilience.probes.prober.asker import Ask, Never, Reply, Tell
from resilience.probes.prober.news import Part
from resilience.probes.service.server import library

NEAR = 1 << 16
"""Bytes of an answer among which its excerpt is masked."""

Stop = Mapping[str, Any]
"""One request, as `journey.Stop` has it."""

FAILURES: Sequence[tuple[str, Answer]] = (
    ("ConnectTimeout", Answer.TIMEOUT), ("ReadTimeout", Answer.TIMEOUT),
    ("WriteTimeout", Answer.TIMEOUT), ("PoolTimeout", Answer.TIMEOUT),
    ("RemoteProtocolError", Answer.PROTOCOL), ("LocalProtocolError", Answer.PROTOCOL),
    ("TimeoutError", Answer.TIMEOUT), ("ReadError", Answer.RESET), ("WriteError", Answer.RESET),
)  # fmt: skip

ENDED = ("disconnected", "closed connection", "connectionterminated")
"""Words of httpx for a connection that ended too early, which it counts as errors of HTTP; the last
one is a GOAWAY of HTTP/2."""


def opened(given: Mapping[str, Any], tell: Tell) -> Ask:
    """Journeys of one thread; Never where httpx is not installed."""
    httpx = library("httpx", "http2")
    try:
        trusted = Trust(**given["trust"]).context()
    except Unusable as error:
        raise Never(str(error)) from error
    headers = {"Authorization": f"Bearer {given['password']}"} if given["password"] else {}

    def ask() -> Reply:
        end = time.monotonic() + given["timeout"]
        names = ServerNames(httpx, given["base"], given["address"])
        inner = httpx.HTTPTransport(verify=trusted, http2=given["http2"], trust_env=False)
        with httpx.Client(
            transport=Dialling(httpx, inner, names), headers=headers, trust_env=False
        ) as client:
            return _travel(httpx, client, names, given, end, tell)

    return ask


def _travel(
    httpx: Any, client: Any, names: ServerNames, given: Mapping[str, Any], end: float, tell: Tell
) -> Reply:
    kept: dict[str, str] = {}
    name = given["trust"]["name"]
    more = {"sni_hostname": name} if name else {}
    for stop in given["steps"]:
        began = time.monotonic()
        try:
            reply = _visit(stop, client, names, kept, end - began, more)
        except (httpx.HTTPError, httpx.InvalidURL, OSError, UnicodeError) as error:
            reply = Reply(_failure(error), excerpt(str(error), 100))
        tell(Part(began, stop["name"], reply.answer, time.monotonic() - began))
        if reply.answer is not Answer.GOOD:
            return Reply(reply.answer, f"{stop['name']}: {reply.text}")
    return Reply(Answer.GOOD)


def _visit(
    stop: Stop, client: Any, names: ServerNames, kept: dict[str, str], left: float,
    more: Mapping[str, str],
) -> Reply:  # fmt: skip
    if left <= 0:
        return Reply(Answer.TIMEOUT, "no time was left for it")
    end = time.monotonic() + left
    headers = {name: _filled(text, kept) for name, text in stop["headers"].items()}
    request = client.build_request(
        stop["method"], names.url(_filled(stop["path"], kept), headers), headers=headers,
        content=_filled(stop["body"], kept) or None, timeout=left, extensions=dict(more),
    )  # fmt: skip
    answer, why = answered(client, request, stop["redirects"], end)
    try:
        data = body(answer, end)
    finally:
        answer.close()
    if data is None:
        return Reply(Answer.TIMEOUT, "the body did not end")
    reply = _judged(stop, int(answer.status_code), data, kept)
    wrong = reply.answer is Answer.STATUS
    return Reply(reply.answer, f"{reply.text} {why}".strip()) if wrong else reply


def _judged(stop: Stop, status: int, body: bytes, kept: dict[str, str]) -> Reply:
    wanted = stop["status"]
    if status not in wanted if wanted else not 200 <= status <= 299:
        return Reply(Answer.STATUS, f"status {status}")
    if stop["contains"].encode() not in body:
        return Reply(Answer.BODY, excerpt(body[:NEAR].decode("utf-8", "replace"), 80))
    if not (stop["json"] or stop["keep"]):
        return Reply(Answer.GOOD)
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return Reply(Answer.BODY, "the body is not JSON")
    for place, text in stop["json"].items():
        if (value := found(document, place)) != text:
            told = f"there is no {place}" if value is None else f"{place} is {excerpt(value, 60)}"
            return Reply(Answer.BODY, f"{told}, expected {text}")
    for name, place in stop["keep"].items():
        value = found(document, place)
        if value is None:
            return Reply(Answer.BODY, f"there is no {place}")
        kept[name] = value
    return Reply(Answer.GOOD)


def _filled(text: str, kept: Mapping[str, str]) -> str:
    return USE.sub(lambda match: kept.get(match[1], match[0]), text)


def _failure(error: Exception) -> Answer:
    """The kind of answer for an httpx error, and the text of a connection that was never made."""
    name, text = type(error).__name__, str(error).lower()
    if "ssl" in text or "certificate" in text:
        return Answer.TLS
    if name == "RemoteProtocolError" and any(word in text for word in ENDED):
        return Answer.RESET
    if name == "ConnectError":
        known = (("refused", Answer.REFUSED), ("name", Answer.NAME), ("reset", Answer.RESET))
        return next((answer for word, answer in known if word in text), Answer.UNREACHABLE)
    return dict(FAILURES).get(name, Answer.WRONG)
