"""The ServiceAccount's token in each Pod, as the real admission plugin mounts it."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.sandbox.apiserver.admission import token_mount
from resilience.sandbox.apiserver.registry.registry import Registry

MOUNT = {"name": "x", "mountPath": token_mount.PLACE}


def mounted(account: dict[str, Any], **spec: Any) -> dict[str, Any]:
    spec.setdefault("containers", [{"name": "c"}])
    token_mount.add(spec, account)
    return spec


def test_each_container_gets_token_authority_and_namespace() -> None:
    spec = mounted({}, initContainers=[{"name": "i"}])
    (volume,) = spec["volumes"]
    assert volume["name"].startswith("kube-api-access-")
    assert volume["projected"]["defaultMode"] == 0o644
    token, authority, namespace = volume["projected"]["sources"]
    assert token == {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}}
    assert authority["configMap"]["name"] == "kube-root-ca.crt"
    assert namespace["downwardAPI"]["items"][0]["path"] == "namespace"
    wanted = [{"name": volume["name"], "readOnly": True, "mountPath": token_mount.PLACE}]
    assert [each["volumeMounts"] for each in spec["initContainers"] + spec["containers"]] == [
        wanted,
        wanted,
    ]


@pytest.mark.parametrize(
    ("pod", "account", "expected"),
    [
        (None, None, True),
        (None, False, False),
        (None, True, True),
        (True, False, True),
        (False, True, False),
        (False, None, False),
    ],
)
def test_the_pods_own_word_counts_more_than_its_accounts(
    pod: bool | None, account: bool | None, expected: bool
) -> None:
    field = "automountServiceAccountToken"
    spec = mounted(
        {} if account is None else {field: account}, **({} if pod is None else {field: pod})
    )
    assert ("volumes" in spec) is expected


def test_a_container_with_a_mount_of_its_own_keeps_it() -> None:
    spec = mounted({}, containers=[{"name": "c", "volumeMounts": [dict(MOUNT)]}, {"name": "d"}])
    assert spec["containers"][0]["volumeMounts"] == [MOUNT]
    assert len(spec["containers"][1]["volumeMounts"]) == 1
    alone = mounted({}, containers=[{"name": "c", "volumeMounts": [dict(MOUNT)]}])
    assert "volumes" not in alone


def test_a_write_that_is_repeated_gets_the_same_name() -> None:
    names = [mounted({})["volumes"][0]["name"] for _ in range(2)]
    other = mounted({}, hostNetwork=True)["volumes"][0]["name"]
    assert names[0] == names[1] != other


def test_a_second_admission_adds_nothing() -> None:
    spec = mounted({})
    before = str(spec)
    token_mount.add(spec, {})
    assert str(spec) == before


def test_a_mirror_pod_gets_none(api: Registry) -> None:
    pods = api.resource("pods")
    about = {"namespace": "default", "annotations": {"kubernetes.io/config.mirror": "x"}}
    spec = {"containers": [{"name": "c", "image": "i"}]}
    made = api.create(pods, {"metadata": {**about, "name": "m"}, "spec": spec})
    assert "volumes" not in made["spec"]
    plain = api.create(pods, {"metadata": {"namespace": "default", "name": "p"}, "spec": spec})
    assert "volumes" in plain["spec"]
