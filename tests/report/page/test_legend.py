"""The legend names exactly the marks that are drawn."""

from __future__ import annotations

import re
from dataclasses import replace

from resilience.model.timeline import What
from resilience.report.document import document, run
from resilience.report.html import html
from resilience.report.page.chart import chart
from resilience.report.page.lanes import STATES, cluster
from resilience.report.page.legend import KEYS, legend
from resilience.report.shape import RunJson
from tests.report.made import record


def drawn(made: RunJson) -> str:
    return "".join(chart(probe, made) for probe in made["probes"]) + cluster(made)


def texts(made: RunJson) -> list[str]:
    return [key.text for key in legend(drawn(made))]


def test_a_run_without_objectives_and_victims_has_no_keys_for_them() -> None:
    made = run(record())
    assert {"a victim", "the objective"} <= set(texts(made))
    calm = [entry for entry in record().timeline if entry.what is not What.VICTIM]
    plain = run(replace(record(), findings=[], timeline=calm))
    assert not {"a victim", "the objective", "an outage"} & set(texts(plain))


def test_every_state_of_a_lane_has_a_key() -> None:
    assert {f'class="state {each}"' for each in STATES.values()} <= {key.drawn for key in KEYS}


def test_the_page_has_one_key_for_each_kind_of_mark() -> None:
    page = html(document([record()], 0.0))
    keys = re.findall(r'<li class="soft">.*?</li>', page)
    assert sum("a victim" in key for key in keys) == 1
    assert not [key for key in keys if "succeeded" in key]
