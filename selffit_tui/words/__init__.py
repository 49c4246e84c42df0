"""Events, commands and diagnoses in words."""
