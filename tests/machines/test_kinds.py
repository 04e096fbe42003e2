"""A target's `driver`: what it may be, and what is said of anything else."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.machines.docker import Docker
from resilience.machines.ec2 import Ec2
from resilience.machines.kinds import KINDS, parse
from resilience.machines.redfish import Redfish
from resilience.machines.ssh import Ssh


def test_a_table_names_a_kind_and_its_settings() -> None:
    assert parse({"kind": "docker", "program": "podman"}) == Docker(program="podman")
    assert parse({"kind": "ec2"}) == Ec2()
    assert parse({"kind": "ssh", "wake_after": 90}) == Ssh(wake_after=90)
    url = "https://bmc-{node}.example.com/redfish/v1/Systems/1"
    assert parse({"kind": "redfish", "system": url}) == Redfish(system=url)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({}, "kind = None; expected docker, ec2, libvirt, redfish, ssh"),
        ({"kind": "ec"}, "did you mean `ec2`"),
        ({"kind": ["ec2"]}, "kind = "),
        ({"kind": "ec2", "regoin": "x"}, "unknown key 'regoin' of kind ec2; did you mean `region`"),
        ({"kind": "ec2", "region": 1}, "region = 1; expected text"),
        ({"kind": "ec2", "in_group": 1}, "in_group = 1; expected true or false"),
        ({"kind": "ssh", "port": True}, "port = True; expected a whole number"),
        ({"kind": "ssh", "wake_after": 5}, "expected 60 to 180"),
        ({"kind": "libvirt", "domains": {"a": 1}}, "expected a table of texts"),
        ({"kind": "redfish"}, "kind redfish needs `system`"),
    ],
)
def test_anything_else_is_an_error_that_says_what_is_expected(value: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words.replace("(", r"\(")):
        parse(value)


def test_each_kind_says_what_it_is_for() -> None:
    assert all(each.about.endswith(".") and name == each.kind for name, each in KINDS.items())
