"""`resilience restore` by hand: a real cluster must consent, for a dry run too."""

from __future__ import annotations

from pathlib import Path
from threading import Event
from typing import Any

import pytest

from resilience.backup.catalog.catalog import opened
from resilience.backup.format.errors import BackupError, RestoreRefused, VolumeFailed
from resilience.backup.objects.mapping import Targets
from resilience.backup.objects.selection import Selection
from resilience.backup.restore.restore_request import RestoreRequest
from resilience.backup.store.memory import MemoryStore
from resilience.backup.take.scope import Scope
from resilience.backup.take.snapshot import Request, create
from resilience.cluster.errors import Unreachable
from resilience.cluster.permit.door import Permit
from resilience.commands import CommandError
from resilience.commands.admission import admitted
from resilience.commands.backup_restore import _named, _reach
from tests.backup.fakes import FakeClock, FakeCluster, shop


class Watched(FakeCluster):
    """Remembers the permits that it was handed."""

    permits: tuple[Permit, ...] = ()

    def under(self, *permits: Permit) -> FakeCluster:
        self.permits = permits
        return self


def asked(cluster: FakeCluster, into: str = "", **selection: Any) -> Permit:
    """The permit that a restore of the shop gets."""
    store = MemoryStore()
    request = Request(name="one", scope=Scope(namespaces=("shop",)))
    create(request, shop(), store, clock=FakeClock())
    targets = Targets(namespaces={"shop": into} if into else {})
    wanted = RestoreRequest(
        name="r", targets=targets, dry_run=True, selection=Selection(**selection)
    )
    reach = _reach(wanted, opened(store, "one"))
    cluster.__class__ = Watched
    with admitted(cluster, reach, "resilience restore", dry_run=True):  # type: ignore[arg-type]
        assert isinstance(cluster, Watched)
        [permit] = cluster.permits
        assert permit.namespaces == ({into or "shop"} if not selection else set())
    return permit


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_nothing_is_restored_where_nobody_allowed_it() -> None:
    with pytest.raises(CommandError, match=r"(?s)acting in namespace 'shop'.*nothing was touched"):
        asked(shop())


def test_a_namespace_that_is_gone_is_allowed_by_the_target_that_the_refusal_prints(
    tmp_path: Path,
) -> None:
    with pytest.raises(CommandError) as caught:
        asked(FakeCluster())
    text = str(caught.value)
    printed = text[text.index("[targets") :].partition("\ntargets were looked for")[0]
    (tmp_path / "resilience.toml").write_text(printed)
    asked(FakeCluster())


def test_a_namespace_that_was_not_chosen_need_not_consent() -> None:
    asked(shop(), namespaces=("other",))


def test_a_label_on_the_namespace_that_is_written_to_allows_it() -> None:
    cluster = shop()
    cluster.namespace("copy", labels={"resilience/consent": "allow"})
    asked(cluster, "copy")
    with pytest.raises(CommandError, match="namespace 'shop'"):
        asked(cluster)


@pytest.mark.parametrize("typed_in", [".", "backups"])
def test_a_target_allows_a_namespace_that_is_gone_wherever_in_the_project_it_is_typed(
    typed_in: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "backups").mkdir()
    monkeypatch.chdir(tmp_path / typed_in)
    cluster = FakeCluster()
    uid = cluster.objects["namespaces", "", "kube-system"]["metadata"]["uid"]
    (tmp_path / "resilience.toml").write_text(
        f'[targets.t]\ncontext = "twin"\ncluster = "{uid}"\nnamespaces = ["shop"]\n'
    )
    assert not asked(cluster).hosts
    with (tmp_path / "resilience.toml").open("a") as target:
        target.write("nodes = true\n")
    assert asked(cluster).hosts


def test_the_systems_own_namespaces_are_never_restored_over_by_accident() -> None:
    with pytest.raises(CommandError, match="'kube-system' is a system namespace"):
        asked(shop(), "kube-system")


REQUEST = RestoreRequest(name="one-20260301020000")


def begun(*, yet: bool = True) -> Event:
    event = Event()
    if yet:
        event.set()
    return event


@pytest.mark.parametrize("problem", [VolumeFailed("its helper was lost"), Unreachable("gone")])
def test_a_restore_that_breaks_off_says_how_it_is_gone_on_with(problem: Exception) -> None:
    with pytest.raises(BackupError, match=f"{problem}; continue with --resume one-20260301020000"):
        with _named(REQUEST, begun()):
            raise problem


def test_a_restore_that_never_began_needs_no_such_word() -> None:
    for problem, yet in ((RestoreRefused("in the way"), True), (Unreachable("gone"), False)):
        with pytest.raises(type(problem)) as caught, _named(REQUEST, begun(yet=yet)):
            raise problem
        assert "--resume" not in str(caught.value)


def test_an_interrupted_restore_is_still_an_interruption(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(KeyboardInterrupt), _named(REQUEST, begun()):
        raise KeyboardInterrupt
    assert "--resume one-20260301020000" in capsys.readouterr().err
