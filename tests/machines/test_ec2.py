"""Nodes that are EC2 instances, against moto's EC2: its states, its refusals, its dry runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import boto3
import pytest
from moto import mock_aws
from moto.ec2.models import ec2_backends

from resilience.cluster.capabilities.machine_driver import NodeIdentity, NotNow, Power
from resilience.cluster.capabilities.machines import MachineFailed
from resilience.machines.ec2 import Ec2
from resilience.verbs.context import Refused

REGION = "eu-central-1"
ACCOUNT = "123456789012"
"""moto's own."""


@pytest.fixture(scope="module")
def ec2() -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patch, mock_aws():
        for key in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(key, "testing")
        yield boto3.client("ec2", region_name=REGION)


@pytest.fixture
def node(ec2: Any) -> NodeIdentity:
    return started(ec2)


def backend() -> Any:
    """moto's own state of EC2 in this region."""
    return ec2_backends[ACCOUNT][REGION]


def started(ec2: Any, **more: Any) -> NodeIdentity:
    image = next(iter(backend().amis))
    answer = ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1, **more)
    found = answer["Instances"][0]
    return NodeIdentity(
        name="ip-10-0-0-7.internal",
        provider_id=f"aws:///{REGION}a/{found['InstanceId']}",
        addresses=(found["PrivateIpAddress"],),
    )


def state(ec2: Any, node: NodeIdentity) -> str:
    answer = ec2.describe_instances(InstanceIds=[node.provider_id.rpartition("/")[2]])
    return str(answer["Reservations"][0]["Instances"][0]["State"]["Name"])


def test_a_node_is_stopped_and_started_again(ec2: Any, node: NodeIdentity) -> None:
    driver = Ec2()
    assert driver.power(node, 10) is Power.ON
    driver.send("down", node, 10)
    assert state(ec2, node) == "stopped"
    assert driver.power(node, 10) is Power.OFF
    driver.send("down", node, 10)
    driver.send("up", node, 10)
    driver.send("up", node, 10)
    assert state(ec2, node) == "running"


def test_a_reboot_leaves_it_running(ec2: Any, node: NodeIdentity) -> None:
    assert Ec2().send("reboot", node, 10).startswith("instance i-")
    assert state(ec2, node) == "running"


@pytest.mark.parametrize("order", ["down", "reboot"])
def test_a_rehearsal_leaves_the_instance_running(ec2: Any, node: NodeIdentity, order: Any) -> None:
    Ec2().rehearse(order, node, 10)
    assert state(ec2, node) == "running"


def test_an_instance_of_another_account_or_region_is_named(ec2: Any, node: NodeIdentity) -> None:
    other = replace(node, provider_id=f"aws:///{REGION}a/i-0123456789abcdef0")
    with pytest.raises(Refused, match=f"see no instance i-0123456789abcdef0 in {REGION}"):
        Ec2().send("down", other, 10)
    with pytest.raises(Refused, match="in us-east-1"):
        Ec2(region="us-east-1").send("down", node, 10)


def test_credentials_of_another_account_are_refused(ec2: Any, node: NodeIdentity) -> None:
    with pytest.raises(Refused, match=r"belong to account 123456789012; .* expects 999999999999"):
        Ec2(account="999999999999").send("down", node, 10)
    Ec2(account=ACCOUNT).rehearse("down", node, 10)


def test_an_instance_without_the_nodes_address_is_left_alone(ec2: Any, node: NodeIdentity) -> None:
    with pytest.raises(Refused, match="it is not this node's machine"):
        Ec2().send("down", replace(node, addresses=("10.99.99.99",)), 10)
    with pytest.raises(Refused, match="it is not this node's machine"):
        Ec2().send("down", replace(node, addresses=()), 10)
    assert state(ec2, node) == "running"


@pytest.mark.parametrize("text", ["", "kind://docker/kind/kind-worker", "aws:///x/i-zz", "i-1"])
def test_a_node_of_another_provider_is_refused(ec2: Any, node: NodeIdentity, text: str) -> None:
    with pytest.raises(Refused, match="needs one such as aws:///"):
        Ec2().send("down", replace(node, provider_id=text), 10)


def test_a_group_would_replace_what_is_stopped(ec2: Any) -> None:
    tags = [{"Key": "aws:autoscaling:groupName", "Value": "workers"}]
    spec = [{"ResourceType": "instance", "Tags": tags}]
    ec2_node = started(ec2, TagSpecifications=spec)
    with pytest.raises(Refused, match="Auto Scaling group workers"):
        Ec2().rehearse("down", ec2_node, 10)
    Ec2().send("reboot", ec2_node, 10)
    Ec2(in_group=True).send("down", ec2_node, 10)
    assert state(ec2, ec2_node) == "stopped"


def test_a_spot_instance_is_not_stopped(ec2: Any) -> None:
    ec2_node = started(ec2, InstanceMarketOptions={"MarketType": "spot"})
    with pytest.raises(Refused, match="is a Spot instance"):
        Ec2().rehearse("down", ec2_node, 10)
    Ec2().rehearse("reboot", ec2_node, 10)


def test_a_terminated_instance_is_gone_for_good(ec2: Any, node: NodeIdentity) -> None:
    ec2.terminate_instances(InstanceIds=[node.provider_id.rpartition("/")[2]])
    with pytest.raises(Refused):
        Ec2().send("up", node, 10)


def test_what_is_still_stopping_is_started_later(ec2: Any, node: NodeIdentity) -> None:
    name = node.provider_id.rpartition("/")[2]
    backend().get_instance(name)._state.name = "stopping"
    with pytest.raises(NotNow, match="stopping"):
        Ec2().send("up", node, 10)


def test_what_has_not_started_yet_is_stopped_later(ec2: Any, node: NodeIdentity) -> None:
    backend().get_instance(node.provider_id.rpartition("/")[2])._state.name = "pending"
    with pytest.raises(NotNow, match="pending"):
        Ec2().send("down", node, 10)


def test_no_credentials_is_said_in_words(
    ec2: Any, node: NodeIdentity, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(key)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    with pytest.raises(MachineFailed, match=r"EC2: .*credentials"):
        Ec2().rehearse("down", node, 10)


def test_credentials_never_come_from_the_first_metadata_service(ec2: Any) -> None:
    client = Ec2()._client("ec2", REGION, 10)
    assert client.meta.config is not None
    assert Ec2()._session().get_config_variable("ec2_metadata_v1_disabled") is True


@pytest.mark.parametrize(
    ("zone", "region"),
    [
        ("eu-central-1a", "eu-central-1"),
        ("us-gov-west-1b", "us-gov-west-1"),
        ("us-west-2-lax-1a", "us-west-2"),
        ("ap-southeast-2c", "ap-southeast-2"),
    ],
)
def test_the_region_is_that_of_the_zone(zone: str, region: str) -> None:
    from resilience.machines.ec2 import region_of

    assert region_of(zone) == region
