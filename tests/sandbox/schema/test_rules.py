"""Rules of custom resources in CEL, over HTTP: what is refused, and in which words."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from resilience.sandbox.schema import cel, rule_fields, rules
from tests.sandbox.apiserver.kinds.test_crds import CRDS, THINGS, definition
from tests.sandbox.apiserver.wire import Answer, Wire

RULES = "x-kubernetes-validations"
SPEC: dict[str, Any] = {
    "type": "object",
    RULES: [
        {"rule": "self.low <= self.high", "message": "low must not be above high"},
        {"rule": "!has(self.title) || self.title.startsWith('x')", "fieldPath": ".title",
         "messageExpression": "'title is ' + self.title", "reason": "FieldValueForbidden"},
        {"rule": "self.high != 13"},
    ],
    "properties": {
        "low": {"type": "integer"},
        "high": {"type": "integer"},
        "title": {"type": "string"},
        "ratio": {"type": "number", RULES: [{"rule": "self / 2.0 < 10.0"}]},
        "fixed": {"type": "string",
                  RULES: [{"rule": "self == oldSelf", "message": "fixed is immutable"}]},
        "once": {"type": "integer", RULES: [
            {"rule": "!oldSelf.hasValue() || self >= oldSelf.value()", "optionalOldSelf": True,
             "message": "once only grows"}]},
        "wait": {"type": "string", "format": "duration",
                 RULES: [{"rule": "self <= duration('1h')", "message": "too long"}]},
        "begin": {"type": "string", "format": "date-time",
                  RULES: [{"rule": "self.getFullYear() > 2000", "message": "too early"}]},
        "dash-ed": {"type": "string", RULES: [{"rule": "self != 'no'"}]},
        "ports": {
            "type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["n"],
            "items": {
                "type": "object", "required": ["n"],
                "properties": {"n": {"type": "string"}, "port": {
                    "type": "integer", RULES: [{"rule": "self >= oldSelf", "message": "shrank"}]}},
            },
        },
    },
}  # fmt: skip


def ruled(spec: dict[str, Any]) -> dict[str, Any]:
    crd = definition()
    schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    schema["properties"]["spec"] = spec
    return crd


@pytest.fixture
def things(wire: Wire) -> Iterator[Wire]:
    answer = wire("POST", CRDS, ruled(SPEC))
    assert answer.status == 201, answer.message
    yield wire
    wire("DELETE", f"{CRDS}/things.test.example.org")


def thing(**spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "test.example.org/v1",
        "kind": "Thing",
        "metadata": {"name": "t"},
        "spec": {"low": 1, "high": 2, **spec},
    }


def causes(answer: Answer) -> list[tuple[str, str, str]]:
    assert answer.status == 422, answer.data
    found = answer.json["details"]["causes"]
    return [(cause["reason"], cause["field"], cause["message"]) for cause in found]


INVALID = "FieldValueInvalid"


@pytest.mark.parametrize(
    ("spec", "cause"),
    [
        ({"low": 3}, (INVALID, "spec", "Invalid value: low must not be above high")),
        ({"high": 13}, (INVALID, "spec", "Invalid value: failed rule: self.high != 13")),
        ({"title": "abc"}, ("FieldValueForbidden", "spec.title", "Forbidden: title is abc")),
        ({"ratio": 20}, (INVALID, "spec.ratio",
                         "Invalid value: 20: failed rule: self / 2.0 < 10.0")),
        ({"begin": "1999-01-01T00:00:00Z"},
         (INVALID, "spec.begin", 'Invalid value: "1999-01-01T00:00:00Z": too early')),
        ({"dash-ed": "no"},
         (INVALID, "spec.dash-ed", "Invalid value: \"no\": failed rule: self != 'no'")),
        ({"wait": "61m"}, (INVALID, "spec.wait", 'Invalid value: "61m": too long')),
    ],
)  # fmt: skip
def test_a_rule_that_does_not_hold_is_told_as_kubernetes_tells_it(
    things: Wire, spec: dict[str, Any], cause: tuple[str, str, str]
) -> None:
    assert causes(things("POST", THINGS, thing(**spec))) == [cause]


def test_objects_that_keep_the_rules_pass(things: Wire) -> None:
    made = things(
        "POST",
        THINGS,
        thing(title="xyz", ratio=3, wait="59m", fixed="a", begin="2026-01-01T00:00:00+02:00"),
    )
    assert made.status == 201, made.message


def test_a_field_that_is_not_there_fails_the_rule_that_needs_it(things: Wire) -> None:
    bare = thing()
    del bare["spec"]["low"]
    why = 'Invalid value: "object": no such key: low evaluating rule: low must not be above high'
    assert causes(things("POST", THINGS, bare)) == [(INVALID, "spec", why)]


def test_transition_rules_compare_with_what_was(things: Wire) -> None:
    assert things("POST", THINGS, thing(fixed="a", once=2)).status == 201
    assert things.patch(f"{THINGS}/t", {"spec": {"high": 5}}).status == 200
    assert causes(things.patch(f"{THINGS}/t", {"spec": {"fixed": "b"}})) == [
        (INVALID, "spec.fixed", 'Invalid value: "b": fixed is immutable')
    ]
    assert causes(things.patch(f"{THINGS}/t", {"spec": {"once": 1}})) == [
        (INVALID, "spec.once", "Invalid value: 1: once only grows")
    ]
    assert things.patch(f"{THINGS}/t", {"spec": {"fixed": None}}).status == 200
    assert things.patch(f"{THINGS}/t", {"spec": {"fixed": "b"}}).status == 200


def test_parts_of_a_map_list_are_compared_by_their_keys(things: Wire) -> None:
    ports = [{"n": "a", "port": 1}, {"n": "b", "port": 9}]
    assert things("POST", THINGS, thing(ports=ports)).status == 201
    turned = [{"n": "b", "port": 9}, {"n": "a", "port": 2}]
    assert things.patch(f"{THINGS}/t", {"spec": {"ports": turned}}).status == 200
    shrunk = [{"n": "b", "port": 8}, {"n": "c", "port": 1}]
    assert causes(things.patch(f"{THINGS}/t", {"spec": {"ports": shrunk}})) == [
        (INVALID, "spec.ports[0].port", "Invalid value: 8: shrank")
    ]


def test_what_has_not_changed_is_not_judged_again(things: Wire) -> None:
    loose = copy.deepcopy(SPEC)
    del loose[RULES], loose["properties"]["ratio"][RULES]
    path = f"{CRDS}/things.test.example.org"

    def define(spec: dict[str, Any]) -> None:
        versions = ruled(spec)["spec"]["versions"]
        assert things.patch(path, {"spec": {"versions": versions}}).status == 200

    define(loose)
    assert things("POST", THINGS, thing(low=1, ratio=99)).status == 201
    define(SPEC)
    assert things.patch(f"{THINGS}/t", {"spec": {"high": 3}}).status == 200
    assert causes(things.patch(f"{THINGS}/t", {"spec": {"ratio": 98}}))[0][1] == "spec.ratio"


def with_rule(rule: dict[str, Any]) -> dict[str, Any]:
    return ruled({"type": "object", RULES: [rule]})


PLACE = f"spec.validation.openAPIV3Schema.properties[spec].{RULES}[0]"


@pytest.mark.parametrize(
    ("rule", "field", "text"),
    [
        ({"rule": "self.a +"}, "rule", "compilation failed: "),
        ({"rule": " "}, "rule", "rule is not specified"),
        ({"rule": "1 + 1"}, "rule", "cel expression must evaluate to a bool"),
        (
            {"rule": "true", "messageExpression": "1"},
            "messageExpression",
            "messageExpression must evaluate to a string",
        ),
        ({"rule": "true", "message": "a\nb"}, "message", "must not contain line breaks"),
        ({"rule": "true &&\ntrue"}, "message", "must be specified if rule contains line breaks"),
        ({"rule": "true", "reason": "Odd"}, "reason", "Unsupported value"),
        ({"rule": "true", "optionalOldSelf": True}, "optionalOldSelf", "may not be set if"),
        (
            {"rule": "true", "messageExpression": "1 +"},
            "messageExpression",
            '"MessageExpression":"1 +","Reason":null,"FieldPath":"","OptionalOldSelf":null}:'
            " messageExpression compilation failed: ",
        ),
        (
            {"rule": "true &&\n  self.gone > 1", "message": "m"},
            "rule",
            "compilation failed: ERROR: <input>:2:7: undefined field 'gone'\n |   self.gone > 1\n"
            " | ......^",
        ),
    ],
)
def test_rules_that_cannot_be_evaluated_refuse_the_definition(
    wire: Wire, rule: dict[str, Any], field: str, text: str
) -> None:
    [(_, where, why)] = causes(wire("POST", CRDS, with_rule(rule)))
    assert where == f"{PLACE}.{field}"
    assert text in why


def test_old_self_has_no_place_in_a_list_without_keys(wire: Wire) -> None:
    items = {"type": "string", RULES: [{"rule": "self == oldSelf"}]}
    crd = ruled({"type": "object", "properties": {"l": {"type": "array", "items": items}}})
    [(_, where, why)] = causes(wire("POST", CRDS, crd))
    assert where.endswith(f"properties[l].items.{RULES}[0].rule")
    within = "spec.validation.openAPIV3Schema.properties[spec].properties[l]"
    assert why.endswith(f"on the uncorrelatable portion of the schema within {within}")


def test_a_version_with_a_schema_of_its_own_is_named(wire: Wire) -> None:
    crd = with_rule({"rule": "1 + 1"})
    [first] = crd["spec"]["versions"]
    other = {**copy.deepcopy(first), "name": "v2", "storage": False}
    crd["spec"]["versions"].append(other)
    assert [where for _, where, _ in causes(wire("POST", CRDS, crd))] == [f"{PLACE}.rule"]
    other["schema"]["openAPIV3Schema"]["properties"]["spec"][RULES] = [{"rule": "2 + 2"}]
    assert [where.partition(".schema")[0] for _, where, _ in causes(wire("POST", CRDS, crd))] == [
        "spec.versions[0]",
        "spec.versions[1]",
    ]


PARTS = {
    "type": "object",
    "properties": {
        "a-b": {"type": "object", "properties": {"c": {"type": "string"}}},
        "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
        "map": {"type": "object", "additionalProperties": {"type": "string"}},
        "list": {"type": "array", "items": {"type": "object"}},
    },
}


@pytest.mark.parametrize(
    "expression",
    [
        "self.a__dash__b.c.size() == 1 && has(oldSelf.a__dash__b.c)",
        "self.free.anything && self.map.anything == 'a'",
        "self.list.all(i, i.gone) && self.list[0].gone",
        "self.metadata.name == 'self.gone' // self.gone",
        "other.self.gone && self.size() == 1",
    ],
)
def test_names_that_a_schema_has_or_leaves_open_lead_somewhere(expression: str) -> None:
    assert not rule_fields.undefined(expression, PARTS, is_root=True, old_is_optional=False)


@pytest.mark.parametrize(
    ("expression", "name"),
    [
        ("self.a__dash__b.d == 1", "d"),
        ("has(oldSelf.gone)", "gone"),
        ("self.metadata.labels.size() == 1", "labels"),
        ("self.gone.size() == 1", "gone"),
    ],
)
def test_a_name_that_a_schema_has_not_leads_nowhere(expression: str, name: str) -> None:
    said = rule_fields.undefined(expression, PARTS, is_root=True, old_is_optional=False)
    assert f"undefined field '{name}'" in said
    dots = said.rpartition(" | ")[2].index("^")
    assert expression[dots:].startswith(f".{name}")


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("[1, 2, 3].isSorted() && [1, 2].sum() == 3 && [2, 1].min() == 1", True),
        ("[1, 2, 2].lastIndexOf(2) == 2 && 'abcb'.indexOf('b') == 1", True),
        ("'a1b22'.findAll('[0-9]+') == ['1', '22'] && 'a1'.find('[0-9]') == '1'", True),
        ("quantity('1Gi').isGreaterThan(quantity('1000M')) && !isQuantity('1Zi')", True),
        ("url('https://a:80/b?c=d').getHost() == 'a:80' && !isURL('nothing')", True),
        ("isIP('10.0.0.1') && !isIP('10.0.0') && isCIDR('10.0.0.0/8')", True),
        ("'A,b'.lowerAscii().split(',') == ['a', 'b']", True),
        ("self.?absent.orValue(7) == 7", True),
        ("self.__dash____dot__ == 1 && self.__namespace__ == 2", True),
        ("self.list.exists_one(i, i > 1) && self.list.map(i, i * 2) == [2, 4]", True),
    ],
)
def test_the_functions_that_rules_may_use(expression: str, value: bool) -> None:
    names = {"self": {"list": [1, 2], "__dash____dot__": 1, "__namespace__": 2}}
    assert cel.evaluate(expression, names) is value


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("[1][3] == 1", "index out of bounds: 3"),
        ("1 / (self - self) == 1", "division by zero"),
        ("self + 'a' == 'a'", "no such overload"),
    ],
)
def test_errors_are_told_in_the_words_of_the_real_evaluator(expression: str, text: str) -> None:
    with pytest.raises(cel.CelError, match=text):
        cel.evaluate(expression, {"self": 1})


def test_old_self_within_a_text_is_no_transition_rule() -> None:
    assert not cel.uses_old("self != 'oldSelf'")
    assert cel.uses_old("self != oldSelf.a")


def test_names_that_cel_cannot_write_are_escaped() -> None:
    written = rules.escaped("a-b.c/d"), rules.escaped("namespace"), rules.escaped("a__b")
    assert written == ("a__dash__b__dot__c__slash__d", "__namespace__", "a__underscores__b")
