"""Variables out of ConfigMaps and Secrets, and what cannot be one."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from typing import Any

import pytest

from resilience.sandbox.kubelet.setup import environment
from resilience.sandbox.kubelet.setup.environment import ConfigError, Surroundings
from tests.sandbox.kubelet.pod.states import pod as pod_object

BYTES = b64encode(b"\x00\x01\xfd\xfe").decode()
TEXT = b64encode(b"text").decode()
AROUND = Surroundings(
    address="127.5.1.1", host_address="127.5.0.1", allocatable={}, api_address="127.5.128.1",
    services={},
)  # fmt: skip


class Objects:
    """ConfigMaps and Secrets by name."""

    def __init__(self, **objects: Any) -> None:
        self._objects = objects

    async def find(self, plural: str, namespace: str, name: str) -> Any:
        return self._objects.get(name)


def variables(container: Any, **objects: Any) -> dict[str, str]:
    references: Any = Objects(**objects)
    return asyncio.run(environment.build(pod_object(), container, references, AROUND))


def test_binary_data_of_a_config_map_is_no_variable() -> None:
    maps = {"kind": "ConfigMap", "data": {"A": "1"}, "binaryData": {"bin": BYTES}}
    found = variables({"envFrom": [{"configMapRef": {"name": "m"}, "prefix": "P_"}]}, m=maps)
    assert found["P_A"] == "1"
    assert "P_bin" not in found


@pytest.mark.parametrize(
    "container",
    [
        {"envFrom": [{"secretRef": {"name": "s"}}]},
        {"env": [{"name": "X", "valueFrom": {"secretKeyRef": {"name": "s", "key": "bin"}}}]},
    ],
)
def test_bytes_of_a_secret_cannot_be_a_variable(container: Any) -> None:
    secret = {"kind": "Secret", "data": {"bin": BYTES, "text": TEXT}}
    with pytest.raises(ConfigError, match=r"key bin of Secret .*/s is no UTF-8 text"):
        variables(container, s=secret)


def test_a_text_beside_bytes_is_a_variable() -> None:
    secret = {"kind": "Secret", "data": {"bin": BYTES, "text": TEXT}}
    source = {"secretKeyRef": {"name": "s", "key": "text"}}
    assert variables({"env": [{"name": "X", "valueFrom": source}]}, s=secret)["X"] == "text"


def test_a_nul_cannot_be_in_a_variable() -> None:
    with pytest.raises(ConfigError, match="'X' contains a NUL"):
        variables({"env": [{"name": "X", "value": "a\0b"}]})
