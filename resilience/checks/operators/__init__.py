"""What `ready` requires of an operator whose custom resource this run created or changed."""
