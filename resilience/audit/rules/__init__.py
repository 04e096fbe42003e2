"""One folder for each topic, one file for each rule: a module level `RULE`."""
