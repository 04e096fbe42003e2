"""Values that a scenario gets from pytest."""
