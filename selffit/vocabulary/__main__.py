"""Prints the glossary: `python -m selffit.vocabulary > docs/glossary.md`."""

from selffit.vocabulary.glossary import glossary

print(glossary(), end="")
