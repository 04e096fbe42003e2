"""The images of the sandbox: names that map to small Python programs.

Standard library only: they run inside forks of the zygote. A program's behaviour, flags and answers
are those of the real image, as far as it goes; unsupported features are refused by name.
"""
