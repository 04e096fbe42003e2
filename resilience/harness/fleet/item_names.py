"""The names of items in a fleet: the cluster is written in brackets, as a value of a matrix is.
Pure."""

from __future__ import annotations


def named(identity: str, member: str) -> str:
    """`a[cluster=eu]`, `a[share=33%,cluster=eu]`; the id itself without a fleet."""
    if not member:
        return identity
    if identity.endswith("]"):
        return f"{identity[:-1]},cluster={member}]"
    return f"{identity}[cluster={member}]"
