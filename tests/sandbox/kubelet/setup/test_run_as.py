"""Whom a container runs as: verifyRunAsNonRoot of the kubelet, and what `id` says."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.sandbox.host.own_image import OwnImage
from resilience.sandbox.images import catalogue, stand_ins
from resilience.sandbox.kubelet.setup import run_as
from resilience.sandbox.kubelet.setup.environment import ConfigError

ROOT = "container has runAsNonRoot and image will run as root"
BREAKS = "container's runAsUser breaks non-root policy"
NAMED = (
    "container has runAsNonRoot and image has non-numeric user (app), cannot verify user is"
    " non-root"
)


def verify(user: str | None, whole: dict[str, Any], own: dict[str, Any]) -> str:
    meta = {"name": "web-1", "namespace": "shop", "uid": "u1"}
    pod = {"metadata": meta, "spec": {"securityContext": whole}}
    try:
        run_as.verify(pod, {"name": "c", "securityContext": own}, user)
    except ConfigError as error:
        text = str(error)
        assert text.endswith(' (pod: "web-1_shop(u1)", container: c)')
        return text.partition(" (pod: ")[0]
    return ""


@pytest.mark.parametrize(
    ("user", "whole", "own", "said"),
    [
        ("0", {}, {}, ""),
        ("0", {"runAsNonRoot": False}, {}, ""),
        ("0", {"runAsNonRoot": True}, {}, ROOT),
        ("0", {}, {"runAsNonRoot": True}, ROOT),
        ("0", {"runAsNonRoot": True}, {"runAsNonRoot": False}, ""),
        ("0", {"runAsNonRoot": True, "runAsUser": 1000}, {}, ""),
        ("0", {"runAsNonRoot": True}, {"runAsUser": 1000}, ""),
        ("1000", {"runAsNonRoot": True}, {"runAsUser": 0}, BREAKS),
        ("1000", {"runAsNonRoot": True, "runAsUser": 1}, {"runAsUser": 0}, BREAKS),
        ("1000", {"runAsNonRoot": True}, {}, ""),
        ("app", {"runAsNonRoot": True}, {}, NAMED),
        ("app", {"runAsNonRoot": True, "runAsUser": 1000}, {}, ""),
        ("app", {}, {}, ""),
        (None, {"runAsNonRoot": True}, {}, ""),
    ],
)
def test_root_under_run_as_non_root_is_refused(
    user: str | None, whole: dict[str, Any], own: dict[str, Any], said: str
) -> None:
    assert verify(user, whole, own) == said


@pytest.mark.parametrize(
    ("user", "whole", "own", "reported"),
    [
        ("0", {}, {}, {}),
        (None, {}, {}, {}),
        ("app", {}, {}, {}),
        ("65535", {}, {}, {"RESILIENCE_USER": "65535:0"}),
        ("0", {"runAsUser": 7, "runAsGroup": 8}, {}, {"RESILIENCE_USER": "7:8"}),
        ("65535", {"runAsUser": 7}, {"runAsUser": 0}, {"RESILIENCE_USER": "0:0"}),
    ],
)
def test_what_a_container_says_of_its_user(
    user: str | None, whole: dict[str, Any], own: dict[str, Any], reported: dict[str, str]
) -> None:
    assert run_as.reported({"securityContext": whole}, {"securityContext": own}, user) == reported


def test_only_pause_has_a_user_of_its_own_and_nobody_knows_that_of_a_stand_in() -> None:
    users = {image.name: image.user for image in catalogue.IMAGES.values() if image.user != "0"}
    assert users == {"pause": "65535"}

    def found(user: str) -> str | None:
        own = OwnImage(pattern="shop", base="nginx", user=user)
        image = stand_ins.find("shop:1", [own])
        assert image is not None
        return image.user

    assert (found(""), found("app"), found("0")) == (None, "app", "0")
