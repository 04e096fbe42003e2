"""Files of other tools as scenarios: what has a counterpart is translated, the rest is named.

`detect` finds out whose file it is; there is one module for each tool. Each reads its file through
`Keys`, which remembers what nobody read: nothing is dropped without a word. Pure: texts in, texts
out.
"""
