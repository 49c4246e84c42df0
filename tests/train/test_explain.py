"""What explains a collapse, measured beside training: which set when, the reference network, the
named disease.
"""

from dataclasses import replace
from typing import Any

import pytest
import torch

from selffit.checkpoint.manifest import MODEL
from selffit.checkpoint.tensors import load_model
from selffit.detect import Detector, selffitting
from selffit.detect.signs import Sign
from selffit.eventlog.kinds import Alert, Place, Reference
from selffit.probes.causal import causal_probe
from selffit.train import aftermath

ALWAYS = {"eps_ramp": 0}  # the full budget from the first step on


def sets(trained: Any) -> list[tuple[int, str, bool]]:
    return [(step, data["why"], data["full"]) for step, data in trained.of("probe.self")]


def onset(step: int) -> Alert:
    text = "forced by the test"
    at = Place(step=step)
    return Alert(at=at, level="onset", text=text, onset_step=step, evidence={"pgd": 0.0})


def force(monkeypatch: pytest.MonkeyPatch, *, onset_at: int = -1, strong_at: int = -1) -> None:
    """The detector raises an onset at one step, and asks for a strong attack at another."""
    judge = Detector.probe

    def probe(self: Detector, point: Any) -> list[Alert]:
        judge(self, point)
        self.wants_strong = point.step == strong_at
        if point.step != onset_at:
            return []
        self._now.onset_open = True
        return [onset(point.step)]

    monkeypatch.setattr(Detector, "probe", probe)


def test_the_light_set_comes_with_every_probe_and_the_full_one_where_it_tells_most(start):
    trained = start(**ALWAYS, epochs=3).go()
    assert sets(trained) == [
        (0, "start", False),
        (5, "interval", True),  # the first at the full budget
        (10, "interval", False),
        (15, "end", True),
    ]
    assert [step for step, _ in trained.of("probe.images")] == [5, 15]


def test_while_the_budget_rises_the_full_set_waits_for_the_first_probe_at_the_full_budget(start):
    trained = start(eps_ramp=0.5, epochs=4).go()
    assert sets(trained) == [
        (5, "interval", False),
        (10, "interval", True),
        (15, "interval", False),
        (20, "end", True),
    ]


def test_without_images_there_is_no_self_information_at_all(start):
    trained = start(**ALWAYS, self_images=0).go()
    assert not trained.of("probe.self") and not trained.of("probe.images")


def test_a_probe_that_was_asked_for_measures_everything(start):
    trained = start(**ALWAYS, causal_images=16).go(at={2: lambda t: t.send("probe")})
    assert (2, "asked", True) in sets(trained)
    for kind in ("probe.images", "probe.causal", "probe.strong", "probe.channels"):
        assert 2 in [step for step, _ in trained.of(kind)]


def test_moved_signals_make_the_next_probe_a_full_one(start):
    def move(trained):
        trained.session.monitor._suspicion = True

    trained = start(**ALWAYS, epochs=3).go(at={7: move})
    assert (10, "interval", True) in sets(trained)


def test_an_onset_is_told_with_a_light_set_and_explained_by_a_full_one_after_it(start, monkeypatch):
    force(monkeypatch, onset_at=10)
    trained = start(**ALWAYS, epochs=3, causal_images=16).go()
    assert [full for step, _, full in sets(trained) if step == 10] == [False, True]
    told = [kind for kind, step, _, _ in trained.records if step == 10]
    wanted = "probe.self alert diagnosis probe.self probe.images probe.channels probe.causal"
    assert [kind for kind in told if kind in wanted.split()] == wanted.split()
    [(_, alert)] = trained.of("alert")
    values = next(data for step, data in trained.of("probe.self") if step == 10)["values"]
    assert alert["disease"] in ("self-fitting", "gradient masking", "undecided")
    assert alert["evidence"]["carrier"] == values["carrier_grey"]
    [(_, told), *_] = trained.of("diagnosis")
    assert told["disease"] == alert["disease"] and told["onset_step"] == 10
    assert [step for step, _ in trained.of("probe.causal")] == [10, 15]


def test_masking_is_named_after_some_probes_without_a_sign_and_self_fitting_at_once(
    start, monkeypatch
):
    force(monkeypatch, onset_at=5)
    masking = selffitting.Verdict(
        disease="gradient masking",
        text="gradient masking: no; numbers",
        signs={},
        clear=(),
        index=0.0,
        index_clear=False,
    )
    fitting = replace(
        masking, disease="self-fitting", text="self-fitting: yes", index=0.5, index_clear=True
    )
    now = {"is": masking}
    monkeypatch.setattr("selffit.detect.diagnoser.of_probe", lambda *_: now["is"])
    diseases = [masking, masking, masking, masking, fitting, fitting]
    trained = start(**ALWAYS, epochs=6)
    trained.go(at={5 * i + 1: lambda t, d=d: now.update({"is": d}) for i, d in enumerate(diseases)})
    told = [(step, d["disease"], d["lead"]) for step, d in trained.of("diagnosis")]
    assert told == [
        (5, "undecided", None),
        (15, "gradient masking", None),
        (25, "self-fitting", -20),
    ]
    [(_, alert)] = trained.of("alert")
    assert alert["disease"] == "undecided"


def look_healthy(monkeypatch: pytest.MonkeyPatch, undecided: tuple[int, ...] = ()) -> None:
    """Every probe is healthy while no onset is open, but for some that decide nothing."""
    monkeypatch.setattr(
        "selffit.train.monitor.Monitor.healthy", property(lambda self: not self.detector.onset_open)
    )

    def newest(self: Detector) -> int | None:
        return None if self._last_probe in undecided else self._last_probe

    monkeypatch.setattr(Detector, "healthy_step", property(newest))


def references(trained: Any) -> dict[int, int | None]:
    return {
        step: data["reference"] and data["reference"]["step"]
        for step, data in trained.of("probe.self")
    }


def test_the_reference_is_the_newest_healthy_copy_an_epoch_old_and_stays_at_an_onset(
    start, monkeypatch
):
    look_healthy(monkeypatch)
    force(monkeypatch, onset_at=20)
    weights: dict[int, torch.Tensor] = {}

    def keep(step):
        return lambda t: weights.__setitem__(step, t.weights[2])

    trained = start(**ALWAYS, epochs=6).go(at={step: keep(step) for step in (5, 10, 15, 20)})
    found = {step: data["reference"] for step, data in trained.of("probe.self")}
    assert found[5] is None
    assert found[10] == {"step": 5, "branch": "main"}
    assert found[20] == found[25] == found[30] == {"step": 15, "branch": "main"}
    reference = trained.session.monitor.explainer.reference.model
    assert torch.equal([*reference.parameters()][2], weights[15])
    assert not torch.equal(weights[10], weights[15])


def test_the_reference_is_as_old_however_often_one_looks(start, monkeypatch):
    look_healthy(monkeypatch)
    force(monkeypatch, onset_at=18)
    often = references(start(**ALWAYS, epochs=4, probe_every=1).go())  # 5 steps an epoch
    assert [often[step] for step in (1, 5, 6, 10, 11, 15)] == [None, None, 1, 1, 6, 6]
    assert [often[step] for step in (16, 18, 19, 20)] == [11] * 4
    seldom = references(start(**ALWAYS, epochs=4, probe_every=9).go())
    assert [seldom[step] for step in (9, 18, 20)] == [None, 9, 9]


def test_a_probe_that_decides_nothing_is_no_reference(start, monkeypatch):
    look_healthy(monkeypatch, undecided=(10, 15, 20))
    force(monkeypatch, onset_at=25)
    assert references(start(**ALWAYS, epochs=6).go())[25] == 5


def test_a_resumed_attempt_takes_its_reference_from_a_healthy_checkpoint(start, monkeypatch):
    monkeypatch.setattr("selffit.train.monitor.Monitor.healthy", property(lambda self: True))
    monkeypatch.setattr(Detector, "healthy_step", property(lambda self: 5))
    run = start(**ALWAYS, epochs=4)
    run.go(at={12: lambda t: t.kill()})
    at_five = run.loop.checkpoints.read("main-5")
    run.go(at={12: lambda t: t.kill()})
    reference = run.session.monitor.explainer.reference
    assert reference.at == Reference(step=5, branch="main")
    fresh = {name: torch.zeros_like(t) for name, t in reference.model.state_dict().items()}
    load_model(at_five.files[MODEL], fresh)
    assert all(torch.equal(fresh[name], t) for name, t in reference.model.state_dict().items())


def test_a_diagnosis_survives_a_resume_and_is_not_told_twice(start, monkeypatch):
    force(monkeypatch, onset_at=5)
    run = start(**ALWAYS, epochs=4)
    run.go(at={12: lambda t: t.kill()})
    before = run.session.monitor.explainer.state()
    told = len(run.of("diagnosis"))
    run.go(at={10: lambda t: t.kill()})
    assert run.session.monitor.explainer.state() == before
    assert len(run.of("diagnosis")) == told


def test_a_strong_attack_decides_when_pgd_comes_back(start, monkeypatch):
    force(monkeypatch, onset_at=5, strong_at=15)
    asked: list[tuple[float, float, int]] = []

    def strong(
        self: Detector, step: int, strong_pgd: float, weak_pgd: float, n: int
    ) -> list[Alert]:
        asked.append((strong_pgd, weak_pgd, n))
        at = Place(step=step)
        return [Alert(at=at, level="masked", text="forced by the test", n=n)]

    monkeypatch.setattr(Detector, "strong", strong)
    trained = start(**ALWAYS, epochs=4).go()
    looked = trained.of("probe.strong")
    assert [step for step, _ in looked] == [15, 20]  # and at the end of every run
    assert asked == [(data["pgd"], data["weak"], data["n"]) for _, data in looked]
    assert [(step, a["level"]) for step, a in trained.of("alert")][:2] == [
        (5, "onset"),
        (15, "masked"),
    ]


def test_a_causal_check_can_make_the_diagnosis_of_its_step_clearer(start, monkeypatch):
    force(monkeypatch, onset_at=10)
    sign = Sign(0.5, 6.0, 5.0, 0.6, 128, 0.05, "3 channels of stage1")
    monkeypatch.setattr("selffit.detect.diagnoser.of_channels", lambda _: sign)
    trained = start(**ALWAYS, epochs=3, causal_images=16).go()
    first, second = [d for step, d in trained.of("diagnosis") if step == 10]
    assert "channels" not in first["signs"] and second["signs"] == ["channels"]
    assert second["leads"] == {"channels": 0} and "3 channels of stage1" in second["text"]
    state = trained.session.monitor.explainer.state()
    assert Sign(*state["channels"]) == sign  # and it survives a resume


def test_explaining_leaves_no_trace_in_the_weights(start, equal, monkeypatch):
    force(monkeypatch, onset_at=10)
    explained = start(**ALWAYS, method="rs-fgsm", causal_images=16).go(
        at={3: lambda t: t.send("probe")}
    )
    plain = start(**ALWAYS, method="rs-fgsm", self_images=0, channel_images=0).go()
    assert explained.of("probe.causal") and explained.of("probe.strong")
    assert equal(explained, plain)


@pytest.mark.parametrize(
    "change", [{"mix_signs": 0.5}, {"method": "pgd", "attack_steps": 2, "corner": True}]
)
def test_the_data_side_settings_change_training_and_repeat_bit_for_bit(start, equal, change):
    def train(**settings):
        return start(**ALWAYS, **settings).go()

    assert equal(train(**change), train(**change))
    without = {"mix_signs": 0.0} if "mix_signs" in change else {**change, "corner": False}
    assert not equal(train(**change), train(**without))


def test_signs_mixed_in_by_a_command_are_those_of_a_run_that_had_them_from_there(start, equal):
    live = start(**ALWAYS).go(at={0: lambda t: t.send("set", mix_signs=0.5)})
    assert equal(live, start(**ALWAYS, mix_signs=0.5).go())


def test_the_causal_check_gives_way_to_a_command_but_not_to_the_one_that_asked_for_it(
    start, monkeypatch
):
    force(monkeypatch, onset_at=10)
    examined = []

    def and_a_command(subject, n, **options):
        examined.append(n)
        if len(examined) == 2:
            trained.send("pause")
            trained.send("resume")
        return causal_probe(subject, n, **options)

    monkeypatch.setattr("selffit.train.explain.causal_probe", and_a_command)
    trained = start(**ALWAYS, epochs=3, causal_images=16)
    trained.go(at={12: lambda t: t.send("probe")})
    assert len(examined) == 2
    # in pieces after the onset, whole at 12, but not at 15, where somebody waited
    assert [step for step, _ in trained.of("probe.causal")] == [10, 12]


def test_the_policy_acts_on_an_onset_before_it_is_explained_and_the_explanation_is_of_the_onset(
    start, monkeypatch
):
    monkeypatch.setattr(
        "selffit.train.monitor.Monitor.healthy", property(lambda self: not self.detector.onset_open)
    )
    force(monkeypatch, onset_at=10)
    settings = {**ALWAYS, "epochs": 3, "causal_images": 16, "checkpoint_every": 4}
    stays = start(**settings).go()
    leaves = start(**settings, on_co="rollback:n-fgsm").go()
    order = [kind for kind, *_ in leaves.records]
    rolled = order.index("branch")
    causal = next(i for i, r in enumerate(leaves.records) if r[:3] == ("probe.causal", 10, "main"))
    assert order.index("alert") < order.index("ctl.applied") < rolled < causal

    def explained(trained):
        kinds = ("probe.self", "probe.images", "probe.channels", "probe.causal", "diagnosis")
        found = [
            (kind, {k: v for k, v in data.items() if k != "sec"})
            for kind, step, branch, data in trained.records
            if kind in kinds and (step, branch) == (10, "main")
        ]
        return found

    assert all(left.at[0] != "main" for left in leaves.session.monitor.aftermaths)
    assert explained(leaves) == explained(stays) and len(explained(leaves)) >= 6


def test_an_explanation_holds_training_up_for_a_moment_at_a_time(start, equal, monkeypatch):
    force(monkeypatch, onset_at=5)
    monkeypatch.setattr("selffit.train.aftermath.PAUSE", 0.0)
    monkeypatch.setattr("selffit.train.session.PAUSE", 0.0)
    done = []

    def piece(self, seconds=0.0):
        done.append(trained.session.done)
        return went_on(self, 0.0)

    went_on = aftermath.Aftermath.go_on
    monkeypatch.setattr(aftermath.Aftermath, "go_on", piece)
    trained = start(**ALWAYS, epochs=4, causal_images=16)
    trained.go()
    assert len(set(done)) > 3 and done[0] == 5  # a piece behind each block
    assert next(step for step, _ in trained.of("probe.causal")) == 5
    plain = start(**ALWAYS, epochs=4, self_images=0, channel_images=0).go()
    assert equal(trained, plain)


def test_a_causal_check_ends_with_its_seconds_and_says_what_it_left_out(start, monkeypatch):
    whole = start(**ALWAYS, causal_images=16, causal_seconds=0).go().of("probe.causal")[-1][1]
    assert whole["budget"] is None and whole["left"] == 0 and whole["rows"]
    cut = start(**ALWAYS, causal_images=16, causal_seconds=1e-9).go().of("probe.causal")[-1][1]
    assert cut["budget"] == 1e-9 and cut["left"] > 0 and cut["rows"] == []
