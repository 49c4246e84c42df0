"""What has to hold for several probes in a row, however often a run is probed."""


def lasted(count: int, since: int, step: int, probes: int, per_epoch: int) -> bool:
    """Whether what held in `count` probes in a row, from the step `since` to `step`, is enough.

    Thresholds are numbers of probes, one an epoch of `per_epoch` steps, as trainers look by
    default. Whoever looks more often must see it for as many steps, and whoever looks on suspicion
    as well sees it no sooner: the answer is the same within one interval. Two probes are asked for
    in any case. per_epoch: 0 where it is not known; then probes are counted.
    """
    if per_epoch <= 0:
        return count >= probes
    return count >= min(probes, 2) and step - since >= (probes - 1) * per_epoch
