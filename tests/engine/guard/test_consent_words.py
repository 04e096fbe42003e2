"""A refusal says what would allow it, complete enough to be pasted."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from typing import Any

import pytest

from resilience.cluster.errors import Forbidden
from resilience.config.targets import Target
from resilience.engine.guard import consent_words as words

TARGET = Target(name="t", context="kind", cluster="u", namespaces=("shop",))
ERROR = Forbidden(403, "not for you")
NEW = "a target ([targets.NAME] in resilience.toml)"


def unread() -> str:
    raise ERROR


def test_an_existing_namespace_can_be_labelled() -> None:
    assert words.no_consent("kind", "shop", None) == (
        f"nothing allows acting in namespace 'shop' of 'kind'; list it in {NEW}, or label it:"
        " kubectl --context kind label namespace shop resilience/consent=allow"
    )


@pytest.mark.parametrize(
    ("context", "name"),
    [("kind", "kind"), ("arn:aws:eks:1/prod", "arn-aws-eks-1-prod"), ("...", "here"),
     ('a"b', "a-b"), ("c\\d", "c-d")],
)  # fmt: skip
def test_a_printed_target_reads_back_as_it_was_meant(context: str, name: str) -> None:
    told = words.absent(context, ["new"], None, lambda: "uid-1")
    assert (
        "which does not exist; a namespace can only be created if a target lists it by name" in told
    )
    pasted = told.partition("append this to resilience.toml:\n")[2]
    table: dict[str, Any] = tomllib.loads(pasted)["targets"][name]
    assert table == {"context": context, "cluster": "uid-1", "namespaces": ["new"]}


def test_where_the_uid_cannot_be_read_the_command_for_it_stands() -> None:
    told = words.absent("kind", ["new"], None, unread)
    assert 'cluster = "UID: kubectl get namespace kube-system' in told


def test_an_existing_target_gets_one_more_namespace() -> None:
    told = words.absent("kind", ["new"], TARGET, unread)
    assert told.endswith('in [targets.t] of resilience.toml write:\nnamespaces = ["shop", "new"]')


def test_a_label_with_another_value_is_named_and_overwritten() -> None:
    told = words.no_consent("kind", "shop", None, "allowed")
    assert "'kind', whose label resilience/consent is 'allowed' instead of 'allow'; list" in told
    assert told.endswith("resilience/consent=allow --overwrite")


@pytest.mark.parametrize(
    ("target", "table"),
    [
        (replace(TARGET, file="pyproject.toml"), "[tool.resilience.targets.t] of pyproject.toml"),
        (replace(TARGET, name="eu.west"), '[targets."eu.west"] of resilience.toml'),
    ],
)
def test_a_target_is_named_as_its_file_writes_it(target: Target, table: str) -> None:
    assert words.some(target) == table
    [name] = tomllib.loads(table.partition(" of ")[0])
    assert name == ("tool" if target.file == "pyproject.toml" else "targets")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (words.protected("kube-system", TARGET), ("'kube-system' is a system namespace",
                                                  "only [targets.t] of resilience.toml that")),
        (words.protected("kube-system", None), (NEW,)),
        (words.cannot_select("a=b", ERROR), ("labelled a=b cannot be listed (not for you)",
                                             "`resilience rbac`")),
        (words.unread("shop", ERROR), ("'shop' consents (not for you)",)),
        (words.no_nodes("kind", TARGET), ("nodes of 'kind', as",
                                          "set `nodes = true` in [targets.t]")),
        (words.not_listed("kind", ["a", "b"], None), ("writing a, b of 'kind'",
                                                      '`cluster_scoped = ["a", "b"]`')),
        (words.unknown_cluster("kind", ERROR), ("cannot be read in 'kind' (not for you)",)),
        (words.elsewhere("kind", TARGET, "v"), ("than target 't' describes", "has uid v",
                                                "the target has u")),
        (words.ambiguous("kind", [TARGET, TARGET]), ("targets t, t all mean",
                                                     "use one of: 'kind', 'kind'")),
    ],
)  # fmt: skip
def test_a_refusal_says_what_was_seen_and_what_to_do(text: str, parts: tuple[str, ...]) -> None:
    assert [part for part in parts if part not in text] == []
