"""The pytest plugin: only options and hooks. Their work is done in `resilience.harness`.

It is loaded in every pytest run of an environment, so nothing heavy is imported until a scenario or
plan is collected or the fixture is requested.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from resilience.config.options import OPTIONS, Option
from resilience.harness import FIXTURE, NEXT, SESSION, SETTINGS, SUFFIXES

if TYPE_CHECKING:
    from resilience.cluster.transport import HttpCluster
    from resilience.engine.python.fixture import Resilience
    from resilience.harness.fleet.clusters import Clusters


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add every option of `options` to the command line and to the ini file."""
    group = parser.getgroup("resilience", "Kubernetes resilience scenarios")
    for option in OPTIONS:
        how: dict[str, Any] = {"metavar": option.metavar}
        if option.flag:
            how = {"action": "store_true"}
        elif option.many:
            how |= {"action": "append"}
        group.addoption(
            option.cli,
            dest=option.key,
            default=None,
            help=f"{option.help} [{option.variable}]",
            **how,
        )
        parser.addini(option.key, option.help, type=option.ini_type, default=None)  # type: ignore[arg-type]


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Offer the hooks of `resilience.hookspecs`."""
    from resilience import hookspecs

    pluginmanager.add_hookspecs(hookspecs)


def pytest_configure(config: pytest.Config) -> None:
    """Read the settings, if there are any. An invalid one ends the run with a message of one
    line."""
    if any(_is_set(config, option) for option in OPTIONS):
        from resilience.harness import run_settings

        run_settings.check(config)


def _is_set(config: pytest.Config, option: Option) -> bool:
    """Whether the command line, the environment or the ini file has a value, a wrong one too."""
    if config.getoption(option.key) is not None or option.variable in os.environ:
        return True
    try:
        return config.getini(option.key) not in (None, "", [])
    except (pytest.UsageError, TypeError, ValueError):
        return True


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect files that are named like a scenario or a plan, and files given on the command line
    that begin like one."""
    if file_path.suffix not in SUFFIXES:
        return None
    from resilience.harness import naming, run_settings

    settings = run_settings.settings(parent.config)
    named = naming.named_like_ours(file_path, (*settings.scenarios, *settings.plans))
    if not named and not (
        parent.session.isinitpath(file_path) and naming.begins_like_ours(file_path)
    ):
        return None
    from resilience.harness import collecting

    return collecting.file(file_path, parent)


@pytest.hookimpl(tryfirst=True, specname="pytest_collection_modifyitems")
def pytest_resilience_add_audit(
    session: pytest.Session, config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Add the rules of the audit as tests. This hook comes first, so that -m and -k select among
    them."""
    if SETTINGS in config.stash and config.stash[SETTINGS].audit:
        from resilience.harness.auditing import rule_items

        items.extend(rule_items.items(session))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Refuse options and items that must not be combined with changes to a cluster, and move
    scenarios that share `given` together, after plugins that shuffle."""
    if _ours(config) or any(FIXTURE_NAME in getattr(i, "fixturenames", ()) for i in items):
        from resilience.harness import collecting

        collecting.check(config, items)
    if _ours(config):
        from resilience.harness.sharing import neighbours

        neighbours.gather(items)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """In a fleet, a test in Python runs on each cluster."""
    given = metafunc.config.stash.get(SETTINGS, None)
    if FIXTURE in metafunc.fixturenames and given and given.is_fleet:
        from resilience.harness import python_tests

        python_tests.parametrize(metafunc)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """Remember the next item: it may use what this one sets up."""
    if _ours(item.config):
        item.config.stash[NEXT] = nextitem


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Iterator[Any]:
    """The traceback of a Python test that fails in our fixture ends at the test's own line, not
    inside this package."""
    try:
        return (yield)
    except Exception as error:
        if FIXTURE_NAME not in pyfuncitem.fixturenames:
            raise
        from resilience.harness.python_tests import without_our_frames

        raise without_our_frames(error) from error.__cause__


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[Any]:
    """The exception of a Python test determines the outcome of its run."""
    if FIXTURE_NAME in getattr(item, "fixturenames", ()):
        from resilience.harness import python_tests

        python_tests.noted(item, call)
    report = yield
    if _ours(item.config) and hasattr(item.config, "workerinput"):
        from resilience.harness.distributed import worker

        worker.attach(item.config, report)
    return report


FIXTURE_NAME = "resilience"


def pytest_report_collectionfinish(config: pytest.Config, items: Sequence[pytest.Item]) -> Any:
    """The lines that name the cluster and the seed."""
    if not _ours(config):
        return []
    from resilience.harness import collecting

    return collecting.headlines(config, items)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """On the controller of pytest-xdist: send a worker what it needs at its start."""
    from resilience.harness.distributed import beginning

    beginning.prepare(node)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_node_collection_finished(node: Any, ids: Sequence[str]) -> None:
    """On the controller: check whether and how scenarios may be distributed to workers."""
    if any(name.partition("::")[0].endswith(SUFFIXES) for name in ids):
        from resilience.harness.distributed import arrival

        arrival.check(node.config, ids)


@pytest.hookimpl(optionalhook=True)
def pytest_handlecrashitem(crashitem: str, report: Any, sched: Any) -> None:
    """On the controller: give a scenario whose worker died its outcome."""
    if _ours(sched.config):
        from resilience.harness.distributed import dead_worker

        dead_worker.note(sched.config, crashitem, report)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Write the reports, and set the exit code for the kind of failure."""
    if _ours(session.config):
        from resilience.harness import ending

        ending.finish(session, exitstatus)


def pytest_terminal_summary(terminalreporter: Any, exitstatus: int, config: pytest.Config) -> None:
    """Print a table of all scenarios, and the path of the report; or why nothing was collected."""
    if _ours(config):
        from resilience.harness import ending

        ending.summarise(terminalreporter, config)
    elif exitstatus in (pytest.ExitCode.NO_TESTS_COLLECTED, pytest.ExitCode.USAGE_ERROR):
        from resilience.harness import ending

        ending.explain(terminalreporter, config)


def _ours(config: pytest.Config) -> bool:
    """Whether this run has collected a scenario or a plan, or used the fixture. Imports nothing."""
    return SESSION in config.stash


@pytest.fixture(scope="session")
def resilience_cluster(request: pytest.FixtureRequest) -> Iterator[HttpCluster]:
    """The cluster that scenarios act on: the embedded sandbox unless a context is given."""
    from resilience.harness import collecting, run_settings

    if run_settings.settings(request.config).is_fleet:
        yield from collecting.open_member(request)
    else:
        yield from collecting.open_cluster(request.session)


@pytest.fixture(scope="session")
def resilience_fleet(request: pytest.FixtureRequest) -> Iterator[Clusters]:
    """The clusters of a fleet: `resilience_fleet.of("NAME")` opens one and returns it."""
    from resilience.harness import collecting

    yield from collecting.open_fleet(request.session)


@pytest.fixture
def resilience(
    request: pytest.FixtureRequest, resilience_cluster: HttpCluster
) -> Iterator[Resilience]:
    """Call any verb of the scenario language: `resilience.kill(pods="app=x", count=1)`, `with
    resilience.probe.http(...)`. Its changes are undone after the test."""
    from resilience.harness import python_tests

    yield from python_tests.serve(request, resilience_cluster)
