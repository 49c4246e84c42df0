"""Networks as their probes measured them, with and without self-fitting, and made-up checks."""

from msgspec.structs import replace

from selffit.detect.signs import of_channels
from selffit.eventlog import kinds
from selffit.eventlog.fields import floats

CHANCE = 0.1


def measured(carrier, conflict_self, conflict_data, abnormal, **more):
    shares = {
        "carrier_grey": carrier,
        "conflict_self": conflict_self,
        "conflict_data": conflict_data,
    }
    return {**shares, "abnormal": abnormal, **more}


def against(own, other):
    return {"own": own, "other": other}


# Measured on the embedded sets after the fall of PGD accuracy: carrier on grey, conflict self /
# data, abnormal; own perturbation and that of a healthy network.
MASKING = {
    "strokes, SGD, eps ramp to 0.35": measured(0.10, 0.00, 0.97, 0.00, **against(0.93, 0.97)),
}
SELF_FITTING = {
    "strokes, Adam, fixed eps 0.35": measured(0.66, 0.51, 0.18, 0.87),
    "strokes, eps 0.12 then 0.40": measured(0.62, 0.34, 0.30, 0.70),
    "strokes, half contrast": measured(0.66, 0.65, 0.05, 0.90),
    "patterns, fgsm, seed 0": measured(0.82, 0.37, 0.47, 0.98),
    "patterns, fgsm, seed 1": measured(0.42, 0.14, 0.63, 0.91),
    "patterns, fgsm, seed 2": measured(0.67, 0.31, 0.44, 0.98),
    "patterns, fgsm, seed 3": measured(0.25, 0.08, 0.67, 0.74),
    "patterns, fgsm, seed 4": measured(0.50, 0.14, 0.60, 0.96),
    "patterns, rs-fgsm, seed 0": measured(0.78, 0.38, 0.61, 0.61),
}
# CIFAR-10 at full width on a GPU (PreActResNet18 at 8/255, ResNet18 at 16/255), light probes of
# 128 images: transplanted perturbations say nothing there.
REAL = {
    "fgsm 8/255, 122 steps after": measured(
        0.094, 0.016, 0.602, 0.586, swap=0.070, **against(0.664, 0.398)
    ),
    "fgsm 8/255, 1268 steps after": measured(
        0.102, 0.023, 0.570, 0.883, swap=0.133, **against(0.812, 0.398)
    ),
    "fgsm 16/255, 866 steps after": measured(
        0.047, 0.039, 0.555, 0.672, swap=0.117, **against(0.773, 0.445)
    ),
    "fgsm 16/255, at the end": measured(
        0.180, 0.023, 0.789, 0.883, swap=0.070, **against(0.945, 0.609)
    ),
}
OTHERS = {  # no self-fitting: n-fgsm never fell, rs-fgsm shows one sign only
    "patterns, n-fgsm, seed 0": measured(0.10, 0.05, 0.64, 0.11),
    "patterns, n-fgsm, seed 1": measured(0.00, 0.00, 0.68, 0.00),
    "patterns, rs-fgsm, seed 1": measured(0.14, 0.05, 0.74, 0.34),
    "CIFAR-10, n-fgsm, step 7640": measured(
        0.055, 0.047, 0.648, 0.00, swap=0.016, **against(0.422, 0.555)
    ),
}
HEALTHY_DOSE = (0.81, 0.78, 0.73, 0.69, 0.65, 0.62, 0.59, 0.57, 0.52, 0.49, 0.47, 0.46, 0.44)
DIPPING_DOSE = (0.77, 0.10, 0.15, 0.51, 0.87, 0.95, 0.96, 0.96, 0.93, 0.90, 0.85, 0.80, 0.73)


def curve(acc):
    return kinds.Dose(k=floats([k / 8 for k in range(len(acc))]), acc=floats(acc))


def causal(*groups, n=128):
    """A check of which (stage, FGSM without self channels, without random ones[, sd]) is known.

    Groups of one stage are of the same three channels.
    """
    rows = []
    for number, (stage, mine, random, *spread) in enumerate(groups):
        of = kinds.Ablation(stage=stage, share=(number + 1) / 100, channels=3)
        rows.append(replace(of, group="self", fgsm=mine))
        drawn = {"fgsm_sd": spread[0], "draws": 20} if spread else {}
        rows.append(replace(of, group="random", fgsm=random, **drawn))
    return kinds.CausalProbe(n=n, rows=tuple(rows))


def channels(*groups):
    """The sign of such a check."""
    sign = of_channels(causal(*groups))
    assert sign is not None
    return sign
