"""No two surfaces disagree: each prints the verdict that is a function of the log."""

import io
import json
import re
import sys
from html import escape
from pathlib import Path

import pytest
from made_up.records import alert, diagnosis, on, probe, record, roll_back, start, steps
from rich.console import Console
from typer.testing import CliRunner

from selffit.analysis.past import Past
from selffit.config import resolve
from selffit.eventlog import kinds
from selffit.eventlog.writer import EventWriter
from selffit.report.findings import Report
from selffit.run.again.rules import RULES
from selffit.run.folder.run_dir import RunDir
from selffit.run.follow import Follower
from selffit.run.judged.verdict import Verdict, verdict
from selffit.run.judged.wording import sentence
from selffit_tui import cli
from selffit_tui.draw.styles import palette
from selffit_tui.model.scene import Scene, Snapshot, View
from selffit_tui.model.series import Columns
from selffit_tui.panels.header import header_lines
from selffit_tui.panels.list import PANELS
from selffit_tui.plain.diagnosis import diagnosis_tables

EXAMPLES = Path(__file__).parents[1] / "runs"
CONFIG = {**resolve().as_dict(), "on_co": "rollback:n-fgsm", "epochs": 4}
HEALTHY = [start(**CONFIG), steps(0), probe(10, 0.40, fgsm=0.5)]
SUSPECT = [*HEALTHY, alert("suspect", 15)]
BLIND = [start(**CONFIG), steps(0), probe(10, 0.0, fgsm=0.5)]
FALLEN = [*HEALTHY, steps(10), probe(20, 0.01, fgsm=0.9)]
HEALTHY_BEFORE = {"step": 10, "pgd": 0.4}
ONSET = alert("onset", 20, onset_step=20, healthy=HEALTHY_BEFORE, disease="undecided")
FALLEN_APART = [*HEALTHY, steps(10, loss_adv=["NaN"] * 10)]
DIVERGED = alert(
    "diverged", 22, onset_step=20, text="training has diverged: its loss is NaN since step 20"
)
NO_ANSWER = probe(30, "NaN", fgsm="NaN", clean="NaN", nonfinite=512)
RESUMED = record("resumed", {"ckpt": "main-10", "step": 10, "branch": "main"}, 10)
NEW_EPS = {"id": "e" * 8, "op": "set", "args": {"eps": 0.05}, "by": "me", "version": 1}
CHANGED = record("ctl.applied", {**NEW_EPS, "old": {"eps": 0.16}, "new": {"eps": 0.05}}, 20)

# the moments of a run, as attempts; what stands then, on which branch, why, and since when
MOMENTS = {
    "before the first probe": ([[start(**CONFIG)]], "unmeasured", "main", "", None),
    "healthy": ([HEALTHY], "healthy", "main", "", 10),
    "suspect": ([SUSPECT], "suspect", "main", "", 15),
    "suspect, and looked at": ([[*SUSPECT, probe(16, 0.2, fgsm=0.6)]], "suspect", "main", "", 15),
    "a collapse before any health": (
        [[*BLIND, alert("transient", 10)]],
        *("transient", "main", "", 10),
    ),
    "a collapse that passed": (
        [[*BLIND, alert("transient", 10), probe(20, 0.4, fgsm=0.5)]],
        *("healthy", "main", "", 10),
    ),
    "cleared": ([[*SUSPECT, probe(16, 0.39, fgsm=0.5)]], "healthy", "main", "", 10),
    "at the onset": ([[*FALLEN, ONSET]], "onset", "main", "undecided", 20),
    "after a later verdict": (
        [[*FALLEN, ONSET, diagnosis(30, onset_step=20)]],
        *("onset", "main", "self-fitting", 20),
    ),
    "after a roll-back by hand": (
        [[*FALLEN, ONSET, *roll_back("b1", base=10)]],
        *("rolled back", "b1", "undecided", 10),
    ),
    "after a roll-back by the policy": (
        [[*FALLEN, ONSET, *roll_back("b1", base=10, by="policy"), on("b1", probe(12, 0.4))]],
        *("rolled back", "b1", "undecided", 10),
    ),
    "killed and resumed": (
        [[*FALLEN, ONSET], [start(**CONFIG), RESUMED]],
        "healthy",
        "main",
        "",
        10,
    ),
    "after a change of eps": ([[*FALLEN, ONSET, CHANGED]], "onset", "main", "undecided", 20),
    "diverged": ([[*FALLEN_APART, DIVERGED]], "diverged", "main", "", 20),
    "diverged, and looked at": (
        [[*FALLEN_APART, DIVERGED, NO_ANSWER]],
        *("diverged", "main", "", 20),
    ),
    "a divergence that was left": (
        [[*FALLEN_APART, DIVERGED, *roll_back("b1", base=10), on("b1", probe(12, 0.4))]],
        *("rolled back", "b1", "", 10),
    ),
    "weakened": (
        [[*HEALTHY, probe(20, 0.20, fgsm=0.25), probe(30, 0.20, fgsm=0.25)]],
        *("weakened", "main", "", 20),
    ),
    "found again on the new branch": (
        [[*FALLEN, ONSET, *roll_back("b1", base=10), on("b1", alert("onset", 30, onset_step=30))]],
        *("onset", "b1", "", 30),
    ),
}


class Told:
    """A run with this log, what stands, and what the commands print of it."""

    def __init__(self, attempts, root, monkeypatch, capsys):
        self.run = RunDir.create(root, "told", {"config": CONFIG})
        self._capsys = capsys
        self._monkeypatch = monkeypatch
        monkeypatch.setenv("SELFFIT_RUNS", str(root))
        for number, items in enumerate(attempts, 1):
            opening = {"run": self.run.name}
            with EventWriter(self.run.path, "trainer", number, opening=opening) as log:
                for item in items:
                    log.put(item.k, item.d, step=item.s, branch=item.b)
            with EventWriter(self.run.path, "supervisor", number, opening=opening) as log:
                log.put("sup.exit", {"how": "stopped", "text": "enough"})
        self.follower = Follower.of(self.run)
        self.state = self.follower.read_all()
        self.verdict: Verdict = verdict(self.state)

    def command(self, *args):
        self._monkeypatch.setattr(sys, "argv", ["selffit", *args])
        with pytest.raises(SystemExit):
            cli.main()
        return self._capsys.readouterr().out.replace("\xa0", " ")

    def header(self, width):
        columns = Columns()
        columns.take(self.state)
        snapshot = Snapshot(self.state, True, 0, None)
        scene = Scene(snapshot=snapshot, view=View(), columns=columns, now=0.0, newest=snapshot)
        first = header_lines(scene, width, 6)[0]
        return "".join(text for text, _ in first)


@pytest.fixture(params=MOMENTS)
def moment(request, tmp_path, monkeypatch, capsys):
    attempts, *expected = MOMENTS[request.param]
    return Told(attempts, tmp_path, monkeypatch, capsys), expected


def test_the_verdict_of_a_moment(moment):
    told, expected = moment
    found = told.verdict
    assert [found.state, found.branch, found.cause, found.since] == expected


def test_every_surface_prints_the_same_verdict(moment):
    told, (state, branch, cause, since) = moment
    words = sentence(told.state, told.verdict).replace("\xa0", " ")
    assert words in told.command("status", "told")
    assert words in told.command("watch", "--plain", "told")

    status = json.loads(told.command("status", "told", "--json"))
    assert [status["verdict"][name] for name in ("state", "branch", "cause", "since")] == [
        *(state, branch),
        *(cause or None, since),
    ]
    listed = json.loads(told.command("runs", "--json"))
    assert listed["verdict"] == status["verdict"]
    assert state in told.command("runs")

    banner = told.header(200).replace("\xa0", " ")
    assert state in banner.lower() or state == "unmeasured"
    assert cause in banner
    assert state in ("unmeasured", "healthy") or f"{since}" in banner
    assert state in told.header(60).lower() or state == "unmeasured"


def test_plain_lines_end_with_what_stands(moment):
    told, (state, *_) = moment
    lines = told.command("watch", "--plain", "told").splitlines()
    [last] = [line for line in lines if line.startswith("run told: ")]
    assert f"; {state}" in last


def test_alerts_in_json_carry_their_branch_and_the_newest_cause(moment):
    told, (state, _, cause, _) = moment
    alerts = json.loads(told.command("status", "told", "--json"))["alerts"]
    events = told.state.all(kinds.Alert)
    assert [a["branch"] for a in alerts] == [event.branch for event in events]
    if state == "onset":
        newest = next(a for a in reversed(alerts) if a["level"] == "onset")
        assert newest["stands"] and newest["disease"] == cause
    if state == "rolled back":
        assert not any(a["stands"] for a in alerts)


def test_a_diagnosis_tells_of_the_run_what_stands_in_it(moment):
    told, _ = moment
    about = {"name": "told", "verdict": Past(told.state).verdict()}
    robust = {"n": 512, "eps": 0.1, "clean": 0.9, "fgsm": 0.5, "pgd": 0.4}
    place = {"checkpoint": "main-10", "branch": "main", "step": 10}
    report = Report.read(
        json.dumps({"k": kind, "checkpoint": "", "step": 0, "branch": "", "d": data} | at)
        for kind, data, at in (("target", about, {}), ("probe.robust", robust, place))
    )
    words = sentence(told.state, told.verdict)
    assert report.stands == words
    printed = io.StringIO()
    Console(width=400, file=printed).print(next(diagnosis_tables(report, 400)))
    assert f"told now: {words}" in printed.getvalue()
    pytest.importorskip("matplotlib")
    from selffit.report.page import page

    assert escape(words) in page(report)


SHARE_OF_OLD = re.compile(r"(?<![\w.,/])[-+]?0\.\d\d(?![\w.])")


@pytest.mark.parametrize("name", ["example-patterns-fgsm", "example-cifar10-rescue"])
def test_every_surface_writes_a_share_without_a_zero_before_the_point(name):
    run = RunDir.open(EXAMPLES / name)
    rules = [word for rule in RULES for word in ("--rule", rule)]
    told = []
    for words in (["status"], ["detect", *rules], ["watch", "--plain"], ["compare", "--plain"]):
        others = [str(EXAMPLES / "example-patterns-rollback")] if words[0] == "compare" else []
        done = CliRunner().invoke(cli.app, [words[0], str(run.path), *others, *words[1:]])
        assert done.exit_code == 0
        told += done.output.partition("DIFFERS IN")[0].splitlines()  # then settings, as given
    state = Follower.of(run).read_all()
    told += [one.text for one in state.all(kinds.Alert)]
    for panel in PANELS:
        newest = Snapshot(state=state, position=1)
        columns = Columns()
        columns.take(state)
        view = View(panel=panel.name)
        scene = Scene(snapshot=newest, newest=newest, view=view, columns=columns, now=state.t)
        told += [
            "".join(text for text, _ in line) for line in panel(palette("256")).draw(scene, 120, 40)
        ]
    found = [line for line in told if SHARE_OF_OLD.search(line.replace("epoch 0.", ""))]
    assert not found, found[0]
