"""Where `restore --into` sends the namespaces of a snapshot: what is typed counts, all of it."""

from __future__ import annotations

import re

import pytest

from resilience.backup.format.errors import BadRequest
from resilience.commands.backup_restore import new_namespaces, pairs


@pytest.mark.parametrize(
    ("into", "expected"),
    [
        ([], {}),
        (["copy"], {"shop": "copy"}),
        (["shop=copy"], {"shop": "copy"}),
        (["shop=copy", "shop=copy"], {"shop": "copy"}),
        (["shop=copy", "bank=vault"], {"shop": "copy", "bank": "vault"}),
        (
            ["shop=copy,bank=vault", "mint=works"],
            {"shop": "copy", "bank": "vault", "mint": "works"},
        ),
    ],
)
def test_each_mapping_counts(into: list[str], expected: dict[str, str]) -> None:
    assert new_namespaces("last", {"shop", *expected} if into != ["copy"] else {"shop"}, into) == (
        expected
    )


@pytest.mark.parametrize(
    ("into", "said"),
    [
        (["shop=copy", "shop=other"], "--into maps shop twice, to copy and to other"),
        (["copy", "other"], "--into copy: expected OLD=NEW"),
        (["shop=copy", "other"], "--into other: expected OLD=NEW"),
        (["=copy"], "expected OLD=NEW"),
        (["shop="], "expected OLD=NEW"),
        (["shop=copy,"], "--into : expected OLD=NEW"),
    ],
)
def test_what_is_no_mapping_is_refused(into: list[str], said: str) -> None:
    with pytest.raises(BadRequest, match=said):
        new_namespaces("last", {"shop"}, into)


def test_a_namespace_that_the_snapshot_lacks_is_refused() -> None:
    """The one that was meant would be restored in place."""
    said = (
        "--into shpo=copy matches nothing in the snapshot; did you mean `shop`?; its namespaces: "
        "bank, shop"
    )
    with pytest.raises(BadRequest, match=re.escape(said)):
        new_namespaces("last", {"shop", "bank"}, ["shpo=copy"])


def test_one_name_is_not_enough_for_two_namespaces() -> None:
    with pytest.raises(BadRequest, match=r"2 namespaces \(bank, shop\); write --into OLD=NEW once"):
        new_namespaces("last", {"shop", "bank"}, ["copy"])


def test_a_storage_class_goes_to_one_other() -> None:
    assert pairs("--map-storage-class", ["old=new", "slow=fast"]) == {"old": "new", "slow": "fast"}
    with pytest.raises(BadRequest, match="--map-storage-class maps old twice, to new and to fast"):
        pairs("--map-storage-class", ["old=new", "old=fast"])
