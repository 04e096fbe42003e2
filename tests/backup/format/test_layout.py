"""The longest names that Kubernetes allows make files that a directory can hold."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from resilience.backup.data.helper.helper_pod import helper
from resilience.backup.format import layout

_LONGEST = 255
CLAIMS = st.from_regex(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?", fullmatch=True)


def files(claim: str) -> list[str]:
    volume = layout.sealed(layout.volume("one", "shop", claim))
    return [volume, layout.saved_volume("one", "shop", claim)]


def pod(claim: str) -> str:
    made = helper(claim, "shop", image="i", run="one", writing=False)
    return str(made["metadata"]["name"])


@given(CLAIMS)
def test_the_files_and_the_helper_of_a_claim_have_possible_names(claim: str) -> None:
    assert all(len(part) <= _LONGEST for key in files(claim) for part in key.split("/"))
    assert len(pod(claim)) <= 253
    assert pod(claim)[-1].isalnum()


def test_claims_that_differ_in_the_last_character_share_nothing() -> None:
    one, other = "a" * 252 + "b", "a" * 252 + "c"
    assert not set(files(one)) & set(files(other))
    assert pod(one) != pod(other)


def test_a_short_name_stays_as_it_is() -> None:
    assert layout.volume("one", "shop", "data-db-0") == "backups/one/volumes/shop/data-db-0.tar"
    assert layout.short("a" * 240) == "a" * 240
    assert layout.short("a" * 241) == layout.short("a" * 241) != "a" * 240
    assert len(layout.short("a" * 241)) == 240
    assert "-." not in layout.short("a" * 222 + "." + "b" * 30)
    assert pod("data") == "resilience-volume-data"
