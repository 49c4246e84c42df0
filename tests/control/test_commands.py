"""The table of operations: what is normalised, and what is refused under which rule."""

import pytest

from selffit.control.commands import MAX_NOTE, OPERATIONS, check, is_id, new_command, new_id
from selffit.control.refusal import RULES, Refusal
from selffit.control.settings import changed, live_settings
from selffit.errors import UserError


def refused(op, args=None, **kwargs):
    with pytest.raises(Refusal) as caught:
        new_command(op, args or {}, **({"by": "ann"} | kwargs))
    assert caught.value.rule in RULES
    return caught.value


@pytest.mark.parametrize(
    ("op", "args", "normal"),
    [
        ("pause", {}, {}),
        ("stop", {}, {"now": False}),
        ("stop", {"now": "yes"}, {"now": True}),
        ("rollback", {}, {"to": "healthy", "exact": False}),
        (
            "rollback",
            {"to": "b2-1200", "method": "n-fgsm"},
            {"to": "b2-1200", "exact": False, "method": "n-fgsm"},
        ),
        ("set", {"eps": "8/255"}, {"eps": 8 / 255}),
        ("set", {"alpha": "1.25eps"}, {"alpha": "1.25eps"}),
        ("set", {"alpha": " 1.25 * EPS"}, {"alpha": "1.25eps"}),
        ("set", {"alpha": "auto"}, {"alpha": "auto"}),
        ("set", {"alpha": "10/255"}, {"alpha": 10 / 255}),
        ("set", {"lr_scale": "1/2", "probe_every": "100"}, {"lr_scale": 0.5, "probe_every": 100}),
        ("set", {"corner": "yes", "mix_signs": "1/4"}, {"corner": True, "mix_signs": 0.25}),
        ("set", {"self_images": "64", "causal_images": 0}, {"self_images": 64, "causal_images": 0}),
        (
            "zero",
            {"layer": "conv1", "channels": "7,3,3"},
            {"layer": "conv1", "channels": [3, 7]},
        ),
        ("zero", {"layer": "conv1", "top": "4"}, {"layer": "conv1", "top": 4}),
        ("unzero", {}, {"layer": None}),
        ("unzero", {"layer": None}, {"layer": None}),
        ("note", {"text": " a \x1b[2J b "}, {"text": "a \\x1b[2J b"}),
    ],
)
def test_arguments_are_normalised_and_normal_ones_stay(op, args, normal):
    assert check(op, args) == normal
    assert check(op, normal) == normal


@pytest.mark.parametrize(
    ("op", "args", "rule", "says"),
    [
        ("puase", {}, "unknown-op", "did you mean 'pause'"),
        ("exec", {"code": "1"}, "unknown-op", ""),
        ("pause", {"now": True}, "bad-argument", "takes no arguments"),
        ("stop", {"now": 1}, "bad-argument", "true or false"),
        ("stop", {"nwo": True}, "bad-argument", "did you mean 'now'"),
        ("set", {}, "bad-argument", "at least one setting"),
        ("set", {"epss": 0.1}, "bad-argument", "did you mean 'eps'"),
        ("set", {"lr": 0.1}, "bad-argument", "start a new run"),
        ("set", {"data_dir": "/etc"}, "bad-argument", "start a new run"),
        ("set", {"eps": 8}, "out-of-range", "write 8/255, not 8"),
        ("set", {"eps": "nan"}, "bad-argument", "eps must be a number"),
        ("set", {"eps": True}, "bad-argument", "eps must be a number"),
        ("set", {"eps": None}, "bad-argument", "eps must be a number"),
        ("set", {"eps": [0.1]}, "bad-argument", "eps must be a number"),
        ("set", {"eps": "1e99999999/1"}, "bad-argument", "eps must be a number"),
        ("set", {"eps": "9" * 10_000}, "bad-argument", "10000 characters"),
        ("set", {"eps": 10**400}, "bad-argument", "eps must be a number"),
        ("set", {"alpha": "xeps"}, "bad-argument", "1.25eps"),
        ("set", {"alpha": "-1eps"}, "out-of-range", "times eps"),
        ("set", {"alpha": "naneps"}, "out-of-range", "times eps"),
        ("set", {"alpha": -1}, "out-of-range", "alpha must be in"),
        ("set", {"lr_scale": 0}, "out-of-range", "in [1e-06, 100]"),
        ("set", {"lr_scale": 101}, "out-of-range", "in [1e-06, 100]"),
        ("set", {"lr_scale": "fast"}, "bad-argument", "lr_scale must be a number"),
        ("set", {"lr_scale": {}}, "bad-argument", "lr_scale must be a number"),
        ("set", {"method": "nfgsm"}, "out-of-range", "did you mean 'n-fgsm'"),
        ("set", {"probe_every": 1.5}, "bad-argument", "whole number"),
        ("set", {"mix_signs": 1.5}, "out-of-range", "mix_signs must be in [0, 1]"),
        ("set", {"corner": 1}, "bad-argument", "corner must be true or false"),
        ("set", {"self_images": -1}, "out-of-range", "self_images must be"),
        ("rollback", {"to": "main-1/../../x"}, "bad-argument", "main-1200"),
        ("rollback", {"to": 3}, "bad-argument", "main-1200"),
        ("rollback", {"exakt": True}, "bad-argument", "did you mean 'exact'"),
        ("zero", {"channels": [1]}, "bad-argument", "needs layer"),
        ("zero", {"layer": "conv1"}, "bad-argument", "either channels"),
        (
            "zero",
            {"layer": "conv1", "channels": [1], "top": 1},
            "bad-argument",
            "either channels",
        ),
        ("zero", {"layer": "conv1", "channels": []}, "bad-argument", "3,5,7"),
        ("zero", {"layer": "conv1", "channels": [-1]}, "out-of-range", "channels must be in"),
        ("zero", {"layer": "conv1", "channels": [10**5000]}, "out-of-range", "huge"),
        ("zero", {"layer": "conv1", "channels": [True]}, "bad-argument", "whole number"),
        ("zero", {"layer": "conv1", "top": "²"}, "bad-argument", "whole number"),
        ("zero", {"layer": "a\nb", "top": 1}, "bad-argument", "name of a layer"),
        (
            "zero",
            {"layer": "conv1", "top": 1, "mode": "mask"},
            "bad-argument",
            "no argument 'mode'",
        ),
        ("note", {}, "bad-argument", "needs text"),
        ("note", {"text": "x" * (MAX_NOTE + 1)}, "out-of-range", "shorten"),
        ("note", {"text": "  "}, "bad-argument", "line of text"),
    ],
)
def test_bad_arguments_are_refused_with_the_rule_and_what_to_do(op, args, rule, says):
    refusal = refused(op, args)
    assert refusal.rule == rule
    assert says in refusal.reason
    assert isinstance(refusal, UserError)


@pytest.mark.parametrize(
    "kwargs",
    [
        {"by": " "},
        {"expect": -1},
        {"ttl": 0},
        {"ttl": float("nan")},
        {"ttl": 1e9},
        {"t": 1e300},
        {"t": -1.0},
    ],
)
def test_bad_fields_are_refused(kwargs):
    if "t" in kwargs and kwargs["t"] == -1.0:
        kwargs = {"t": -1.0}
    assert refused("pause", **kwargs).rule == "bad-command"


def test_ids_sort_by_time_and_are_file_names():
    ids = [new_id(t) for t in (1.0, 1.5, 1e9, 1.79e9)]
    assert ids == sorted(ids)
    assert all(is_id(id) for id in ids)
    assert not is_id(ids[0] + "\n")
    assert not is_id("../" + ids[0])


def test_ids_of_one_millisecond_sort_in_the_order_they_were_made():
    ids = [new_id(1.79e9) for _ in range(200)]
    assert ids == sorted(ids) and len(set(ids)) == len(ids)
    assert all(is_id(id) for id in ids)


def test_the_help_of_probe_says_all_that_is_measured():
    told = OPERATIONS["probe"].help
    assert all(
        word in told for word in ("robust", "self-information", "channels", "causal", "strong")
    )


def test_every_operation_has_help_and_no_operation_takes_code_or_a_path():
    assert all(operation.help for operation in OPERATIONS.values())
    assert {name for operation in OPERATIONS.values() for name in operation.args}.isdisjoint(
        {"path", "code", "file"}
    )


def test_a_hostile_author_and_reason_are_made_visible():
    assert new_command("pause", by="\u202eann").by == "\\u202eann"
    assert "\x1b" not in refused("\x1b[2J").reason
    assert len(refused("x" * 100_000).reason) < 1000


NOW = live_settings(
    {"method": "rs-fgsm", "eps": 0.1, "alpha": 0.125, "start": "zero", "holdout": 1000}
)


def test_a_new_eps_keeps_the_ratio_of_the_step_size():
    assert changed(NOW, {"eps": 0.2}, {})["alpha"] == pytest.approx(0.25)
    assert changed(NOW, {"eps": 0.2, "alpha": 0.1}, {})["alpha"] == 0.1
    assert changed(NOW | {"eps": 0.0, "alpha": 0.0}, {"eps": 0.2}, {})["alpha"] == pytest.approx(
        0.25
    )


def test_a_multiple_of_eps_means_the_new_eps():
    assert changed(NOW, {"eps": 0.2, "alpha": "1.5eps"}, {})["alpha"] == pytest.approx(0.3)


def test_a_new_method_brings_its_own_step_size_and_start():
    new = changed(NOW, {"method": "n-fgsm"}, {})
    assert (new["alpha"], new["start"]) == (0.1, "default")
    new = changed(NOW, {"method": "pgd", "attack_steps": 2, "start": "zero"}, {})
    assert (new["alpha"], new["start"]) == (pytest.approx(0.05), "zero")


def test_corners_come_and_go_with_pgd():
    new = changed(NOW, {"method": "pgd", "corner": True}, {})
    assert new["corner"] is True
    assert changed(new, {"eps": 0.2}, {})["corner"] is True
    assert changed(new, {"method": "n-fgsm"}, {})["corner"] is False


def test_corners_that_are_off_stay_off_with_any_method():
    assert changed(NOW, {"corner": False}, {}) == NOW


@pytest.mark.parametrize(
    ("args", "rule", "says"),
    [
        ({"attack_steps": 5}, "bad-argument", "method=pgd"),
        (
            {"corner": True},
            "bad-argument",
            "corner applies to pgd only, not to rs-fgsm; add method=pgd",
        ),
        ({"method": "fgsm", "corner": True}, "bad-argument", "not to fgsm"),
        ({"alpha": "900eps"}, "out-of-range", "alpha must be in"),
        ({"probe_images": 2000}, "out-of-range", "held-out"),
        (
            {"self_images": 2000},
            "out-of-range",
            "self_images 2000 is more than the held-out images",
        ),
        ({"causal_images": 2000}, "out-of-range", "held-out"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(args, rule, says):
    with pytest.raises(Refusal, match=says) as caught:
        changed(NOW, args, {"holdout": 1000})
    assert caught.value.rule == rule
