"""Forms of the report for machines."""
