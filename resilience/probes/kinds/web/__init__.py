"""What the `http` probe looks at beside status and text, and the probe `grpc`."""
