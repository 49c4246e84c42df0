"""What every figure of a diagnosis means, in plain words.

All definitions are this project's own, and called so.
"""

import math
from dataclasses import dataclass

from selffit.report.findings import Findings

NOT_FALLEN = "not fallen"
ACCURACIES = ("clean", "fgsm", "pgd", "strong")


@dataclass(frozen=True, kw_only=True)
class Value:
    """A value of self-information: its name in the records, its control, what a person is told.

    kind: "data" speaks of the image, "self" of the network itself. chance: whether guessing reaches
    1/classes.
    """

    name: str
    title: str
    meaning: str
    kind: str
    control: str = ""
    chance: bool = True


VALUES = (
    Value(name="clean", title="clean", meaning="right on the image itself", kind="data"),
    Value(
        name="signs",
        title="random signs",
        meaning="right on x + random signs of size eps",
        kind="data",
    ),
    Value(
        name="shuffled",
        title="shuffled",
        meaning="right on x + own perturbation, pixels shuffled",
        kind="data",
    ),
    Value(
        name="other",
        title="other network",
        meaning="right on x + perturbation of the reference",
        kind="data",
    ),
    Value(name="own", title="own", meaning="right on x + own perturbation", kind="self"),
    Value(
        name="abnormal",
        title="abnormal",
        meaning="the attack lowers the loss",
        kind="self",
        chance=False,
    ),
    Value(
        name="swap",
        title="label swap",
        meaning="becomes y' under a perturbation made to leave y'",
        kind="self",
    ),
    Value(
        name="carrier_grey",
        title="grey carrier",
        meaning="own perturbation on plain grey, read as its label",
        kind="self",
        control="control_grey",
    ),
    Value(
        name="carrier_mean",
        title="mean carrier",
        meaning="own perturbation on the mean image",
        kind="self",
        control="control_mean",
    ),
    Value(
        name="carrier_noise",
        title="noise carrier",
        meaning="own perturbation on noise",
        kind="self",
        control="control_noise",
    ),
    Value(
        name="conflict_self",
        title="conflict: self",
        meaning="foreign perturbation on x: read as its label",
        kind="self",
    ),
    Value(
        name="conflict_data",
        title="conflict: data",
        meaning="… read as what the image shows",
        kind="data",
    ),
    Value(
        name="conflict_other",
        title="conflict: other",
        meaning="… read as neither",
        kind="data",
        chance=False,
    ),
    Value(
        name="p_abnormal",
        title="class pattern",
        meaning="a perturbation of grey raises its class elsewhere",
        kind="self",
        chance=False,
    ),
    Value(
        name="p_dominate",
        title="pattern wins",
        meaning="… and is what the network then predicts",
        kind="self",
    ),
)
COMPONENTS = ("carrier", "conflict", "abnormal", "swap")
GROUPS = {  # of the causal check
    "self": "highest dominance",
    "data": "lowest dominance",
    "random": "random channels",
    "norm": "largest activation",
}
EFFECTS = {"clean": "clean", "fgsm": "FGSM", "pgd": "PGD", "carrier": "carrier", "swap": "swap"}
TYPICAL_SHARE = 0.1  # of a stage's channels, where only one is shown

DEFINITIONS = (
    (
        "PGD accuracy",
        "our operational definition: an image counts only if it is classified correctly clean, at "
        "the random start and at every iterate of projected gradient descent.",
    ),
    (
        "strong accuracy",
        "our operational definition: what is left after more steps, several restarts and a second "
        "loss (the margin), which does not saturate. Far below PGD accuracy it means gradient "
        "masking.",
    ),
    (
        "self-information",
        "our operational definitions: what the network reads of its own perturbation delta = "
        "eps·sign(gradient), where the image tells it nothing (carriers), something else "
        "(conflict), or where the perturbation was made for another label (label swap).",
    ),
    (
        "carrier accuracy",
        "our operational definition: the perturbation of an image, put on an image without "
        "content, is predicted as the image's label. Its control is the perturbation of a "
        "reference network from before the onset.",
    ),
    (
        "conflict",
        "our operational definition: the perturbation of one image on another one of another "
        "class: which of the two the network follows. The component is self / (self + data).",
    ),
    (
        "self-fitting index",
        "our operational definition: the mean of the components carrier (above guessing), "
        "conflict, abnormal and label swap (above guessing). No single one of them is the index.",
    ),
    (
        "dominance of a channel",
        "our operational definition: (si - di) / (si + di), its response to the perturbation and "
        "to the image's content, each relative to the layer's mean: +1 answers to the perturbation "
        "only, -1 to the content only. rho and agree say how far the ranking repeats between two "
        "halves of the images.",
    ),
    (
        "causal check",
        "our operational definition: groups of channels of one stage are set to zero, ranked on "
        "one half of the images, reported on the other, every attack made anew.",
    ),
    (
        "verdict",
        "our operational definition: a network whose robust accuracy has fallen is self-fitting "
        "where two of the components are clearly above what healthy networks show, gradient "
        "masking where all are absent, and undecided otherwise. A network that has not fallen gets "
        "no verdict.",
    ),
)
SOURCE = (
    "The questions are those of He, Li, Chen and Huang, “Investigating Catastrophic Overfitting in "
    "Fast Adversarial Training: A Self-fitting Perspective” (arXiv 2302.11963). Only its abstract "
    "was at hand: the definitions are not the paper's."
)


def verdict_word(found: Findings) -> str:
    """The disease, or that there is none to speak of."""
    return found.diagnosis.disease if found.diagnosis is not None else NOT_FALLEN


def budget(eps: float) -> str:
    """A budget in pixels as people write it.

    8/255, or 0.16 where it is no whole number of grey levels.
    """
    levels = eps * 255
    if not math.isfinite(levels):
        return "-"
    return f"{round(levels)}/255" if levels and abs(levels - round(levels)) < 1e-3 else f"{eps:.4g}"


def lead_sentence(found: list[Findings]) -> str:
    """When the index became clear, and how far that lies before or after the onset.

    Both are known at probes only.
    """
    diagnosis = next((f.diagnosis for f in reversed(found) if f.diagnosis is not None), None)
    if diagnosis is None:
        return "Robust accuracy has not fallen in any of these networks."
    onset = (
        "the onset is not in a log"
        if diagnosis.onset_step is None
        else f"onset at step {diagnosis.onset_step}"
    )
    if diagnosis.index_step is None:
        return f"{onset.capitalize()}; the self-fitting index is not clear."
    index = f"the self-fitting index is clear from step {diagnosis.index_step} on"
    if diagnosis.lead is None:
        return f"{index.capitalize()}; {onset}."
    where = "with it"
    if diagnosis.lead:
        where = f"{abs(diagnosis.lead)} steps {'before' if diagnosis.lead > 0 else 'after'} it"
    return f"{onset.capitalize()}; {index}, {where} (as far as probes tell)."
