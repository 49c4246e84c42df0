"""The definitions behind the words: all of them are this project's own, and called so."""

TERMS = (
    ("run, attempt, branch", "a run directory; one start of its trainer; a line of its history"),
    ("event, stream, segment", "one line of the log; the lines of one writer; one of its files"),
    ("probe", "a measurement on held-out images that the training step does not need"),
    ("signal", "a number that comes free with the training step"),
    ("alert, onset", "what the detector says, with evidence; the step at which a collapse began"),
    ("command, intervention", "what a person or a policy asks for; what the trainer applied"),
    ("eps, alpha, delta", "budget, step size and perturbation, in pixels of [0, 1]"),
    ("zeroed, masked", "channels are set to zero; gradients are masked"),
)
SOURCE = (
    "The questions are those of He, Li, Chen and Huang, “Investigating Catastrophic Overfitting in "
    "Fast Adversarial Training: A Self-fitting Perspective” (arXiv 2302.11963). Only its abstract "
    "was at hand: the definitions are not the paper's."
)
DEFINITIONS = (
    (
        "PGD accuracy",
        "our operational definition: an image counts only if it is classified correctly "
        "clean, at the random start and at every iterate of projected gradient descent.",
    ),
    (
        "strong accuracy",
        "our operational definition: what is left after more steps of falling size, a second loss "
        "(the margin), which does not saturate, and attacks aimed at the likeliest wrong classes. "
        "Far below PGD accuracy it means gradient masking.",
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
        "class: which of the two the network follows. The sign is what follows the perturbation "
        "beyond guessing, as a part of what follows either.",
    ),
    (
        "self-fitting index",
        "our operational definition: signs of self-fitting come in four families: the image with "
        "its own perturbation (self gap, abnormal, dose dip), transplants (carrier, conflict), "
        "label swap, channels. The index is the mean of the strongest signs of the two strongest "
        "families, from 0 to 1. The check of the channels is not part of it.",
    ),
    (
        "dominance of a channel",
        "our operational definition: (si - di) / (si + di), its response to the perturbation "
        "and to the image's content, each relative to the layer's mean: +1 answers to the "
        "perturbation only, -1 to the content only. rho and agree say how far the ranking "
        "repeats between two halves of the images.",
    ),
    (
        "causal check",
        "our operational definition: groups of channels of one stage are set to zero, ranked "
        "on one half of the images, reported on the other, every attack made anew.",
    ),
    (
        "verdict",
        "our operational definition: a network whose robust accuracy has fallen is "
        "self-fitting where signs of two families are clearly above their controls, gradient "
        "masking where all are absent, the self gap and the abnormal share among them, and "
        "undecided otherwise. Abnormal examples and a self gap are two where more than half of "
        "the images are abnormal: no meaningless step does that. A network that "
        "has not fallen gets no verdict.",
    ),
)
