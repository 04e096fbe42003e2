"""Targets are read strictly, and consent fails closed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from resilience.cluster.errors import NotFound
from resilience.cluster.permit.consent_keys import PROTECTED
from resilience.commands.store_names import stores
from resilience.config.target_keys import KEYS
from resilience.config.targets import BadTarget, Target, load
from resilience.engine.guard import consent as guard
from resilience.machines.ec2 import Ec2
from resilience.verbs.context import Refused

STAGING = Target(name="staging", context="staging", cluster="uid-1", namespaces=("shop",))


def only(folder: Path, text: str) -> Target:
    (folder / "resilience.toml").write_text(f"[targets.x]\n{text}")
    [target] = load(folder)
    return target


def test_targets_of_both_files_are_read(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(
        '[tool.resilience.targets.staging]\ncontext = "s"\ncluster = "u"\nnamespaces = ["a"]\n'
    )
    (tmp_path / "resilience.toml").write_text(
        '[targets.dev]\ncontext = "d"\ncluster = "v"\nnodes = true\n'
    )
    assert list(load(tmp_path)) == [
        Target(name="dev", context="d", cluster="v", nodes=True),
        Target(name="staging", context="s", cluster="u", namespaces=("a",)),
    ]


def test_no_files_mean_no_targets(tmp_path: Path) -> None:
    assert list(load(tmp_path)) == []


NAMED = 'context = "s"\ncluster = "u"\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            'context = "s"\ncluster = "u"\nnamespace = ["a"]',
            "unknown key 'namespace'; did you mean",
        ),
        (
            'context = "s"\ncluster = "u"\nzzz = 1',
            "unknown key 'zzz'; expected blackout, burst, cluster, cluster_scoped, context",
        ),
        ('context = "s"\ncluster = "u"\nnamespaces = "a"', "expected a list of texts"),
        ('context = "s"\ncluster = "u"\nnamespaces = [1]', "expected a list of texts"),
        ('context = "s"\ncluster = "u"\nnodes = "no"', "nodes = 'no'; expected true or false"),
        ('context = "s"\ncluster = "u"\nnodes = 1', "nodes = 1; expected true or false"),
        ('context = "s"', "has no cluster (kubectl get namespace kube-system"),
        ('cluster = "u"', "has no context"),
        ("context = ", "Invalid value"),
        (NAMED + 'namespaces = ["shop", "shop-*"]', "namespaces = 'shop-*'; expected the name"),
        (NAMED + 'namespaces = ["Shop"]', "or select them by label in namespace_selectors"),
        (NAMED + 'namespaces = [""]', "expected the name of a namespace"),
    ],
)
def test_what_is_not_understood_is_an_error_that_names_the_file(
    tmp_path: Path, text: str, message: str
) -> None:
    (tmp_path / "resilience.toml").write_text(f"[targets.x]\n{text}\n")
    with pytest.raises(BadTarget) as caught:
        load(tmp_path)
    assert message in str(caught.value)
    assert str(tmp_path / "resilience.toml") in str(caught.value)


def test_one_name_in_both_files_is_an_error(tmp_path: Path) -> None:
    body = '.x]\ncontext = "s"\ncluster = "u"\n'
    (tmp_path / "pyproject.toml").write_text("[tool.resilience.targets" + body)
    (tmp_path / "resilience.toml").write_text("[targets" + body)
    with pytest.raises(BadTarget, match="'x' is also in"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("file", "text", "told"),
    [
        ("resilience.toml", "[target.x]", "unknown key 'target'; expected sandbox, stores or "
         "targets; did you mean `targets`?"),
        ("resilience.toml", "[tool.resilience.targets.x]", "expected [targets.NAME], without "
         "`tool.resilience.`, in resilience.toml"),
        ("resilience.toml", "context = 's'", "write resilience_context in [tool.pytest.ini_op"),
        ("pyproject.toml", "[tool.resilience.store]\na = 'file:x'", "unknown key "
         "'tool.resilience.store'; expected sandbox, stores or targets; did you mean `stores`?"),
        ("pyproject.toml", "[tool.resilience]\ndry-run = true", "write resilience_dry_run in"),
        ("pyproject.toml", "[tool]\nresilience = 1", "tool.resilience is not a table"),
        ("pyproject.toml", "tool = 1", "tool is not a table"),
    ],
)  # fmt: skip
def test_a_table_that_nobody_would_read_is_an_error(
    tmp_path: Path, file: str, text: str, told: str
) -> None:
    (tmp_path / file).write_text(text)
    for reader in (load, stores):
        with pytest.raises(BadTarget) as caught:
            reader(tmp_path)
        assert str(caught.value).startswith(f"{tmp_path / file}: ")
        assert told in str(caught.value)


def test_targets_that_are_no_table_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.resilience]\ntargets = 1")
    with pytest.raises(BadTarget, match=r"tool\.resilience\.targets is not a table"):
        load(tmp_path)


def test_tables_of_others_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[targets.x]\n[tool.ruff]\n[project]\n")
    (tmp_path / "resilience.toml").write_text("[stores]\n[sandbox.images]\n")
    assert list(load(tmp_path)) == []


def test_a_file_saved_on_windows_is_read(tmp_path: Path) -> None:
    text = '[targets.x]\r\ncontext = "s"\r\ncluster = "u"\r\n'
    (tmp_path / "resilience.toml").write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert [each.name for each in load(tmp_path)] == ["x"]
    (tmp_path / "resilience.toml").write_bytes(text.encode("utf-16"))
    with pytest.raises(BadTarget, match="expected a file saved as UTF-8"):
        load(tmp_path)


class Fake:
    """A cluster that has namespaces and nothing else."""

    def __init__(self, *, context: str = "staging", sandbox: bool = False, **labels: str) -> None:
        self.context = context
        self.is_sandbox = sandbox
        self.labels = labels

    def get(self, resource: Any, name: str, namespace: str = "") -> Mapping[str, Any]:
        if name == "kube-system":
            return {"metadata": {"uid": "uid-1"}}
        if name not in self.labels:
            raise NotFound(404, f"namespaces {name!r} not found")
        return {"metadata": {"labels": {guard.LABEL: self.labels[name]}}}


def consent(cluster: Fake, *namespaces: str, targets: Any = (), nodes: bool = False) -> None:
    guard.consent(cluster, targets, namespaces, nodes=nodes)  # type: ignore[arg-type]


def test_the_sandbox_needs_no_consent() -> None:
    consent(Fake(sandbox=True), "kube-system", nodes=True)


def test_a_target_that_lists_cluster_and_namespace_consents() -> None:
    consent(Fake(), "shop", targets=[STAGING])


def test_the_consent_label_of_a_namespace_consents() -> None:
    consent(Fake(shop="allow"), "shop")


@pytest.mark.parametrize("value", ["", "deny", "Allow", "allowed"])
def test_a_consent_label_with_another_value_does_not_consent(value: str) -> None:
    with pytest.raises(Refused, match="nothing allows acting in namespace 'shop'"):
        consent(Fake(shop=value), "shop")


def test_a_namespace_that_the_target_does_not_list_is_refused() -> None:
    with pytest.raises(Refused, match=r"'bank'.*\[targets\.staging\] of"):
        consent(Fake(), "shop", "bank", targets=[STAGING])


def test_a_namespace_that_does_not_exist_is_refused() -> None:
    with pytest.raises(Refused, match="nothing allows acting in namespace 'absent'"):
        consent(Fake(), "absent")


def test_a_target_of_another_cluster_by_the_same_context_name_is_refused_even_with_a_label() -> (
    None
):
    other = Target(name="staging", context="staging", cluster="uid-2", namespaces=("shop",))
    with pytest.raises(
        Refused, match="leads to a different cluster than target 'staging' describes"
    ):
        consent(Fake(shop="allow"), "shop", targets=[other])


def test_a_label_never_consents_to_the_systems_own_namespaces() -> None:
    for name in sorted(PROTECTED):
        with pytest.raises(Refused, match="is a system namespace"):
            consent(Fake(**{name: "allow"}), name)  # type: ignore[arg-type]


def test_a_target_may_name_a_system_namespace() -> None:
    target = Target(name="t", context="staging", cluster="uid-1", namespaces=("kube-system",))
    consent(Fake(), "kube-system", targets=[target])


def test_nodes_need_a_target_that_says_so() -> None:
    with pytest.raises(Refused, match="nothing allows acting on nodes"):
        consent(Fake(shop="allow"), "shop", nodes=True)
    with pytest.raises(Refused, match="nodes = true"):
        consent(Fake(), "shop", targets=[STAGING], nodes=True)
    allowed = Target(name="t", context="staging", cluster="uid-1", namespaces=("shop",), nodes=True)
    consent(Fake(), "shop", targets=[allowed], nodes=True)


def test_inside_a_cluster_a_context_must_be_named() -> None:
    inside = {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}
    assert "--resilience-context in-cluster" in guard.in_cluster_unnamed("", inside)
    assert guard.in_cluster_unnamed("in-cluster", inside) == ""
    assert guard.in_cluster_unnamed("", {}) == ""


def test_a_driver_that_is_ready_to_use_is_a_table(tmp_path: Path) -> None:
    head = 'context = "s"\ncluster = "u"\n'
    target = only(tmp_path, head + 'driver = {kind = "ec2", region = "eu-central-1"}\n')
    assert target.machine_driver == Ec2(region="eu-central-1")
    assert target.driver == ()
    with pytest.raises(BadTarget, match=r"driver: unknown key 'regoin' of kind ec2"):
        only(tmp_path, head + 'driver = {kind = "ec2", regoin = "eu-central-1"}\n')


@pytest.mark.parametrize("key", sorted(set(KEYS) - {"context", "cluster"}))
def test_every_documented_example_sets_something(tmp_path: Path, key: str) -> None:
    plain = only(tmp_path, NAMED)
    assert only(tmp_path, f"{NAMED}{key} = {KEYS[key].example}\n") != plain


def test_a_driver_and_the_right_to_reach_into_nodes_are_read(tmp_path: Path) -> None:
    text = 'context = "s"\ncluster = "u"\ndriver = ["./power.sh", "-v"]\nprivileged = true\n'
    (tmp_path / "resilience.toml").write_text(f"[targets.x]\n{text}")
    [target] = load(tmp_path)
    assert target.driver == ("./power.sh", "-v")
    assert target.privileged is True


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({}, "resilience.toml (does not exist) and pyproject.toml (does not exist)"),
        ({"pyproject.toml": "[tool.other]\n"},
         "resilience.toml (does not exist) and pyproject.toml (no [tool.resilience.targets.NAME])"),
        ({"resilience.toml": "[stores]\n"},
         "resilience.toml (no [targets.NAME]) and pyproject.toml (does not exist)"),
        ({"resilience.toml": '[targets.a]\ncontext = "x"\ncluster = "y"\n'},
         "resilience.toml (1 target) and pyproject.toml (does not exist)"),
    ],
)  # fmt: skip
def test_a_refusal_says_last_where_targets_were_looked_for(
    tmp_path: Path, files: dict[str, str], told: str
) -> None:
    """Last, so that it does not replace the reason where only one line is shown."""
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    for nodes in (False, True):
        with pytest.raises(Refused) as found:
            consent(
                Fake(shop="allow" if nodes else ""), "shop", targets=load(tmp_path), nodes=nodes
            )
        lines = str(found.value).splitlines()
        assert lines[-1] == f"targets were looked for in {tmp_path}: {told}"
        assert lines[0].startswith("nothing allows acting")
