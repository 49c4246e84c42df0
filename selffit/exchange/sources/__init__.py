"""Readers of other people's formats, one file a format; what a file is, is found out by looking."""

from selffit.exchange.sources.find import Offer, read_sources

__all__ = ["Offer", "read_sources"]
