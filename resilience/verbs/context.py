"""The interface that a verb works with. The engine creates these; verbs depend only on the
protocols.

    action  run(parameters, context: ActionContext) -> None       undo(data, context: UndoContext)
    check   run(parameters, context: CheckContext) -> str         raises NotMet until it holds
    probe   run(step, context: ProbeContext) -> RunningProbe
    flow    run(parameters, context: FlowContext) -> None

A check is evaluated again on every change of the cluster until it holds or `within` has passed; it
returns one sentence that says what it observed. An action returns when its change has been
accepted; it has recorded every undo before the change, and proof of the effect after it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from http import HTTPStatus
from pathlib import Path
from random import Random
from typing import Any, Protocol, runtime_checkable

from resilience.cluster.errors import ApiError
from resilience.cluster.interface import Cluster, Object, Resource, View, WatchEvent
from resilience.model.scenario import Plan, Step
from resilience.model.timeline import What
from resilience.model.values import RunId
from resilience.model.verb import Phase
from resilience.model.verdict import Finding, Outcome, StepRecord, Window


class NotMet(Exception):
    """A check does not hold (yet). The text says object, expected, observed; `final` means that
    waiting cannot help; `unknown` means that it could not be determined whether it holds, so the
    result is not measured."""

    def __init__(self, text: str, *, final: bool = False, unknown: bool = False) -> None:
        super().__init__(text)
        self.final = final
        self.unknown = unknown


class ActionFailed(Exception):
    """An action could not do what the step asks for. The text gives object, observed, expected,
    next step.
    """


class Refused(ActionFailed):
    """A guard refused the change: nothing was touched."""


class NotTrusted(ActionFailed):
    """An undo would do `what` based only on a journal in the cluster."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"{what}, and only the journal in the cluster says so, which others may write: run"
            " `resilience recover` where the run was started, or undo it by hand"
        )


class ChangedSince(ActionFailed):
    """An undo would overwrite a change that someone else made after this run. Their change is kept
    and reported; only a person can overrule that.
    """


class InUse(ActionFailed):
    """What an undo deleted is kept while something uses it that a later undo removes: it is tried
    again after the others.
    """


class Held(InUse):
    """What an undo deleted waits for a finalizer of someone else. It needs no attention of this
    run: the undo continues, and all that is held is awaited together.
    """


class NothingToDo(ActionFailed):
    """An action that would have changed nothing (no victims, or already in that state): never a
    pass.
    """


class Blocked(ActionFailed):
    """A disruption budget blocked the action until the deadline."""


class Fate(Enum):
    """What an action does to a victim; determines when the victim counts as struck and when its
    disruption is over.
    """

    GONE = "gone"  # deleted, evicted: struck when terminating, over when its uid is gone
    RESTARTED = "restarted"  # its process died: struck when a container restarted or is not ready
    TOUCHED = "touched"  # it stays with its owner and keeps serving: struck and over at once
    KEPT = "kept"  # it lives on without its owner: struck when the owner has released it


class Clock(Protocol):
    """Time as an argument."""

    def monotonic(self) -> float:
        """Seconds of CLOCK_MONOTONIC, the clock that samples use."""

    def wall(self) -> float:
        """Seconds since the epoch."""

    def wait(self, seconds: float) -> None:
        """Block for that long; an abort of the run ends the wait by raising."""

    def until(self, holds: Callable[[], bool], deadline: float) -> bool:
        """Block until `holds()` or monotonic `deadline`; returns which. `holds` is evaluated
        again whenever anything that the run watches has changed; an abort of the run ends the
        wait by raising.
        """


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
    def identity_files(self) -> Sequence[str]:
        """Files with the age private key of encrypted snapshots; () for the environment's."""

    @property
    def run(self) -> RunId: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def deadline(self) -> float:
        """Monotonic seconds at which this step's time is up."""

    @property
    def step(self) -> Step:
        """The step that is being carried out."""

    @property
    def aborted(self) -> bool:
        """Whether the run must stop acting; for work that waits without `clock`."""

    def view(self, resource: Resource, namespace: str = "", *, labels: str = "") -> View:
        """A live view that stays open until the run ends; shared between steps."""

    def note(self, what: What, text: str, facts: Mapping[str, Any] | None = None) -> None:
        """Add to the timeline."""


class ActionContext(Context, Protocol):
    """For actions."""

    @property
    def random(self) -> Random:
        """This step's own stream, derived from the seed and the step's path."""

    def struck_before(self) -> Mapping[str, float]:
        """When earlier reports show a Pod (`shop/web-0`) or a workload (`shop/deployment/web`)
        struck, in epoch seconds; {} without reports."""

    def will_undo(self, data: Mapping[str, Any], text: str) -> str:
        """Record one undo durably, *before* the change; returns its id. Data is JSON, at most
        1 MiB, and holds no Secret's data."""

    def forget_undo(self, undo: str) -> None:
        """The API server refused the change: there is nothing to undo."""

    def amend_undo(self, undo: str, data: Mapping[str, Any]) -> None:
        """Replace the record, now that more is known (the uid of a created object)."""

    def may_harm(self, objects: Sequence[Object]) -> None:
        """Declare all Pods or nodes that this action is about to disrupt, before the first of them
        is disrupted; Refused when the target's limits do not allow it.
        """

    def may_harm_some(self, objects: Sequence[Object], most: int) -> None:
        """Declare that at most so many of these Pods will be disrupted, by a choice that is
        made elsewhere; Refused when the worst choice breaks the target's limits. The worst counts
        until `were_chosen` says what was chosen.
        """

    def were_chosen(self, objects: Sequence[Object]) -> None:
        """What was chosen of all that this action declared with `may_harm_some`."""

    def victim(self, obj: Object, why: str, fate: Fate = Fate.GONE) -> None:
        """Declare one Pod that this action is about to disrupt, before it does so. An action under
        `when` needs at least one victim (or `affected`), otherwise the engine fails the step. A
        finished Pod is not a victim: it is only noted.
        """

    def spare(self, obj: Object) -> None:
        """The object was not disrupted or changed after all: it was already gone, or the API server
        refused (`sparing`)."""

    def affected(self, obj: Object, text: str, *, now: Object | None = None) -> None:
        """Something other than a Pod is certainly changed (a scale, a rollout, a node). Pods
        that leave a workload because of it are awaited like victims.
        """

    def plan(self, name: str) -> Plan:
        """The backup plan with that name, from the scenario's folder or its folder `backups`."""

    def proof(self, text: str, facts: Mapping[str, Any]) -> None:
        """Evidence from the API that the fault took effect; an action without it is an error."""


class UndoContext(Protocol):
    """For undo functions; also used by `resilience recover`, possibly long after the run ended."""

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
        """Whether the user asked to overwrite changes that someone else has made since."""

    @property
    def trusted(self) -> bool:
        """Whether this run, or a file on this machine, recorded the data. Otherwise the cluster's
        journal alone says so, and others may write that: an undo then touches nothing outside of
        the cluster and uses no value of the environment."""

    @property
    def last(self) -> bool:
        """Whether no other undo follows: what is in use now will not be freed by one."""

    def keep(self, uid: str) -> None:
        """Note that the object has changes of someone else: the undo of its creation must not
        delete it.
        """

    def kept(self, uid: str) -> bool:
        """Whether an earlier undo of this run noted that."""


@contextmanager
def sparing(context: ActionContext, *concerned: Object) -> Iterator[None]:
    """Around the request that disrupts or changes these objects: where the API server says no,
    nothing has happened to them, so they must not count as harmed. After any other error that is
    unknown."""
    try:
        yield
    except ApiError as error:
        if error.code < HTTPStatus.INTERNAL_SERVER_ERROR:
            for obj in concerned:
                context.spare(obj)
        raise


class Victim(Protocol):
    """A Pod that an action of this run disrupted."""

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
        """The same, readable: `deployment/checkout`."""

    @property
    def fate(self) -> Fate: ...
    @property
    def restarts(self) -> int:
        """Restarts of its containers before it was struck."""

    @property
    def phase(self) -> Phase:
        """Phase of the step that struck it."""

    @property
    def node(self) -> str:
        """Name of the Node on which it was struck, "" without one."""

    @property
    def struck(self) -> float:
        """Monotonic seconds at which the action was sent."""

    @property
    def step(self) -> str:
        """Path of the step."""


class Change(Protocol):
    """Something other than a Pod that an action of this run changed."""

    @property
    def uid(self) -> str: ...
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
    def step(self) -> str:
        """Path of the step."""

    @property
    def phase(self) -> Phase:
        """Phase of the step: only what happens under `when` is meant to break something."""

    @property
    def pod_labels(self) -> Mapping[str, str]:
        """Labels of the Pods that it creates; {} if it creates none."""

    @property
    def template(self) -> Mapping[str, Any]:
        """Its Pod template before an existing object was changed; of a new object its own."""

    @property
    def api_version(self) -> str:
        """Its `apiVersion`."""

    @property
    def new_spec(self) -> Mapping[str, Any]:
        """Its `spec` after it was created or changed, where the action said so; else {}."""

    @property
    def is_new(self) -> bool:
        """Whether the action created it."""


class CheckContext(Context, Protocol):
    """For checks."""

    @property
    def victims(self) -> Sequence[Victim]:
        """All Pods disrupted so far, in order."""

    @property
    def finished(self) -> Sequence[str]:
        """Finished Pods that actions removed: `namespace/name`. Their removal disrupts nothing."""

    @property
    def changes(self) -> Sequence[Change]:
        """What else actions have changed so far, in order."""

    @property
    def asked_since(self) -> float:
        """Monotonic seconds at which this check was first evaluated."""

    @property
    def when_since(self) -> float:
        """Monotonic seconds at which `when` began, or the first measured block of a test in
        Python; -inf before that."""

    def earliest(self, received: float) -> float:
        """The earliest moment at which an event received at `received` can have happened. It is
        before `received` if the API server did not answer for a while."""

    def history(self, resource: Resource) -> Sequence[Any]:
        """WatchEvents of the views of that resource since the run began, in order."""

    def add_finding(self, finding: Finding) -> None:
        """A named result with numbers, in addition to pass or fail (for example a time to
        recover).
        """

    def leave(self, text: str) -> None:
        """Report what this check placed in the cluster and could not remove: the run ends as one
        whose undo is incomplete."""


class RunningProbe(Protocol):
    """A running probe. It ends with the run, however the run ends."""

    @property
    def name(self) -> str: ...

    def wait_steady(self, deadline: float) -> None:
        """Return once it is steady; raises NotMet with what it observed if it is not steady by
        the deadline.
        """

    def progress(self) -> tuple[int, int]:
        """(planned so far, good so far), for the live display."""

    def stop(self) -> None:
        """Stop measuring and collect what is still in flight. Idempotent."""

    def judge(self, window: Window) -> Sequence[Finding]:
        """After `stop`: each objective of the step, compared with what was measured."""

    def record(self) -> Any:
        """After `stop`: its `resilience.model.report.ProbeRecord`."""

    def below(self) -> str:
        """Non-empty when an abort condition of the step is met now; the text says which."""


@runtime_checkable
class Concluding(Protocol):
    """A probe with something left to do once the window is over, such as reading what it wrote."""

    def conclude(self) -> None:
        """After `stop`, when the victims have recovered and before `then` and any undo; not called
        when the run was aborted. It ends early when the run is aborted meanwhile. Idempotent."""


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

    def service_port(self, service: str, port: str | int, namespace: str) -> int:
        """The port that clients write behind the Service's name."""

    @property
    def records(self) -> Sequence[StepRecord]:
        """The steps carried out so far, in order of their end."""

    @property
    def evidence(self) -> Path:
        """Directory for files that outlive a run which did not pass."""

    def on_abort(self, callback: Callable[[], None]) -> None:
        """Called when the run is interrupted."""

    def will_undo(self, data: Mapping[str, Any], text: str) -> str:
        """As for actions: a prober in the cluster is a change as well."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """The fate of a step that was allowed to fail. `denied`: the API server or a budget refused
    it (rather than a guard of this project, or chance).
    """

    outcome: Outcome
    message: str
    denied: bool


class FlowContext(ActionContext, CheckContext, Protocol):
    """For flow verbs, which contain steps."""

    def perform(self, step: Step) -> None:
        """Execute one inner step under all rules of the engine; raises what ends the flow."""

    def attempt(self, step: Step) -> Attempt:
        """The same, but the scenario continues even if the step fails."""
