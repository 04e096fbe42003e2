"""The cluster during the run, on the clock of its probes: Pods as lanes, Events as marks, headroom.

A lane is one Pod from when it was first seen to its end, coloured by its state. Probers and other
helpers of the run have a panel of their own below those of the workload. A mark is one
Event, or several that are close together. The area shows how many disruptions a budget allows: at
zero, a drain waits.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from html import escape

from resilience.model.words import many
from resilience.report.page.acts import STRIP, bands, numbers
from resilience.report.page.scale import LEFT, RIGHT, WIDTH, Scale, axis, caption, clock, head
from resilience.report.shape import EntryJson, RunJson

MOST_LANES = 24
LANE, BAR = 24, 9
MARKS = 26
NEAR = 7.0
"""Pixels: Events that are closer than this share one mark."""
MOST_TOLD = 8
HEADROOM, GAP, AXIS = 44, 26, 26

STATES = {
    "ready": "ready",
    "running, not ready": "unready",
    "pending": "waiting",
    "terminating": "leaving",
    "terminating, not ready": "leaving",
    "succeeded": "ended",
    "failed": "broken",
}
"""A Pod's state in the timeline to the class of its lane."""


@dataclass(slots=True)
class Lane:
    """One Pod: (since, state) in order; `until` is None if the Pod existed at the end."""

    name: str
    node: str
    ours: bool = False
    states: list[tuple[float, str]] = field(default_factory=list)
    until: float | None = None


def cluster(run: RunJson) -> str:
    """The whole `<svg>`; "" if nothing of the cluster was recorded."""
    lanes, events, budgets = pods(run), _of(run, "event"), headroom(run)
    scale = clock(run)
    shown = [each for each in lanes if _overlaps(each, scale)]
    seen = [each for each in events if scale.since <= each["at"] <= scale.until]
    if not shown and not seen and not budgets:
        return ""
    y, parts = 0.0, list[str]()
    for height, drawn in _panels(shown, seen, budgets, scale):
        parts.append(f'<g transform="translate(0 {y:g})">')
        parts += drawn
        parts.append("</g>")
        y += height
    bottom = round(y)
    label = "Pods, Events and budgets over time"
    return "\n".join(
        [head(scale, bottom + STRIP + AXIS, label), *bands(run, scale, 0, bottom), *parts,
         *numbers(run, scale, bottom), *axis(scale, bottom + STRIP), "</svg>"]
    )  # fmt: skip


def pods(run: RunJson) -> list[Lane]:
    """The lanes in the order in which they first appear."""
    found: dict[str, Lane] = {}
    for entry in _of(run, "watch"):
        facts = entry["facts"]
        if facts.get("kind") != "Pod" or not facts.get("uid"):
            continue
        lane = found.setdefault(str(facts["uid"]), Lane(str(facts.get("name", "")), ""))
        lane.node = str(facts.get("node") or lane.node)
        lane.ours = lane.ours or bool(facts.get("ours"))
        if facts.get("gone"):
            lane.until = entry["at"]
        else:
            lane.states.append((entry["at"], str(facts.get("state", ""))))
    return [lane for lane in found.values() if lane.states]


def headroom(run: RunJson) -> dict[str, list[tuple[float, int | None]]]:
    """For each budget, how many disruptions it allows from which time on; None means that the
    budget is gone."""
    found: dict[str, list[tuple[float, int | None]]] = {}
    for entry in _of(run, "watch"):
        facts = entry["facts"]
        if facts.get("kind") == "PodDisruptionBudget":
            allowed = facts.get("allowed")
            name = str(facts.get("name", ""))
            found.setdefault(name, []).append((entry["at"], allowed))
    return found


def _of(run: RunJson, what: str) -> list[EntryJson]:
    return [entry for entry in run["timeline"] if entry["what"] == what]


def _overlaps(lane: Lane, scale: Scale) -> bool:
    return lane.states[0][0] <= scale.until and (lane.until is None or lane.until >= scale.since)


def _panels(
    lanes: Sequence[Lane],
    events: Sequence[EntryJson],
    budgets: dict[str, list[tuple[float, int | None]]],
    scale: Scale,
) -> Iterator[tuple[float, list[str]]]:
    """Height and drawing of each lane, from top to bottom."""
    if events:
        yield MARKS + 16.0, [caption(11, "Events"), *_marks(events, scale)]
    theirs = [lane for lane in lanes if not lane.ours]
    ours = [lane for lane in lanes if lane.ours]
    for title, some in (("Pods", theirs), ("Pods of this run", ours)):
        if some:
            yield 30.0 + LANE * min(len(some), MOST_LANES), _pods(title, some, scale)
    for name, steps in sorted(budgets.items()):
        yield HEADROOM + GAP, list(_headroom(name, steps, scale))


def _pods(title: str, lanes: Sequence[Lane], scale: Scale) -> list[str]:
    """At most `MOST_LANES`, those that changed before those that did not."""
    shown = lanes
    if len(lanes) > MOST_LANES:
        chosen = sorted(range(len(lanes)), key=lambda at: (not _changed(lanes[at]), at))
        shown = [lanes[at] for at in sorted(chosen[:MOST_LANES])]
        title = f"{title} ({MOST_LANES} of {len(lanes)})"
    drawn = [part for row, lane in enumerate(shown) for part in _lane(lane, row, scale)]
    return [caption(11, title), *drawn]


def _changed(lane: Lane) -> bool:
    return lane.until is not None or len({state for _, state in lane.states}) > 1


def _lane(lane: Lane, row: int, scale: Scale) -> Iterator[str]:
    top = 18 + row * LANE
    where = f" · {lane.node}" if lane.node else ""
    ends = [at for at, _ in lane.states[1:]]
    ends.append(scale.until if lane.until is None else lane.until)
    begin = scale.x(lane.states[0][0])
    anchor, x = ("end", WIDTH - RIGHT) if begin > WIDTH * 0.7 else ("start", begin)
    yield (f'<text class="pod {anchor}" x="{x}" y="{top + 10}">{escape(lane.name)}'
           f"{escape(where)}</text>")  # fmt: skip
    for (since, state), until in zip(lane.states, ends, strict=True):
        left, right, kind = scale.x(since), scale.x(until), STATES.get(state, "waiting")
        if until >= scale.since and since <= scale.until:
            yield (
                f'<rect class="state {kind}" x="{left}" y="{top + 13}" '
                f'width="{max(1.0, right - left):.1f}" height="{BAR}" rx="2"><title>'
                f"{escape(lane.name)}: {state} from {since:+.2f}s to {until:+.2f}s</title></rect>"
            )


def _marks(events: Sequence[EntryJson], scale: Scale) -> Iterator[str]:
    """One diamond for Events that are close together, red if one of them is a warning."""
    groups: list[list[EntryJson]] = []
    for entry in events:
        x = scale.x(entry["at"])
        if groups and x - scale.x(groups[-1][0]["at"]) < NEAR:
            groups[-1].append(entry)
        else:
            groups.append([entry])
    for group in groups:
        x, y = scale.x(group[0]["at"]), 25
        bad = any(entry["facts"].get("type") == "Warning" for entry in group)
        told = [f"{each['at']:+.2f}s {each['text']}" for each in group[:MOST_TOLD]]
        if len(group) > MOST_TOLD:
            told.append(f"and {len(group) - MOST_TOLD} more")
        text = escape("\n".join(told), quote=True)
        yield (
            f'<g class="event{" warning" if bad else ""}" data-at="{group[0]["at"]:g}" '
            f'data-text="{text}"><title>{text}</title>'
            f'<path d="M{x} {y - 6}l5 6l-5 6l-5 -6z"/></g>'
        )


def _headroom(name: str, steps: Sequence[tuple[float, int | None]], scale: Scale) -> Iterator[str]:
    top, floor = 18, 18 + HEADROOM
    most = max((allowed or 0 for _, allowed in steps), default=0) or 1
    yield caption(11, f"Headroom of budget {escape(name)}: allowed disruptions")
    yield f'<text class="mark" x="{LEFT - 6}" y="{top + 8}">{most}</text>'
    yield f'<text class="mark" x="{LEFT - 6}" y="{floor}">0</text>'
    yield f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{floor}" y2="{floor}"/>'
    ends = [at for at, _ in steps[1:]] + [scale.until]
    for (since, allowed), until in zip(steps, ends, strict=True):
        if allowed is None or until < scale.since or since > scale.until:
            continue
        left, width = scale.x(since), max(1.0, scale.x(until) - scale.x(since))
        height = HEADROOM * allowed / most
        says = f"{many(allowed, 'disruption')} allowed from {since:+.2f}s to {until:+.2f}s"
        if allowed:
            yield (f'<rect class="room" x="{left}" y="{floor - height:.1f}" width="{width:.1f}" '
                   f'height="{height:.1f}"><title>{says}</title></rect>')  # fmt: skip
        else:
            yield (f'<rect class="none" x="{left}" y="{floor - 3}" width="{width:.1f}" '
                   f'height="3"><title>{says}</title></rect>')  # fmt: skip
