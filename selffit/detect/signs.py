"""The signs of self-fitting: what each probe would show, its control, and how sure it is.

Every definition here is ours. `values` are those of a `probe.self` record (shares in [0,1] of n
images), `dose` its dose curve; the sign of the channels comes from a `probe.causal` record of the
same network or of one shortly before. A sign has an effect in [0,1], a control (what the effect is
measured against) and a standard error; it belongs to a family, because two signs that look at the
same thing are one witness:

  image      what the network's own perturbation does to its own image
    gap        own - other: its accuracy above that under the perturbation of a healthy reference
               network. Control: `other`. Two-proportion test.
    abnormal   share of images whose loss the attack lowers. Control: what healthy networks reach.
    dip        depth of the dip of the dose curve: the least accuracy at a small dose (up to half
               the perturbation) below both ends, the image alone and the best larger dose up to
               the whole one. Control: the lower of the two ends. "Sufficient self-information"
               predicts it; a healthy curve only falls.
  transplant what the perturbation does elsewhere
    carrier    carrier_grey: perturbations on plain grey that are read as their own label. Control:
               guessing, or the perturbations of the reference network (control_grey), the higher.
    conflict   a perturbation made for another image, put on this one: the share that follows it,
               above the control, of all that follow either. Control: how often wrong answers name
               that label by chance, or with the reference's perturbation, the higher.
  swap       images that become the label y' which the attack was told to leave. Control: guessing,
             or the same with the reference's perturbation, the higher.
  channels   causal: FGSM accuracy lost when the channels that answer most to the perturbation are
               zeroed, less what random channels take. Control: FGSM accuracy without the random
               ones. The strongest group of any stage and size counts, with a Bonferroni correction
               for how many there were.

On the embedded sets carriers and conflicts are strong; on CIFAR-10 at full width the self gap, the
abnormal share, the dip and the channels are, and transplanted perturbations stay near chance. So no
sign is required, and none is enough.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import NamedTuple

from selffit.detect.statistics import chance_z, fall_z, proportion_sd, upper_tail
from selffit.eventlog import kinds

FAMILIES = {
    "gap": "image",
    "abnormal": "image",
    "dip": "image",
    "carrier": "transplant",
    "conflict": "transplant",
    "swap": "swap",
    "channels": "channels",
}
SMALL_DOSE = 0.5  # of the perturbation: a dip lies below it


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    """Every number of the verdict.

    Those with a sign's name are effects, in [0,1], from which it is clear.
    """

    gap: float = 0.10
    abnormal: float = 0.12
    dip: float = 0.10
    carrier: float = 0.10
    conflict: float = 0.15
    swap: float = 0.15
    channels: float = 0.10
    absent: float = 0.5  # of these: up to here an effect may be absent
    z_clear: float = 3.0  # standard errors above the control
    z_absent: float = 2.0  # standard errors below the effect that would be clear
    usual: float = 0.10  # abnormal share that healthy networks reach, too
    z_coin: float = 1.64  # standard errors above one half: no step of a meaningless direction

    def level(self, name: str) -> float:
        """The effect from which the sign of that name is clear."""
        return float(getattr(self, name))


DEFAULT = Thresholds()


class Sign(NamedTuple):
    """One sign: its effect, and two z scores: above the control, and above a clear effect.

    effect: in [0,1]. control: the share that it was measured against. n: images. sd: standard
    error of the effect. note: which channels, for `channels`.
    """

    effect: float
    z: float
    z_to_clear: float
    control: float
    n: int
    sd: float
    note: str = ""


def measure(
    values: Mapping[str, float],
    chance: float,
    n: int,
    *,
    dose: kinds.Dose | None = None,
    channels: Sign | None = None,
    thresholds: Thresholds = DEFAULT,
) -> dict[str, Sign]:
    """The signs that were measured, by name, in the order of `FAMILIES`.

    channels: as `of_channels` has it. chance: 1 / classes. A missing or non-finite value was not
    measured; nothing was with n = 0.
    """
    found = _of_values(values, chance, n, thresholds) if n > 0 else {}
    if n > 0 and dose is not None and (dip := _dip(dose, n, thresholds)) is not None:
        found["dip"] = dip
    if channels is not None:
        found["channels"] = channels
    return {name: found[name] for name in FAMILIES if name in found}


def effects(
    values: Mapping[str, float], chance: float, *, dose: kinds.Dose | None = None
) -> dict[str, float]:
    """The effects alone, each in [0,1]; only those that were measured."""
    return {name: sign.effect for name, sign in measure(values, chance, 1, dose=dose).items()}


def _of_values(
    values: Mapping[str, float], chance: float, n: int, t: Thresholds
) -> dict[str, Sign]:
    found: dict[str, Sign] = {}
    if _measured(values, "own", "other"):
        own, other = values["own"], values["other"]
        sd = _difference_sd(own, other, n)
        effect = _unit(own - other)
        found["gap"] = Sign(
            effect, fall_z(own, n, other, n), _above(own - other, t.gap, sd), other, n, sd
        )
    if _measured(values, "abnormal"):
        share = values["abnormal"]
        found["abnormal"] = Sign(
            share,
            chance_z(share, t.usual, n),
            chance_z(share, t.abnormal, n),
            t.usual,
            n,
            proportion_sd(share, n),
        )
    if _measured(values, "carrier_grey"):
        control = values.get("control_grey", math.nan)
        found["carrier"] = _above_control(values["carrier_grey"], chance, control, n, t.carrier)
    if _measured(values, "conflict_self", "conflict_data"):
        found["conflict"] = _conflict(values, chance, n, t)
    if _measured(values, "swap"):
        control = values.get("control_swap", math.nan)
        found["swap"] = _above_control(values["swap"], chance, control, n, t.swap)
    return found


def _above_control(share: float, chance: float, control: float, n: int, level: float) -> Sign:
    """A share against guessing, or against its control where that is higher (NaN: none)."""
    beaten = control > chance  # False for NaN
    usual = control if beaten else chance
    z = fall_z(share, n, control, n) if beaten else chance_z(share, chance, n)
    to_clear = chance_z(share, _raised(usual, level), n)
    sd = proportion_sd(share, n) / (1.0 - usual) if usual < 1.0 else math.nan
    return Sign(_part(share, usual), z, to_clear, usual, n, sd)


def _conflict(values: Mapping[str, float], chance: float, n: int, t: Thresholds) -> Sign:
    mine, data = values["conflict_self"], values["conflict_data"]
    # A wrong answer that ignores the perturbation names its label no more often than any other
    # wrong label.
    usual = (1.0 - data) * chance / (1.0 - chance) if chance < 1.0 else 1.0
    z = chance_z(mine, usual, n) if 0.0 < usual < 1.0 else 0.0
    control = values.get("control_conflict", math.nan)
    if control > usual:
        usual, z = control, fall_z(mine, n, control, n)
    both = mine + data
    effect = _unit((mine - usual) / both) if both > 0.0 else 0.0
    told = round(both * n)  # images that followed either of the two
    to_clear = chance_z(effect, t.conflict, told) if told else 0.0
    sd = proportion_sd(mine, n) / both if both > 0.0 else math.nan
    return Sign(effect, z, to_clear, usual, n, sd)


def _dip(dose: kinds.Dose, n: int, t: Thresholds) -> Sign | None:
    """The deepest dip of a dose curve; None where the curve does not say."""
    points = [
        (k, acc)
        for k, acc in zip(dose.k, dose.acc, strict=False)
        if math.isfinite(k) and math.isfinite(acc) and 0.0 <= k <= 1.0
    ]
    if len(points) < 3 or points[0][0] != 0.0:
        return None
    image = points[0][1]
    deepest = None
    for i, (k, low) in enumerate(points[1:-1], 1):
        if k > SMALL_DOSE:
            break
        end = min(image, max(acc for _, acc in points[i + 1 :]))
        if deepest is None or end - low > deepest[0] - deepest[1]:
            deepest = end, low
    if deepest is None:
        return None
    end, low = deepest
    sd = _difference_sd(end, low, n)
    return Sign(_unit(end - low), fall_z(end, n, low, n), _above(end - low, t.dip, sd), end, n, sd)


def of_channels(causal: kinds.CausalProbe, t: Thresholds = DEFAULT) -> Sign | None:
    """The stage and size of a group whose loss beats that of random channels most surely.

    None where the check has no such groups.
    """
    random = {(row.stage, row.share): row for row in causal.rows if row.group == "random"}
    n = causal.n
    pairs = [
        (row, other)
        for row in causal.rows
        if row.group == "self" and (other := random.get((row.stage, row.share))) is not None
        if math.isfinite(row.fgsm) and math.isfinite(other.fgsm)
    ]
    if not pairs or n <= 0:
        return None

    def sign(row: kinds.Ablation, other: kinds.Ablation) -> Sign:
        lost = other.fgsm - row.fgsm
        # the spread over the draws of random channels, where there was more than one
        spread = other.fgsm_sd if math.isfinite(other.fgsm_sd) else 0.0
        pooled = (row.fgsm + other.fgsm) / 2
        sd = math.hypot(math.sqrt(2.0 * pooled * (1.0 - pooled) / n), spread)
        z = lost / sd if sd > 0.0 else 0.0
        note = f"{row.channels} channels of {row.stage}"
        return Sign(_unit(lost), z, _above(lost, t.channels, sd), other.fgsm, n, sd, note)

    best = max((sign(*pair) for pair in pairs), key=lambda found: found.z)
    # Bonferroni: a z of 3 for the best of so many groups takes a larger one. Two shares of a stage
    # that come to as many channels are one group (a log without their number counts shares).
    tried = {(row.stage, row.channels or row.share) for row, _ in pairs}
    allowed = upper_tail(t.z_clear) / len(tried)
    needed = -NormalDist().inv_cdf(allowed) if 0.0 < allowed < 1.0 else t.z_clear
    return best._replace(z=best.z - (needed - t.z_clear))


def clear(signs: Mapping[str, Sign], t: Thresholds = DEFAULT) -> list[str]:
    """The signs that are there: the effect reaches its threshold and is no sampling noise."""
    return [
        name for name, sign in signs.items() if sign.effect >= t.level(name) and sign.z >= t.z_clear
    ]


def absent(signs: Mapping[str, Sign], t: Thresholds = DEFAULT) -> list[str]:
    """The signs that are ruled out: less than half of what would be clear, and n images suffice.

    Not that of the channels: random channels differ so much that a check seldom rules it out.

    A self gap that is not clear is ruled out with the abnormal share. An image that is read right
    because of its own perturbation has a lower loss with it, so what reading adds is no more than
    that share; the rest of the gap says that the perturbation of the reference network does more
    harm. How much more hangs on the luck of that network: of one masked `strokes` network, -.01 to
    .11 against references 26 steps apart.
    """
    ruled_out = {
        name
        for name, sign in signs.items()
        if name != "channels"
        and sign.effect <= t.absent * t.level(name)
        and sign.z_to_clear <= -t.z_absent
    }
    if "abnormal" in ruled_out and "gap" not in clear(signs, t):
        ruled_out.add("gap")
    return [name for name in signs if name in ruled_out]


def witnesses(names: Iterable[str], signs: Mapping[str, Sign], t: Thresholds = DEFAULT) -> int:
    """How many independent witnesses these clear signs are: one a family.

    A self gap and an abnormal share count as two where the share is above one half: masked
    gradients, too, can make the perturbation of another network the stronger one and the own one a
    step in a meaningless direction; but such a step lowers the loss of no more than every second
    image.
    """
    names = list(names)
    found = len({FAMILIES[name] for name in names})
    if {"gap", "abnormal"} <= set(names):
        share = signs["abnormal"]
        found += chance_z(share.effect, 0.5, share.n) >= t.z_coin
    return found


def _measured(values: Mapping[str, float], *names: str) -> bool:
    return all(math.isfinite(values.get(name, math.nan)) for name in names)


def _unit(value: float) -> float:
    return min(max(value, 0.0), 1.0)


def _part(share: float, usual: float) -> float:
    """The part of what lies above `usual` that is reached, in [0,1]."""
    return _unit((share - usual) / (1.0 - usual)) if usual < 1.0 else 0.0


def _raised(usual: float, effect: float) -> float:
    """The share that has this effect above `usual`."""
    return usual + effect * (1.0 - usual)


def _difference_sd(one: float, other: float, n: int) -> float:
    """Standard error of a difference of two shares of n images, never 0 ("plus four")."""
    soft = [(share * n + 2.0) / (n + 4.0) for share in (one, other)]
    return math.hypot(*(proportion_sd(share, n + 4) for share in soft))


def _above(effect: float, level: float, sd: float) -> float:
    """Standard errors by which an effect lies above a level."""
    return (effect - level) / sd if sd > 0.0 else 0.0
