"""Tables of epochs: the answers, the third one among them, and the public labelled traces."""

import csv
import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up.tables import FORMS, NAMES, Form, Row
from made_up.tables import csv as table

from selffit.detect import Detector, RuleThresholds, detect_trace, point_of
from selffit.detect.offline import TraceResult, detect_traces
from selffit.detect.traces import Reading, parse_columns, read_traces
from selffit.errors import UserError
from selffit.eventlog import kinds
from selffit.eventlog.reader import RunReader
from selffit.run.folded.state import RunState, reduce_all

HEADER = ",".join(NAMES) + "\n"
NAN = math.nan


def write(folder: Path, text: str | bytes, name: str = "run-3.csv") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def rows(start: int = 0, healthy: int = 8, fallen: int = 3) -> str:
    lines = [f"{start + i},0.7,0.50,0.45" for i in range(healthy)]
    lines += [f"{start + healthy + i},0.6,0.80,0.02" for i in range(fallen)]
    return "\n".join(lines) + "\n"


def answered(folder: Path, text: str) -> TraceResult:
    return detect_trace(write(folder, text))


# ---- answers -------------------------------------------------------------------------------------
def test_an_onset_is_reported_by_name_epoch_and_alerts(tmp_path):
    data = answered(tmp_path, HEADER + rows()).as_data()
    assert (data["trace"], data["verdict"], data["onset"]) == ("run-3", "onset", 8)
    assert data["text"] == "onset at epoch 8"
    assert [(a["epoch"], a["level"], a["onset_low"]) for a in data["alerts"]] == [(8, "onset", 7)]
    assert "epoch 7" in data["alerts"][0]["advice"]


def test_a_healthy_trace_has_no_onset_and_says_of_how_many_rows_and_images(tmp_path):
    data = answered(tmp_path, HEADER + rows(fallen=0)).as_data()
    assert (data["verdict"], data["onset"], data["alerts"]) == ("no onset", None, [])
    assert data["text"] == "no onset in 8 rows of 1\u00a0000 images"
    assert (data["rows"], data["judged"], data["images"]) == (8, 8, [1000, 1000])
    assert data["reasons"] == data["notes"] == data["assumed"] == data["left_out"] == []


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("length", [5, 10])
@pytest.mark.parametrize("at", [1, 2, 3])
def test_a_fall_in_the_first_epochs_of_a_short_training_is_found(tmp_path, first, length, at):
    text = HEADER + rows(start=first, healthy=at, fallen=length - at)
    assert answered(tmp_path, text).onset == first + at


def test_epochs_before_the_network_ever_was_robust_are_no_level_to_fall_from(tmp_path):
    """PGD .12 of an untrained network is guessing."""
    start = "0,.13,.12,.12\n1,.30,.15,.06\n2,.42,.30,.20\n"
    assert answered(tmp_path, HEADER + start + rows(3, fallen=0)).answer.verdict == "no onset"


def test_a_trace_that_never_was_healthy_has_an_alert_but_no_onset_epoch(tmp_path):
    result = answered(tmp_path, HEADER + "".join(f"{e},0.7,0.9,0.0\n" for e in range(12)))
    assert (result.onset, result.answer.verdict) == (None, "onset")
    assert "from the start" in result.answer.text
    assert [a.level for a in result.alerts] == ["transient", "onset"]


def test_a_collapse_that_passed_before_pgd_ever_was_healthy_is_named(tmp_path):
    start = "0,.2,.13,.12\n1,.3,.29,.0\n2,.3,.28,.22\n"
    result = answered(tmp_path, HEADER + start + rows(3, fallen=0))
    assert (result.onset, result.answer.verdict) == (None, "no onset")
    assert [(a.level, a.step) for a in result.alerts] == [("transient", 1)]
    assert "an early collapse" in result.answer.notes[0] and "epoch 1" in result.answer.notes[0]


def test_a_fall_of_fgsm_and_pgd_together_is_named_and_neither_onset_nor_health(tmp_path):
    weak = "".join(f"{e},.5,.14,.12\n" for e in range(8, 14))
    result = answered(tmp_path, HEADER + rows(fallen=0) + weak)
    assert (result.onset, result.answer.verdict) == (None, "weakened")
    assert result.as_data()["weakened"] == {"since": 8, "best": 0.45}
    back = answered(tmp_path, HEADER + rows(fallen=0) + weak + rows(14, fallen=0))
    assert back.answer.verdict == "no onset" and "it came back" in back.answer.notes[0]


def test_divergence_is_named_with_its_epoch(tmp_path):
    gone = "".join(f"{e},.1,.1,.1\n" for e in range(8, 12))
    data = answered(tmp_path, HEADER + rows(fallen=0) + gone).as_data()
    assert (data["verdict"], data["onset"]) == ("diverged", None)
    assert data["diverged"] == {"since": 8, "sign": "at chance"}
    assert data["text"].startswith("diverged at epoch 8: clean accuracy fell from .70 to .10")


def test_a_low_clean_accuracy_of_many_classes_is_no_divergence(tmp_path):
    """Ten classes are assumed, but the images still matter: clean and PGD accuracy differ."""
    weak = "".join(f"{e},.11,.05,.01\n" for e in range(11, 14))
    result = answered(tmp_path, HEADER + rows() + weak)
    assert result.answer.verdict == "onset" and result.answer.notes == ()


def test_a_loss_that_is_not_finite_is_divergence(tmp_path):
    text = "epoch,train_loss,clean_acc,fgsm_acc,pgd_acc\n"
    text += "".join(f"{e},{'nan' if e > 5 else 1.3},.7,.5,.45\n" for e in range(9))
    assert answered(tmp_path, text).answer.text == "diverged at epoch 6: its loss is nan"


def test_missing_measurements_are_skipped(tmp_path):
    text = HEADER + rows(fallen=0) + "8,nan,NaN,nan\n9,,,\n\n10,0.6,0.8,0.02\n"
    assert answered(tmp_path, text).onset == 10


def test_columns_n_and_eps_are_used(tmp_path):
    text = HEADER.strip() + ",n,eps\n0,.7,.5,.4,600,8/255\n1,.7,.5,.4,,\n"
    [trace] = read_traces(write(tmp_path, text), Reading(n=99))
    assert [(p.n, p.eps == 8 / 255) for p in trace.points] == [(600, True), (99, False)]
    levels = HEADER.strip() + ",eps\n0,.7,.5,.4,8\n"
    [trace] = read_traces(write(tmp_path, levels), Reading(n=99))
    assert trace.points[0].eps == 8 / 255 and "255" in trace.assumed[0]


def test_n_given_by_hand_decides_how_sure_a_dip_is(tmp_path):
    path = write(tmp_path, HEADER + rows(fallen=0) + "8,0.7,0.50,0.15\n" + rows(start=9, fallen=0))
    assert detect_trace(path, n=60).onset is None
    assert detect_trace(path, n=1000).onset == 8


# ---- one cannot tell -----------------------------------------------------------------------------
def lines(*found: tuple[float, float, float], start: int = 0) -> str:
    return HEADER + "".join(
        f"{e}," + ",".join("" if v != v else f"{v}" for v in row) + "\n"
        for e, row in enumerate(found, start)
    )


HELD = (0.7, 0.5, 0.45)
CANNOT = {
    "too_few_rows": lines(HELD, HELD),
    "never_above_chance": lines(*[(0.3, 0.12, 0.05)] * 9),
    "nothing_measured": lines(*[(0.7, 0.5, NAN)] * 9),
    "no_fgsm": lines(*[(0.7, NAN, 0.45)] * 6, *[(0.6, NAN, 0.02)] * 4),
    "not_measured": lines(*[HELD] * 6, *[(0.7, NAN, 0.02)] * 4),
    "exchanged": lines(*[(0.7, 0.41, 0.5)] * 9),
    "not_measured ": HEADER + rows(0, 9, 0) + rows(60, 9, 0),
    "begins_late": lines(*[(0.7, 0.6, 0.2)] * 9, start=75),
    "ends_too_early": lines(*[(0.2, 0.13, 0.12)] * 4, (0.3, 0.29, 0.0)),
}


@pytest.mark.parametrize("code", CANNOT)
def test_where_one_cannot_tell_the_reason_is_said_and_nothing_reassuring(tmp_path, code):
    result = answered(tmp_path, CANNOT[code])
    assert (result.answer.verdict, result.onset, result.alerts) == ("cannot tell", None, ())
    assert code.strip() in [reason.code for reason in result.answer.reasons]
    assert result.answer.text.startswith("cannot tell: ")
    assert f"({result.answer.judged} row" in result.answer.text


def test_measurements_that_end_early_leave_the_rest_open(tmp_path):
    for cells in (",,", "nan,nan,nan"):
        end = "".join(f"{e},{cells}\n" for e in range(8, 12))
        result = answered(tmp_path, HEADER + rows(fallen=0) + end)
        assert [reason.code for reason in result.answer.reasons] == ["not_measured"]
        assert "from epoch 8 on (4 rows" in result.answer.text
        assert ("NaN" in result.answer.text) == ("nan" in cells)
    one = answered(tmp_path, HEADER + rows(fallen=0) + "8,,,\n")
    assert one.answer.verdict == "no onset" and "8 of 9 rows" in one.answer.notes[0]


@pytest.mark.parametrize(
    "names", [(0, 2, 1), (1, 0, 2), (2, 1, 0), (1, 2, 0), (2, 0, 1)], ids=lambda n: str(n)
)
@pytest.mark.parametrize("fallen", [0, 4])
def test_exchanged_columns_are_seen_whichever_they_are(tmp_path, names, fallen):
    order = [NAMES[1 + i] for i in names]
    text = ",".join(["epoch", *order]) + "\n" + rows(fallen=fallen)
    assert [r.code for r in answered(tmp_path, text).answer.reasons] == ["exchanged"]


def test_columns_exchanged_before_a_late_collapse_are_seen_by_a_few_rows(tmp_path):
    """Before it FGSM and PGD differ by less than noise."""
    found = [(0.7, 0.44, 0.45)] * 20 + [(0.7, 0.01, 0.8)] * 3
    assert answered(tmp_path, lines(*found)).answer.reasons[0].code == "exchanged"


def test_after_a_collapse_fgsm_accuracy_may_lie_above_clean_accuracy(tmp_path):
    assert answered(tmp_path, HEADER + rows(healthy=4, fallen=20)).onset == 4


def test_too_few_images_for_a_fall_to_stand_out_are_said(tmp_path):
    path = write(tmp_path, HEADER + rows(fallen=0))
    assert detect_trace(path, n=16).answer.reasons[0].code == "too_few_images"
    assert detect_trace(path, n=60).answer.verdict == "no onset"


def test_without_fgsm_accuracy_what_pgd_says_alone_is_judged_and_that_is_said(tmp_path):
    sinking = [(0.7 + 0.002 * i, NAN, 0.52 - 0.003 * i) for i in range(60)]
    result = answered(tmp_path, lines(*sinking))
    assert result.answer.verdict == "no onset"  # PGD never was below half its best
    assert "judged without FGSM accuracy" in result.answer.notes[0]


def test_fgsm_accuracy_now_and_then_is_enough(tmp_path):
    found = [(0.7, 0.5 if e % 5 == 0 else NAN, 0.45) for e in range(12)]
    found += [(0.6, 0.8 if e % 5 == 0 else NAN, 0.02) for e in range(12, 17)]
    result = answered(tmp_path, lines(*found))
    assert (result.onset, result.alerts[0].step) == (12, 15)


def test_a_table_that_begins_late_and_healthy_is_judged_from_there(tmp_path):
    result = answered(tmp_path, HEADER + rows(start=60, healthy=4))
    assert result.onset == 64
    assert "begins at epoch 60" in result.answer.notes[0]


# ---- forms ---------------------------------------------------------------------------------------
def judged(folder: Path, form: Form, found: list[Row]) -> TraceResult:
    columns = parse_columns([form.columns] if form.columns else [])
    [result] = detect_traces(write(folder, form.bytes(found)), how=Reading(n=1000, columns=columns))
    return result


CO: list[Row] = [(e, 0.5 + 0.01 * e, 0.40 + 0.005 * e, 0.35 + 0.004 * e) for e in range(12)]
CO += [(e, 0.7, 0.75, 0.01) for e in range(12, 16)]


@pytest.mark.parametrize("name", FORMS)
def test_every_form_is_read_and_what_was_assumed_is_said(tmp_path, name):
    form = FORMS[name]
    result = judged(tmp_path, form, CO)
    assert result.onset == 12 * form.every
    said = "; ".join([*result.table.assumed, *result.table.left_out])
    assert form.said in said
    assert result.as_data()["alerts"][0]["onset_low"] == 11 * form.every
    assert len(result.table.points) == 16


accuracy = st.integers(0, 100).map(lambda share: share / 100)


@st.composite
def traces(draw: st.DrawFn) -> list[Row]:
    """Trainings that hold or fall at a time, some of whose measurements are missing."""
    length, fall = draw(st.integers(4, 20)), draw(st.integers(1, 24))
    noise = draw(st.lists(st.integers(-3, 3), min_size=length, max_size=length))
    gaps = draw(st.sets(st.integers(1, length - 1), max_size=3))
    made: list[Row] = []
    for epoch in range(length):
        clean, fgsm, pgd = (0.62, 0.75, 0.02) if epoch >= fall else (0.7, 0.5, 0.42)
        wobble = noise[epoch] / 100
        made.append(
            (epoch, clean + wobble, fgsm + wobble, NAN if epoch in gaps else abs(pgd + wobble))
        )
    return made


@given(found=traces(), name=st.sampled_from(sorted(FORMS)))
@settings(deadline=None, max_examples=150)
def test_the_verdict_does_not_depend_on_the_form(tmp_path_factory, found, name):
    folder = tmp_path_factory.getbasetemp()
    plain, other = judged(folder, FORMS["plain"], found), judged(folder, FORMS[name], found)
    every = FORMS[name].every
    assert other.answer.verdict == plain.answer.verdict
    assert other.onset == (None if plain.onset is None else plain.onset * every)
    assert [r.code for r in other.answer.reasons] == [r.code for r in plain.answer.reasons]
    assert [a.level for a in other.alerts] == [a.level for a in plain.alerts]
    assert [p.pgd for p in other.table.points] == pytest.approx(
        [p.pgd for p in plain.table.points], nan_ok=True
    )


def long(names: str, *found: str) -> str:
    return f"{names}\n" + "".join(f"{line}\n" for line in found)


SEVERAL = {
    "a column": long(
        "seed," + HEADER.strip(),
        *(f"{s},{e},.6,.5,{0.45 if e < 6 or s else 0.01}" for s in (0, 1) for e in range(10)),
    ),
    "rows mixed": long(
        "seed," + HEADER.strip(),
        *(f"{s},{e},.6,.5,{0.45 if e < 6 or s else 0.01}" for e in range(10) for s in (0, 1)),
    ),
    "begun anew": long(
        HEADER.strip(),
        *(f"{e},.6,.5,{0.45 if e < 6 or s else 0.01}" for s in (0, 1) for e in range(10)),
    ),
    "columns of a dashboard": long(
        '"Step","a - pgd_acc","a - fgsm_acc","b - pgd_acc","b - fgsm_acc"',
        *(f'"{e}","{0.45 if e < 6 else 0.01}",".5",".45",".5"' for e in range(10)),
    ),
}


@pytest.mark.parametrize("name", SEVERAL)
def test_several_runs_in_one_table_are_judged_each_by_itself(tmp_path, name):
    first, second = detect_traces(write(tmp_path, SEVERAL[name]))
    assert (first.onset, second.onset) == (6, None)
    assert first.trace != second.trace and first.trace.startswith("run-3 [")
    assert second.answer.verdict == "no onset"


def test_a_dashboard_that_logs_each_accuracy_in_a_row_of_its_own_is_read(tmp_path):
    text = "_step,epoch,pgd_acc,fgsm_acc,clean_acc\n"
    for e in range(9):
        pgd = 0.45 if e < 6 else 0.01
        text += f"{3 * e},{e},{pgd},,\n{3 * e + 1},{e},,.5,\n{3 * e + 2},{e},,,.6\n"
    result = answered(tmp_path, text)
    assert result.onset == 6 and "put together" in result.table.assumed[0]
    without = "\n".join(
        ",".join(line.split(",")[:1] + line.split(",")[2:]) for line in text.splitlines()
    )
    assert answered(tmp_path, without).onset == 18  # the step at which PGD was logged


# ---- refusing ------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "text, words",
    [
        ("", "is empty"),
        ("\n \n", "is empty"),
        ("# nothing\n", "only comments"),
        (HEADER, "no rows of data under the header in line 1"),
        ("words\n", "line 1: not a table"),
        ("epoch,clean_acc,fgsm_acc\n0,1,1\n", "line 1: missing column pgd_acc; it has epoch, cle"),
        ("Wall time,Step,Value\n1,2,0.5\n", "--columns pgd=NAME"),
        ("epoch,clean,adv_acc\n0,.5,.4\n", "missing column pgd_acc"),
        ("epoch,pgd10_acc,pgd50_acc\n0,.5,.4\n", "pgd10_acc, pgd50_acc could each be"),
        ("epoch,clean_acc,fgsm_acc,pgd_acc,pgd_acc\n0,1,1,1,1\n", "appears twice"),
        ("0,.7,.5,.4\n1,.7,.5,.4\n", "line 1: no header line with the names of the columns; add"),
        (lines(*[HELD] * 9) + "9,70,0.5,0.4\n", "line 11: clean_acc = 70 is not an accuracy"),
        (HEADER + "0,1.2,0.5,0.4\n", "line 2: clean_acc = 1.2 is not an accuracy in [0,1]"),
        (HEADER + "0,0.7,0.5,-0.4\n", "line 2: pgd_acc = -0.4 is not an accuracy"),
        (HEADER + "0,7000,5000,4530\n1,7100,5100,4600\n", "clean_acc = 7000 is not an accuracy in"),
        (HEADER + "0,70,50,0.45\n1,70,50,0.45\n", "pgd_acc = 0.45 and all of its column look like"),
        (HEADER + "0,70%,50%,45%\n1,70,50%,45%\n", "line 3: clean_acc = 70 has no percent sign"),
        ("epoch,clean (%),pgd (%)\n0,.7,.45\n", "column clean (%) is headed percent, but"),
        (HEADER + "0,0.7,0.5,0.4\n1,0.7,0.5,high\n", "line 3: pgd_acc = high is not a number"),
        (HEADER + "nan,0.7,0.5,0.4\n", "line 2: epoch = nan is not a number from 0 on"),
        (HEADER + "-1,0.7,0.5,0.4\n", "line 2: epoch = -1 is not a number from 0 on"),
        (HEADER + "0,0.7,0.5,0.4\nx,0.7,0.5,0.4\n", "line 3: epoch = 'x' is not a number"),
        (HEADER + "0,.7,.5,.4\n0,.6,.5,.4\n" * 1 + "1,.7,.5,.4\n1,.6,.5,.4\n2,.7,.5,.4\n2,.6,.5,.4"
         "\n3,.7,.5,.4\n3,.6,.5,.4\n", "most epochs have several rows"),
        (HEADER + "0,0.7,0.5\n", "line 2: 3 cells under 4 columns; repair the row"),
        (HEADER + "0,0.7,0.5,0.4,9\n", "line 2: 5 cells under 4 columns"),
        (HEADER + "0,0,7,0,5,0,4\n", "line 2: 7 cells under 4 columns; where commas are decimal"),
        (HEADER + '0,"0.7,0.5,0.4\n', "not a CSV table"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "line 1: not text"),
        (b"epoch,clean_acc\n0,\x00\x01", "line 2: not text"),
        (b"PK\x03\x04 workbook", "a ZIP archive or a workbook, not a table; export"),
        (b"\x1f\x8b\x08", "is compressed"),
        ('{"epoch": 0}\n', "is JSON"),
        ("epoch,clean_acc,fgsm_acc,pgd_acc,eps\n0,.7,.5,.4,800\n", "8/255"),
        ("epoch,clean_acc,fgsm_acc,pgd_acc,n\n0,.7,.5,.4,0\n", "number of images"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_trace_is_refused_with_its_name_and_a_reason(tmp_path, text, words):
    path = write(tmp_path, text)
    with pytest.raises(UserError) as error:
        detect_trace(path)
    assert words in str(error.value) and str(path) in str(error.value)


def test_a_missing_file_a_directory_and_a_bad_n_are_refused(tmp_path):
    with pytest.raises(UserError, match="no such file"):
        detect_trace(tmp_path / "none.csv")
    with pytest.raises(UserError, match="directory"):
        detect_trace(tmp_path)
    with pytest.raises(UserError, match="not a file name"):
        detect_trace("a\0b.csv")
    with pytest.raises(UserError, match="at least 1"):
        detect_trace(write(tmp_path, HEADER + rows()), n=0)
    with pytest.raises(UserError, match="at least 2"):
        detect_trace(write(tmp_path, HEADER + rows()), classes=1)


def test_options_say_what_cannot_be_found_out(tmp_path):
    mixed = write(tmp_path, HEADER + "".join(f"{e},7,5,.45\n" for e in range(5)))
    [trace] = read_traces(mixed, Reading(n=9, unit="percent"))
    assert trace.points[0].pgd == pytest.approx(0.0045)
    with pytest.raises(UserError, match=r"clean_acc = 7 is not an accuracy in \[0,1\]"):
        read_traces(mixed, Reading(n=9, unit="fraction"))
    path = write(tmp_path, "epoch,pgd10_acc,pgd50_acc\n0,.5,.4\n")
    [trace] = read_traces(path, Reading(n=9, columns=parse_columns(["pgd=pgd50_acc"])))
    assert trace.points[0].pgd == 0.4


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("pgd", "expected ROLE=NAME"),
        ("speed=lr", "one of epoch, clean, fgsm, pgd"),
        ("pgd=pdg_acc", "no column pdg_acc for --columns pgd=; did you mean pgd_acc?"),
        ("pgd=9", "no column 9"),
    ],
)
def test_columns_that_are_not_there_are_refused(tmp_path, given, words):
    path = write(tmp_path, HEADER + rows())
    with pytest.raises(UserError) as error:
        read_traces(path, Reading(n=9, columns=parse_columns([given])))
    assert words in str(error.value)


def test_columns_with_commas_in_their_names_can_be_named(tmp_path):
    assert parse_columns(["pgd=acc, PGD,clean_acc=a", "n=3"]) == {
        "pgd": "acc, PGD", "clean": "a", "n": "3"
    }  # fmt: skip


@given(st.binary(max_size=300) | st.text(max_size=300).map(lambda text: text.encode()))
@settings(deadline=None, max_examples=100)
def test_whatever_is_in_a_file_it_is_read_or_refused(tmp_path_factory, raw):
    path = write(tmp_path_factory.getbasetemp(), raw)
    try:
        detect_traces(path)
    except UserError as error:
        assert str(path) in str(error)


@given(
    st.lists(
        st.lists(
            st.sampled_from(["", "-", "0", "1", "0.5", "45", "45%", "0,5", "nan", "inf", "x", "7"]),
            min_size=4,
            max_size=4,
        ),
        min_size=1,
        max_size=8,
    )
)
@settings(deadline=None, max_examples=150)
def test_whatever_is_in_the_cells_they_are_read_or_refused(tmp_path_factory, cells):
    path = write(tmp_path_factory.getbasetemp(), table(cells, between=";"))
    try:
        for result in detect_traces(path):
            assert result.as_data()["text"]
            assert all(
                math.isnan(v) or 0 <= v <= 1 for p in result.table.points for v in (p.clean, p.pgd)
            )
    except UserError as error:
        assert str(path) in str(error)


def test_columns_of_errors_are_turned_into_accuracies_and_that_is_said(tmp_path):
    rows = ["1,50,40.1,60.2,62.3", "2,45,35,55,57", "3,45,33,53,56", "4,45,32,12.2,98.3"]
    head = "epoch,Train Err,Test Error (%),FGSM Error (%),PGD-20 Error (%)"
    path = tmp_path / "errors.csv"
    path.write_text("\n".join([head, *rows]))
    result = detect_trace(path)
    assert result.onset == 4
    assert result.table.points[0].pgd == pytest.approx(0.377)
    assert "column PGD-20 Error (%) taken as pgd_acc, 1 minus the error" in result.table.assumed
    [chosen] = read_traces(path, Reading(n=9, columns={"pgd": "PGD-20 Error (%)"}))
    assert chosen.points[0].pgd == pytest.approx(0.377)


def test_an_error_bar_is_no_error_rate(tmp_path):
    path = tmp_path / "bars.csv"
    path.write_text("epoch,clean,fgsm,pgd_std_err\n1,.5,.4,.01\n2,.5,.4,.01\n")
    with pytest.raises(UserError, match="missing column pgd_acc"):
        detect_trace(path)


# ---- public traces -------------------------------------------------------------------------------
@pytest.fixture(scope="session")
def labelled(real_data: Path) -> list[tuple[Path, str]]:
    found = []
    for labels in sorted((real_data / "co_traces").glob("*/labels.csv")):
        with labels.open(newline="") as file:
            found += [
                (labels.parent / f"{r['trace']}.csv", r["onset_epoch"])
                for r in csv.DictReader(file)
            ]
    return found


def verdicts(traces, **options):
    """(missed or more than 3 epochs off, false alarms) over the labelled traces."""
    wrong, false = [], []
    for path, label in traces:
        result = detect_trace(path, **options)
        onset = result.onset
        if label:
            if onset is None or abs(onset - int(label)) > 3:
                wrong.append((path.parent.name, path.stem, label, onset))
        elif result.answer.verdict in ("onset", "diverged"):
            false.append((path.parent.name, path.stem, result.answer.text))
    return wrong, false


@pytest.mark.parametrize("n", [200, 1000, 10_000])
def test_every_labelled_onset_is_found_and_nothing_else(labelled, n):
    assert len(labelled) == 126 and sum(bool(label) for _, label in labelled) == 21
    assert verdicts(labelled, n=n) == ([], [])


def test_no_label_less_trace_gets_any_alert_at_all(labelled):
    for path, label in labelled:
        if not label:
            result = detect_trace(path)
            assert (result.alerts, result.answer.verdict) == ((), "no onset"), path


@pytest.mark.parametrize(
    "moved",
    [
        {"fallen": 0.2},
        {"fallen": 0.52},
        {"gap": 0.0},
        {"gap": 0.30},
        {"opened": 0.3},
        {"opened": 1.0},
        {"level": 0.02},
        {"level": 0.20},
        {"over_chance": 0.0},
        {"over_chance": 0.12},
        {"z_fall": 2.0},
        {"z_fall": 15.0},
        {"z_gap": 0.0},
        {"z_gap": 12.0},
        {"luck": 0.0},
        {"luck": 4.0},
        {"restored": 0.6},
        {"restored": 0.9},
        {"blind_probes": 1},
        {"blind_pgd": 0.3},
        {"blind_fgsm": 0.3},
    ],
    ids=lambda moved: "-".join(f"{k}-{v}" for k, v in moved.items()),
)
def test_every_threshold_can_be_moved_far_without_losing_a_trace(labelled, moved):
    assert verdicts(labelled, thresholds=RuleThresholds(**moved)) == ([], [])


@pytest.mark.slow
def test_the_recorded_runs_get_the_onsets_that_they_were_given_and_no_other(real_data):
    """Through the rule as it is now: a healthy n-fgsm run, and a rescue after its roll-back."""
    told = {}
    for run in sorted((real_data / "runs").iterdir()):
        reader, items = RunReader(run), []
        while new := reader.poll(10_000):
            items += new
        state = reduce_all(RunState(), items)
        detectors: dict[str, Detector] = {}
        told[run.name] = [
            (probe.branch, alert.level, alert.onset_step)
            for probe in state.all(kinds.RobustProbe)
            for alert in detectors.setdefault(probe.branch, Detector(chance=0.1)).probe(
                point_of(probe)
            )
        ]
    assert told == {
        "fgsm8": [("main", "onset", 6754)],
        "nfgsm8": [],
        "rescue8": [("main", "onset", 5508)],
        "selffit16": [("main", "onset", 3718)],
    }
