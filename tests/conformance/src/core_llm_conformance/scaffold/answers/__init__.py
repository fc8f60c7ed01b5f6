"""The answers that a new plugin's documented cassettes are composed of: what is said, and how each wire puts it."""
