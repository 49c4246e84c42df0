"""A run without a screen: plain lines, tables."""
