"""The four patch types, as pure functions over plain JSON."""
