"""What a text is compared with: expressions of POSIX, and patterns of the shell."""
