"""Measurements on held-out images that a training step does not need.

A probe leaves the network as it found it. Each has a file of its own, in which a function takes a
`selffit.probes.subject.Subject` and returns the event that the log gets.
"""
