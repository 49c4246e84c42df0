"""Acting on a run: what can be done, the dialog, the command on its way, and its fate."""
