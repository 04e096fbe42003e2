"""The journal: what is in it lasts, and is replayed only where and when it may be."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from resilience.actions.workloads.scale import VERB as SCALE
from resilience.cluster.interface import DEPLOYMENTS
from resilience.engine.guard.identity import identity
from resilience.engine.journal import journal_file
from resilience.engine.journal.journal import LARGEST_UNDO, Journal, State, fold
from resilience.engine.journal.recover import left_behind, replay
from resilience.model.values import RunId
from resilience.verbs.catalogue import catalogue
from resilience.verbs.context import ActionFailed
from tests.engine.helpers import MemorySink, World, scaling, world

RUN = RunId("r1")


def written(directory: Path, here: World, *, ephemeral: bool = False, cluster: str = "") -> Path:
    """A journal of a run that scaled web from 3 to 1 and died."""
    sink = journal_file.create(directory, RUN)
    journal = Journal([sink])
    journal.begin(
        {
            "run": RUN,
            "scenario": "s",
            "context": "fake",
            "namespace": "shop",
            "cluster": cluster or identity(here.cluster),
            "ephemeral": ephemeral,
        }
    )
    journal.record(
        "scale",
        "when[0]",
        scaling(here.cluster.find(DEPLOYMENTS, "shop")[0], 3, 1),
        "scale web back to 3",
    )
    here.cluster.change(DEPLOYMENTS, "shop", "web", lambda o: o["spec"].update(replicas=1))
    os.close(sink._handle)  # the process is gone, and its lock with it
    return sink.path


@pytest.fixture
def here() -> World:
    made = world()
    made.deploy()
    return made


def replicas(here: World) -> int:
    return int(here.cluster.find(DEPLOYMENTS, "shop")[0]["spec"]["replicas"])


def test_what_a_dead_run_left_is_undone_and_its_file_removed(here: World, tmp_path: Path) -> None:
    path = written(tmp_path, here)
    assert [left.text for left in left_behind(tmp_path)] == [
        "r1: s on fake, namespace shop: 1 change to undo"
    ]
    result = replay(here.cluster, tmp_path, catalogue(), clock=here.clock)
    assert [each.lines for each in result] == [["run r1: scale web back to 3: done"]]
    assert replicas(here) == 3
    assert not path.exists()
    assert replay(here.cluster, tmp_path, catalogue(), clock=here.clock) == []


def test_a_journal_of_another_cluster_is_never_replayed(here: World, tmp_path: Path) -> None:
    path = written(tmp_path, here, cluster="another uid")
    [result] = replay(here.cluster, tmp_path, catalogue(), clock=here.clock)
    assert "was on another cluster (fake)" in result.skipped
    assert not result.complete
    assert replicas(here) == 1
    assert path.exists()


def test_a_journal_of_a_cluster_that_ended_with_its_run_is_dropped(
    here: World, tmp_path: Path
) -> None:
    path = written(tmp_path, here, cluster="a sandbox that is gone", ephemeral=True)
    assert replay(here.cluster, tmp_path, catalogue(), clock=here.clock) == []
    assert not path.exists()


def test_a_run_that_lives_is_left_alone(here: World, tmp_path: Path) -> None:
    """Its writer is another process, so that the lock is not our own."""
    path = written(tmp_path, here)
    code = (
        "import fcntl, sys\nf = open(sys.argv[1])\nfcntl.flock(f, fcntl.LOCK_EX)\n"
        "print('held', flush=True)\nsys.stdin.read()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        assert replay(here.cluster, tmp_path, catalogue(), clock=here.clock) == []
        assert replicas(here) == 1
    finally:
        holder.communicate()
    assert len(replay(here.cluster, tmp_path, catalogue(), clock=here.clock)) == 1


def test_only_the_runs_that_are_named_are_undone(here: World, tmp_path: Path) -> None:
    written(tmp_path, here)
    assert replay(here.cluster, tmp_path, catalogue(), clock=here.clock, runs=["r2"]) == []
    assert replicas(here) == 1


def test_an_undo_that_fails_stays_for_the_next_try(here: World, tmp_path: Path) -> None:
    path = written(tmp_path, here)
    patch = here.cluster.patch

    def refuse(*_: object, **__: object) -> dict[str, object]:
        from resilience.cluster.errors import Forbidden

        raise Forbidden(403, "no right to patch")

    here.cluster.patch = refuse  # type: ignore[method-assign]
    [result] = replay(here.cluster, tmp_path, catalogue(), clock=here.clock)
    assert result.left == ("scale web back to 3: no right to patch",)
    assert journal_file.read(path).undos[0].state is State.FAILED
    here.cluster.patch = patch  # type: ignore[method-assign]
    [result] = replay(here.cluster, tmp_path, catalogue(), clock=here.clock)
    assert result.complete
    assert replicas(here) == 3


def test_a_verb_that_is_not_installed_is_named(here: World, tmp_path: Path) -> None:
    path = written(tmp_path, here)
    path.write_text(path.read_text().replace('"verb":"scale"', '"verb":"unplug"'))
    [result] = replay(here.cluster, tmp_path, catalogue(), clock=here.clock)
    assert "the verb `unplug` is not installed here" in result.left[0]


@pytest.mark.parametrize(
    "line",
    [
        {"op": "undo", "id": "u2"},
        {"op": "undo", "id": "u2", "verb": "scale", "data": [], "text": "scale it"},
        {"op": "undo", "id": "u2", "path": "when[1]", "data": {}, "text": "scale it"},
    ],
)
def test_an_undo_that_lacks_what_it_needs_is_told_and_keeps_no_other_from_being_done(
    here: World, tmp_path: Path, line: dict[str, object]
) -> None:
    path = written(tmp_path, here)
    path.write_text(path.read_text() + json.dumps(line) + "\n")
    [result] = replay(here.cluster, tmp_path, catalogue(), clock=here.clock)
    assert result.undone == ("scale web back to 3",)
    assert len(result.left) == 1
    assert path.exists()


def test_an_undo_without_its_path_is_undone_all_the_same(here: World, tmp_path: Path) -> None:
    path = written(tmp_path, here)
    path.write_text(path.read_text().replace('"path":"when[0]",', ""))
    [result] = replay(here.cluster, tmp_path, catalogue(), clock=here.clock)
    assert result.complete


def test_a_line_that_is_no_mapping_ends_the_story_there(here: World, tmp_path: Path) -> None:
    path = written(tmp_path, here)
    path.write_text(path.read_text() + '[1]\n{"op":"done","id":"u1"}\n')
    assert len(journal_file.read(path).pending) == 1


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_a_torn_last_line_costs_only_itself(here: World, tmp_path: Path, cut: int) -> None:
    path = written(tmp_path, here)
    whole = path.read_bytes()
    path.write_bytes(whole + json.dumps({"op": "undo", "id": "u2", "verb": "scale"})[:cut].encode())
    assert len(journal_file.read(path).pending) == 1
    [result] = replay(here.cluster, tmp_path, catalogue(), clock=here.clock)
    assert result.complete


def test_a_line_is_on_the_disk_before_the_change_is_made(here: World, tmp_path: Path) -> None:
    """The writer is killed inside the change; what it was about to do is in the file."""
    code = f"""
import os, signal
from pathlib import Path
from resilience.engine.journal import journal_file as journalfile
from resilience.engine.journal.journal import Journal
from resilience.model.values import RunId
journal = Journal([journalfile.create(Path({str(tmp_path)!r}), RunId("r9"))])
journal.begin({{"run": "r9"}})
journal.record("scale", "when[0]", {{}}, "scale back")
os.kill(os.getpid(), signal.SIGKILL)
"""
    root = Path(__file__).parents[3]
    ended = subprocess.run(
        [sys.executable, "-c", code],
        cwd=root,
        timeout=60,
        check=False,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    assert ended.returncode == -signal.SIGKILL
    [left] = left_behind(tmp_path)
    assert left.story.pending[0].text == "scale back"


def test_an_undo_with_a_secrets_data_is_refused() -> None:
    journal, secret = Journal([MemorySink()]), {"kind": "Secret", "data": {"key": "aGk="}}
    with pytest.raises(ActionFailed, match="Secret's data"):
        journal.record("apply", "given[0]", {"prior": secret}, "restore Secret shop/key")
    assert journal.pending() == []
    journal.record("apply", "given[0]", {"prior": {"kind": "Secret"}}, "delete Secret shop/key")


def test_an_undo_that_no_configmap_could_hold_is_refused() -> None:
    journal = Journal([MemorySink()])
    journal.record("apply", "g", {"prior": "x" * (LARGEST_UNDO - 20)}, "restore a")
    with pytest.raises(ActionFailed, match="the maximum is 1,000,000"):
        journal.record("apply", "g", {"prior": "x" * LARGEST_UNDO}, "restore a")
    assert len(journal.pending()) == 1


def test_undos_are_pending_newest_first_until_they_are_settled() -> None:
    sink = MemorySink()
    journal = Journal([sink])
    ids = [journal.record("v", "p", {"n": n}, f"undo {n}") for n in range(4)]
    journal.forget(ids[1])
    journal.done(ids[3])
    journal.failed(ids[0], "no")
    journal.amend(ids[2], {"n": 2, "uid": "x"})
    assert [undo.text for undo in journal.pending()] == ["undo 2", "undo 0"]
    assert [undo.text for undo in fold(sink.lines).pending] == ["undo 2", "undo 0"]
    assert fold(sink.lines).undos[2].data == {"n": 2, "uid": "x"}
    journal.close()
    assert sink.finished is False


def test_of_a_line_that_does_not_fit_nothing_stays(tmp_path: Path) -> None:
    code = f"""
import resource
from pathlib import Path
from resilience.engine.journal import journal_file as journalfile
from resilience.engine.journal.journal import Journal
from resilience.model.values import RunId
sink = journalfile.create(Path({str(tmp_path)!r}), RunId("r9"))
journal = Journal([sink])
journal.begin({{"run": "r9"}})
first = journal.record("scale", "when[0]", {{}}, "first")
size = sink.path.stat().st_size
resource.setrlimit(resource.RLIMIT_FSIZE, (size + 9, resource.RLIM_INFINITY))
journal.done(first)
try:
    journal.record("scale", "when[1]", {{}}, "second")
except Exception as error:
    print(type(error).__name__, [undo.text for undo in journal.pending()])
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
journal.record("scale", "when[2]", {{}}, "third")
print(journal.trouble)
"""
    root = Path(__file__).parents[3]
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=root, timeout=60, check=False, text=True,
        capture_output=True, env={**os.environ, "PYTHONPATH": str(root)},
    )  # fmt: skip
    assert ended.stdout.startswith("NotRecorded []\n"), ended
    assert "cannot be written: File too large" in ended.stdout
    [left] = left_behind(tmp_path)
    assert [undo.text for undo in left.story.undos] == ["first", "third"]


def test_the_journals_folder_is_kept_out_of_git(tmp_path: Path) -> None:
    journal_file.create(tmp_path / ".resilience" / "journal", RUN).close(finished=True)
    assert (tmp_path / ".resilience" / ".gitignore").read_text() == "*\n"
    assert SCALE.undo is not None
