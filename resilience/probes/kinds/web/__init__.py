"""Further checks of the `http` probe, and the probes `grpc` and `journey`."""
