"""What a container receives before it starts: environment, volumes, references, image."""
