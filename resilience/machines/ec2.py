"""Nodes that are EC2 instances: StopInstances with force, StartInstances, RebootInstances.

The instance is that of the node's providerID (`aws:///ZONE/ID`), and counts as the node's only if
it has one of the node's InternalIPs, which an instance keeps while it is stopped. Credentials come
from the AWS chain, but never from version 1 of the instance metadata service, and the region never
from there. `dry run` sends each request with DryRun, which checks permissions.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from resilience.cluster.capabilities.machine_driver import NodeIdentity, NotNow, Order, Power
from resilience.cluster.capabilities.machines import MachineFailed
from resilience.model.verb import parameter
from resilience.verbs.context import Refused

PROVIDER_ID = re.compile(r"aws:///?(?:[^/]*/)?(?P<zone>[a-z0-9-]+)/(?P<id>i-[0-9a-f]+)")
GROUP = "aws:autoscaling:groupName"
STATES = {"running": Power.ON, "stopped": Power.OFF}
GONE = ("shutting-down", "terminated")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ec2:
    """Settings, and the driver itself."""

    kind: ClassVar[str] = "ec2"
    about: ClassVar[str] = "Nodes that are EC2 instances, found by their providerID."

    region: str = parameter(
        "The region; that of the node's zone by default.", default="", example="eu-central-1"
    )
    profile: str = parameter("A profile of the AWS files.", default="", example="staging")
    account: str = parameter(
        "The account that the credentials must belong to.", default="", example="123456789012"
    )
    in_group: bool = parameter(
        "Also stop instances of an Auto Scaling group, which replaces stopped instances unless its"
        " processes are suspended.",
        default=False,
        example="true",
    )
    _clients: dict[tuple[str, str], Any] = field(
        init=False, repr=False, compare=False, default_factory=dict
    )
    endpoint_url: str = parameter("Another endpoint of EC2 and STS.", default="",
                                  example="http://127.0.0.1:5000")  # fmt: skip

    @property
    def title(self) -> str:
        return f"ec2 in {self.region}" if self.region else "ec2"

    def rehearse(self, order: Order, node: NodeIdentity, seconds: float) -> str:
        client, found = self._found(node, seconds)
        self._possible(order, node, found)
        _send(client, order, _id(found), dry_run=True)
        return f"instance {_id(found)}"

    def send(self, order: Order, node: NodeIdentity, seconds: float) -> str:
        client, found = self._found(node, seconds)
        self._possible(order, node, found)
        power = STATES.get(_state(found), Power.BETWEEN)
        if (order, power) in (("up", Power.ON), ("down", Power.OFF)):
            return f"instance {_id(found)}"
        if (order, _state(found)) == ("up", "pending"):
            return f"instance {_id(found)}"
        if (order, _state(found)) in (("up", "stopping"), ("down", "pending")):
            raise NotNow(f"instance {_id(found)} is {_state(found)}")
        _send(client, order, _id(found), dry_run=False)
        return f"instance {_id(found)}"

    def power(self, node: NodeIdentity, seconds: float) -> Power | None:
        _, found = self._found(node, seconds)
        return STATES.get(_state(found), Power.BETWEEN)

    def _found(self, node: NodeIdentity, seconds: float) -> tuple[Any, Mapping[str, Any]]:
        match = PROVIDER_ID.fullmatch(node.provider_id)
        if match is None:
            raise Refused(
                f"node {node.name} has the providerID {node.provider_id or '(none)'}; the ec2"
                " driver needs one such as aws:///eu-central-1a/i-0123456789abcdef0"
            )
        region = self.region or region_of(match["zone"])
        client = self._client("ec2", region, seconds)
        self._check_account(region, seconds)
        found = _described(client, match["id"], region)
        own = {each.get("PrivateIpAddress") for each in found.get("NetworkInterfaces") or ()}
        own |= {found.get("PrivateIpAddress")}
        if not own & set(node.addresses):
            raise Refused(
                f"instance {match['id']} has the address {found.get('PrivateIpAddress')}, node"
                f" {node.name} {', '.join(node.addresses) or 'none'}: it is not this node's machine"
            )
        return client, found

    def _possible(self, order: Order, node: NodeIdentity, found: Mapping[str, Any]) -> None:
        name = _id(found)
        if _state(found) in GONE:
            raise Refused(f"instance {name} of node {node.name} is {_state(found)} permanently")
        if order != "down":
            return
        group = {tag.get("Key"): tag.get("Value") for tag in found.get("Tags") or ()}.get(GROUP)
        if group and not self.in_group:
            raise Refused(
                f"instance {name} belongs to Auto Scaling group {group}, which would replace it"
                " once it is stopped: suspend its processes ReplaceUnhealthy, Terminate and"
                " HealthCheck and set `in_group = true`, or use `reboot`"
            )
        if found.get("InstanceLifecycle") == "spot":
            raise Refused(f"instance {name} is a Spot instance, which EC2 may not start again;"
                          " use `reboot`, or an on-demand node")  # fmt: skip
        if found.get("RootDeviceType") == "instance-store":
            raise Refused(f"instance {name} has its root on an instance store: EC2 cannot stop it")

    def _check_account(self, region: str, seconds: float) -> None:
        if not self.account:
            return
        found = _asked(self._client("sts", region, seconds).get_caller_identity)["Account"]
        if found != self.account:
            raise Refused(f"the AWS credentials belong to account {found}; the target's driver"
                          f" expects {self.account}")  # fmt: skip

    def _session(self) -> Any:
        import botocore.session

        session = botocore.session.Session(profile=self.profile or None)
        session.set_config_variable("ec2_metadata_v1_disabled", True)
        return session

    def _client(self, service: str, region: str, seconds: float) -> Any:
        """Kept, since creating one takes longer than its requests."""
        key = (service, region)
        if key not in self._clients:
            self._clients[key] = self._made(service, region, max(1.0, min(seconds, 30.0)))
        return self._clients[key]

    def _made(self, service: str, region: str, bound: float) -> Any:
        import boto3
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError

        config = Config(connect_timeout=bound, read_timeout=bound, retries={"max_attempts": 2})
        try:
            return boto3.session.Session(botocore_session=self._session()).client(
                service, region_name=region, config=config, endpoint_url=self.endpoint_url or None
            )
        except (BotoCoreError, ValueError) as error:
            raise MachineFailed(f"EC2: {error}") from error


def region_of(zone: str) -> str:
    """`eu-central-1a` is in eu-central-1; a local zone `us-west-2-lax-1a` in us-west-2."""
    match = re.match(r"[a-z]+(?:-[a-z]+)+-\d+", zone)
    return match.group() if match else zone


def _described(client: Any, name: str, region: str) -> Mapping[str, Any]:
    from botocore.exceptions import ClientError

    try:
        answer = _asked(client.describe_instances, InstanceIds=[name])
    except MachineFailed as error:
        cause = error.__cause__
        if isinstance(cause, ClientError) and "NotFound" in cause.response["Error"]["Code"]:
            raise Refused(f"the AWS credentials see no instance {name} in {region}: it is gone, or"
                          " belongs to another account or region") from error  # fmt: skip
        raise
    found = [each for group in answer["Reservations"] for each in group["Instances"]]
    if len(found) != 1:
        raise Refused(f"the AWS credentials see no instance {name} in {region}")
    return dict(found[0])


def _send(client: Any, order: Order, name: str, *, dry_run: bool) -> None:
    from botocore.exceptions import ClientError

    try:
        if order == "down":
            _asked(client.stop_instances, InstanceIds=[name], Force=True, DryRun=dry_run)
        elif order == "up":
            _asked(client.start_instances, InstanceIds=[name], DryRun=dry_run)
        else:
            _asked(client.reboot_instances, InstanceIds=[name], DryRun=dry_run)
    except MachineFailed as error:
        cause = error.__cause__
        code = cause.response["Error"]["Code"] if isinstance(cause, ClientError) else ""
        if dry_run and code == "DryRunOperation":
            return
        if code == "UnauthorizedOperation":
            raise Refused(f"EC2 does not permit it: {error}") from error
        raise


def _asked(call: Any, **arguments: Any) -> Any:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return call(**arguments)
    except (ClientError, BotoCoreError) as error:
        raise MachineFailed(f"EC2: {error}") from error


def _id(found: Mapping[str, Any]) -> str:
    return str(found["InstanceId"])


def _state(found: Mapping[str, Any]) -> str:
    return str(found["State"]["Name"])
