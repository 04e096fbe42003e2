"""The set-full analysis: by cases, and against a referee that tries every point in time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from resilience.ledger.analysis import analyse
from resilience.ledger.records import Fate, Found, Read, Write

A, B = "r.l.00000000", "r.l.00000001"


def write(key: str = A, invoked: float = 1.0, ended: float = 2.0,
          fate: Fate = Fate.ACKNOWLEDGED) -> Write:  # fmt: skip
    return Write(seq=int(key[-1]), key=key, intended=invoked, ended=ended, fate=fate,
                 invoked=None if fate is Fate.UNSENT else invoked)  # fmt: skip


def read(at: float, *keys: str, final: bool = False, asked: frozenset[str] | None = None,
         corrupt: frozenset[str] = frozenset()) -> Read:  # fmt: skip
    counts = {key: keys.count(key) for key in keys}
    return Read(begun=at, ended=at + 0.1, found=Found(values=counts, corrupt=corrupt),
                asked=asked, final=final)  # fmt: skip


def test_what_the_last_final_read_does_not_show_is_lost() -> None:
    found = analyse([write(A), write(B)], [read(9, A, B, final=True), read(10, B, final=True)])
    assert [each.write.key for each in found.lost] == [A]
    assert found.lost[0].seen == 9.1
    assert not found.stale


def test_what_was_missing_once_and_came_back_is_stale_by_at_least_that_long() -> None:
    found = analyse([write(ended=2)], [read(3.5), read(10, A, final=True)])
    assert (found.lost, found.stale) == ((), {A: 1.5})


def test_a_read_that_began_before_the_acknowledgement_accuses_nobody() -> None:
    found = analyse([write(ended=2)], [read(1.95), read(10, A, final=True)])
    assert (found.lost, found.stale) == ((), {})


def test_a_write_is_known_from_the_first_read_that_saw_it() -> None:
    """Its acknowledgement came later, and a read in between that misses it is stale."""
    found = analyse([write(ended=5)], [read(2, A), read(3), read(10, A, final=True)])
    assert found.stale == {A: 3 - 2.1}


def test_an_unknown_write_may_be_there_or_not() -> None:
    maybe = write(fate=Fate.UNKNOWN)
    assert analyse([maybe], [read(9, A, final=True)]).recovered == 1
    there_not = analyse([maybe], [read(9, final=True)])
    assert (there_not.recovered, there_not.lost, there_not.phantom) == (0, (), ())


def test_an_unknown_write_that_was_seen_and_is_gone_is_lost() -> None:
    found = analyse([write(fate=Fate.UNKNOWN)], [read(5, A), read(9, final=True)])
    assert [each.write.key for each in found.lost] == [A]


def test_what_failed_or_never_left_and_is_there_is_a_phantom() -> None:
    for fate in (Fate.FAILED, Fate.UNSENT):
        assert analyse([write(fate=fate)], [read(9, A, final=True)]).phantom == (A,)
    assert analyse([], [read(9, B, final=True)]).phantom == (B,)


def test_twice_is_duplicated_and_another_value_is_corrupt() -> None:
    found = analyse([write(A), write(B)],
                    [read(9, A, A, final=True, corrupt=frozenset({B}))])  # fmt: skip
    assert found.duplicated == {A: 2}
    assert found.corrupt == (B,)
    assert found.lost == (), "a corrupt value is there"


def test_without_a_final_read_a_key_was_never_read() -> None:
    found = analyse([write()], [read(9, A)])
    assert (found.never_read, found.lost) == ((A,), ())
    other = analyse([write()], [read(9, final=True, asked=frozenset({B}))])
    assert other.never_read == (A,)


def test_what_a_restore_took_back_is_excused_and_counted() -> None:
    writes, reads = [write(A, ended=2), write(B, ended=4)], [read(9, final=True)]
    found = analyse(writes, reads, excused=[(3, 5)])
    assert [each.key for each in found.excused] == [B]
    assert [each.write.key for each in found.lost] == [A]


FATES = st.sampled_from([Fate.ACKNOWLEDGED, Fate.FAILED, Fate.UNKNOWN, Fate.UNSENT])
TIMES = st.integers(0, 8).map(float)


@given(
    st.lists(st.tuples(TIMES, st.integers(0, 3), FATES), max_size=4),
    st.lists(st.tuples(TIMES, st.sets(st.integers(0, 3))), max_size=4),
    st.sets(st.integers(0, 3)),
)
def test_a_referee_that_tries_every_moment_agrees(
    writes: list[tuple[float, int, Fate]],
    reads: list[tuple[float, set[int]]],
    last: set[int],
) -> None:
    """A store is right if some moment of each write explains every read. The referee knows nothing
    of known, missing or last: it tries all moments of one register that is set once."""
    made = [write(f"r.l.{i:08d}", invoked=begun, ended=begun + length, fate=fate)
            for i, (begun, length, fate) in enumerate(writes)]  # fmt: skip
    shown = [*((at, keys) for at, keys in reads), (20.0, last)]
    looks = [read(at, *(f"r.l.{i:08d}" for i in sorted(keys)), final=at == 20.0)
             for at, keys in shown]  # fmt: skip
    found = analyse(made, looks)
    accused = {each.write.key for each in found.lost} | set(found.stale) | set(found.phantom)
    for index, (begun, length, fate) in enumerate(writes):
        sights = [(at, at + 0.1, index in keys) for at, keys in shown]
        right = _explained(begun, begun + length, fate, sights)
        assert (f"r.l.{index:08d}" not in accused) == right


def _explained(
    begun: float, ended: float, fate: Fate, sights: list[tuple[float, float, bool]]
) -> bool:
    moments = [step / 20 for step in range(500)]
    if fate is Fate.ACKNOWLEDGED:
        possible = [at for at in moments if begun <= at <= ended]
    elif fate is Fate.UNKNOWN:
        possible = [*(at for at in moments if at >= begun), 99.0]
    else:
        possible = [99.0]
    return any(
        all(
            (at <= until) if seen else (at > since) or (at == since)
            for since, until, seen in sights
        )
        for at in possible
    )
