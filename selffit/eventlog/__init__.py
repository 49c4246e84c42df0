"""The event log: kinds of events, their writer and reader, and the gate for what is read."""
