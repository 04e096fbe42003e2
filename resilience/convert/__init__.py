"""Files of other tools as scenarios: keys with a counterpart are translated, the others are listed.

`detect` finds out whose file it is; there is one module for each tool. Each reads its file through
`Keys`, which remembers the keys that were not read: nothing is dropped silently. Pure: texts in,
texts out.
"""
