"""A bar of phases: as long as its time, and the objective where it stands."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from resilience.report.document import run
from resilience.report.page.phases import WIDTH, phased, phases
from tests.report.made import drill, record


def test_phases_stand_after_each_other_and_fill_their_share() -> None:
    [finding] = phased(run(drill(41.5)))
    text = phases(finding)
    ElementTree.fromstring(text)
    left = [float(each) for each in re.findall(r'class="phase p\d" x="([\d.]+)"', text)]
    assert left == sorted(left)
    assert left[3] == round((0.4 + 1.6 + 37.0) / 60 * WIDTH, 1)
    assert 'x1="959.0"' in text


def test_a_limit_that_was_missed_lies_within_the_bar() -> None:
    [finding] = phased(run(drill(120.0)))
    assert f'x1="{60 / 120 * WIDTH - 1:.1f}"' in phases(finding)


def test_a_finding_without_phases_has_no_bar() -> None:
    assert phased(run(record())) == []
