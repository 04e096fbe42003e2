"""Which dead runs are found on this machine, which are replayed, and what is said of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from resilience.cluster.interface import DEPLOYMENTS
from resilience.engine.base.abort import Aborter
from resilience.engine.guard.identity import identity
from resilience.engine.journal import journal_file
from resilience.engine.journal.journal import Journal
from resilience.engine.journal.recover import (
    Kind,
    Left,
    Recovered,
    left_behind,
    replay,
    undo_all,
)
from resilience.verbs.catalogue import catalogue
from tests.engine.helpers import MemorySink, World, scaling, world

UNDO = {"op": "undo", "id": "u1", "verb": "scale", "path": "p", "data": {}, "text": "scale back"}
KEPT = {"op": "kept", "id": "u1", "text": "theirs"}


@pytest.fixture
def here(tmp_path: Path) -> World:
    made = world()
    made.directory = tmp_path
    return made


def written(here: World, *lines: Any, run: str = "r1", **begin: Any) -> Path:
    first = {"op": "begin", "run": run, "cluster": identity(here.cluster), **begin}
    path = here.directory / f"{run}.jsonl"
    path.write_text("".join(json.dumps(each) + "\n" for each in (first, *lines)))
    return path


def replayed(here: World, **more: Any) -> list[Recovered]:
    return replay(here.cluster, here.directory, catalogue(), clock=here.clock, **more)


@pytest.mark.parametrize(
    ("lines", "begin", "found"),
    [
        ([UNDO], {}, True),
        ([UNDO, KEPT], {}, True),
        ([[1]], {}, True),
        ([], {"journal": "resilience-journal"}, True),
        ([], {}, False),
        ([UNDO, {"op": "done", "id": "u1"}], {}, False),
    ],
)
def test_a_file_with_nothing_to_do_is_deleted(
    here: World, lines: list[Any], begin: Any, found: bool
) -> None:
    path = written(here, *lines, **begin)
    assert [left.path for left in left_behind(here.directory)] == ([path] if found else [])
    assert path.exists() is found


def test_a_file_that_goes_meanwhile_is_no_error(here: World, monkeypatch: Any) -> None:
    path = written(here)
    read = journal_file.read

    def reading(one: Path) -> Any:
        story = read(one)
        one.unlink()
        return story

    monkeypatch.setattr(journal_file, "read", reading)
    assert left_behind(here.directory) == []
    assert not path.exists()


@pytest.mark.parametrize(
    ("begin", "lines", "text"),
    [
        ({"scenario": "s", "context": "kind", "namespace": "shop"}, [UNDO],
         "r1: s on kind, namespace shop: 1 change to undo"),
        ({}, [UNDO, {**UNDO, "id": "u2"}],
         "r1: unknown scenario on unknown context, namespace : 2 changes to undo"),
        ({"journal": "j"}, [], "r1: unknown scenario on unknown context, namespace : 0 changes to"
         " undo"),
    ],
)  # fmt: skip
def test_a_dead_run_is_listed_with_what_is_left(
    here: World, begin: Any, lines: list[Any], text: str
) -> None:
    written(here, *lines, **begin)
    [left] = left_behind(here.directory)
    assert left.text == text


def test_a_file_without_a_first_line_has_its_own_name(here: World) -> None:
    path = here.directory / "r9.jsonl"
    path.write_text(json.dumps(UNDO) + "\n")
    assert Left(path=path, story=journal_file.read(path)).run == "r9"


# ----- which are replayed


@pytest.mark.parametrize(
    ("runs", "undone"), [((), {"r1", "r2"}), (("r1",), {"r1"}), (("r9",), set())]
)
def test_named_runs_or_all_are_replayed_but_for_those_with_a_journal_in_the_cluster(
    here: World, runs: tuple[str, ...], undone: set[str]
) -> None:
    for run, begin in (("r1", {}), ("r2", {}), ("r3", {"journal": "resilience-journal"})):
        written(here, UNDO, run=run, **begin)
    assert {each.run for each in replayed(here, runs=runs)} == undone


def test_without_a_dead_run_the_cluster_is_not_asked(here: World) -> None:
    assert replayed(here) == []
    assert here.cluster.calls == []


@pytest.mark.parametrize("gone", [True, False])
def test_a_cluster_that_ended_with_its_run_needs_no_undo(
    here: World, gone: bool, monkeypatch: Any
) -> None:
    path = written(here, UNDO, cluster="a sandbox", ephemeral=True)
    if gone:
        read = journal_file.read
        monkeypatch.setattr(journal_file, "read", lambda one: (read(one), one.unlink())[0])
    assert replayed(here) == []
    assert not path.exists()


def test_another_clusters_changes_are_counted(here: World) -> None:
    written(here, UNDO, cluster="other", context="prod")
    [result] = replayed(here)
    assert result.skipped == (
        "was on another cluster (prod); name that context to undo its 1 change"
    )
    assert (result.kind, result.weighs) == (Kind.IGNORED, False)


def test_a_file_that_another_process_takes_meanwhile_is_left_to_it(
    here: World, monkeypatch: Any
) -> None:
    path = written(here, UNDO)
    kept: list[Any] = []
    ask = here.cluster.get

    def get(*arguments: Any) -> Any:
        if not kept:
            kept.append(journal_file.JournalFile(path))
        return ask(*arguments)

    monkeypatch.setattr(here.cluster, "get", get)
    [result] = replayed(here)
    assert result == Recovered(
        run="r1", kind=Kind.LIVES, skipped="is being undone by another process"
    )
    kept[0].close(finished=False)


def test_an_abort_from_outside_stops_the_undo(here: World) -> None:
    written(here, {**UNDO, "data": {"kind": "changed"}})
    aborter = Aborter()
    with aborter.undoing():
        for _ in range(3):
            aborter.press()
        [result] = replayed(here, aborter=aborter)
    assert result.left


# ----- what becomes of them


def recovered(here: World, *lines: Any, **more: Any) -> Recovered:
    """A journal in memory with two undos of `scale`: one is kept by others, one pending."""
    here.deploy()
    [web] = here.cluster.find(DEPLOYMENTS, "shop")
    journal = Journal([MemorySink()])
    for text in ("first", "second"):
        journal.record("scale", "p", scaling(web, 3, 3), text)
    journal.keep("u1", "theirs")
    return undo_all("r1", journal, here.cluster, catalogue(), here.clock, Aborter(), **more)


def test_what_is_pending_is_undone_and_what_others_changed_stays(here: World) -> None:
    result = recovered(here)
    assert (result.undone, result.left, result.kept) == (("second",), (), ("first: theirs",))
    assert result.weighs is True


def test_a_person_may_accept_or_overrule_what_others_changed(here: World) -> None:
    result = recovered(here, forget=True)
    assert (result.undone, result.kept) == (("second", "first: kept as it is"), ())
    result = recovered(here, force=True)
    assert (result.undone, result.kept) == (("second", "first"), ())


@pytest.mark.parametrize("forget", [True, False])
def test_a_damaged_journal_says_how_to_remove_it(here: World, forget: bool) -> None:
    result = recovered(here, forget=forget, broken="line 3 is damaged: it is 7")
    told = [text for text in result.left if "resilience recover r1 --forget" in text]
    assert len(told) == (0 if forget else 1)
    assert all(text.startswith("the journal's line 3 is damaged") for text in told)


@pytest.mark.parametrize(("broken", "news"), [("", False), ("line 2 is damaged", True)])
def test_a_journal_in_which_nothing_is_pending_is_no_news_unless_damaged(
    here: World, broken: str, news: bool
) -> None:
    result = undo_all("r1", Journal([MemorySink()]), here.cluster, catalogue(), here.clock,
                      Aborter(), broken=broken)  # fmt: skip
    assert result.news is news


def test_a_verb_that_is_a_probe_by_now_cannot_undo(here: World) -> None:
    """A catalogue may hold words that are no verbs with an undo of this name."""
    journal = Journal([MemorySink()])
    journal.record("no such verb", "p", {}, "first")
    journal.record("kill", "p", {}, "second")
    result = undo_all("r1", journal, here.cluster, catalogue(), here.clock, Aborter())
    assert result.left == (
        "second: the verb `kill` is not installed here",
        "first: the verb `no such verb` is not installed here",
    )
    assert result.undone == ()


@pytest.mark.parametrize(
    ("more", "complete", "weighs"),
    [
        ({}, True, False),
        ({"undone": ("a",)}, True, False),
        ({"left": ("a",)}, False, True),
        ({"kept": ("a",)}, False, True),
        ({"skipped": "a"}, False, True),
        ({"left": ("a",), "news": False}, False, False),
        ({"left": ("a",), "kind": Kind.LIVES}, False, False),
        ({"left": ("a",), "kind": Kind.IGNORED}, False, False),
    ],
)
def test_what_is_left_weighs_while_it_is_ours_and_news(
    more: Any, complete: bool, weighs: bool
) -> None:
    result = Recovered(run="r1", **more)
    assert (result.complete, result.weighs) == (complete, weighs)


def test_each_line_names_the_run_and_what_to_do() -> None:
    result = Recovered(run="r1", undone=("a",), left=("b",), kept=("c",), skipped="d")
    assert result.lines == [
        "run r1: a: done",
        "run r1: b",
        "run r1: c. To restore the previous state anyway: resilience recover r1 --force; to keep it"
        " so: resilience recover r1 --forget",
        "run r1: d",
    ]
