"""An image of a private registry starts where a pull secret holds its login."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any, cast

import pytest

from resilience.sandbox.kube.api import Obj
from resilience.sandbox.kubelet.setup.pull_secrets import Held, logins
from resilience.sandbox.kubelet.setup.references import References

IMAGE = "registry.example.com/team/shop:1"
LOGIN = base64.b64encode(b"puller:s3:cret").decode()


class Secrets:
    def __init__(self, **held: Obj) -> None:
        self._held = held

    async def find(self, plural: str, namespace: str, name: str) -> Obj | None:
        assert (plural, namespace) == ("secrets", "shop")
        return self._held.get(name)


def secret(kind: str, key: str, content: Any) -> Obj:
    text = content if isinstance(content, str) else json.dumps(content)
    return {
        "type": f"kubernetes.io/{kind}",
        "data": {key: base64.b64encode(text.encode()).decode()},
    }


def config(auths: Any) -> Obj:
    return secret("dockerconfigjson", ".dockerconfigjson", {"auths": auths})


def asked(image: str = IMAGE, **held: Obj) -> Held:
    named = [{"name": name} for name in ("one", "two")]
    pod = {"metadata": {"namespace": "shop"}, "spec": {"imagePullSecrets": named}}
    return asyncio.run(logins(pod, cast(References, Secrets(**held)), image))


@pytest.mark.parametrize(
    "place",
    [
        "registry.example.com",
        "https://registry.example.com",
        "https://registry.example.com/v1/",
        "registry.example.com/v2/",
        "registry.example.com/team",
        "*.example.com",
    ],
)
def test_a_login_counts_for_its_registry(place: str) -> None:
    assert asked(one=config({place: {"auth": LOGIN}})).logins == {"puller:s3:cret"}


@pytest.mark.parametrize("place", ["example.com", "registry.example.com/other", "*.example.org"])
def test_a_login_is_used_for_no_other_registry(place: str) -> None:
    held = asked(one=config({place: {"auth": LOGIN}}))
    assert not held.logins
    assert held.denial.endswith("no basic auth credentials")


def test_both_formats_and_both_spellings_are_read() -> None:
    entry = {"registry.example.com": {"username": "a", "password": "b"}}
    old = secret("dockercfg", ".dockercfg", {"registry.example.com": {"auth": LOGIN}})
    assert asked(one=config(entry), two=old).logins == {"a:b", "puller:s3:cret"}


def test_docker_hub_goes_by_its_old_name() -> None:
    held = config({"https://index.docker.io/v1/": {"auth": LOGIN}})
    assert asked("docker.io/library/python:3", one=held).logins


@pytest.mark.parametrize(
    "held",
    [
        secret("dockerconfigjson", ".dockerconfigjson", "{"),
        secret("dockerconfigjson", ".dockerconfigjson", []),
        secret("dockerconfigjson", "other", {}),
        config([]),
        config({"registry.example.com": {"auth": "%"}}),
        config({"registry.example.com": "x"}),
        {"type": "Opaque"},
    ],
)
def test_what_cannot_be_read_is_passed_over(held: Obj) -> None:
    assert not asked(one=held, two=config({"registry.example.com": {"auth": ""}})).logins


def test_a_secret_that_is_missing_is_named_as_the_kubelet_does() -> None:
    held = asked(one=config({}))
    assert held.missing == ("two",)
    assert held.text.startswith("Unable to retrieve some image pull secrets (two);")
