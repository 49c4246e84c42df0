"""Why a panel has nothing to show, and when that changes."""

from collections.abc import Sequence

from selffit.eventlog import kinds
from selffit.numbers import count
from selffit.run.folded.state import is_only_told
from selffit_tui.draw.format import wrap
from selffit_tui.draw.spans import Line
from selffit_tui.model.scene import Scene

# probes that can be turned off, by their setting: what they are called, and their usual number
PROBES = {
    "channel_images": ("channel probes", "--channel-images 256"),
    "self_images": ("self-information probes", "--self-images 128"),
}


def why_empty(
    scene: Scene,
    width: int,
    what: str,
    *,
    comes: Sequence[str] = (),
    measured: bool = False,
    probes: str = "",
) -> list[Line]:
    """Why there is no `what` to show in `width` cells.

    `comes`: when the first one comes. `measured`: the log has some, so that it is the cursor that
    hides them. `probes`: the setting of the probes that bring it (see PROBES).
    """
    if measured and scene.view.cursor is not None:
        words = [f"no {what} before the cursor"]
    elif probes and is_only_told(scene.state):
        words = [f"no {what}", "only what was printed or logged is known here"]
    elif probes and scene.state.config.get(probes) == 0:
        name, option = PROBES[probes]
        words = [f"{name} are off", f"{option} turns them on"]
    elif scene.state.ending is not None:
        words = [f"the run ended with no {what}"]
    else:
        words = [f"no {what} yet", *comes]
    styles = ["text", *["dim"] * (len(words) - 1)] if len(words) > 1 else ["dim"]
    parts = [
        (part, style)
        for line, style in zip(words, styles, strict=True)
        for part in wrap(line, width - 4)
    ]
    return [[], *([(f"  {part}", style)] for part, style in parts)]


def no_channels(scene: Scene, width: int) -> list[Line]:
    """Why there is no channel probe to show, and when one comes."""
    step = scene.next_probe()
    where = "" if step is None else f" at step {count(step)}"
    return why_empty(
        scene,
        width,
        "channel probe",
        comes=(f"the first comes with the probe{where}",),
        measured=len(scene.state.all(kinds.ChannelProbe)) > 0,
        probes="channel_images",
    )


def no_full_set(scene: Scene, width: int, what: str, measured: bool) -> list[Line]:
    """Why there is no full set of self-information, or no `what` that comes with one."""
    run = scene.state.run or "RUN"
    comes = (
        "a full set is measured when the budget is full, when signals move, at an onset and at the "
        "end",
        f"now: selffit ctl {run} probe",
    )
    return why_empty(scene, width, what, comes=comes, measured=measured, probes="self_images")
