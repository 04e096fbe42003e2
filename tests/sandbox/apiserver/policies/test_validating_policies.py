"""ValidatingAdmissionPolicy: what is denied, warned of, ignored, and what cannot be evaluated."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.sandbox.apiserver.policies import expressions
from resilience.sandbox.apiserver.registry.registry import Registry
from resilience.sandbox.kube.api import ApiError
from resilience.sandbox.schema import cel
from tests.sandbox.apiserver.policies.conftest import Bind, User

FEW = {"expression": "size(object.data) < 2"}


def maps(user: User, *keys: str, **about: Any) -> dict[str, Any]:
    return user.create("configmaps", data=dict.fromkeys(keys, "v"), metadata=about)


def refused(user: User, *keys: str, **about: Any) -> ApiError:
    with pytest.raises(ApiError) as caught:
        maps(user, *keys, **about)
    return caught.value


def test_a_violation_is_denied_in_the_real_servers_words(user: User, bind: Bind) -> None:
    bind(validations=[FEW])
    error = refused(user, "a", "b")
    assert (error.code, error.reason) == (422, "Invalid")
    assert error.message == (
        "configmaps \"x\" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'p-b' denied"
        " request: failed expression: size(object.data) < 2"
    )
    assert error.details["causes"] == [{"message": error.message.partition("forbidden: ")[2]}]
    maps(user, "a")


@pytest.mark.parametrize(
    ("reason", "code"), [("Forbidden", 403), ("Unauthorized", 401), ("RequestEntityTooLarge", 413)]
)
def test_the_policy_chooses_the_answer(user: User, bind: Bind, reason: str, code: int) -> None:
    bind(validations=[{**FEW, "reason": reason, "message": "too many"}])
    error = refused(user, "a", "b")
    assert (error.code, error.reason) == (code, reason)
    assert error.message.endswith("denied request: too many")


def test_a_message_may_be_computed_and_falls_back(user: User, bind: Bind) -> None:
    bind(
        validations=[
            {**FEW, "message": "plain", "messageExpression": "'has ' + string(size(object.data))"}
        ]
    )
    bind(name="q", validations=[{**FEW, "message": "plain", "messageExpression": "object.no.such"}])
    assert refused(user, "a", "b").message.endswith(": has 2")
    user.api.delete(
        user.api.resource("validatingadmissionpolicies", "admissionregistration.k8s.io"), "", "p"
    )
    assert refused(user, "a", "b").message.endswith(": plain")


def test_a_binding_may_warn_instead(user: User, bind: Bind) -> None:
    bind(validations=[FEW], binding={"validationActions": ["Warn"]})
    maps(user, "a", "b")
    assert user.warnings == [
        "Validation failed for ValidatingAdmissionPolicy 'p' with binding 'p-b': failed expression:"
        " size(object.data) < 2"
    ]


def test_an_audit_only_binding_neither_denies_nor_warns(user: User, bind: Bind) -> None:
    bind(validations=[FEW], binding={"validationActions": ["Audit"]})
    maps(user, "a", "b")
    assert user.warnings == []


def test_a_policy_without_a_binding_does_nothing(user: User, bind: Bind) -> None:
    bind(validations=[FEW], binding={"policyName": "another"})
    maps(user, "a", "b")


@pytest.mark.parametrize(("failure", "denied"), [("Fail", True), ("Ignore", False), (None, True)])
def test_an_error_counts_by_the_failure_policy(
    user: User, bind: Bind, failure: str | None, denied: bool
) -> None:
    more = {} if failure is None else {"failurePolicy": failure}
    bind(validations=[{"expression": "object.data.missing == 'v'"}], **more)
    if denied:
        assert refused(user, "a").message.endswith(
            "expression 'object.data.missing == 'v'' resulted in error: no such key: missing"
        )
    else:
        maps(user, "a")


def test_variables_build_on_each_other_and_fail_only_where_used(user: User, bind: Bind) -> None:
    variables = [
        {"name": "broken", "expression": "object.data.missing"},
        {"name": "count", "expression": "size(object.data)"},
        {"name": "double", "expression": "variables.count * 2"},
    ]
    bind(variables=variables, validations=[{"expression": "variables.double < 4"}])
    maps(user, "a")
    assert "failed expression" in refused(user, "a", "b", name="y").message
    bind(name="q", variables=variables, validations=[{"expression": "variables.broken == ''"}])
    assert "'broken' fails to evaluate" in refused(user, "a", name="z").message


@pytest.mark.parametrize(
    ("condition", "denied"),
    [("request.userInfo.username == 'alice'", True), ("request.operation == 'DELETE'", False)],
)
def test_match_conditions_choose_the_requests_that_a_policy_judges(
    user: User, bind: Bind, condition: str, denied: bool
) -> None:
    bind(validations=[FEW], matchConditions=[{"name": "c", "expression": condition}])
    if denied:
        refused(user, "a", "b")
    else:
        maps(user, "a", "b")


def test_a_policy_judges_changes_and_deletions(user: User, bind: Bind, api: Registry) -> None:
    kind = api.resource("configmaps")
    maps(user, "a")
    kept = "request.operation != 'DELETE' || oldObject.metadata.name != 'x'"
    same = "oldObject == null || object == null || object.data == oldObject.data"
    bind(validations=[{"expression": kept}, {"expression": same}])
    with pytest.raises(ApiError, match="failed expression: oldObject"):
        api.patch(kind, "default", "x", {"data": {"b": "c"}}, call=user.call())
    with pytest.raises(ApiError, match=r"failed expression: request\.operation"):
        api.delete(kind, "default", "x", call=user.call())
    assert api.get(kind, "default", "x")["data"] == {"a": "v"}


def test_exclusions_and_names_narrow_a_policy(user: User, bind: Bind) -> None:
    every = {"apiGroups": ["*"], "apiVersions": ["*"], "operations": ["*"], "resources": ["*"]}
    constraints = {
        "resourceRules": [every],
        "excludeResourceRules": [{**every, "resources": ["configmaps"], "resourceNames": ["free"]}],
    }
    bind(validations=[{"expression": "false"}], matchConstraints=constraints)
    refused(user, "a")
    maps(user, "a", name="free")


def test_namespaces_and_labels_narrow_a_binding(user: User, bind: Bind) -> None:
    other = {"matchLabels": {"kubernetes.io/metadata.name": "other"}}
    bind(validations=[FEW], binding={"matchResources": {"namespaceSelector": other}})
    bind(
        name="q",
        validations=[FEW],
        binding={"matchResources": {"objectSelector": {"matchLabels": {"strict": "yes"}}}},
    )
    maps(user, "a", "b")
    refused(user, "a", "b", name="y", labels={"strict": "yes"})


LIMIT: dict[str, Any] = {
    "plural": "secrets",
    "paramKind": {"apiVersion": "v1", "kind": "ConfigMap"},
    "validations": [{"expression": "size(object.data) <= int(params.data.most)"}],
}


@pytest.mark.parametrize(("action", "denied"), [("Deny", True), ("Allow", False)])
def test_missing_parameters_deny_or_allow(
    user: User, bind: Bind, action: str, denied: bool
) -> None:
    bind(**LIMIT, binding={"paramRef": {"name": "limits", "parameterNotFoundAction": action}})
    if not denied:
        user.create("secrets", data={"a": "YQ=="})
        return
    with pytest.raises(ApiError, match="no params found for policy binding"):
        user.create("secrets", data={"a": "YQ=="})


def test_parameters_are_read_when_a_request_is_judged(user: User, bind: Bind) -> None:
    bind(**LIMIT, binding={"paramRef": {"selector": {"matchLabels": {"limits": "y"}},
                                        "parameterNotFoundAction": "Deny"}})  # fmt: skip
    user.create("configmaps", data={"most": "2"}, metadata={"labels": {"limits": "y"}})
    user.create("secrets", data={"a": "YQ==", "b": "YQ=="})
    stricter = {"name": "stricter", "labels": {"limits": "y"}}
    user.create("configmaps", data={"most": "1"}, metadata=stricter)
    with pytest.raises(ApiError, match="failed expression"):
        user.create("secrets", data={"a": "YQ==", "b": "YQ=="}, metadata={"name": "y"})


def test_an_unknown_kind_of_parameters_is_a_configuration_error(user: User, bind: Bind) -> None:
    bind(
        validations=[FEW],
        paramKind={"apiVersion": "a.example/v1", "kind": "Nothing"},
        binding={"paramRef": {"name": "n", "parameterNotFoundAction": "Allow"}},
    )
    assert "failed to find resource referenced by paramKind" in refused(user, "a").message


@pytest.mark.parametrize(
    ("expression", "says"),
    [("object.", "Syntax error"), ("nosuch.x", "undeclared reference"),
     ("1 + 1", "must evaluate to bool"), ("", "Required value")],
)  # fmt: skip
def test_what_does_not_compile_is_refused_when_it_is_written(
    bind: Bind, expression: str, says: str
) -> None:
    with pytest.raises(ApiError) as caught:
        bind(validations=[{"expression": expression}])
    assert caught.value.code == 422
    assert says in caught.value.message
    assert "spec.validations[0].expression" in caught.value.message


def test_policies_do_not_judge_policies(bind: Bind) -> None:
    rule = {"apiGroups": ["*"], "apiVersions": ["*"], "operations": ["*"], "resources": ["*"]}
    bind(validations=[{"expression": "false"}], matchConstraints={"resourceRules": [rule]})
    bind(name="q", validations=[{"expression": "false"}])


def test_expressions_may_ask_what_the_requester_may_do(
    user: User, bind: Bind, api: Registry
) -> None:
    may = "authorizer.group('apps').resource('deployments').namespace('default').check('delete')"
    bind(validations=[{"expression": f"{may}.allowed()"}])
    refused(user, "a")
    rbac = "rbac.authorization.k8s.io"
    rule = {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["delete"]}
    role = api.resource("clusterroles", rbac)
    api.create(role, {"metadata": {"name": "r"}, "rules": [rule]})
    api.create(
        api.resource("clusterrolebindings", rbac),
        {"metadata": {"name": "r"}, "roleRef": {"kind": "ClusterRole", "name": "r"},
         "subjects": [{"kind": "User", "name": "alice"}]},
    )  # fmt: skip
    maps(user, "a")


@pytest.mark.parametrize(("failure", "denied"), [("Fail", True), ("Ignore", False)])
def test_without_cel_a_policy_is_never_silently_ignored(
    user: User, bind: Bind, monkeypatch: pytest.MonkeyPatch, failure: str, denied: bool
) -> None:
    bind(validations=[FEW], failurePolicy=failure)
    monkeypatch.setattr(cel, "is_installed", lambda: False)
    if denied:
        assert expressions.MISSING in refused(user, "a").message
    else:
        maps(user, "a")
        assert user.warnings == [
            f"ValidatingAdmissionPolicy 'p' was ignored: {expressions.MISSING}"
        ]


def test_without_cel_its_author_is_warned(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cel, "is_installed", lambda: False)
    for family, part in (
        ("validating", {"validations": [FEW]}),
        (
            "mutating",
            {"mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression": "[]"}}]},
        ),
    ):
        plural = f"{family}admissionpolicies"
        spec = {"matchConstraints": {"resourceRules": []}, **part}
        if family == "mutating":
            spec |= {"reinvocationPolicy": "Never"}
        about = {"namespace": "", "name": "w"}
        user.create(plural, "admissionregistration.k8s.io", metadata=about, spec=spec)
        assert user.warnings == [expressions.MISSING]
