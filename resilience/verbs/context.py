"""What a verb gets to work with. The engine makes these; verbs depend on the protocols alone.

    action  run(parameters, context: ActionContext) -> None       undo(data, context: UndoContext)
    check   run(parameters, context: CheckContext) -> str         raises NotMet until it holds
    probe   run(step, context: ProbeContext) -> RunningProbe
    flow    run(parameters, context: FlowContext) -> None

A check is asked again on every change of the cluster until it holds or `within` has passed; it
returns one sentence that says what it saw. An action returns when its change has been accepted; it
has recorded every undo before the change and proof of the effect after it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from random import Random
from typing import Any, Protocol

from resilience.cluster.interface import Cluster, Object, Resource, View, WatchEvent
from resilience.model.scenario import Plan, Step
from resilience.model.timeline import What
from resilience.model.values import RunId
from resilience.model.verdict import Finding, Outcome, Window


class NotMet(Exception):
    """A check does not hold (yet). The text says object, expected, observed; `final` means waiting
    cannot help, `unknown` that nobody can say whether it holds: it is not measured."""

    def __init__(self, text: str, *, final: bool = False, unknown: bool = False) -> None:
        super().__init__(text)
        self.final = final or unknown
        self.unknown = unknown


class ActionFailed(Exception):
    """An action could not do what was asked. Text: object, observed, expected, next step."""


class Refused(ActionFailed):
    """A guard said no: nothing was touched."""


class ChangedSince(ActionFailed):
    """What an undo would take back is no longer as this run left it: somebody else changed it.
    Theirs is kept, and told; only a person overrules it."""


class NothingToDo(ActionFailed):
    """An action that would have changed nothing (zero victims, already so): never a pass."""


class Blocked(ActionFailed):
    """A disruption budget stood in the way until the deadline."""


class Fate(Enum):
    """What an action does to a victim; says when it has been struck and when its harm is over."""

    GONE = "gone"  # deleted, evicted: struck when terminating, over when its uid is gone
    RESTARTED = "restarted"  # its process died: struck when a container restarted or is not ready
    TOUCHED = "touched"  # it stays with its owner and serves on: struck and over at once
    KEPT = "kept"  # it lives on without its owner: struck when the owner has let go


class Clock(Protocol):
    """Time as an argument."""

    def monotonic(self) -> float:
        """Seconds of CLOCK_MONOTONIC, the same clock that samples carry."""

    def wall(self) -> float:
        """Seconds since the epoch."""

    def wait(self, seconds: float) -> None:
        """Block; an abort of the run cuts it short by raising."""

    def until(self, holds: Callable[[], bool], deadline: float) -> bool:
        """Block until `holds()` or monotonic `deadline`; says which. It is asked again whenever
        anything that the run watches has changed; an abort of the run cuts it short by raising."""


class Context(Protocol):
    """Common to all verbs."""

    @property
    def cluster(self) -> Cluster: ...
    @property
    def namespace(self) -> str: ...
    @property
    def directory(self) -> Path:
        """Folder of the scenario file; relative paths in a scenario start here."""

    @property
    def run(self) -> RunId: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def deadline(self) -> float:
        """Monotonic seconds at which this step is over."""

    @property
    def step(self) -> Step:
        """The step that is being carried out."""

    @property
    def aborted(self) -> bool:
        """Whether the run must stop acting; for work that waits outside of `clock`."""

    def view(self, resource: Resource, namespace: str = "", *, labels: str = "") -> View:
        """A live copy that stays open until the run ends; shared between steps."""

    def note(self, what: What, text: str, facts: Mapping[str, Any] | None = None) -> None:
        """Add to the timeline."""


class ActionContext(Context, Protocol):
    """For actions."""

    @property
    def random(self) -> Random:
        """This step's own stream, derived from the seed and the step's path."""

    def will_undo(self, data: Mapping[str, Any], text: str) -> str:
        """Record one undo durably, *before* the change; returns its id. Data is JSON, at most
        1 MiB, and holds no Secret's data."""

    def forget_undo(self, undo: str) -> None:
        """The change was refused by the API server: there is nothing to undo."""

    def amend_undo(self, undo: str, data: Mapping[str, Any]) -> None:
        """Replace what was recorded, now that more is known (the uid of what was created)."""

    def may_harm(self, objects: Sequence[Object]) -> None:
        """All Pods or nodes that this action is about to harm, before the first of them is harmed;
        Refused when the target's limits do not allow it."""

    def victim(self, obj: Object, why: str, fate: Fate = Fate.GONE) -> None:
        """One Pod that this action is about to harm, before it is harmed. At least one victim
        (or `affected`) per action under `when`, else the engine fails the step. A finished Pod is
        no victim: it is only noted."""

    def spare(self, obj: Object) -> None:
        """It was not harmed after all: it was gone before, or the API server refused."""

    def affected(self, obj: Object, text: str) -> None:
        """Something other than a Pod is changed for certain (a scale, a rollout, a node). Pods that
        leave a workload because of it are waited for like victims."""

    def plan(self, name: str) -> Plan:
        """The backup plan of that name, beside the scenario or in a folder `backups`."""

    def proof(self, text: str, facts: Mapping[str, Any]) -> None:
        """Evidence from the API that the fault took effect; an action without it is an error."""


class UndoContext(Protocol):
    """For undo functions; also used by `resilience recover`, long after the run died."""

    @property
    def cluster(self) -> Cluster: ...
    @property
    def run(self) -> RunId: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def deadline(self) -> float: ...
    @property
    def force(self) -> bool:
        """Whether a person said that what somebody else changed since is to be overruled."""

    def keep(self, uid: str) -> None:
        """That object has changes of somebody else: whoever created it must not delete it."""

    def kept(self, uid: str) -> bool:
        """Whether an earlier undo of this run said so."""


class Victim(Protocol):
    """A Pod that an action of this run harmed."""

    @property
    def uid(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def namespace(self) -> str: ...
    @property
    def owner(self) -> str:
        """uid of its controller, "" for a bare Pod."""

    @property
    def workload(self) -> str:
        """uid of the workload at the root: the Deployment, not its ReplicaSet; "" if bare."""

    @property
    def workload_title(self) -> str:
        """The same for people: `deployment/checkout`."""

    @property
    def fate(self) -> Fate: ...
    @property
    def restarts(self) -> int:
        """Restarts of its containers before it was struck."""

    @property
    def struck(self) -> float:
        """Monotonic seconds at which the action was sent."""

    @property
    def step(self) -> str:
        """Path of the step."""


class Change(Protocol):
    """Something other than a Pod that an action of this run changed."""

    @property
    def text(self) -> str: ...
    @property
    def namespace(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def since(self) -> float:
        """Monotonic seconds at which the action was sent."""

    @property
    def pod_labels(self) -> Mapping[str, str]:
        """Labels of the Pods that it makes, {} if it makes none."""


class CheckContext(Context, Protocol):
    """For checks."""

    @property
    def victims(self) -> Sequence[Victim]:
        """All Pods harmed so far, in order."""

    @property
    def finished(self) -> Sequence[str]:
        """Finished Pods that actions removed: `namespace/name`. They harm nobody."""

    @property
    def changes(self) -> Sequence[Change]:
        """What else actions have changed so far, in order."""

    @property
    def asked_since(self) -> float:
        """Monotonic seconds at which this check was first asked."""

    def earliest(self, received: float) -> float:
        """The first moment at which an event received then may have happened: earlier than that
        where the API server did not answer before."""

    def history(self, resource: Resource) -> Sequence[Any]:
        """WatchEvents of the views of that resource since the run began, in order."""

    def add_finding(self, finding: Finding) -> None:
        """A named result with numbers, beside pass or fail (for example a time to recover)."""


class RunningProbe(Protocol):
    """A probe at work. It ends with the run whatever happens to the run."""

    @property
    def name(self) -> str: ...

    def wait_steady(self, deadline: float) -> None:
        """Return once it is steady; NotMet with what it saw when it is not by the deadline."""

    def progress(self) -> tuple[int, int]:
        """(planned so far, good so far), for the live display."""

    def stop(self) -> None:
        """Stop measuring and collect what is still under way. Idempotent."""

    def judge(self, window: Window) -> Sequence[Finding]:
        """After `stop`: each promise of the step, held against what was measured."""

    def record(self) -> Any:
        """After `stop`: its `resilience.model.report.ProbeRecord`."""

    def below(self) -> str:
        """Non-empty text when an abort condition of the step is met now."""


class ProbeContext(Context, Protocol):
    """For probes."""

    @property
    def victims(self) -> Sequence[Victim]:
        """As for checks."""

    @property
    def changes(self) -> Sequence[Change]:
        """What else actions have changed so far, in order."""

    def history(self, resource: Resource) -> Sequence[WatchEvent]:
        """As for checks."""

    def address(self, service: str, port: str | int, namespace: str) -> tuple[str, int]:
        """Where to connect for a Service's port (`resilience.cluster.reach`)."""

    def on_abort(self, callback: Callable[[], None]) -> None:
        """Called when the run is interrupted."""

    def will_undo(self, data: Mapping[str, Any], text: str) -> str:
        """As for actions: a prober in the cluster is a change too."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """What became of a step that was allowed to fail. `denied`: the API server or a budget said no
    (rather than we, or chance)."""

    outcome: Outcome
    message: str
    denied: bool


class FlowContext(ActionContext, CheckContext, Protocol):
    """For flow verbs: they carry steps inside."""

    def perform(self, step: Step) -> None:
        """Carry out one inner step with all rules of the engine; raises what ends the flow."""

    def attempt(self, step: Step) -> Attempt:
        """The same, but whatever becomes of the step, the scenario goes on."""
