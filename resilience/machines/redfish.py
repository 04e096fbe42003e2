"""Nodes that are physical machines with a BMC that speaks Redfish (DMTF DSP0266).

A system counts as a node's only if its UUID is the node's systemUUID. The credentials come from two
environment variables, TLS is verified, redirects are not followed: nothing but the BMC's own host
sees them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import urljoin, urlsplit

from resilience.cluster.capabilities.machine_driver import NodeIdentity, Order, Power
from resilience.cluster.capabilities.machines import MachineFailed
from resilience.machines.uuids import same_uuid
from resilience.model.masks import MASKS, excerpt
from resilience.model.total_time import within
from resilience.model.verb import parameter
from resilience.verbs.context import Refused

RESETS: Mapping[Order, tuple[str, ...]] = {
    "down": ("ForceOff",),
    "up": ("On", "ForceOn"),
    "reboot": ("ForceRestart", "PowerCycle"),
}
"""ResetTypes for each operation; the first that the system offers is used."""

STATES = {"On": Power.ON, "Off": Power.OFF}
LARGEST = 1 << 20
"""Bytes of an answer that are read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Redfish:
    """Settings, and the driver itself."""

    kind: ClassVar[str] = "redfish"
    about: ClassVar[str] = "Physical machines, by the Redfish interface of their BMC."

    system: str = parameter(
        "The URL of a node's ComputerSystem; `{node}` is the node's name.",
        example="https://bmc-{node}.example.com/redfish/v1/Systems/1",
    )
    systems: Mapping[str, str] = parameter(
        "URLs of nodes for which `system` does not apply.",
        default_factory=dict,
        example='{worker-1 = "https://10.0.0.9/redfish/v1/Systems/1"}',
    )
    ca: str = parameter(
        "A file with the CA certificates of the BMCs; the usual ones by default.",
        default="",
        example="/etc/ssl/bmc-ca.pem",
    )
    user_variable: str = parameter(
        "The environment variable that holds the user.", default="REDFISH_USER", example="BMC_USER"
    )
    password_variable: str = parameter(
        "The environment variable that holds the password.",
        default="REDFISH_PASSWORD",
        example="BMC_PASSWORD",
    )

    def __post_init__(self) -> None:
        for url in (self.system, *self.systems.values()):
            parts = urlsplit(url.replace("{node}", "node"))
            local = parts.hostname in ("127.0.0.1", "::1", "localhost")
            if parts.scheme != "https" and not local:
                raise ValueError(f"system = {url!r}; expected an https URL")
            if parts.username is not None:
                raise ValueError("system holds a user; name environment variables for credentials")

    @property
    def title(self) -> str:
        return "redfish"

    def rehearse(self, order: Order, node: NodeIdentity, seconds: float) -> str:
        self._reset(order, node, self._system(node, seconds))
        return f"system {self._url(node)}"

    def send(self, order: Order, node: NodeIdentity, seconds: float) -> str:
        found = self._system(node, seconds)
        target, reset = self._reset(order, node, found)
        power = STATES.get(found.get("PowerState", ""))
        if (order, power) not in (("down", Power.OFF), ("up", Power.ON)):
            self._ask("POST", target, seconds, {"ResetType": reset})
        return f"system {self._url(node)}"

    def power(self, node: NodeIdentity, seconds: float) -> Power | None:
        state = self._system(node, seconds).get("PowerState", "")
        return STATES.get(state, Power.BETWEEN)

    def _url(self, node: NodeIdentity) -> str:
        return self.systems.get(node.name) or self.system.replace("{node}", node.name)

    def _system(self, node: NodeIdentity, seconds: float) -> Mapping[str, Any]:
        url = self._url(node)
        found = self._ask("GET", url, seconds)
        if not found:
            raise MachineFailed(f"GET {url}: the answer is empty")
        if not same_uuid(str(found.get("UUID", "")), node.system_uuid):
            raise Refused(
                f"{url} has the UUID {found.get('UUID')}, node {node.name} the systemUUID"
                f" {node.system_uuid or '(none)'}: name the node's own system in the target,"
                f' systems = {{{node.name} = "URL"}}'
            )
        return found

    def _reset(
        self, order: Order, node: NodeIdentity, system: Mapping[str, Any]
    ) -> tuple[str, str]:
        """The URL to which the command is posted, on the system's own host, and its ResetType."""
        url = self._url(node)
        action = (system.get("Actions") or {}).get("#ComputerSystem.Reset") or {}
        target = str(action.get("target") or "")
        if not target.startswith("/") or target.startswith("//"):
            raise MachineFailed(f"{url} names no action to reset it on its own host: {target!r}")
        allowed = action.get("ResetType@Redfish.AllowableValues")
        wanted = RESETS[order]
        offered = [str(each) for each in allowed] if isinstance(allowed, list) else wanted
        possible = [each for each in wanted if each in offered]
        if not possible:
            raise Refused(f"{url} cannot do {' or '.join(wanted)}; it offers {', '.join(offered)}")
        return urljoin(url, target), possible[0]

    def _ask(
        self, method: str, url: str, seconds: float, body: Mapping[str, Any] | None = None
    ) -> Mapping[str, Any]:
        import urllib3

        headers = urllib3.make_headers(basic_auth=self._credentials())
        limit = max(1.0, min(seconds, 30.0))

        def told() -> tuple[int, bytes]:
            with urllib3.PoolManager(ca_certs=self.ca or None, cert_reqs="CERT_REQUIRED") as pool:
                answer = pool.request(
                    method, url, headers=headers, json=body, redirect=False, retries=False,
                    timeout=limit, preload_content=False,
                )  # fmt: skip
                text = answer.read(LARGEST, decode_content=True)
                answer.release_conn()
                return answer.status, text

        try:
            status, text = within(limit, told)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise MachineFailed(f"{method} {url}: {error}") from error
        if not 200 <= status < 300:
            raise MachineFailed(f"{method} {url}: HTTP {status} {_message(text)}".rstrip())
        return _decoded(text, f"{method} {url}")

    def _credentials(self) -> str:
        values = []
        for name in (self.user_variable, self.password_variable):
            value = os.environ.get(name, "")
            if not value:
                raise Refused(
                    f"the environment variable {name} is not set; the redfish driver takes the"
                    " BMC's user and password from the environment"
                )
            values.append(value)
        MASKS.take(self.password_variable, values[1])
        return ":".join(values)


def _decoded(text: bytes, where: str) -> Mapping[str, Any]:
    if not text.strip():
        return {}
    try:
        found = json.loads(text)
    except ValueError as error:
        said = text.decode(errors="replace")
        raise MachineFailed(f"{where}: the answer is not JSON: {excerpt(said, 80)!r}") from error
    if not isinstance(found, dict):
        raise MachineFailed(f"{where}: the answer is not a JSON object")
    return found


def _message(text: bytes) -> str:
    """The BMC's own words (Redfish error object), if it has some; the extended ones say more."""
    try:
        error = json.loads(text)["error"]
        more = [each["Message"] for each in error.get("@Message.ExtendedInfo") or ()]
        return " ".join(map(str, more)) or str(error.get("message") or error.get("code") or "")
    except (ValueError, KeyError, TypeError, AttributeError):
        return ""
