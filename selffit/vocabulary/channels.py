"""The measures of channels and of the causal check, and the groups that it sets to zero."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from selffit.vocabulary.measures import ACCURACY, Measure, family
from selffit.vocabulary.selfinfo import SELF

EFFECT = family(  # what the causal check takes of a network, in the order of a table
    ACCURACY["clean"],
    ACCURACY["fgsm"],
    ACCURACY["pgd"],
    replace(SELF["carrier_grey"], name="carrier", short="carr", control=""),
    SELF["swap"],
)

CHANNEL = family(
    Measure(
        name="dominance",
        label="dominance",
        short="d",
        meaning="+1: a channel answers to the perturbation only, -1: to the image only",
        of="self",
        unit="signed",
    ),
    Measure(
        name="si",
        label="own answer",
        short="resp",
        meaning="a channel's answer to the own perturbation; 1 is the mean of its layer",
        of="self",
        unit="ratio",
    ),
    Measure(
        name="rand",
        label="random answer",
        short="rand",
        meaning="a channel's answer to random signs; 1 is the mean of its layer",
        unit="ratio",
    ),
    Measure(
        name="gini",
        label="Gini",
        short="Gini",
        meaning="how unequally the channels answer to the perturbation: 0 all alike, 1 one alone",
        of="self",
    ),
    Measure(
        name="top10",
        label="top 10 %",
        short="top 10 %",
        meaning="share of the answer that the strongest tenth of the channels gives",
        of="self",
    ),
    Measure(
        name="pr",
        label="participation ratio",
        short="particip.",
        meaning="how many channels the answer comes from",
        of="self",
        unit="channels",
    ),
    Measure(
        name="rho",
        label="rho",
        short="rho",
        meaning="rank correlation of dominance between two halves of the images",
        unit="cosine",
    ),
    Measure(
        name="agree",
        label="agree",
        short="agree",
        meaning="share of the most dominant tenth that both halves of the images name",
    ),
)
CONCENTRATION = ("gini", "top10", "pr")  # of a layer
OF_A_LAYER = (*CONCENTRATION, "rho", "agree")


@dataclass(frozen=True)
class Group:
    """Channels of a stage that the causal check sets to zero together; `style` names a colour."""

    name: str
    meaning: str
    style: str


GROUPS: Mapping[str, Group] = {
    group.name: group
    for group in (
        Group("self", "highest dominance", "self"),
        Group("data", "lowest dominance", "data"),
        Group("random", "random channels", "dim"),
        Group("norm", "largest activation", "text"),
    )
}
