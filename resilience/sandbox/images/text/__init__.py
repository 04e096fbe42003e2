"""Programs that read and print text."""
