"""What a request specifies: options, field selectors, the form of the answer."""
