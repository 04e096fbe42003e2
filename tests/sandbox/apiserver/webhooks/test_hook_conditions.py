"""`matchConditions` where the extra for CEL is missing."""

from __future__ import annotations

import pytest

from resilience.sandbox.apiserver.registry.registry import Registry
from resilience.sandbox.apiserver.webhooks import hook_conditions
from resilience.sandbox.apiserver.webhooks.hook_conditions import MISSING
from resilience.sandbox.apiserver.webhooks.hook_matching import GROUP, Attempt, Hook
from resilience.sandbox.host.sandbox_config import Identity
from resilience.sandbox.kube.api import ApiError
from resilience.sandbox.kube.call import Call
from resilience.sandbox.schema import cel
from resilience.sandbox.schema.facts import builtin

CONFIG_MAP = next(each for each in builtin().kinds if each.resource.plural == "configmaps")
CONDITION = {"name": "c", "expression": "object.metadata.name != 'm'"}


@pytest.fixture(autouse=True)
def no_cel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cel, "is_installed", lambda: False)


def admin() -> Call:
    return Call(user=Identity("admin", ("system:masters",)), validation="Strict")


def asked(api: Registry, failure: str, *conditions: dict[str, str]) -> bool:
    attempt = Attempt(
        kind=CONFIG_MAP, operation="CREATE", namespace="default", name="m",
        obj={"metadata": {"name": "m"}}, old=None, call=admin(),
    )  # fmt: skip
    spec = {"name": "hook", "failurePolicy": failure, "matchConditions": list(conditions)}
    hook = Hook(configuration="c", mutating=False, spec=spec)
    return hook_conditions.hold(hook, attempt)


def test_a_condition_fails_and_the_failure_policy_decides(api: Registry) -> None:
    assert asked(api, "Fail")
    assert not asked(api, "Ignore", CONDITION)
    with pytest.raises(ApiError, match=r"install pytest-resilience\[cel\]") as refused:
        asked(api, "Fail", CONDITION)
    assert refused.value.code == 403


@pytest.mark.parametrize("kind", ["mutating", "validating"])
@pytest.mark.parametrize(("conditions", "warned"), [([CONDITION], [MISSING]), ([], [])])
def test_conditions_that_can_match_nothing_warn_their_author(
    api: Registry, kind: str, conditions: list[dict[str, str]], warned: list[str]
) -> None:
    hook = {
        "name": "a.example.org", "clientConfig": {"url": "https://127.0.0.1/"}, "rules": [],
        "sideEffects": "None", "admissionReviewVersions": ["v1"], "matchConditions": conditions,
    }  # fmt: skip
    call = admin()
    resource = api.resource(f"{kind}webhookconfigurations", GROUP)
    api.create(resource, {"metadata": {"name": "c"}, "webhooks": [hook]}, call=call)
    assert call.warnings == warned
