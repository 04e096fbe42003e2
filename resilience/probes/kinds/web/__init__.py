"""What the `http` probe looks at beside status and text: JSON, certificates, credentials."""
