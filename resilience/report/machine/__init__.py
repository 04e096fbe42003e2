"""Reports for programs: metrics, JUnit properties, the schema of `report.json`."""
