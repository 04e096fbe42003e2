"""One folder per topic, one file per rule; each file defines a module-level `RULE`."""
