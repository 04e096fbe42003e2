"""What a request asks for: options, field selectors, the form of the answer."""
