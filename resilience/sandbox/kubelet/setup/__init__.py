"""What a container is given before it starts: environment, volumes, references, image."""
