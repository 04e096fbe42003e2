"""Reports for machines: metrics, JUnit properties, the schema of `report.json`."""
