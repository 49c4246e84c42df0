"""The terminal side of selffit: the `selffit` command and its screens. Never imports torch."""
