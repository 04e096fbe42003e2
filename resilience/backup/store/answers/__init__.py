"""What must hold for every answer of a store: it ends in time, and a list is a whole one."""
