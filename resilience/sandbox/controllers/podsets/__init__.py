"""What controllers of Pods share: claiming, creating, templates, revisions."""
