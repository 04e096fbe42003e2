"""SARIF 2.1.0, held against the published schema's own terms for the objects that we write.

OASIS, sarif-schema-2.1.0.json: every object is closed, so that a key too many makes the whole file
invalid. Below are the keys that are used here, with those that are required, by object.
"""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import urlsplit

import pytest

from resilience.audit.base.finding import Audit
from resilience.audit.base.inventory import Inventory
from resilience.audit.catalogue import builtin
from resilience.audit.examine import examine
from resilience.audit.reading import files
from resilience.audit.shown import sarif
from tests.audit.objects import NOW, deployment, inventory, service

LEVELS = {"none", "note", "warning", "error"}
TEXT = {"text": str}
SHAPES: dict[str, dict[str, Any]] = {
    "log": {"version!": {"2.1.0"}, "runs!": ["run"], "$schema": "uri"},
    "run": {"tool!": "tool", "results": ["result"], "invocations": ["invocation"]},
    "tool": {"driver!": "driver"},
    "driver": {"name!": str, "version": str, "informationUri": "uri", "rules": ["rule"]},
    "rule": {"id!": str, "shortDescription": "message", "fullDescription": "message",
             "help": "message", "helpUri": "uri", "defaultConfiguration": "configuration"},
    "configuration": {"level": LEVELS},
    "message": {"text!": str},
    "result": {"message!": "message", "ruleId": str, "ruleIndex": int, "level": LEVELS,
               "locations": ["location"], "partialFingerprints": dict,
               "suppressions": ["suppression"]},
    "location": {"logicalLocations": ["logical"], "physicalLocation": "physical"},
    "logical": {"fullyQualifiedName": str, "kind": str},
    "physical": {"artifactLocation!": "artifact", "region": "region"},
    "artifact": {"uri": "reference"},
    "region": {"startLine": "line", "startColumn": "line"},
    "invocation": {"executionSuccessful!": bool, "toolExecutionNotifications": ["notification"]},
    "notification": {"message!": "message", "level": LEVELS},
    "suppression": {"kind!": {"inSource", "external"}, "justification": str},
}  # fmt: skip


def wrong(value: Any, shape: Any, where: str = "$") -> list[str]:
    """What the schema would refuse."""
    if isinstance(shape, list):
        found = value if isinstance(value, list) else [None]
        return [
            each for n, one in enumerate(found) for each in wrong(one, shape[0], f"{where}[{n}]")
        ]
    if isinstance(shape, set):
        return [] if value in shape else [f"{where}: {value!r}"]
    if isinstance(shape, type):
        return [] if type(value) is shape else [f"{where}: {value!r}"]
    if shape == "uri":
        return [] if urlsplit(str(value)).scheme else [f"{where}: {value!r} is no URI"]
    if shape == "reference":
        return [f"{where}: {value!r}"] if re.search(r'[\s"<>\\^`{|}]', str(value)) else []
    if shape == "line":
        return [] if type(value) is int and value >= 1 else [f"{where}: {value!r}"]
    keys = {key.rstrip("!"): (inner, key.endswith("!")) for key, inner in SHAPES[shape].items()}
    if not isinstance(value, dict):
        return [f"{where}: {value!r} is no object"]
    lacking = [f"{where}: no {key}" for key, (_, must) in keys.items() if must and key not in value]
    more = [f"{where}: {key} is not allowed" for key in value if key not in keys]
    return [*lacking, *more, *(
        each for key, (inner, _) in keys.items() if key in value
        for each in wrong(value[key], inner, f"{where}.{key}"))]  # fmt: skip


def audits() -> dict[str, Audit]:
    accept = {"resilience/accept-no-spread": "one node only"}
    bad = deployment(replicas=2, container={"image": "web"}, annotations=accept)
    pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: one}\n"
    found = files.read(["-"], "shop", pod + "spec: {containers: [{name: a, image: b}]}\n")
    places = {key: type(each)("a folder/with <odd> name.yaml", each.line, 1)
              for key, each in found.places.items()}  # fmt: skip
    placed = Inventory(objects=found.objects, now=NOW, places=places)
    rules = builtin()
    return {
        "live": examine(inventory(bad, service(port="none")), rules),
        "files": examine(placed, rules),
        "nothing": examine(inventory(), rules),
        "unread": examine(inventory(bad), rules, unread=["a.yaml:3:1: it is broken"]),
    }


@pytest.mark.parametrize("case", ["live", "files", "nothing", "unread"])
def test_a_report_is_what_the_schema_asks_for(case: str) -> None:
    document = json.loads(sarif.text(audits()[case]))
    assert wrong(document, "log") == []
    run = document["runs"][0]
    ids = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert len(ids) == len(set(ids))
    assert all(ids[each["ruleIndex"]] == each["ruleId"] for each in run["results"])
    assert all(each["message"]["text"] for each in run["results"])


def test_the_check_itself_sees_what_is_wrong() -> None:
    document = json.loads(sarif.text(audits()["live"]))
    result = document["runs"][0]["results"][0]
    result["level"], result["extra"] = "fatal", 1
    del result["message"]
    assert wrong(document, "log") == [
        "$.runs[0].results[0]: no message", "$.runs[0].results[0]: extra is not allowed",
        "$.runs[0].results[0].level: 'fatal'"]  # fmt: skip
