"""Pods as lanes, Events as marks, budgets as areas: nothing that was seen is left out or moved."""

from __future__ import annotations

import re
from dataclasses import replace
from xml.etree import ElementTree

from resilience.model.timeline import Entry, What
from resilience.report.document import run
from resilience.report.page.lanes import MOST_LANES, cluster, headroom, pods
from resilience.report.page.scale import clock
from tests.report.made import WALL, ZERO, record

MADE = run(record())


def test_a_lane_runs_from_first_sight_to_the_end_of_its_pod() -> None:
    lanes = {lane.name: lane for lane in pods(MADE)}
    gone = lanes["checkout-0"]
    assert gone.states == [(0.3, "ready"), (4.51, "terminating")]
    assert gone.until == 4.9
    assert [state for _, state in lanes["checkout-3"].states] == [
        "pending", "running, not ready", "ready",
    ]  # fmt: skip
    assert lanes["checkout-3"].until is None


def test_the_headroom_lane_shows_healthy_pods_above_the_budget() -> None:
    assert headroom(MADE) == {"checkout": [(0.2, 1), (4.6, 0), (6.4, 1), (8.1, 0), (12.5, 1)]}


def test_the_drawing_is_well_formed_and_on_the_clock_of_the_probe() -> None:
    drawn = ElementTree.fromstring(cluster(MADE))
    scale = clock(MADE)
    assert (drawn.get("data-since"), drawn.get("data-until")) == (
        f"{scale.since:g}", f"{scale.until:g}",
    )  # fmt: skip
    left = [
        float(each) for each in re.findall(r'class="state leaving" x="([\d.]+)"', cluster(MADE))
    ]
    assert left == [scale.x(4.51)]


def test_events_of_one_place_are_one_mark_and_a_warning_shows() -> None:
    text = cluster(MADE)
    assert text.count('class="event"') == 1
    assert text.count('class="event warning"') == 1
    near = [Entry(monotonic=ZERO + 9 + index / 1000, wall=WALL, what=What.EVENT, text=f"e{index}")
            for index in range(50)]  # fmt: skip
    crowded = cluster(run(replace(record(), timeline=near)))
    assert crowded.count('class="event"') == 1
    assert "and 42 more" in crowded


def test_of_many_pods_the_first_are_drawn_and_the_number_is_named() -> None:
    many = [pod(ZERO + 1, n) for n in range(300)]
    text = cluster(run(replace(record(), timeline=many)))
    assert f"Pods ({MOST_LANES} of 300)" in text
    assert text.count('class="state ready"') == MOST_LANES


def test_of_many_pods_those_that_changed_are_drawn() -> None:
    entries = [pod(ZERO + 1, n) for n in range(300)]
    entries += [pod(ZERO + 2, 250, gone=True), pod(ZERO + 3, 299, state="terminating")]
    text = cluster(run(replace(record(), timeline=entries)))
    assert text.index(">p0<") < text.index(">p250<") < text.index(">p299<")
    assert ">p22<" not in text


def test_helpers_of_the_run_are_drawn_apart_from_the_workload() -> None:
    entries = [pod(ZERO + 1, 0, ours=True), pod(ZERO + 1, 1)]
    text = cluster(run(replace(record(), timeline=entries)))
    places = [text.index(each) for each in (">Pods<", ">p1<", ">Pods of this run<", ">p0<")]
    assert places == sorted(places)
    assert "Pods of this run" not in cluster(MADE)


def pod(at: float, number: int, state: str = "ready", **more: bool) -> Entry:
    facts = {"kind": "Pod", "uid": str(number), "name": f"p{number}", "state": state, **more}
    return Entry(monotonic=at, wall=WALL, what=What.WATCH, text="", facts=facts)


def test_a_run_that_saw_nothing_has_no_drawing() -> None:
    assert cluster(run(replace(record(), timeline=[]))) == ""


def test_a_state_that_is_not_known_is_drawn_as_waiting() -> None:
    odd = Entry(monotonic=ZERO + 1, wall=WALL, what=What.WATCH, text="",
                facts={"kind": "Pod", "uid": "u", "name": "p", "state": "unknown"})  # fmt: skip
    assert 'class="state waiting"' in cluster(run(replace(record(), timeline=[odd])))
