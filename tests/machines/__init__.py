"""Drivers of machines, each against its own API or a stand-in of its program."""
