"""Many reports seen together: trends, first failures, change points, flaky scenarios.

`reading` takes reports from a folder or a store, `trends` judges them and knows no clock and no
file, `page`, `badge` and `openmetrics` show what was found. A run is what `report.json` says of it;
nothing is measured here.
"""
