"""The numbers behind an alert, in the order in which people want them."""

from collections.abc import Mapping

from selffit.vocabulary.measures import ACCURACY, STEP, Measure, family
from selffit.vocabulary.selfinfo import COMPONENT, SELF

ALERT = family(  # by alerts only
    Measure(
        name="best",
        label="best PGD",
        short="best",
        meaning="highest PGD accuracy before the fall",
    ),
    Measure(
        name="ratio",
        label="of best",
        short="of best",
        meaning="PGD accuracy as a part of the best",
    ),
    Measure(
        name="pgd_over_fgsm",
        label="PGD/FGSM",
        short="PGD/FGSM",
        meaning="PGD accuracy as a part of FGSM accuracy",
    ),
    Measure(
        name="z",
        label="z",
        short="z",
        meaning="standard errors that the fall is away from none",
        unit="z",
    ),
    Measure(
        name="p_value",
        label="p",
        short="p",
        meaning="probability of such a fall by chance",
        unit="probability",
    ),
    Measure(
        name="signal_step",
        label="signal at",
        short="signal at",
        meaning="step at which the first training signal left its band",
        unit="steps",
    ),
    Measure(
        name="confidence",
        label="confidence",
        short="confid.",
        meaning="how sure the rule is of an onset",
    ),
    Measure(
        name="best_clean",
        label="best clean",
        short="best cl.",
        meaning="highest clean accuracy before training diverged",
    ),
    Measure(
        name="chance",
        label="guessing",
        short="guessing",
        meaning="accuracy of guessing, 1 / classes",
    ),
    Measure(
        name="loss_bound",
        label="loss bound",
        short="bound",
        meaning="twice the loss of guessing: a loss that stays above it has diverged",
        unit="nats",
    ),
    Measure(
        name="nonfinite",
        label="not finite",
        short="not fin.",
        meaning="images for which the network's answer is not finite",
        unit="images",
    ),
    Measure(
        name="n",
        label="images n",
        short="n",
        meaning="held-out images behind the number",
        unit="images",
    ),
)

# Evidence of alerts by its name in the log, in the order in which people want it.
EVIDENCE: Mapping[str, Measure] = {
    "pgd": ACCURACY["pgd"],
    "best": ALERT["best"],
    "fgsm": ACCURACY["fgsm"],
    "gap": ACCURACY["gap"],
    "strong": ACCURACY["strong"],
    "clean": ACCURACY["clean"],
    "ratio": ALERT["ratio"],
    "index": SELF["index"],
    "self_gap": COMPONENT["gap"],
    "carrier": SELF["carrier_grey"],
    "conflict": SELF["conflict_self"],
    "abnormal_eval": SELF["abnormal"],
    "swap": SELF["swap"],
    "abnormal": STEP["abnormal"],
    "pertalign": STEP["pertalign"],
    "acc_adv": STEP["acc_adv"],
    "loss_clean": STEP["loss_clean"],
    "loss_adv": STEP["loss_adv"],
    "eps": STEP["eps"],
    "pgd_over_fgsm": ALERT["pgd_over_fgsm"],
    "z": ALERT["z"],
    "p_value": ALERT["p_value"],
    "signal_step": ALERT["signal_step"],
    "loss_bound": ALERT["loss_bound"],
    "best_clean": ALERT["best_clean"],
    "chance": ALERT["chance"],
    "nonfinite": ALERT["nonfinite"],
    "confidence": ALERT["confidence"],
    "n": ALERT["n"],
}
