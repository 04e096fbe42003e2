"""What the page shows: numbers with sparklines, charts on one clock, matrices. Data in, SVG out.

Each function takes the document (`resilience.report.shape`) and returns text in which everything
foreign is escaped. Colours are CSS classes, so that the page decides on light and dark.
"""
