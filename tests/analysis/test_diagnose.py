"""What is measured of one network, and what is said of it in the light of those before it."""

import copy
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

import pytest
import torch

from selffit import data
from selffit.analysis.diagnose import Bench, Judge, Tenths, examine
from selffit.analysis.networks import SavedNetwork, load_checkpoint, run_config
from selffit.analysis.past import Past
from selffit.config import RunConfig
from selffit.data.imageset import ImageSet
from selffit.detect import ProbePoint
from selffit.detect.doubt import doubt
from selffit.detect.robust_rule import RobustRule, RuleThresholds
from selffit.errors import UserError
from selffit.eventlog import kinds
from selffit.eventlog.records import Record
from selffit.probes.causal import BRIEF_SHARES
from selffit.probes.subject import training_mean
from selffit.run.folded.state import RunState, reduce

E = TypeVar("E", bound=kinds.Event)

CPU = torch.device("cpu")
KINDS = [
    "probe.robust",
    "probe.strong",
    "probe.self",
    "probe.channels",
    "probe.causal",
    "probe.images",
]
HEALTHY = {
    "own": 0.4,
    "other": 0.42,
    "carrier_grey": 0.02,
    "conflict_self": 0.01,
    "conflict_data": 0.7,
    "abnormal": 0.0,
    "swap": 0.02,
}
SELF_FITTING = {
    "carrier_grey": 0.8,
    "conflict_self": 0.6,
    "conflict_data": 0.2,
    "abnormal": 0.95,
    "swap": 0.2,
}


@pytest.fixture(scope="module")
def bench(tiny_run):
    images = data.load(run_config(tiny_run), "cpu")
    return Bench(
        images=images, device=CPU, mean=training_mean(images.train_x), n=32, eps=None, own=True
    )


def of(kind: type[E], found: Sequence[kinds.Event]) -> E:
    """The event of a kind."""
    [event] = [event for event in found if isinstance(event, kind)]
    return event


@pytest.fixture(scope="module")
def network(tiny_run, bench):
    return load_checkpoint(tiny_run, "main-10", bench.images, CPU)


@pytest.fixture(scope="module")
def found(network, bench):
    return list(examine(network, bench, None, 5))


def test_what_is_measured_is_said_before_it_is_measured(network, bench):
    said: list[str] = []
    measured = examine(network, bench, None, 5, said.append)
    robust = next(measured)
    assert isinstance(robust, kinds.RobustProbe)
    assert said == ["robust"]


def test_progress_comes_in_tenths_each_once():
    said: list[str] = []
    tenths = Tenths(25, said.append)
    for left in range(25, -1, -1):
        tenths.now(left)
    assert said == [f"{n}0%" for n in range(1, 10)]


def test_a_brief_look_takes_the_group_sizes_of_the_training(network, bench):
    looked = examine(network, replace(bench, brief=True), None, 5)
    check = of(kinds.CausalProbe, list(looked))
    assert {row.share for row in check.rows} == {*BRIEF_SHARES}


# ---- measuring -----------------------------------------------------------------------------------
def test_every_kind_of_record_in_order(found):
    assert [event.KIND.name for event in found] == KINDS
    assert all(event.data()["sec"] >= 0 for event in found)
    assert {(event.branch, event.step) for event in found} == {("main", 10)}


def test_the_figures_are_those_that_the_trainer_logged(tiny_run, found):
    """Same network, images, attack and random starts: same numbers."""
    logged = Past.read(tiny_run).before(kinds.RobustProbe, "main", 10)[-1].data()
    robust = of(kinds.RobustProbe, found).data()
    same = ("n", "eps", "epoch", "clean", "fgsm", "pgd", "pgd_steps")
    assert {name: robust[name] for name in same} == {name: logged[name] for name in same}


def test_self_information_is_the_full_set_with_an_index(found):
    probe = of(kinds.SelfProbe, found)
    assert probe.full and probe.n == 32 and probe.attack == "fgsm" and probe.reference is None
    assert set(probe.components) == {"abnormal", "dip", "carrier", "conflict", "swap"}
    assert probe.index == pytest.approx(sum(probe.components.values()) / 4, abs=1e-4)
    assert probe.dose and len(probe.dose.k) == 13 and probe.mix and len(probe.mix.share) == 5


def test_a_reference_adds_the_controls(tiny_run, network, bench):
    reference = load_checkpoint(tiny_run, "main-5", bench.images, CPU)
    probe = of(kinds.SelfProbe, list(examine(network, bench, reference, 5)))
    assert probe.reference == kinds.Reference(step=5, branch="main")
    assert {"other", "gap", "control_grey", "control_mean", "control_noise"} <= set(probe.values)


def at(network, **settings):
    config = RunConfig(**{"probe_steps": 2, "eps": 0.2, "probe_alpha": 0.1, **settings})
    return SavedNetwork(id="main-4", branch="main", step=4, model=network.model, config=config)


def first(network, bench, per_epoch=4):
    return of(kinds.RobustProbe, [next(examine(network, bench, None, per_epoch))])


def test_during_a_ramp_it_is_the_budget_of_the_step_and_the_final_one(network, bench):
    robust = first(at(network, eps_ramp=1, epochs=2), bench)
    assert (robust.eps, robust.pgd_alpha, robust.final_eps) == (0.1, 0.05, 0.2)
    assert robust.pgd_schedule == "constant"
    assert first(at(network, eps_ramp=0, epochs=2), bench).final is None


def test_a_budget_that_was_asked_for_is_the_only_one(network, bench):
    asked = Bench(images=bench.images, device=CPU, mean=bench.mean, n=32, eps=0.05, own=True)
    robust = first(at(network, eps_ramp=1, epochs=2), asked)
    assert (robust.eps, robust.pgd_alpha, robust.final) == (0.05, 0.025, None)


def test_without_any_budget_one_is_asked_for(network, bench):
    with pytest.raises(UserError, match="--eps"):
        first(at(network, eps=0.0), bench)


def test_of_a_network_without_finite_answers_nothing_is_told_but_that(network, bench):
    ill = copy.deepcopy(network.model)
    with torch.no_grad():
        next(ill.parameters()).fill_(math.nan)
    broken = SavedNetwork(id="main-10", branch="main", step=10, model=ill, config=network.config)
    found = list(examine(broken, bench, None, 5))
    assert [event.KIND.name for event in found] == ["probe.robust"]
    robust = of(kinds.RobustProbe, found)
    assert robust.nonfinite == robust.n == 32 and math.isnan(robust.clean)
    said = Judge(Past(RunState()), bench).add(found)
    assert said is not None and said.disease == "diverged"
    assert "answers not finite for 32 of 32 images" in said.text


# ---- judging -------------------------------------------------------------------------------------
def measured(
    step: int,
    fgsm: float,
    pgd: float,
    values: Mapping[str, float],
    *,
    strong: float | None = None,
    clean: float = 0.8,
) -> list[kinds.Event]:
    here = kinds.Place(step=step)
    return [
        kinds.RobustProbe(at=here, clean=clean, fgsm=fgsm, pgd=pgd, n=512, eps=0.1),
        kinds.StrongProbe(at=here, pgd=pgd if strong is None else strong, n=256),
        kinds.SelfProbe(at=here, values=values, n=512, index=0.5),
    ]


@pytest.fixture
def judge():
    """Show networks to a judge of a run with this log."""

    def make(*records, own=True):
        state = RunState()
        for kind, step, record in records:
            state = reduce(state, Record(1, 1, 1, 0.0, kind, "main", step, record))
        empty = torch.empty(0)
        images = ImageSet(
            name="x",
            classes=10,
            shape=(1, 28, 28),
            train_x=empty,
            train_y=empty,
            held_x=empty,
            held_y=empty,
        )
        bench = Bench(images=images, device=CPU, mean=empty, n=512, eps=None, own=own)
        judge = Judge(Past(state), bench)
        return lambda step, *found, **more: judge.add(measured(step, *found, **more))

    return make


def logged(step, pgd):
    return "probe.robust", step, {"n": 512, "eps": 0.1, "clean": 0.8, "fgsm": 0.5, "pgd": pgd}


ONSET = ("alert", 30, {"level": "onset", "onset_step": 30})


def test_a_network_from_after_a_divergence_in_the_log_is_told_as_that(judge):
    text = "training has diverged: its loss is NaN since step 25"
    see = judge(
        logged(10, 0.4),
        ("alert", 30, {"level": "diverged", "onset_step": 25, "text": text}),
        ("alert", 60, {"level": "recovered", "text": "training has caught itself"}),
    )
    assert see(20, 0.5, 0.4, HEALTHY) is None
    said = see(28, 0.1, 0.1, HEALTHY, clean=0.1)  # before it was noticed
    assert (said.disease, said.onset_step) == ("diverged", 25) and text in said.text
    assert see(70, 0.5, 0.4, HEALTHY) is None


def test_a_network_that_weakened_by_the_log_is_neither_fallen_nor_healthy(judge):
    weak = [("probe.robust", s, {**logged(s, 0.2)[2], "fgsm": 0.25}) for s in (20, 30)]
    see = judge(logged(10, 0.4), *weak)
    assert see(20, 0.25, 0.2, HEALTHY) is None  # one probe tells nothing yet
    said = see(30, 0.25, 0.2, HEALTHY)
    assert said.disease == "weakened" and "since step 20 PGD has fallen from .40" in said.text
    assert judge(logged(10, 0.4), *weak, own=False)(30, 0.25, 0.2, HEALTHY) is None


def test_a_healthy_network_gets_no_diagnosis(judge):
    assert judge()(10, 0.5, 0.4, HEALTHY) is None


def test_a_network_that_fell_after_a_healthy_checkpoint_is_named(judge):
    see = judge()
    see(10, 0.5, 0.4, HEALTHY)
    assert see(20, 0.7, 0.02, SELF_FITTING).disease == "self-fitting"


def test_absent_self_information_is_gradient_masking(judge):
    see = judge()
    see(10, 0.5, 0.4, HEALTHY)
    assert see(20, 0.7, 0.02, HEALTHY).disease == "gradient masking"


def test_a_fall_is_seen_from_the_log_alone_but_not_from_other_images(judge):
    fallen = (20, 0.3, 0.1, SELF_FITTING)  # alone it might be a weak network
    assert judge(logged(10, 0.4))(*fallen).disease == "self-fitting"
    for alone in (judge(), judge(logged(10, 0.4), own=False)):
        said = alone(*fallen)
        assert said.disease == "cannot tell" and "no healthier network" in said.text


@pytest.mark.parametrize(
    ("probe", "words"),
    [
        ((0, 0.1, 0.1, {}, 0.1), "clean accuracy .10 is not above guessing (.10)"),
        ((10, 0.15, 0.12, {}, 0.4), "PGD accuracy .12 is not clearly above guessing"),
        ((10, 0.5, math.nan, {}, 0.8), "robust accuracy was not measured"),
    ],
)
def test_where_there_is_nothing_to_judge_by_the_reason_is_said(judge, probe, words):
    step, fgsm, pgd, values, clean = probe
    said = judge()(step, fgsm, pgd, values, clean=clean)
    assert said.text.startswith(f"cannot tell: {words}")


def test_few_images_cannot_show_a_fall():
    few = ProbePoint(0, 0.8, 0.5, 0.45, 16)
    rule = RobustRule(RuleThresholds(), 0.1)
    assert doubt(few, rule) == "16 images are too few to show the loss of an accuracy of .50"
    assert doubt(replace(few, n=64), rule) == ""


def test_a_fall_of_fgsm_accuracy_as_well_is_named_and_is_no_collapse(judge):
    said = judge(logged(10, 0.4))(20, 0.14, 0.12, HEALTHY, clean=0.5)
    told = "PGD accuracy .12 of .40 before, and FGSM fell with it to .14 (n=512)"
    assert said.text == f"weakened: {told}"


def test_pgd_accuracy_that_a_strong_attack_takes_away_is_no_health(judge):
    see = judge(logged(10, 0.4))
    assert see(20, 0.5, 0.35, HEALTHY, strong=0.3) is None
    assert see(30, 0.5, 0.35, HEALTHY, strong=0.0).disease == "gradient masking"


def test_an_overfitted_network_alone_is_recognised(judge):
    said = judge()(0, 0.9, 0.0, SELF_FITTING)
    assert said.disease == "self-fitting"
    assert said.onset_step is None and said.lead is None


def test_the_lead_counts_from_the_onset_in_the_log(judge):
    see = judge(logged(10, 0.4), ONSET)
    assert see(10, 0.5, 0.4, HEALTHY) is None
    assert see(20, 0.5, 0.4, SELF_FITTING) is None  # clear, but nothing has fallen yet
    said = see(30, 0.8, 0.0, SELF_FITTING)
    assert (said.onset_step, said.index_step, said.lead) == (30, 20, 10)


def test_probes_in_the_log_tell_better_than_checkpoints_when_the_index_became_clear(judge):
    between = [
        ("probe.self", step, {"n": 128, "values": values, "index": 0.0})
        for step, values in ((10, HEALTHY), (34, HEALTHY), (36, SELF_FITTING))
    ]
    said = judge(logged(10, 0.4), ONSET, *between)(50, 0.8, 0.0, SELF_FITTING)
    assert (said.index_step, said.lead) == (36, -6)
