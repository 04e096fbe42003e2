"""`ledger`: writes to the service all the time, and checks at the end that no acknowledged write
was lost.

Availability shows that a service answered; a ledger shows that it kept what it acknowledged. Each
write is journalled before it is sent, and read again after healing; across `snapshot` and `restore`
as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from resilience.kube.selectors import Selector
from resilience.ledger import targets
from resilience.ledger.drivers import trust
from resilience.ledger.promises import Allow
from resilience.ledger.targets import (
    ExecTarget,
    HttpTarget,
    PostgresTarget,
    RedisTarget,
    S3Target,
    Target,
)
from resilience.model.scenario import Step
from resilience.model.step_reach import Reach, union, within
from resilience.model.values import Duration, Rate, Share, Size
from resilience.model.verb import Complaint, Family, Phase, Right, Verb, parameter
from resilience.probes.complaints import of_timeout
from resilience.probes.service.placement import of_service, port_of, written_to

if TYPE_CHECKING:
    from resilience.ledger.drivers.session import Open
    from resilience.verbs.context import ProbeContext, RunningProbe

MOST = 1000
"""Maximum writes per second of one ledger."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FinalRead:
    """How long the final reads are repeated."""

    timeout: Duration = parameter(
        "How long the store may take to answer at all.", default=Duration.of(60)
    )
    settle: Duration = parameter(
        "How long after its first answer the store may take to return every acknowledged write.",
        default=Duration.of(5),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """Where to write, how often, and what to tolerate."""

    http: HttpTarget | None = parameter("An HTTP service.", default=None, one_of="store")
    redis: RedisTarget | None = parameter("A Redis.", default=None, one_of="store")
    postgres: PostgresTarget | None = parameter("A PostgreSQL.", default=None, one_of="store")
    s3: S3Target | None = parameter("A bucket.", default=None, one_of="store")
    exec: ExecTarget | None = parameter("Commands in a Pod.", default=None, one_of="store")
    rate: Rate = parameter(
        "How often it writes, whether or not earlier writes were answered.",
        default=Rate.parse("50/s"), example="50/s",
    )  # fmt: skip
    value: Size = parameter("Size of a value.", default=Size(64), example="1Ki")
    timeout: Duration = parameter(
        "A write without an answer after this time is unknown.", default=Duration.of(1)
    )
    read_back: Share | None = parameter(
        "Share of the acknowledged writes to read back at once, to find stale reads.",
        default=Share.parse("10%"), example="10%",
    )  # fmt: skip
    final_read: FinalRead = parameter(
        "How long the reads after healing are repeated.", default_factory=FinalRead
    )
    allow: Allow = parameter("What is tolerated for writes.", default_factory=Allow)
    depends_on: Selector | None = parameter(
        "Other Pods that the store depends on: harm to them counts as harm to it.",
        default=None,
        example="app=database",
    )
    restored: str = parameter(
        "Namespace of a copy that this run restores: it is read as well, and must contain every "
        "write "
        "that was acknowledged before the snapshot began.",
        default="", example="shop-copy",
    )  # fmt: skip

    @property
    def target(self) -> Target | None:
        """The one target that is set."""
        given = (self.http, self.redis, self.postgres, self.s3, self.exec)
        return next((each for each in given if each is not None), None)


def _check(ledger: Ledger) -> Iterator[Complaint]:
    target = ledger.target
    if target is None:
        yield Complaint(field="", message="nowhere to write",
                        expected=", ".join(f"`{name}`" for name in targets.KINDS))  # fmt: skip
        return
    yield from targets.complaints(target)
    yield from of_timeout(ledger.timeout)
    if ledger.rate.per_second > MOST:
        yield Complaint(field="rate", message=f"`rate` is {ledger.rate}",
                        expected=f"at most {MOST}/s")  # fmt: skip
    if not 32 <= ledger.value.bytes <= 1 << 20:
        yield Complaint(field="value", message=f"`value` is {ledger.value}",
                        expected="from 32 to 1Mi")  # fmt: skip
    if ledger.restored and not _is_service(target):
        yield Complaint(field="restored", message="a copy is in another namespace: it needs a "
                        "store by `service` or `exec`")  # fmt: skip


def _is_service(target: Target) -> bool:
    return isinstance(target, ExecTarget) or bool(getattr(target, "service", ""))


def _describe(ledger: Ledger) -> str:
    target = ledger.target
    assert target is not None, "checked"
    copy = f", and read its copy in {ledger.restored}" if ledger.restored else ""
    return f"write {ledger.rate} to {targets.where(target)} and lose none{copy}"


def _namespaces(ledger: Ledger, namespace: str) -> list[str]:
    target = ledger.target
    if target is None or not _is_service(target):
        return []
    here = getattr(target, "namespace", "") or namespace
    return [here, ledger.restored] if ledger.restored else [here]


def _rights(ledger: Ledger, namespace: str) -> Sequence[Right]:
    target = ledger.target
    found = []
    for where in _namespaces(ledger, namespace):
        if isinstance(target, ExecTarget):
            pairs = [("list", "pods"), ("create", "pods/exec"), ("get", "pods/exec")]
            found += [Right(verb=verb, group="", resource=resource, namespace=where)
                      for verb, resource in pairs]  # fmt: skip
            found += [Right(verb="list", group=each.group, resource=each.plural, namespace=where)
                      for each in targets.MAKERS]  # fmt: skip
        else:
            found.append(Right(verb="get", group="", resource="services", namespace=where))
    return [*found, *_secrets(ledger, namespace)]


def _secrets(ledger: Ledger, namespace: str) -> Iterator[Right]:
    """The namespaces of the store and of its copy."""
    password = getattr(ledger.target, "password", None)
    if password is not None and password.secret:
        home = getattr(ledger.target, "namespace", "") or namespace
        for where in filter(None, (home, ledger.restored)):
            yield Right(verb="get", group="", resource="secrets", namespace=where,
                        name=password.secret)  # fmt: skip
    if isinstance(ledger.target, HttpTarget | RedisTarget | PostgresTarget):
        for where in filter(None, (ledger.target.namespace or namespace, ledger.restored)):
            yield from trust.rights(ledger.target, where)


def _touches(ledger: Ledger, namespace: str) -> Reach:
    """The probe writes to the store and may run commands to read the copy, so both namespaces need
    consent."""
    target = ledger.target
    spaces = [each for each in _namespaces(ledger, namespace) if each]
    place = urlsplit(getattr(target, "endpoint", ""))
    host = str(getattr(target, "host", "") or place.hostname or "")
    port = getattr(target, "port", 0) or port_of(place)
    service = str(getattr(target, "service", ""))
    behind = [of_service(service, each) for each in spaces] if service else map(within, spaces)
    return union([*behind, written_to(host, namespace, port)])


def run(step: Step, context: ProbeContext) -> RunningProbe:
    """Begin to write."""
    from resilience.cluster.reach import outside
    from resilience.ledger import values
    from resilience.ledger.drivers.session import Unusable
    from resilience.ledger.reading import Patience
    from resilience.ledger.running import LedgerProbe, Order
    from resilience.verbs.context import NotMet

    ledger: Ledger = step.parameters
    target = ledger.target
    assert target is not None, "checked"
    home = getattr(target, "namespace", "") or context.namespace
    start = values.prefix(str(context.run), step.name or step.verb.name)
    order = Order(
        prefix=start, home=home, rate=float(ledger.rate.per_second), size=ledger.value.bytes,
        timeout=ledger.timeout.seconds, allow=ledger.allow, title=_describe(ledger),
        sampled=float(ledger.read_back.exact) if ledger.read_back else 0.0,
        patience=Patience(timeout=ledger.final_read.timeout.seconds,
                          settle=ledger.final_read.settle.seconds),
        each=isinstance(target, HttpTarget | ExecTarget) and not target.list,
        outside=outside(context.cluster, getattr(target, "service", "")),
        copy=_copy(ledger, target, context, start), copied=ledger.restored,
    )  # fmt: skip
    try:
        open_ = _open(ledger, target, context, home, start)
        open_().close()
    except Unusable as error:
        raise NotMet(f"{_describe(ledger)}: {error}", final=True) from error
    if targets.cleans(target):
        context.will_undo(
            {"target": targets.to_json(target), "prefix": start, "namespace": home,
             "timeout": max(5.0, order.timeout), "directory": str(context.directory)},
            f"delete the writes that begin with {start} from {targets.where(target)}",
        )  # fmt: skip
    return LedgerProbe(step, context, order, open_, context.evidence)


def _open(ledger: Ledger, target: Target, context: Any, namespace: str, start: str) -> Open:
    from resilience.ledger.opening import opening

    return opening(target, context, context.address, namespace=namespace, start=start,
                   timeout=ledger.timeout.seconds, directory=context.directory)  # fmt: skip


def _copy(ledger: Ledger, target: Target, context: Any, start: str) -> Open | None:
    """Sessions on the copy, whose Secrets exist only after the restore."""
    if not ledger.restored:
        return None
    return lambda: _open(ledger, target, context, ledger.restored, start)()


def _undo(data: Any, context: Any) -> None:
    from resilience.ledger.clearing import clear

    clear(data, context)


VERB = Verb(
    name="ledger",
    family=Family.PROBE,
    summary="Write all the time, and prove after healing that no acknowledged write is lost.",
    parameters=Ledger,
    phases=frozenset({Phase.WHILE}),
    never={"agents": "one journal puts all writes in order, and it is beside the test"},
    run=run,
    describe=_describe,
    check=lambda ledger: list(_check(ledger)),
    rights=_rights,
    touches=_touches,
    measures=False,
    undo=_undo,
    undo_text="The run's writes are deleted, where the store has a way to delete them.",
    example=(
        "- ledger:\n"
        "    http: {service: orders, put: '/kv/{key}', list: '/kv?prefix={prefix}',\n"
        "           delete: '/kv/{key}'}\n"
        "    rate: 50/s\n"
        "  name: orders\n"
    ),
)
