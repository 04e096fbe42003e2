"""How `make test` shares the tests out: most among workers, then those that measure.

A file stays whole on one worker, because its fixtures hold servers. Files that take long begin
first, so that no worker is left with one at the end. `alone` marks what a busy neighbour could
make fail, because it holds a service to a clock: `make test` runs it afterwards, as many at once as
there are processors, four at most.
"""

from __future__ import annotations

import gc
from collections.abc import Generator
from copy import copy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from resilience.model.masks import MASKS
from tests.inner_runs import LEFT_OUT, hear_signals, keep_bytecode

LONGEST_FIRST = (
    "tests/probes/kinds/test_in_sandbox.py",
    "tests/zoo/test_zoo.py",
    "tests/e2e/test_docs.py",
    "tests/probes/fleet/test_fleet_in_sandbox.py",
    "tests/probes/fleet/test_agents_on_lost_nodes.py",
    "tests/e2e/test_watch_in_a_pod.py",
    "tests/e2e/test_kubectl.py",
    "tests/commands/test_command.py",
    "tests/backup/plans/test_plan_items.py",
    "tests/engine/test_own_writes.py",
    "tests/harness/test_session.py",
    "tests/harness/test_python_tests.py",
    "tests/engine/guard/test_one_door.py",
    "tests/engine/guard/test_printed_permissions.py",
    "tests/harness/test_shared_given.py",
    "tests/harness/test_manifest_images.py",
    "tests/harness/values/test_fixture_values.py",
    "tests/harness/test_remeasuring.py",
    "tests/harness/sharing/test_neighbours.py",
    "tests/harness/fleet/test_fleets.py",
    "tests/harness/test_due.py",
    "tests/harness/fleet/test_killed_worker.py",
    "tests/sandbox/kubelet/pod/test_pod.py",
    "tests/engine/guard/test_locks.py",
    "tests/harness/test_bad_settings.py",
    "tests/engine/journal/test_undo.py",
    "tests/engine/journal/test_kill_nine.py",
    "tests/commands/test_backup_end_to_end.py",
    "tests/harness/test_collecting.py",
    "tests/conformance/test_workloads.py",
    "tests/conformance/test_silent_nodes.py",
    "tests/backup/store/test_stores.py",
    "tests/e2e/test_install.py",
    "tests/sandbox/kubelet/pod/test_termination.py",
    "tests/sandbox/inside/test_pod_network.py",
    "tests/sandbox/owner/test_reaper.py",
)
"""Files by how long they take; all others follow as they come."""


def pytest_configure(config: pytest.Config) -> None:
    keep_bytecode()
    hear_signals()
    # What an example may take in real time says more of the machine than of what is tested.
    settings.register_profile("no clock", settings(), deadline=None)
    settings.load_profile("no clock")
    config.addinivalue_line(
        "markers",
        "alone: holds a service to a clock; what runs beside it is clocked too",
    )


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """`-m alone` imports only the files that name the mark: all of them take half a minute."""
    if config.option.markexpr != "alone" or collection_path.suffix != ".py":
        return None
    return True if b"mark.alone" not in collection_path.read_bytes() else None


@pytest.fixture(scope="session", autouse=True)
def _short_inner_runs() -> Generator[None]:
    """No option of whoever runs these tests reaches the runs that tests start."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTEST_ADDOPTS", LEFT_OUT)
        yield


@pytest.fixture(autouse=True)
def _own_masks() -> Generator[None]:
    """What one test masks, the next one may have to read: `everything is undone`."""
    names = ("_values", "_public", "_names", "_pattern", "_longest")
    before = {name: copy(getattr(MASKS, name)) for name in names}
    yield
    for name, value in before.items():
        setattr(MASKS, name, value)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, Any, Any]:
    """Twelve thousand tests stay to the end: the garbage collector need not look through them. Half
    of the time of a collection was its own."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """On a worker: the long files first. One process alone gains nothing by an order."""
    if hasattr(config, "workerinput"):
        ranks = {name: rank for rank, name in enumerate(LONGEST_FIRST)}
        items.sort(key=lambda item: ranks.get(item.nodeid.partition("::")[0], len(ranks)))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Files whole, in the order of the collection."""
    from xdist.scheduler import LoadFileScheduling

    config.option.loadscopereorder = False
    return LoadFileScheduling(config, log)
