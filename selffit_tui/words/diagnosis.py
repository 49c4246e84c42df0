"""When the signs of a cause came, in words."""

from selffit.numbers import plural


def lead_words(lead: int | None) -> str:
    """Return whether the self-fitting index moved before or after the onset; `lead` in steps."""
    if lead is None:
        return "the index has not moved"
    if lead == 0:
        return "index moved with the onset"
    return f"index moved {plural(abs(lead), 'step')} {'before' if lead > 0 else 'after'} the onset"
