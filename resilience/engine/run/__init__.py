"""One run of a scenario, from `given` to the verdict, and its dry run and replay."""
