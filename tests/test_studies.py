"""What the studies make of their results: the tables, and where a run is gone on from."""

import math

import pytest

from selffit.analysis.past import Past
from selffit.config import LIVE
from selffit.eventlog import kinds
from selffit.run.folder.run_dir import RunDir
from studies.interventions import VARIANTS, after, rows, stood
from studies.jobs import cut, gone_on, parser, put
from studies.self_tables import tables


def network(**more):
    shares = dict.fromkeys(("fgsm", "pgd", "strong", "index", "gap", "abnormal"), 0.5)
    shares |= {"carrier_grey": 0.1, "conflict_self": 0.0}
    return {**shares, "verdict": "undecided", "clear": [], **more}


def result(seed, onset=None, **more):
    return {
        "set": "patterns",
        "name": "fgsm",
        "seed": seed,
        "onset": onset,
        "diverged": None,
        "named": "",
        "lead": None,
        "leads": {},
        "before": network(),
        "after": network(),
        **more,
    }


def test_a_cell_is_mean_and_deviation_and_fewer_seeds_than_five_are_said():
    text = tables([result(0, after=network(pgd=0.2)), result(1, after=network(pgd=0.4))])
    assert "| probe | fgsm (n = 2): before | fgsm (n = 2): after |" in text
    assert "| PGD | 0.50 ± 0.00 | 0.30 ± 0.14 |" in text
    assert "(n =" not in tables([result(seed) for seed in range(5)])


def test_a_network_that_is_robust_again_has_no_disease_and_one_that_diverged_neither():
    ill = network(pgd=0.1, strong=0.1, verdict="self-fitting", alone=[("conv1", 3, 0.4, 0.0)])
    masked = network(strong=0.1, verdict="gradient masking")
    runs = [result(0, 900), result(1, 900, after=ill), result(2, 900, diverged=950)]
    never = network(pgd=0.0, strong=0.0, verdict="self-fitting")
    runs += [result(3, 900, after=masked), result(4, 900, before=never, after=never)]
    text = tables(runs)
    words = [line.split(" | ")[-2:] for line in text.splitlines() if "seed" in line]
    assert words == [
        ["–", "half left |"],
        ["conv1 3: 0.40", "self-fitting |"],
        ["–", "diverged |"],
        ["–", "gradient masking |"],
        ["–", "self-fitting |"],
    ]


def test_verdicts_and_leads_are_counted_over_the_runs_that_fell():
    fell = network(pgd=0.0, verdict="self-fitting", clear=["gap"])
    text = tables(
        [
            result(0),
            result(1, 900, named="self-fitting", lead=-60, leads={"gap": 30}, after=fell),
            result(2, 1000, named="undecided", leads={"gap": -30}, after=network(pgd=0)),
        ]
    )
    assert (
        "| fgsm | 3 | 2 (900…1000) | self-fitting 1, undecided 1 | self-fitting 1, undecided 1 "
        "| – | −60 (1/2) | −30…+30 (2/2) | never (0/2) |"
    ) in text
    assert "| fgsm, seed 0 | none |" in text and "self gap | – | self-fitting |" in text


def done(*pgd, acted=30, level=0.4):
    probes = [
        {"step": 10 * i, "clean": 0.8, "fgsm": 0.5, "pgd": value} for i, value in enumerate(pgd)
    ]
    return {"acted": acted, "healthy_pgd": level, "probes": probes, "epoch": 20}


def test_how_long_pgd_stands_is_counted_from_acting_to_the_last_probe_with_half_of_it():
    assert stood(done(0.4, 0.4, 0.1, 0.1, 0.3, 0.3, 0.0)) == 20
    assert stood(done(0.4, 0.4, 0.1, 0.1, 0.1, 0.1, 0.1)) == 0
    assert stood(done(0.4, 0.4, 0.1, 0.1, 0.1, 0.1, 0.2)) == math.inf
    assert stood(done(0.4, acted=None)) is None


def test_the_best_pgd_after_acting_is_of_a_stretch_of_steps():
    run = done(0.4, 0.4, 0.1, 0.1, 0.3, 0.2, 0.5)
    assert (after(run, 0, 20), after(run, 20, math.inf), after(run, 90, 99)) == (0.3, 0.5, None)


def test_a_row_says_what_was_done_and_what_became_of_it():
    more = {"set": "patterns", "seed": 0, "stands": "onset", "named": "self-fitting"}
    more |= {"pgd_then": 0.1, "strong": 0.0, "index": 0.6, "name": "at suspect: n-fgsm"}
    more |= {"onsets": [50]}
    ill = done(0.4, 0.4, 0.1, 0.1, 0.3, 0.3, 0.0) | more
    plain = ill | {"name": "nothing", "onsets": [40], "acted": None, "pgd_then": None}
    head, _, nothing, row = rows([ill, plain])
    assert nothing.startswith("| patterns | nothing | 1 | – | 40 | – |")
    assert row.startswith("| patterns | at suspect: n-fgsm | 1 | 30 | +10 | 0.10 | 0.30 |")
    assert row.count("|") == head.count("|")


def test_a_study_trains_the_sets_that_it_is_told_to_and_refuses_others(capsys):
    options = parser("about", ("patterns", "mnist"), ("patterns", "strokes", "mnist"), "runs/x")
    assert options.parse_args([]).sets == ["patterns", "mnist"]
    assert options.parse_args(["--sets", "strokes,"]).sets == ["strokes"]
    assert options.parse_args([]).seeds == [0, 1, 2, 3, 4]
    assert options.parse_args(["--seeds", "2"]).seeds == [0, 1]
    assert options.parse_args(["--seeds", "1,6,"]).seeds == [1, 6]
    with pytest.raises(SystemExit):
        options.parse_args(["--seeds", "many"])
    with pytest.raises(SystemExit) as ended:
        options.parse_args(["--sets", "patterns,cifar"])
    assert ended.value.code == 2
    told = capsys.readouterr().err.splitlines()[-1]
    assert "unknown set 'cifar'; valid: patterns, strokes, mnist" in told


def test_a_log_is_cut_behind_a_line(tmp_path):
    for number, text in enumerate(("a\nb\n", "c\nd\n", "e\n")):
        (tmp_path / f"{number}.jsonl").write_text(text)
    cut(tmp_path, "c")
    assert [path.read_text() for path in sorted(tmp_path.iterdir())] == ["a\nb\n", "c\n"]
    with pytest.raises(ValueError, match="no line with x"):
        cut(tmp_path, "x")


def weights(run):
    return (run.ckpt / "main-10" / "model.safetensors").read_bytes()


def went_on(tiny_run, **overrides):
    """What the log says of a run that goes on from main-5 with other settings; its last weights."""
    heard: list[RunDir] = []
    with gone_on("tiny", tiny_run.path, 5, overrides, heard.append) as run:
        state, last = Past.read(run).state, weights(run)
        assert heard == [run] and run.path != tiny_run.path
    assert not run.path.exists()
    return state, last


def test_a_run_goes_on_from_a_checkpoint_as_if_it_had_been_killed_after_it(tiny_run):
    files = {path: path.stat().st_mtime_ns for path in tiny_run.path.rglob("*")}
    again, same = went_on(tiny_run)
    other, different = went_on(tiny_run, lr=0.003, on_co="zero:conv1=3")
    assert {path: path.stat().st_mtime_ns for path in tiny_run.path.rglob("*")} == files
    for state in (again, other):
        (resumed,) = (event for event in state.events if isinstance(event, kinds.Resumed))
        assert (resumed.ckpt, resumed.at.attempt) == ("main-5", 2)
        assert state.ending is not None and (state.ending.how, state.step) == ("finished", 10)
        assert {probe.step for probe in state.all(kinds.RobustProbe)} == {0, 5, 10}
    assert same == weights(tiny_run) != different  # to the bit the steps that were made before
    assert (other.config["lr"], other.config["on_co"]) == (0.003, "zero:conv1=3")
    assert again.config["lr"] != 0.003


def test_a_setting_that_the_checkpoint_has_is_refused_and_not_only_recorded(tiny_run):
    with pytest.raises(ValueError, match="the checkpoint decides method, eps"):
        went_on(tiny_run, lr=0.003, method="n-fgsm", eps=0.05)
    assert not {name for variant in VARIANTS.values() for name in variant} & set(LIVE)


def test_a_table_is_put_between_the_marks_of_a_page(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- tables: begin -->\nold\n<!-- tables: end -->\nafter\n")
    put("new", page)
    put("newer", page)
    marks = "<!-- tables: begin -->\n\nnewer\n\n<!-- tables: end -->"
    assert page.read_text() == f"before\n{marks}\nafter\n"
