"""`python`: calls a user's function at a fixed rate; the function returns if all is well, or
raises.

Use it for what no other probe can check: a custom protocol, a client library, a rule across several
answers. The callable runs on threads of this process, several at a time.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from resilience.model.samples import Answer
from resilience.model.scenario import Step
from resilience.model.step_reach import Reach
from resilience.model.values import Duration
from resilience.model.verb import Complaint, Family, Phase, Verb, parameter
from resilience.probes.complaints import of_timeout
from resilience.probes.prober.asker import Ask, Never, Reply, asking

if TYPE_CHECKING:
    from resilience.probes.prober.once import Asking
    from resilience.verbs.context import ProbeContext, RunningProbe


@dataclass(frozen=True, slots=True, kw_only=True)
class Python:
    """The function to call, and how long it may take."""

    call: str = parameter(
        "The function, as `module:name`; the module may be in the scenario's directory.",
        example="checks.orders:is_open",
    )
    arguments: Mapping[str, str] = parameter(
        "Keyword arguments, as text.", default_factory=dict, example="{tenant: acme}"
    )
    timeout: Duration = parameter(
        "A call that has not returned after this time has failed.",
        default=Duration.of(1), example="1s",
    )  # fmt: skip


def _check(python: Python) -> Iterator[Complaint]:
    if not re.fullmatch(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*", python.call):
        yield Complaint(field="call", message=f"`call` is {python.call!r}",
                        expected="a callable such as `checks.orders:is_open`")  # fmt: skip
    yield from of_timeout(python.timeout)


def _describe(python: Python) -> str:
    return f"call {python.call}"


def found(call: str, beside: Path) -> Any:
    """The function that `call` names, in a module that pytest can import or one in the scenario's
    directory."""
    module, _, name = call.partition(":")
    folder = str(beside.resolve())
    added = folder not in sys.path
    if added:
        sys.path.append(folder)
    try:
        return getattr(import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise Never(f"{call} cannot be imported: {error}; it is searched for on Python's path and "
                    "in the scenario's directory") from error  # fmt: skip
    finally:
        if added:
            sys.path.remove(folder)


def opened(called: Any, python: Python) -> Ask:
    """The callable, ready to be called. Raises Never if the name is not one of a callable."""
    if not callable(called):
        raise Never(f"{python.call} is a {type(called).__name__}, expected a callable")

    def ask() -> Reply:
        try:
            result = called(**python.arguments)
        except Exception as error:  # noqa: BLE001 - code of others may raise anything
            return Reply(Answer.WRONG, f"{type(error).__name__}: {_first(error)}")
        good = result is None or bool(result)
        return Reply(Answer.GOOD) if good else Reply(Answer.WRONG, f"it returned {result!r}")

    return ask


def _first(error: Exception) -> str:
    return str(error).partition("\n")[0]


def run(step: Step, context: ProbeContext) -> RunningProbe:
    """Start calling."""
    from resilience.probes.prober.running import AgentProbe
    from resilience.verbs.context import NotMet

    python: Python = step.parameters
    try:
        called = found(python.call, context.directory)
    except Never as error:
        raise NotMet(str(error), final=True) from error
    return AgentProbe(step, context, {"timeout": python.timeout.seconds}, _describe(python),
                      {"kind": "python"}, asking(lambda: opened(called, python)))  # fmt: skip


def ask(python: Python, context: Asking) -> str:
    """Call it once; NotMet unless the result is good."""
    from resilience.probes.prober.once import ask_once

    given = {"timeout": python.timeout.seconds}

    def open_() -> Ask:
        return opened(found(python.call, context.directory), python)

    return ask_once(given, _describe(python), asking(open_))


VERB = Verb(
    name="python",
    family=Family.PROBE,
    summary="Call your own function at a fixed rate; an exception is a failure.",
    parameters=Python,
    phases=frozenset(Phase),
    never={"agents": "the function is called in the process of the test"},
    run=run,
    ask=ask,
    describe=_describe,
    check=lambda python: list(_check(python)),
    touches=lambda python, namespace: Reach(),
    example=(
        "- python: {call: checks.orders:is_open}\n  rate: 10/s\n  objective: {availability: 99%}\n"
    ),
)
