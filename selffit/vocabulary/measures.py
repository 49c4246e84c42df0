"""Every number that a person is shown: what it is called, what it means, and in which unit it is.

A measure is declared once, in the family of the record that it comes in; screens, plain lines,
reports, help and glossary look it up by the name that it has in the log. The same name may stand
for two things in two families ("abnormal" of a training batch, and of held-out images), but no two
measures share a label.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Measure:
    """One number of the log.

    name: as the log has it. label: what people call it. short: the same in at most 9 cells.
    meaning: in one sentence. brief: in at most 27 cells, "" where nothing needs it. of: "image" for
    what speaks of the data, "self" for what speaks of the network's own perturbation. unit: see
    `selffit.numbers.in_unit`. control: name of the measure that is its control, in the same family.
    chance: whether guessing reaches 1/classes.
    """

    name: str
    label: str
    short: str
    meaning: str
    brief: str = ""
    of: str = "image"
    unit: str = "share"
    control: str = ""
    chance: bool = False


def family(*measures: Measure) -> Mapping[str, Measure]:
    """Measures by name."""
    return {measure.name: measure for measure in measures}


ACCURACY = family(
    Measure(
        name="clean",
        label="clean",
        short="clean",
        meaning="accuracy on held-out images as they are",
        brief="x",
        chance=True,
    ),
    Measure(
        name="fgsm",
        label="FGSM",
        short="FGSM",
        meaning="accuracy after one step of attack",
    ),
    Measure(
        name="pgd",
        label="PGD",
        short="PGD",
        meaning="accuracy under PGD: right clean, at the random start and at every iterate",
    ),
    Measure(
        name="strong",
        label="strong PGD",
        short="strong",
        meaning="what more steps, other losses and targets leave of the PGD accuracy",
    ),
    Measure(
        name="final_pgd",
        label="final PGD",
        short="final PGD",
        meaning="PGD accuracy at the final budget, while eps is still rising",
    ),
    Measure(
        name="gap",
        label="FGSM-PGD",
        short="gap",
        meaning="accuracy under FGSM less accuracy under PGD: wide when the network is fooled",
    ),
)

STEP = family(  # comes with every training step
    Measure(
        name="loss_clean",
        label="clean loss",
        short="loss x",
        meaning="cross-entropy of the training batch before the attack",
        unit="nats",
    ),
    Measure(
        name="loss_adv",
        label="training loss",
        short="loss",
        meaning="cross-entropy of the training batch after the attack",
        unit="nats",
    ),
    Measure(
        name="acc_adv",
        label="train acc",
        short="train acc",
        meaning="accuracy on the training attack",
        chance=True,
    ),
    Measure(
        name="abnormal",
        label="abnormal batch",
        short="abn batch",
        meaning="share of the training batch whose loss falls after the attack: near 0 in healthy "
        "training",
        of="self",
    ),
    Measure(
        name="pertalign",
        label="PertAlign",
        short="PertAlign",
        meaning="cosine of the attack's input gradient and the training step's",
        unit="cosine",
    ),
    Measure(
        name="delta",
        label="size of delta",
        short="delta",
        meaning="mean absolute perturbation of the training batch",
        unit="pixels",
    ),
    Measure(
        name="lr",
        label="learning rate",
        short="lr",
        meaning="learning rate of the step",
        unit="rate",
    ),
    Measure(
        name="eps",
        label="budget",
        short="eps",
        meaning="largest change of a pixel that the attack may make",
        unit="pixels",
    ),
    Measure(
        name="alpha",
        label="step size",
        short="alpha",
        meaning="step size of the training attack",
        unit="pixels",
    ),
)
