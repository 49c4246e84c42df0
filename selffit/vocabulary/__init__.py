"""The one place where measures, alert levels, endings and diseases have names and meanings.

Without torch, and below everything else: whoever shows a number or a state looks its words up here.
"""

from selffit.vocabulary.channels import CHANNEL, CONCENTRATION, EFFECT, GROUPS, Group
from selffit.vocabulary.definitions import DEFINITIONS, SOURCE
from selffit.vocabulary.evidence import ALERT, EVIDENCE
from selffit.vocabulary.measures import ACCURACY, STEP, Measure
from selffit.vocabulary.selfinfo import COMPONENT, SELF, VALUES
from selffit.vocabulary.states import (
    DISEASES,
    ENDINGS,
    HEALTHY,
    LEVELS,
    LOST,
    MASKED,
    ONSET,
    RECOVERED,
    ROLLED_BACK,
    STANDING,
    STARTING,
    STATES,
    SUSPECT,
    UNMEASURED,
    Disease,
    Ending,
    Level,
    State,
    disease_of,
    ended_badly,
    ending_word,
    exit_code,
    level_of,
    state_of,
)

__all__ = [
    "ACCURACY",
    "ALERT",
    "CHANNEL",
    "COMPONENT",
    "CONCENTRATION",
    "DEFINITIONS",
    "DISEASES",
    "EFFECT",
    "ENDINGS",
    "EVIDENCE",
    "GROUPS",
    "HEALTHY",
    "LEVELS",
    "LOST",
    "MASKED",
    "ONSET",
    "RECOVERED",
    "ROLLED_BACK",
    "SELF",
    "SOURCE",
    "STANDING",
    "STARTING",
    "STATES",
    "STEP",
    "SUSPECT",
    "UNMEASURED",
    "VALUES",
    "Disease",
    "Ending",
    "Group",
    "Level",
    "Measure",
    "State",
    "disease_of",
    "ended_badly",
    "ending_word",
    "exit_code",
    "level_of",
    "state_of",
]
