"""The parts of the page: numbers with sparklines, charts on a common clock, matrices. Functions
turn data into SVG.

Each function takes the document (`resilience.report.shape`) and returns text in which all foreign
content is escaped. Colours are CSS classes, so that the page decides on light and dark.
"""
