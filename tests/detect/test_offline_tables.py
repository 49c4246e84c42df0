"""Tables of epochs: every form in which people have them is read, and what is none is refused."""

import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up.tables import FORMS, HEADER, Form, Row, rows, write
from made_up.tables import csv as table

from selffit.detect import detect_trace
from selffit.detect.offline import TraceResult, detect_traces
from selffit.detect.traces import Reading, parse_columns, read_traces
from selffit.errors import UserError

NAN = math.nan


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
    result = detect_trace(write(tmp_path, text))
    assert result.onset == 6 and "put together" in result.table.assumed[0]
    without = "\n".join(
        ",".join(line.split(",")[:1] + line.split(",")[2:]) for line in text.splitlines()
    )
    assert detect_trace(write(tmp_path, without)).onset == 18  # the step at which PGD was logged


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
        (HEADER + rows(healthy=9, fallen=0) + "9,70,0.5,0.4\n", "line 11: clean_acc = 70 is not"),
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
