"""The images of the sandbox: names that lead to small Python programs.

Standard library only: they run inside forks of the zygote. What a program does, its flags and its
answers are those of the real image, as far as it goes; what it cannot do it refuses by name.
"""
