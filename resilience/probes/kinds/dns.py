"""`dns`: resolves a name over and over, as a Pod's C library does, and judges the answers.

It shows what no request to an address can: that the cluster's DNS answers, that a name has the
expected endpoints, and that it disappears when it should. Each query is a datagram of its own, sent
once to the first server of the Pod's configuration. There is no cache.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from resilience.model.scenario import Step
from resilience.model.step_reach import Reach
from resilience.model.values import Duration
from resilience.model.verb import Complaint, Family, Phase, Right, Verb, parameter
from resilience.probes.complaints import of_agents, of_timeout
from resilience.probes.prober.launch import (
    UNDO_TEXT,
    Launch,
    incluster_helpers,
    incluster_reach,
    incluster_rights,
    launcher,
    remove,
)
from resilience.probes.service import shared_keys

if TYPE_CHECKING:
    from resilience.probes.prober.once import Asking
    from resilience.verbs.context import ProbeContext, RunningProbe

NAME = re.compile(r"(?=.{1,253}$)[^\s.\x00-\x1f]{1,63}(\.[^\s.\x00-\x1f]{1,63})*\.?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Dns:
    """The query, the server, and which answers are good."""

    name: str = parameter(
        "The name to resolve; with a final dot, the search list is not used.", example="checkout"
    )
    type: Literal["A", "AAAA", "SRV", "CNAME", "PTR", "TXT"] = parameter(
        "Type of the records. For PTR, an address is converted to its reverse name.", default="A"
    )
    expect: tuple[str, ...] = parameter(
        "The exact set of expected records, in any order.",
        default=(), example="[10.96.0.20]",
    )  # fmt: skip
    at_least: int = parameter("The minimum number of records.", default=1, at_least=1)
    absent: bool = parameter("The name must have no record of this type.", default=False)
    search: bool = parameter("Whether to use the search list.", default=True)
    server: str = parameter(
        "The server to ask, by address, with a port if it is not 53; by default the first of the "
        "prober's own configuration.",
        default="", example="10.96.0.10",
    )  # fmt: skip
    namespace: str = parameter(
        "Namespace of the prober's Pod, if not the scenario's: its search list begins there.",
        default="",
    )
    timeout: Duration = shared_keys.timeout("query")
    via: Literal["pod", "direct"] = parameter(
        "Where the prober runs: `pod` in the cluster, with the DNS of its Pods; `direct` next to "
        "the test.",
        default="pod",
    )
    agents: int = shared_keys.agents()


def _check(dns: Dns) -> Iterator[Complaint]:
    if not NAME.fullmatch(dns.name) or not _encodes(dns.name):
        yield Complaint(field="name", message=f"`name` is {dns.name!r}",
                        expected="a name such as checkout.shop")  # fmt: skip
    if dns.absent and (dns.expect or dns.at_least > 1):
        yield Complaint(field="absent", message="`absent` and expected records exclude each other")
    if dns.expect and dns.at_least > len(set(dns.expect)):
        yield Complaint(field="at_least", message=f"`at_least` is {dns.at_least}, and `expect` "
                        f"names {len(set(dns.expect))} records")  # fmt: skip
    for text in dns.expect:
        if normal(text, dns.type) is None:
            yield Complaint(field="expect", message=f"{text!r} is not a valid {dns.type} record",
                            expected=EXAMPLES[dns.type])  # fmt: skip
    if dns.server and _address(dns.server) is None:
        yield Complaint(field="server", message=f"`server` is {dns.server!r}",
                        expected="an address such as 10.96.0.10 or 10.96.0.10:5353")  # fmt: skip
    yield from of_timeout(dns.timeout)
    yield from of_agents(dns.agents, dns.via)


EXAMPLES: Mapping[str, str] = {
    "A": "an address such as 10.96.0.20",
    "AAAA": "an address such as fd00::20",
    "SRV": "priority, weight, port and host, such as `0 100 80 checkout.shop.svc.cluster.local`",
    "CNAME": "a name",
    "PTR": "a name",
    "TXT": "a text",
}


def normal(text: str, kind: str) -> str | None:
    """A record in the prober's format; None if the text is not a record of that type."""
    if kind == "TXT":
        return text
    if kind in ("A", "AAAA"):
        try:
            found = ipaddress.ip_address(text)
        except ValueError:
            return None
        return str(found) if found.version == (4 if kind == "A" else 6) else None
    *numbers, host = text.split() or [""]
    if len(numbers) != (3 if kind == "SRV" else 0) or not all(map(str.isdecimal, numbers)):
        return None
    if not NAME.fullmatch(host):
        return None
    return " ".join([*(str(int(number)) for number in numbers), host.lower().rstrip(".")])


def _encodes(name: str) -> bool:
    try:
        name.rstrip(".").encode("idna")
    except UnicodeError:
        return False
    return True


def _address(server: str) -> str | None:
    """The host of `host`, `host:port` or `[host]:port`, if it is an address."""
    host, colon, port = server.rpartition(":")
    with_port = colon and port.isdecimal() and 0 < int(port) < 65536
    if not with_port or (":" in host and not host.startswith("[")):
        host = server
    try:
        return str(ipaddress.ip_address(host.strip("[]")))
    except ValueError:
        return None


def _describe(dns: Dns) -> str:
    return f"resolve {dns.type} {dns.name}" + (f" at {dns.server}" if dns.server else "")


def asked_name(dns: Dns) -> str:
    """Turn an address into its reverse name."""
    if dns.type == "PTR":
        try:
            return f"{ipaddress.ip_address(dns.name).reverse_pointer}."
        except ValueError:
            return dns.name
    return dns.name


def configuration(dns: Dns) -> dict[str, Any]:
    """The configuration that the agent receives."""
    return {
        "kind": "dns",
        "name": asked_name(dns),
        "type": dns.type,
        "server": dns.server,
        "search": dns.search,
        "absent": dns.absent,
        "records": sorted({normal(text, dns.type) or text for text in dns.expect}),
        "at_least": dns.at_least,
        "timeout": dns.timeout.seconds,
    }


def _rights(dns: Dns, namespace: str) -> Sequence[Right]:
    where = dns.namespace or namespace
    return incluster_rights(where, dns.agents) if dns.via == "pod" else ()


def _helpers(dns: Dns, namespace: str, cluster: Any) -> Sequence[Any]:
    return incluster_helpers(dns.via, dns.namespace or namespace, cluster, service=True)


def _touches(dns: Dns, namespace: str) -> Reach:
    return incluster_reach(dns.via, dns.namespace or namespace)


def _launch(dns: Dns, context: Asking) -> Launch:
    return launcher(context, dns.via, dns.namespace or context.namespace, service=True)


def run(step: Step, context: ProbeContext) -> RunningProbe:
    """Start asking, by one prober or by several."""
    from resilience.probes.fleet.fleet_probe import begin

    dns: Dns = step.parameters
    facts = {"kind": "dns", "via": dns.via, "type": dns.type}
    return begin(step, context, configuration(dns), _describe(dns), facts,
                 lambda: _launch(dns, context))  # fmt: skip


def ask(dns: Dns, context: Asking) -> str:
    """Send one query; NotMet unless the answer is good."""
    from resilience.probes.prober.once import ask_once

    return ask_once(configuration(dns), _describe(dns), _launch(dns, context))


VERB = Verb(
    name="dns",
    family=Family.PROBE,
    summary="Resolve a name at a fixed rate, as a Pod does, and judge the answers.",
    parameters=Dns,
    phases=frozenset(Phase),
    run=run,
    ask=ask,
    describe=_describe,
    check=lambda dns: list(_check(dns)),
    rights=_rights,
    touches=_touches,
    helpers=_helpers,
    undo=remove,
    undo_text=UNDO_TEXT,
    example=(
        "- dns: {name: checkout, at_least: 1}\n"
        "  rate: 20/s\n"
        "  objective: {availability: 99%, longest_outage: 2s}\n"
    ),
)
