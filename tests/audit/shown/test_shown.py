"""The forms of a report."""

from __future__ import annotations

import json
from xml.etree import ElementTree

from resilience.audit.base.finding import Audit
from resilience.audit.base.inventory import Inventory
from resilience.audit.base.rule import Level
from resilience.audit.catalogue import builtin
from resilience.audit.examine import examine
from resilience.audit.reading import files
from resilience.audit.shown import junit, machine, sarif, table
from tests.audit.objects import NOW, deployment, inventory, service

ACCEPT = {"resilience/accept-no-spread": "one node only"}
BAD = deployment(
    replicas=2, container={"image": "web"}, topologySpreadConstraints=None, annotations=ACCEPT
)


def audit(**more: object) -> Audit:
    return examine(inventory(BAD, service(port="none")), builtin(), **more)  # type: ignore[arg-type]


def test_the_table_begins_with_the_worst_and_ends_with_a_sum() -> None:
    lines = table.table(audit()).splitlines()
    assert lines[0] == "error: a Service with a missing target port [service-port]"
    assert "shop/Service/web (http)" in lines[1]
    assert (
        lines[-1].startswith("7 findings (1 error, 2 warnings, 4 infos) in 2 objects; 1 accepted")
        or "accepted" in lines[-1]
    )
    assert not any("no-spread]" in line for line in lines)


def test_the_table_says_what_could_not_be_read_and_what_was_not_checked() -> None:
    seen = inventory(BAD, unseen={"PodDisruptionBudget": "no permission (403)"})
    text = table.table(examine(seen, builtin(), unread=["a.yaml:3:1: it is broken"]))
    assert "not read: a.yaml:3:1: it is broken" in text
    assert "not checked: no-budget: PodDisruptionBudget: no permission (403)" in text


def test_control_characters_of_others_do_not_reach_the_terminal() -> None:
    evil = deployment(container={"image": "web\x1b[31m:latest"})
    assert "\x1b" not in table.table(examine(inventory(evil), builtin()))


def test_json_has_everything_also_what_is_accepted() -> None:
    document = json.loads(machine.text(audit()))
    by_rule = {each["rule"]: each for each in document["findings"]}
    assert by_rule["no-spread"]["accepted"] == "one node only"
    assert by_rule["latest-tag"]["part"] == "web"
    assert "restart: deployment/web" in by_rule["latest-tag"]["proof"]
    assert document["not_checked"]["one-node"] == "it reads live clusters only"


def test_sarif_places_each_finding_in_its_file() -> None:
    pod = "{name: one}\nspec: {containers: [{name: a, image: b}]}\n"
    text = "\n\napiVersion: v1\nkind: Pod\nmetadata: " + pod
    read = files.Files()
    found = files.read(["-"], "shop", text)
    assert read.objects == []
    places = {
        key: type(place)("dir/a b.yaml", place.line, 1) for key, place in found.places.items()
    }
    seen = Inventory(objects=found.objects, now=NOW, places=places)
    run = sarif.document(examine(seen, builtin()))["runs"][0]
    result = next(each for each in run["results"] if each["ruleId"] == "bare-pod")
    assert result["level"] == "error"
    assert result["locations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": "dir/a%20b.yaml"},
        "region": {"startLine": 3, "startColumn": 1},
    }
    assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == "bare-pod"


def test_sarif_of_an_accepted_finding_is_suppressed() -> None:
    results = sarif.document(audit())["runs"][0]["results"]
    kept = [each for each in results if each.get("suppressions")]
    assert [each["ruleId"] for each in kept] == ["no-spread"]
    fingerprints = [each["partialFingerprints"]["resilience/v1"] for each in results]
    assert len(set(fingerprints)) == len(fingerprints)


def test_junit_fails_from_the_level_that_was_asked_for() -> None:
    root = ElementTree.fromstring(junit.text(audit(unread=["x"]), Level.WARNING))
    failed = {
        case.get("name") for case in root.iter("testcase") if case.find("failure") is not None
    }
    assert failed == {"service-port", "latest-tag", "no-budget"}
    assert root.get("failures") == "3"
    assert root.get("errors") == "1"
    assert root.get("tests") == str(len(list(root.iter("testcase"))))
    assert int(root.get("skipped") or 0) == len(list(root.iter("skipped")))
    errors = ElementTree.fromstring(junit.text(audit(), Level.ERROR))
    assert errors.get("failures") == "1"
