"""Rules for objects on their way back: identity, what is left out, changed, ordered, mapped."""
