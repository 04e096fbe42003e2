"""Rules for objects to be restored: identity, what is left out, changed, ordered, mapped."""
