"""The report of a run: verdict first, its own sentences, whole, and deaf to what logs try."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from selffit.eventlog.writer import EventWriter
from selffit.run.folder.run_dir import RunDir
from selffit.run.follow import Follower

pytest.importorskip("matplotlib", reason="figures need the extra `figures` (matplotlib)")

from selffit.report import run_figures, sentences
from selffit.report.run_page import figures_of, interventions, run_page

RUNS = Path(__file__).parents[2] / "runs"
VOID = {"meta", "img", "br"}


class Structure(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.tags, self.loads = [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.loads += [v for n, v in attrs if n in ("src", "href") and not v.startswith("data:")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.loads += [v for n, v in attrs if n == "href"]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def states():
    names = ("example-patterns-fgsm", "example-patterns-rollback")
    return {name: Follower.of(RunDir.open(RUNS / name)).read_all() for name in names}


@pytest.fixture(scope="module")
def pages(states):
    name = "example-patterns-fgsm"  # it has every figure
    return {name: run_page(states[name], "finished", name)}


def small_run(folder, *events, name="small", config=None):
    run = RunDir.create(folder, name, {})
    about = {"config": config or {}, "steps_total": 40, "steps_per_epoch": 20}
    with EventWriter(run.path, "trainer", 1) as log:
        log.put("run.start", about)
        for kind, data, step in events:
            log.put(kind, data, step=step)
    return run


PROBES = [
    ("probe.robust", {"n": 512, "clean": 0.8, "fgsm": 0.5, "pgd": pgd}, step)
    for step, pgd in ((0, 0.4), (20, 0.4), (40, 0.3))
]


def test_the_verdict_comes_before_everything_else(pages):
    for page in pages.values():
        assert page.index("class='verdict") < page.index("<h2>") < page.index("<svg")
    assert "<b>onset</b> at step 1 032; self-fitting" in pages["example-patterns-fgsm"].replace(
        "\u00a0", " "
    )


def test_the_page_is_well_formed_and_loads_nothing(pages):
    for page in pages.values():
        structure = Structure()
        structure.feed(page)
        assert structure.open == []
        assert not {"script", "link", "iframe", "object"} & set(structure.tags)
        assert all(one.startswith("#") for one in structure.loads)
        assert "default-src 'none'" in page and "@import" not in page


def test_it_is_made_for_a_phone_and_for_the_dark(pages):
    for page in pages.values():
        assert "width=device-width" in page and "prefers-color-scheme: dark" in page
        assert page.count("<div class='wide'") == page.count("<div class='narrow'") >= 3
        used = set(re.findall(r"var\((--c[0-9a-f]{6})", page))
        assert used and all(f"{name}: #" in page for name in used)


def test_no_two_figures_share_an_id(pages):
    for page in pages.values():
        ids = re.findall(r'id="([^"]+)"', page)
        clips = [one for one in ids if re.match(r"[pmh][0-9a-f]{6,}", one)]
        assert len(clips) == len(set(clips))


def test_each_figure_says_what_it_shows_in_this_run(states):
    told = {name: [f.shows for f in figures_of(state)] for name, state in states.items()}
    fell, held = (" ".join(told[name]).replace("\u00a0", " ") for name in told)
    assert "collapses at step 1 032 to .00 while FGSM accuracy is" in fell
    assert "Across the onset at step 1 032, abnormal batch goes from" in fell
    assert "clear from step" in fell and "have a dominance above 0.5 at step" in fell
    assert "dotted is what was left behind on main" in held


def test_an_intervention_says_what_came_of_it(states):
    ((_, told),) = sentences.outcomes(states["example-patterns-rollback"])
    assert re.match(r"PGD \.\d\d before \(step .*\), \.3\d at step", told)
    table = "".join(interventions(states["example-patterns-rollback"]))
    assert "what came of it" in table and "method fgsm → n-fgsm" in table and told in table


def test_the_same_run_gives_the_same_page(tmp_path):
    state = Follower.of(small_run(tmp_path, *PROBES)).read_all()
    assert run_page(state, "lost", "small") == run_page(state, "lost", "small")


def test_names_from_a_log_stay_text(tmp_path):
    alert = {"level": "onset", "text": "<img src=x onerror=alert(1)>"}
    run = small_run(
        tmp_path,
        ("alert", alert, 20),
        *PROBES,
        config={"method": "<script>alert(1)</script>"},
    )
    page = run_page(Follower.of(run).read_all(), "lost", "<b>")
    assert "<script" not in page and "&lt;script&gt;" in page and "<img src=x" not in page


def test_figures_are_files_too(tmp_path):
    state = Follower.of(small_run(tmp_path, *PROBES)).read_all()
    (figure,) = figures_of(state)
    assert run_figures.picture(figure.draw, "png", 5, 3)[:4] == b"\x89PNG"
    assert b"<svg" in run_figures.picture(figure.draw, "svg", 5, 3)[:1000]


def test_a_sign_in_a_number_is_no_tag(tmp_path):
    alert = {"level": "onset", "text": "x", "evidence": {"p_value": 1e-12, "pgd": 0.1}}
    state = Follower.of(small_run(tmp_path, ("alert", alert, 20), *PROBES)).read_all()
    page = run_page(state, "lost", "small")
    assert "p &lt; 1e-9" in page and "p < 1e-9" not in page


def test_a_run_without_measurements_has_a_page(tmp_path):
    run = RunDir.create(tmp_path, "empty", {})
    page = run_page(Follower.of(run).read_all(), "lost", "empty")
    assert "unmeasured" in page and "Nothing was measured" in page


def test_a_damaged_log_is_said_on_the_page(tmp_path):
    run = small_run(tmp_path, *PROBES)
    (log,) = (run.path / "log" / "trainer").glob("*.jsonl")
    lines = log.read_bytes().split(b"\n")
    log.write_bytes(b"\n".join([*lines[:2], b"{garbage}", *lines[3:]]))
    assert "log damaged" in run_page(Follower.of(run).read_all(), "lost", "small")
