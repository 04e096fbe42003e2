"""The forms of a report: text for people, JSON, SARIF and JUnit for programs."""
