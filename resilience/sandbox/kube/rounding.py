"""`IntOrString` values such as `maxSurge: 25%`, scaled as Kubernetes scales them.

The caller decides how a percentage rounds: surge up, unavailability of a Deployment down, both
fields of a budget up, both of a DaemonSet up (intstr.GetScaledValueFromIntOrPercent).
"""

from __future__ import annotations

from typing import Literal


def scaled(value: int | str, total: int, rounding: Literal["up", "down"]) -> int:
    """An integer unchanged; "30%" as that share of `total`, rounded; ValueError otherwise."""
    if isinstance(value, int):
        return value
    if not value.endswith("%"):
        raise ValueError(f"invalid value for IntOrString: {value!r} is not a percentage")
    percent = int(value[:-1])
    return -(-percent * total // 100) if rounding == "up" else percent * total // 100


def fenceposts(surge: int | str, unavailable: int | str, replicas: int) -> tuple[int, int]:
    """(maxSurge, maxUnavailable) of a rolling update as numbers of Pods.

    Both resolving to 0 would stop every rollout, so unavailability is then 1
    (deployment/util ResolveFenceposts).
    """
    up = scaled(surge, replicas, "up")
    down = scaled(unavailable, replicas, "down")
    return (0, 1) if up == 0 and down == 0 else (up, down)
