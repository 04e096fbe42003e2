"""Every object of the sandbox in memory, with its history. A leaf."""
