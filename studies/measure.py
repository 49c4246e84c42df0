"""All probes of one network of a run, and what today's rules say of the whole run."""

from dataclasses import replace
from typing import Any

# half of the causal check's images rank, the others report
IMAGES, STRONG_IMAGES, CAUSAL_IMAGES, SHARE, SINGLES = 512, 256, 512, 0.2, 4


def measure(run: Any, *, data_dir: str = "", channels: bool = True) -> dict[str, Any]:
    """Both checkpoints of a run that has ended, and what its log comes to by today's rules.

    run: a `RunDir`. channels: the probes of channels as well. "before" is the last healthy
    checkpoint before the onset or, without one, the first at the full budget; "after" the last one.
    The network that the probes compare with is one epoch earlier for "before", and "before" for
    "after".
    """
    import torch

    from selffit.analysis.networks import load_checkpoint, run_config
    from selffit.analysis.past import Past
    from selffit.checkpoint.manifest import parse_id
    from selffit.checkpoint.store import CheckpointStore
    from selffit.data import load
    from selffit.run.again.rerun import Rules, blocks_of, rerun

    torch.set_num_threads(1)
    state, device = Past.read(run).state, torch.device("cpu")
    judged = rerun(state, blocks_of(run.place), Rules.of(state))
    fell = next((a for a in judged.alerts if a.level == "onset"), None)
    broke = next((a for a in judged.alerts if a.level == "diverged"), None)
    config = run_config(run)
    images = load(
        replace(config, data_dir=data_dir, download=False) if data_dir else config, device
    )
    ids = CheckpointStore(run.path).ids("main")
    steps = sorted(parse_id(id)[1] for id in ids)
    assert state.start is not None
    epoch, first = state.start.steps_per_epoch, fell or broke
    if first is not None and first.healthy_step is not None:
        before = max(step for step in steps if step <= max(first.healthy_step, steps[0]))
    else:
        full = config.eps_ramp * state.steps_total
        before = next((step for step in steps if step >= full), steps[-1])
    earlier = max((step for step in steps if step <= before - epoch), default=steps[0])
    reference, healthy, last = (
        load_checkpoint(run, f"main-{step}", images, device)
        for step in (earlier, before, steps[-1])
    )
    told = judged.diagnoses[-1] if judged.diagnoses else None
    return {
        "onset": None if fell is None else fell.about,
        "diverged": None if broke is None else broke.about,
        "before_step": before,
        "named": "" if told is None else told.disease,
        "lead": None if told is None else told.lead,
        "leads": {} if told is None else dict(told.leads),
        "before": values(healthy, reference, images, epoch, channels),
        "after": values(last, healthy, images, epoch, channels),
    }


def subject_of(network: Any, images: Any, schedule: Any) -> Any:
    """A saved network as a `Subject` at the budget of its step, on the CPU; no mean image."""
    import torch

    from selffit.eventlog.kinds import Place
    from selffit.probes.subject import Subject, probe_attack, probe_generator

    eps = schedule.eps(network.step)
    return Subject(
        model=network.model,
        at=Place(branch=network.branch, step=network.step),
        images=images.held_x,
        labels=images.held_y,
        classes=images.classes,
        class_names=(),
        eps=eps,
        attack=probe_attack(network.config, eps),
        probe_steps=network.config.probe_steps,
        probe_alpha=schedule.probe_alpha(eps),
        mean=None,
        generator=lambda: probe_generator(torch.device("cpu")),
    )


def values(
    network: Any, reference: Any, images: Any, steps_per_epoch: int, channels: bool
) -> dict[str, Any]:
    """All figures of one network at the budget of its step, by name."""
    from selffit.detect.alone import alone
    from selffit.detect.selffitting import of_probe
    from selffit.detect.signs import of_channels
    from selffit.probes.causal import causal_check
    from selffit.probes.channels import channel_probe
    from selffit.probes.robust import robust_probe
    from selffit.probes.selfinfo import self_probe
    from selffit.probes.strong import strong_probe
    from selffit.probes.subject import training_mean
    from selffit.train.schedule import Schedule

    subject = replace(
        subject_of(network, images, Schedule(network.config, steps_per_epoch)),
        mean=training_mean(images.train_x),
        reference=reference.model,
    )
    robust = robust_probe(subject, IMAGES, why="asked")
    about = self_probe(subject, IMAGES, full=True, why="asked")
    found: dict[str, Any] = {"clean": robust.clean, "fgsm": robust.fgsm, "pgd": robust.pgd}
    found |= about.values
    found |= {"strong": strong_probe(subject, STRONG_IMAGES).pgd, "index": about.index}
    causal = None
    if channels:
        layer = channel_probe(subject, IMAGES).layers[-1]
        found |= {"gini": layer.gini, "rho": layer.rho}
        causal = causal_check(
            subject.model,
            *subject.first(CAUSAL_IMAGES),
            attack=subject.attack,
            pgd_alpha=subject.probe_alpha,
            pgd_steps=subject.probe_steps,
            generator=subject.generator(),
            shares=(SHARE,),
            singles=SINGLES,
        )
        ends = {causal.rows[0].stage: "first", causal.rows[-1].stage: "last"}
        for row in (row for row in causal.rows if row.stage in ends):
            for name in ("fgsm", "pgd", "carrier"):
                change = row.value(name) - causal.base.value(name)
                found[f"{ends[row.stage]}_{row.group}_{name}"] = change
        found["alone"] = [
            (one.layer, one.channel, causal.base.fgsm - one.fgsm, one.pgd - causal.base.pgd)
            for one in alone(causal)
        ]
    says = of_probe(about, 1 / images.classes, None if causal is None else of_channels(causal))
    return found | {"verdict": says.disease, "clear": says.clear, "evidence": says.evidence}
