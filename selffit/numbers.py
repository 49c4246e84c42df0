"""Numbers as people read them, the one formatter of screens, plain lines, reports and alerts.

A number that is missing is "-". Accuracies have two decimals, steps have their thousands apart (by
a blank that no line is broken at), budgets are written as fractions of 255 where they are such.
What machines read (JSON, the log) has the raw numbers instead.
"""

import math

UNKNOWN = "-"
THOUSANDS = "\u00a0"  # a no-break space; what draws or prints makes a blank of it


def known(value: float) -> bool:
    """Whether there is a number to show."""
    return not math.isnan(value)


def decimals(value: float, digits: int = 2) -> str:
    """A number always with the same number of decimals: an epoch, a z score."""
    if math.isfinite(value):
        return f"{value:.{digits}f}"
    return UNKNOWN if math.isnan(value) else f"{value:g}"


def share(value: float, digits: int = 2) -> str:
    """An accuracy, a cosine or a fraction, without the zero before the point: .31, 1.00, -.12."""
    return narrow(decimals(value, digits))


def signed(value: float, digits: int = 2) -> str:
    """A change of such a one with its sign: +.12."""
    return narrow(f"{value:+.{digits}f}") if math.isfinite(value) else UNKNOWN


def narrow(number: str) -> str:
    """A number below 1 without the zero before the point."""
    return number.replace("0.", ".", 1) if number.lstrip("+-").startswith("0.") else number


def small(value: float) -> str:
    """A number of unknown size in few characters: three significant digits."""
    if not math.isfinite(value):
        return UNKNOWN if math.isnan(value) else f"{value:g}"
    if value == 0 or 0.001 <= abs(value) < 1000:
        shown = f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"
        return f"{int(value)}" if value == int(value) else shown
    if abs(value) < 1e7 and value == int(value):
        return count(int(value))
    return f"{value:.1e}"


def count(value: int) -> str:
    """A whole number with its thousands apart: 2 410."""
    return f"{value:,}".replace(",", THOUSANDS)


def plural(number: int, thing: str) -> str:
    """So many of a thing: 1 step, 2 410 steps."""
    return f"{count(number)} {thing}{'' if number == 1 else 's'}"


def budget(value: float) -> str:
    """A budget or a step size in pixels of [0, 1]: 8/255 where it is that, else as in .160."""
    if not math.isfinite(value):
        return UNKNOWN
    levels = value * 255
    if levels and math.isfinite(levels) and abs(levels - round(levels)) < 1e-3:
        return f"{round(levels)}/255"
    digits = 2 - math.floor(math.log10(abs(value))) if value else 0
    return narrow(f"{value:.{max(0, digits)}f}") if digits < 9 else f"{value:.1e}"


def rate(value: float) -> str:
    """A learning rate: four decimals, or a power of ten where they would show nothing."""
    if not math.isfinite(value):
        return UNKNOWN
    if value == 0:
        return "0"
    return narrow(f"{value:.4f}") if value >= 1e-3 else f"{value:.1e}"


def pace(value: float) -> str:
    """Images a second, whole: '4 216'."""
    return count(round(value)) if math.isfinite(value) else UNKNOWN


def percent(value: float) -> str:
    """A part of a whole, in hundredths: 42 %."""
    return f"{value * 100:.0f} %" if math.isfinite(value) else UNKNOWN


def p_value(value: float) -> str:
    """A probability of chance: never a false zero."""
    if math.isnan(value):
        return UNKNOWN
    if value < 1e-9:
        return "p < 1e-9"
    return f"p {value:.1e}" if value < 0.001 else f"p {value:.3f}"


def duration(seconds: float) -> str:
    """0:14, 12:05, 1:02:05, 3 d 4 h: for an ETA and for the time since the start."""
    if not math.isfinite(seconds):
        return UNKNOWN
    whole = max(0, int(seconds))
    if whole >= 48 * 3600:
        return f"{whole // 86400} d {whole % 86400 // 3600} h"
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def age(seconds: float) -> str:
    """How long ago, in whole units that tick no faster than once a second."""
    if not math.isfinite(seconds):
        return UNKNOWN
    whole = max(0, int(seconds))
    if whole < 100:
        return f"{whole} s"
    if whole < 100 * 60:
        return f"{whole // 60} min"
    return f"{whole // 3600} h" if whole < 48 * 3600 else f"{whole // 86400} d"


def size(value: float) -> str:
    """Bytes in binary units: 1.2 MiB."""
    if not math.isfinite(value):
        return UNKNOWN
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(value) < 1000:
            return f"{value:.0f} {unit}" if unit == "B" or value >= 100 else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} TiB"


def in_unit(value: float, unit: str) -> str:
    """A measure in the unit that `selffit.vocabulary` gives it; as it is in one not known."""
    if unit == "nats" and abs(value) >= 1e4:  # of a training that comes apart
        return small(value)
    if unit in ("share", "cosine", "ratio", "nats"):
        return share(value)
    if unit == "pixels":
        return budget(value)
    if unit == "rate":
        return rate(value)
    if unit == "signed":
        return signed(value)
    if unit in ("z", "channels"):
        return decimals(value, 1)
    if unit == "probability":
        return p_value(value).removeprefix("p ")
    return small(value)
