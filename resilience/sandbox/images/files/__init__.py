"""Programs about files: what is where, its state, times and sizes; how two of them differ."""
