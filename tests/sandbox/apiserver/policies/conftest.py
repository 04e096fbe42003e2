"""Policies with their bindings, in an in-process API server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from resilience.sandbox.apiserver.registry.registry import Registry
from resilience.sandbox.host.sandbox_config import Identity
from resilience.sandbox.kube.call import Call

GROUP = "admissionregistration.k8s.io"
Bind = Callable[..., None]


class User:
    """A client: what it is refused, and what it is warned of."""

    def __init__(self, api: Registry, name: str = "alice") -> None:
        self.api = api
        self.name = name
        self.warnings: list[str] = []

    def create(self, plural: str, group: str = "", **obj: Any) -> dict[str, Any]:
        """Create an object in namespace default."""
        call = self.call()
        about = {"namespace": "default", "name": "x", **obj.pop("metadata", {})}
        try:
            made = self.api.create(
                self.api.resource(plural, group), {"metadata": about, **obj}, call=call
            )
        finally:
            self.warnings = call.warnings
        return made

    def call(self) -> Call:
        """A request's context."""
        return Call(user=Identity(self.name, ("system:authenticated",)), validation="Strict")


@pytest.fixture
def user(api: Registry) -> User:
    return User(api)


@pytest.fixture
def bind(api: Registry) -> Bind:
    """Creates a policy and a binding of it; `binding` are fields of the binding's spec."""

    def one(
        family: str = "validating", *, name: str = "p", binding: Any = None, **spec: Any
    ) -> None:
        rule = {"apiGroups": ["*"], "apiVersions": ["*"], "operations": ["*"],
                "resources": [spec.pop("plural", "configmaps")]}  # fmt: skip
        spec.setdefault("matchConstraints", {"resourceRules": [rule]})
        policies = api.resource(f"{family}admissionpolicies", GROUP)
        bindings = api.resource(f"{family}admissionpolicybindings", GROUP)
        call = Call(user=Identity("admin", ("system:masters",)), validation="Strict")
        api.create(policies, {"metadata": {"name": name}, "spec": spec}, call=call)
        bound = {"policyName": name, **(binding or {})}
        if family == "validating":
            bound.setdefault("validationActions", ["Deny"])
        api.create(bindings, {"metadata": {"name": f"{name}-b"}, "spec": bound}, call=call)

    return one
