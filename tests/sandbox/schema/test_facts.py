"""The generated table: it is what the generator makes, and what everyone relies on."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from resilience.sandbox.schema import facts, generate
from resilience.sandbox.schema.facts import builtin

FOLDER = Path(facts.__file__).parent
_SCALARS = {
    "string",
    "integer",
    "int64",
    "number",
    "boolean",
    "time",
    "bytes",
    "quantity",
    "intstr",
    "object",
}


def test_every_field_type_is_known() -> None:
    table = builtin()
    for name in table.names():
        for kind in table.model(name).fields.values():
            base = kind.replace("[]", "").replace("{}", "")
            assert base in _SCALARS or base in table.names(), (name, kind)


def test_lists_and_enums_name_existing_fields() -> None:
    table = builtin()
    for name in table.names():
        model = table.model(name)
        assert set(model.lists) <= set(model.fields)
        assert set(model.enums) <= set(model.fields)
        for field, rule in model.lists.items():
            if rule.kind == "map":
                inner = table.model(model.fields[field][2:])
                assert set(rule.keys) <= set(inner.fields), (name, field)


@pytest.mark.parametrize(
    ("model", "field", "keys", "merge_key"),
    [
        ("V1PodSpec", "containers", ("name",), "name"),
        ("V1Container", "ports", ("containerPort", "protocol"), "containerPort"),
        ("V1Container", "volumeMounts", ("mountPath",), "mountPath"),
        ("V1ServiceSpec", "ports", ("port", "protocol"), "port"),
        ("V1PodStatus", "conditions", ("type",), "type"),
    ],
)
def test_merge_keys_are_those_of_kubernetes(
    model: str, field: str, keys: tuple[str, ...], merge_key: str
) -> None:
    rule = builtin().model(model).lists[field]
    assert (rule.kind, rule.keys, rule.merge_key) == ("map", keys, merge_key)


def test_the_kinds_of_a_real_server_are_served() -> None:
    served = {(kind.resource.group, kind.resource.plural): kind for kind in builtin().kinds}
    assert {"scale", "status"} <= served["apps", "deployments"].subresources
    assert {"eviction", "binding", "log", "exec"} <= served["", "pods"].subresources
    assert served["", "nodes"].resource.namespaced is False
    assert served["", "services"].short == ("svc",)
    assert not served["authorization.k8s.io", "selfsubjectaccessreviews"].stored


def test_the_file_is_what_the_generator_makes_for_this_client(tmp_path: Path) -> None:
    import kubernetes

    if not kubernetes.__version__.startswith("37."):
        pytest.skip("facts.json was generated from client 37")
    before = (FOLDER / "facts.json").read_text()
    for name in ("marks.txt", "names.txt"):
        (tmp_path / name).write_text((FOLDER / name).read_text())
    code = (
        f"import pathlib; from {generate.__name__} import *\nimport {generate.__name__} as g\n"
        f"g.HERE = pathlib.Path({str(tmp_path)!r}); g.main()"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
    assert json.loads((tmp_path / "facts.json").read_text()) == json.loads(before)


def test_the_facts_leave_descriptions_out_and_stay_small() -> None:
    assert len((FOLDER / "facts.json").read_bytes()) < 200_000
