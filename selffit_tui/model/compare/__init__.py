"""Runs and branches side by side: what is compared, on which axis, and what may not be; pure."""
