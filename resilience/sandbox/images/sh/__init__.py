"""The shell of the images: syntax, words, commands, builtins."""
