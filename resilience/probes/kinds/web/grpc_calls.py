"""The `grpc` probe at work: one call on its own connection, and the meaning of its status.

grpcio shares connections between channels of a process and tries calls again; both would hide what
a new client sees, so both are off. On a kept connection, a call that the server says it has not
processed (GOAWAY) is sent once more, as clients do. Sources: the gRPC health checking protocol,
status codes of grpc.io/docs/guides/status-codes.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from resilience.ledger.drivers.trust import unshown
from resilience.model.masks import excerpt
from resilience.model.samples import Answer
from resilience.probes.kinds.web import json_place
from resilience.probes.prober.asker import Ask, Never, Reply, Tell
from resilience.probes.service.server import library

CHECK = "/grpc.health.v1.Health/Check"
SERVING = 1
HEALTH = {0: "UNKNOWN", 1: "SERVING", 2: "NOT_SERVING", 3: "SERVICE_UNKNOWN"}
LONGEST = 4 << 20
"""Bytes of an answer that are read."""

OPTIONS: tuple[tuple[str, int | str], ...] = (
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.max_receive_message_length", LONGEST),
    ("grpc.enable_http_proxy", 0),
)
SHOWN = 120

Judge = Callable[[Any], Reply]


def opened(given: Mapping[str, Any], _tell: Tell) -> Ask:
    """A thread's questions; Never where grpcio is not installed."""
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # its log would go to the terminal
    grpc = library("grpc", "grpc")
    calls, kept = Calls(given), list[Any]()

    def ask() -> Reply:
        channel = kept.pop() if kept else calls.channel(grpc)
        try:
            reply = calls.ask(channel)
        except grpc.RpcError as error:
            reply = failed(error.code().name, str(error.details() or ""))
            if reply.answer is Answer.RESET:
                reply = replace(reply, text=reply.text + unshown(given["trust"]))
        if given["keepalive"] and reply.answer is Answer.GOOD:
            kept.append(channel)
        else:
            channel.close()
        return reply

    return ask


class Calls:
    """What one thread sends, on connections of its own."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        self._given = given
        self._messages: tuple[Any, Any] | None = None

    def channel(self, grpc: Any) -> Any:
        """A new connection. The authority is also the name expected in a certificate."""
        host, port, trust = (self._given[key] for key in ("host", "port", "trust"))
        target = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        options = [*OPTIONS, ("grpc.default_authority", self._given["authority"] or target),
                   ("grpc.enable_retries", int(self._given["keepalive"]))]  # fmt: skip
        if not trust:
            return grpc.insecure_channel(target, options)
        return grpc.secure_channel(target, _credentials(grpc, trust), options)

    def ask(self, channel: Any) -> Reply:
        """Call once; grpcio's RpcError for a status other than OK."""
        given = self._given
        token = given["password"]
        more = {"timeout": given["timeout"], "wait_for_ready": False,
                "metadata": [("authorization", f"Bearer {token}")] if token else None}  # fmt: skip
        if not given["call"]:
            return health(channel.unary_unary(CHECK)(check_request(given["health"]), **more))
        if self._messages is None:
            self._messages = _described(given, channel)
        sent, received = self._messages
        method = channel.unary_unary(
            f"/{given['call']}", request_serializer=lambda each: each.SerializeToString(),
            response_deserializer=received.FromString,
        )  # fmt: skip
        return self._judged(method(sent, **more))

    def _judged(self, answer: Any) -> Reply:
        json_format = library("google.protobuf.json_format", "grpc")
        document = json_format.MessageToDict(
            answer, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
        )
        for place, text in self._given["json"].items():
            value = json_place.found(document, place)
            if value != text:
                told = (
                    f"there is no {place}" if value is None else f"{place} is {excerpt(value, 60)}"
                )
                return Reply(Answer.WRONG, f"{told}, expected {text}")
        return Reply(Answer.GOOD)


def _credentials(grpc: Any, trust: Mapping[str, Any]) -> Any:
    """Whom to trust, and the client's certificate, which is one PEM text with its key."""
    own = trust["client"].encode() or None
    return grpc.ssl_channel_credentials(
        trust["authorities"].encode() or None, private_key=own, certificate_chain=own
    )


def _described(given: Mapping[str, Any], channel: Any) -> tuple[Any, Any]:
    """The request as a message, and the answer's class."""
    pools = library("google.protobuf.descriptor_pool", "grpc")
    factory = library("google.protobuf.message_factory", "grpc")
    json_format = library("google.protobuf.json_format", "grpc")
    messages = library("google.protobuf.message", "grpc")
    service, _, name = given["call"].partition("/")
    try:
        pool = _pool(given, channel, pools)
        method = pool.FindServiceByName(service).FindMethodByName(name)
    except KeyError:
        raise Never(f"there is no description of gRPC service {service}; expected it in "
                    "`descriptor` or in the server's reflection") from None  # fmt: skip
    except library("grpc", "grpc").RpcError as error:
        if error.code().name != "UNIMPLEMENTED":
            raise  # the server does not answer: a normal failure
        raise Never("the server does not describe itself (reflection); expected `descriptor:` with "
                    f"{service}") from None  # fmt: skip
    except (ValueError, TypeError, messages.DecodeError) as error:
        raise Never(f"the descriptor of {service} cannot be read: {error}") from error
    if method is None or method.client_streaming or method.server_streaming:
        raise Never(f"{given['call']} is not a unary method of that service")
    try:
        sent = json_format.Parse(given["request"], factory.GetMessageClass(method.input_type)())
    except json_format.ParseError as error:
        raise Never(f"`request` is not a {method.input_type.full_name}: {error}") from error
    return sent, factory.GetMessageClass(method.output_type)


def _pool(given: Mapping[str, Any], channel: Any, pools: Any) -> Any:
    if not given["descriptor"]:
        reflection = library("grpc_reflection.v1alpha.proto_reflection_descriptor_database", "grpc")
        return pools.DescriptorPool(reflection.ProtoReflectionDescriptorDatabase(channel))
    sets = library("google.protobuf.descriptor_pb2", "grpc")
    files = sets.FileDescriptorSet.FromString(base64.b64decode(given["descriptor"]))
    pool = pools.DescriptorPool()
    for each in files.file:
        pool.Add(each)
    return pool


def check_request(name: str) -> bytes:
    """HealthCheckRequest: field 1 is the service, its length a varint."""
    text = name.encode()
    length = (
        bytes([len(text)]) if len(text) < 128 else bytes([len(text) & 127 | 128, len(text) >> 7])
    )
    return b"\n" + length + text if text else b""


def health(answer: bytes) -> Reply:
    """HealthCheckResponse: field 1 is the status; absent is UNKNOWN."""
    status = answer[1] if len(answer) >= 2 and answer[0] == 8 else 0
    if status == SERVING:
        return Reply(Answer.GOOD)
    return Reply(Answer.WRONG, f"health is {HEALTH.get(status, status)}")


def failed(code: str, details: str) -> Reply:
    """A status other than OK. grpcio also reports UNAVAILABLE for connection errors."""
    # Of a connection that failed grpcio says first that it failed, at length.
    last = details.rpartition("last error: ")[2].removeprefix(f"{code}: ")
    text = f"{code}: {excerpt(last, SHOWN)}"
    low = details.lower()
    if code == "DEADLINE_EXCEEDED":
        return Reply(Answer.TIMEOUT, text)
    if code == "UNAVAILABLE":
        for words, answer in REASONS:
            if any(word in low for word in words):
                return Reply(answer, text)
    return Reply(Answer.WRONG, text)


REASONS = (
    (("ssl", "tls", "certificate", "handshake", "verification check", "alpn"), Answer.TLS),
    (("connection refused", "econnrefused"), Answer.REFUSED),
    (("dns resolution", "name resolution"), Answer.NAME),
    (("reset", "socket closed", "broken pipe", "goaway", "end of tcp"), Answer.RESET),
    (("unreachable", "no route"), Answer.UNREACHABLE),
    (("timed out", "timeout"), Answer.TIMEOUT),
)
"""Texts of failed connections, and the equivalent answer of other probes."""
