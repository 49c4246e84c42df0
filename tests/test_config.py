"""Configuration: presets, overrides, and what is refused."""

import json

import pytest

from selffit import config as c
from selffit.errors import UserError


def refusal(**overrides):
    with pytest.raises(UserError) as caught:
        c.resolve(overrides.pop("preset", None), overrides)
    return str(caught.value)


@pytest.mark.parametrize("name", c.preset_names())
def test_every_preset_resolves_and_survives_a_round_trip(name):
    config = c.resolve(name)
    assert c.from_dict(config.as_dict()) == config
    assert json.loads(json.dumps(config.as_dict())) == config.as_dict()


def test_the_default_preset_is_patterns():
    assert c.resolve() == c.resolve("patterns")
    assert c.resolve().data == "patterns"


def test_fractions_are_pixel_units():
    config = c.resolve("cifar10-rs-fgsm-8", {"eps": "16/255", "alpha": "20/255"})
    assert config.eps == pytest.approx(16 / 255)
    assert config.alpha == pytest.approx(20 / 255)


@pytest.mark.parametrize(
    ("method", "steps", "ratio"),
    [
        ("fgsm", None, 1),
        ("rs-fgsm", None, 1.25),
        ("n-fgsm", None, 1),
        ("pgd", 2, 0.5),
        ("pgd", 7, 0.25),
        ("pgd", 10, 0.25),
    ],
)
def test_alpha_defaults_to_the_methods_own(method, steps, ratio):
    overrides = {"method": method, "eps": 0.1} | ({"attack_steps": steps} if steps else {})
    assert c.resolve(None, overrides).alpha == pytest.approx(ratio * 0.1)


def test_alpha_may_be_a_multiple_of_eps():
    assert c.resolve(
        None, {"method": "rs-fgsm", "eps": "0.2", "alpha": "1.5eps"}
    ).alpha == pytest.approx(0.3)


def test_overrides_beat_the_preset():
    assert c.resolve("patterns", {"method": "n-fgsm", "epochs": "3"}).method == "n-fgsm"
    assert c.resolve("patterns", {"epochs": "2.5"}).epochs == 2.5


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        ({"preset": "patern"}, "did you mean 'patterns'"),
        ({"epz": "1"}, "did you mean 'eps'"),
        ({"method": "nfgsm"}, "did you mean 'n-fgsm'"),
        ({"model": "resnet"}, "did you mean 'resnet18'"),
        ({"data": "cifar"}, "did you mean 'cifar10"),
        ({"eps": "8"}, "write 8/255, not 8"),
        ({"eps": "-0.1"}, "in [0, 1]"),
        ({"eps": "nan"}, "must be a number"),
        ({"eps": "1/0"}, "must be a number"),
        ({"eps": "eight"}, "must be a number"),
        ({"seed": "1.5"}, "whole number"),
        ({"method": "pgd", "alpha": "fast"}, "must be a number"),
        ({"method": "pgd", "alpha": "xeps"}, "1.25eps"),
        ({"alpha": "0.1"}, "no effect with fgsm"),
        ({"epochs": "0"}, "--epochs"),
        ({"attack_steps": "3"}, "--method pgd"),
        ({"batch_size": "9000"}, "--train-images"),
        ({"probe_images": "2000"}, "--holdout"),
        ({"device": "gpu"}, "cuda:N"),
        ({"lr_schedule": "step"}, "--lr-milestones"),
        ({"lr_milestones": "90,80"}, "rising"),
        ({"lr_milestones": "80,"}, "must be numbers such as 80,90"),
        ({"input_mean": "0.5,grey"}, "must be numbers such as 0.4914,0.4822,0.4465"),
        ({"input_mean": "0.5,1.5"}, "in [0, 1], not 1.5"),
        ({"input_scale": "1/0"}, "must be numbers"),
        ({"momentum_low": "0.8"}, "--lr-schedule triangular"),
        ({"preset": "cifar10-fgsm-8", "momentum": "0.7"}, "above --momentum 0.7"),
        ({"preset": "cifar10-fgsm-8", "optimizer": "adam", "momentum_low": "0.8"}, "sgd"),
        ({"preset": "no/such.toml"}, "cannot read"),
    ],
)
def test_bad_values_are_refused_with_what_to_do(overrides, says):
    assert says in refusal(**overrides)


def test_a_preset_file_with_an_unknown_key_names_the_nearest(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text("[attack]\nepss = 0.1\n")
    assert "did you mean 'eps'" in refusal(preset=str(path))
    path.write_text("[data]\neps = 0.1\n")
    assert "[attack]" in refusal(preset=str(path))
    path.write_text("[atack]\n")
    assert "did you mean 'attack'" in refusal(preset=str(path))
    path.write_text("eps = = 1")
    assert "not valid TOML" in refusal(preset=str(path))
    path.write_bytes(b"\xff\xfe")
    assert "cannot read" in refusal(preset=str(path))


def test_a_preset_file_of_ones_own_works(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('[attack]\nmethod = "pgd"\nattack_steps = 2\neps = "8/255"\n')
    config = c.resolve(str(path))
    assert (config.method, config.attack_steps) == ("pgd", 2)


def test_a_configuration_of_another_version_is_refused():
    with pytest.raises(UserError, match="another version"):
        c.from_dict({**c.resolve().as_dict(), "warp": 9})


def test_few_held_out_images_are_enough_for_the_default_probes_but_not_for_more_asked_for():
    few = {"holdout": "64", "probe_images": "64", "channel_images": "64"}
    assert c.resolve(None, few).self_images > 64
    assert "--self-images 65 is larger than --holdout 64" in refusal(**few, self_images="65")
    old = {
        name: value
        for name, value in c.resolve(None, few).as_dict().items()
        if name != "self_images"
    }
    assert c.from_dict(old).holdout == 64


def test_another_method_than_the_presets_brings_its_own_step_size_start_and_form():
    preset = c.resolve("patterns-multistep")
    assert (preset.alpha, preset.start, preset.corner) == (pytest.approx(0.4), "zero", True)
    other = c.resolve("patterns-multistep", {"method": "n-fgsm"})
    assert (other.alpha, other.start, other.corner) == (pytest.approx(0.2), "default", False)
    assert c.resolve("patterns-multistep", {"method": "pgd"}) == preset
    assert c.resolve("patterns-multistep", {"method": "rs-fgsm", "start": "zero"}).start == "zero"


def test_another_network_than_the_presets_does_without_its_settings(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('[model]\nmodel = "preact-resnet18"\nshortcut = "raw"\n')
    assert c.resolve(str(path)).shortcut == "raw"
    assert c.resolve(str(path), {"model": "resnet18"}).shortcut == "activated"


def test_a_setting_of_the_network_names_the_networks_that_it_belongs_to():
    assert "no effect with resnet18" in refusal(model="resnet18", shortcut="raw")
    assert "choose --model preact-resnet18" in refusal(final_bn=False)
    chosen = c.resolve(None, {"model": "preact-resnet18", "final_bn": False, "shortcut": "raw"})
    assert (chosen.final_bn, chosen.shortcut) == (False, "raw")


def test_a_run_from_before_a_setting_goes_on_as_it_began():
    old = c.resolve("cifar10-fgsm-8").as_dict()
    for name in ("shortcut", "final_bn", "momentum_low", "lr_read", "last_batch"):
        del old[name]
    today = c.from_dict(old)
    assert (today.shortcut, today.final_bn) == ("activated", True)
    assert (today.momentum_low, today.lr_read, today.last_batch) == (0, "middle", "drop")


@pytest.mark.parametrize(
    "raw", ["0.4914,0.4822,0.4465", [0.4914, 0.4822, 0.4465], (0.4914, "0.4822", 0.4465)]
)
def test_numbers_a_channel_are_read_from_text_and_lists(raw):
    assert c.resolve(None, {"input_mean": raw}).input_mean == (0.4914, 0.4822, 0.4465)
    assert c.resolve(None, {"input_scale": "1/0.25"}).input_scale == (4.0,)
    assert c.resolve(None, {"lr_milestones": ""}).lr_milestones == ()


def test_a_run_from_before_numbers_a_channel_keeps_its_values():
    old = c.resolve("patterns").as_dict() | {"input_mean": 0.5, "lr_milestones": "80,90"}
    config = c.from_dict(old)
    assert (config.input_mean, config.lr_milestones) == ((0.5,), (80.0, 90.0))


def test_another_schedule_or_optimiser_than_the_presets_does_not_cycle_momentum():
    assert c.resolve("cifar10-fgsm-8").momentum_low == 0.8
    assert c.resolve("cifar10-fgsm-8", {"lr_schedule": "constant"}).momentum_low == 0
    assert c.resolve("cifar10-fgsm-8", {"optimizer": "adam"}).momentum_low == 0


def test_lists_of_settings_follow_from_the_table():
    assert c.ROLLBACK == ("eps", "alpha", "lr_scale") and set(c.ROLLBACK) < set(c.LIVE)
    assert c.HELDOUT == (
        "probe_images",
        "align_images",
        "channel_images",
        "self_images",
        "causal_images",
    )
    about = {name: field.metadata for name, field in c.FIELDS.items()}
    assert not [name for name in about if about[name]["does"] and name not in c.LIVE]
    assert not [name for name in about if about[name]["at_most"] and name not in c.HELDOUT]


def test_a_setting_of_the_method_names_the_methods_that_it_belongs_to():
    assert "leave it out or choose --method pgd" in refusal(corner=True)
    assert "leave it out or choose --method rs-fgsm or n-fgsm" in refusal(alpha="0.1")
    assert c.resolve(None, {"corner": False}).corner is False
