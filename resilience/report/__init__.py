"""Reports: a finished run in forms for people and programs.

    report.json   everything, versioned (`shape`, `schema`)      report.html   the same, to look at
    summary.md    for a job's summary page                        JUnit properties, terminal lines
    metrics       for Prometheus' textfile collector

All forms are made from one document. Records never contain data of Secrets, so neither do reports.
"""

from __future__ import annotations

from resilience.report.cause import cause
from resilience.report.files import Paths, rendered, write, write_metrics
from resilience.report.machine.properties import properties
from resilience.report.table import summary

__all__ = ["Paths", "cause", "properties", "rendered", "summary", "write", "write_metrics"]
