"""The event log: records, framing, writer, reader, run directories, liveness, and the state reduced
from them.
"""
