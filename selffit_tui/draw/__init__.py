"""Characters, styles, spans of text, curves and pictures. Knows nothing of runs."""
