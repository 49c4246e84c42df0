"""A run at a glance: the summary that the whole log gives, and what is remembered of it."""

import random
import shutil
import time
from pathlib import Path

import pytest
from made_up import impossible, rollback
from made_up.records import alert, on, probe, record, roll_back, start, steps

from selffit.eventlog.framing import verify
from selffit.eventlog.liveness import here
from selffit.eventlog.reader import RunReader
from selffit.eventlog.sieve import Sieve
from selffit.eventlog.writer import EventWriter
from selffit.run.folded.state import RunState, reduce_all
from selffit.run.folder.run_dir import RunDir
from selffit.run.follow import Follower
from selffit.run.judged.summary import status_dict
from selffit.run.judged.verdict import verdict
from selffit.run.judged.wording import sentence
from selffit.run.listing import glance
from selffit.run.listing.glance import GlanceSource
from selffit_tui.plain.tell import tell

EXAMPLES = sorted((Path(__file__).parents[3] / "runs").glob("example-*"))
NOW = 1.9e9


def said(items):
    """What is told of a run whose log holds these items."""
    state = reduce_all(RunState(), items)
    return status_dict(state, "training", NOW), sentence(state, verdict(state))


def sifted(items):
    sieve = Sieve()
    for item in items:
        sieve.take(item)
    return sieve.needed()


def resumed(branch, step, attempt):
    opened = record("open", {"run": "r"}, attempt=attempt)
    data = {"ckpt": f"{branch}-{step}", "step": step, "branch": branch}
    return [opened, on_attempt(attempt, on(branch, record("resumed", data, step)))]


def on_attempt(attempt, item):
    from msgspec.structs import replace

    return replace(item, a=attempt)


def long_history(rng):
    """A run with far more blocks than are kept, checkpoints, roll-backs and attempts, by chance."""
    items = [start(), probe(0, 0.3)]
    branch, step, attempt, branches, saved = "main", 0, 1, 1, []
    for _ in range(rng.randrange(40, 160)):
        what = rng.choices(
            ("steps", "host", "probe", "save", "prune", "back", "resume"), (60, 20, 8, 5, 3, 1, 2)
        )[0]
        if what == "steps":
            item = steps(step, eps=[rng.random()] * 10)
            step += 10
        elif what == "host":
            item = record("host", {"cpu": rng.random()}, step)
        elif what == "probe":
            item = rng.choice((probe(step, rng.random()), alert("suspect", step)))
        elif what == "save":
            id = f"{branch}-{step}"
            saved.append((id, branch, step))
            item = record("ckpt.saved", {"id": id, "step": step, "branch": branch}, step)
        elif what == "prune" and saved:
            item = record("ckpt.pruned", {"id": saved.pop(0)[0]}, step)
        elif what == "back" and saved:
            _, parent, base = saved[-1]
            items += roll_back(f"b{branches}", base=base, asked=step, parent=parent)
            branch, step, branches = f"b{branches}", base, branches + 1
            continue
        elif what == "resume" and saved:
            _, branch, step = saved[-1]
            attempt += 1
            items += resumed(branch, step, attempt)
            continue
        else:
            continue
        items.append(on_attempt(attempt, on(branch, item)))
    return items


@pytest.mark.parametrize("seed", range(40))
def test_a_summary_of_what_is_kept_is_that_of_everything(seed):
    items = long_history(random.Random(seed))
    assert said(sifted(items)) == said(items)


def test_and_so_it_is_of_every_kind_of_event_at_every_length():
    items = [*rollback.rolled_back().records, *impossible.context()]
    for length in range(0, len(items), 7):
        assert said(sifted(items[:length])) == said(items[:length])


def test_what_is_kept_does_not_grow_with_steps_and_heartbeats():
    items = [
        start(),
        *(steps(10 * i) for i in range(500)),
        *(record("host", {}) for _ in range(500)),
    ]
    assert len(sifted(items)) < 50


@pytest.mark.parametrize("run", EXAMPLES, ids=lambda run: run.name)
def test_a_recorded_run_is_told_as_its_whole_log_says(run, tmp_path):
    shutil.copytree(run, tmp_path / run.name)
    for _ in range(2):  # read, then remembered
        told = tell(RunDir.open(tmp_path / run.name))
        summary, stands = told.summary, told.stands
        state = reduce_all(RunState(run=run.name), RunReader(run).poll())
        whole = status_dict(state, summary["state"], time.time())
        assert {**summary, "data_age_s": 0} == {**whole, "data_age_s": 0}
        assert abs(summary["data_age_s"] - whole["data_age_s"]) < 5
        assert stands == sentence(state, verdict(state))


@pytest.fixture
def growing(tmp_path, monkeypatch):
    """A run that goes on, read so far, with whatever was read remembered; and its writer."""
    monkeypatch.setattr(glance, "WORTH_KEEPING", 0)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    run = RunDir.create(tmp_path, "long", {})
    with EventWriter(
        run.path, "trainer", run.claim_attempt(here()), opening={"run": "long"}
    ) as log:
        for item in (start(), *(steps(10 * i) for i in range(60)), probe(600, 0.4)):
            log.put(item.k, item.d, step=item.s, critical=item.k == "probe.robust")
        assert step_of(run) == 600
        yield run, log


def step_of(run):
    return Follower(GlanceSource(run), run.name).read_all().step


def lines_read(run, monkeypatch):
    """How many lines a glance verifies."""
    verified = []

    def count(line):
        verified.append(line)
        return verify(line)

    monkeypatch.setattr("selffit.eventlog.decode.verify", count)
    step_of(run)
    monkeypatch.undo()
    return len(verified)


def test_the_next_glance_reads_on_from_where_the_last_one_stopped(growing, monkeypatch):
    run, log = growing
    log.put("steps", steps(600).d, step=600)
    log.put("probe.robust", probe(610, 0.5).d, step=610, critical=True)
    summary = tell(run).summary
    assert summary["step"] == 610 and summary["last"]["pgd"] == 0.5
    assert lines_read(run, monkeypatch) < 40  # those that are kept are decoded, of more than 60


@pytest.mark.parametrize("harm", ("flipped", "cut", "empty", "other", "folder"))
def test_what_is_remembered_and_not_whole_counts_for_nothing(growing, harm, tmp_path):
    run, _ = growing
    (file,) = tmp_path.glob("cache/selffit/*.reached")
    data = file.read_bytes()
    changed = {
        "flipped": data[:-9] + bytes([data[-9] ^ 1]) + data[-8:],
        "cut": data[:-1],
        "empty": b"",
    }
    changed["other"] = b"\n".join([data.split(b"\n", 1)[0], b"\xc1" * 50])
    if harm == "folder":
        file.unlink()
        file.mkdir()
    else:
        file.write_bytes(changed[harm])
    assert step_of(run) == 600


def test_a_log_that_was_replaced_is_read_again(growing):
    run, _ = growing
    shutil.rmtree(run.path / "log")
    with EventWriter(run.path, "trainer", 1, opening={"run": "long"}) as log:
        log.put("run.start", start().d, step=0)
        log.put("steps", steps(0).d, step=0, critical=True)
    assert step_of(run) == 10


def test_where_nothing_can_be_remembered_everything_is_read(growing, monkeypatch, tmp_path):
    run, _ = growing
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert step_of(run) == 600


def test_a_run_that_was_remembered_as_ended_is_read_again_when_it_goes_on(tmp_path):
    run = RunDir.create(tmp_path, "again", {})
    for attempt, how in ((1, "stopped"), (2, "finished")):
        with EventWriter(run.path, "trainer", attempt, opening={"run": "again"}) as log:
            log.put("end", {"how": how}, step=1, critical=True)
        assert tell(run).summary["ending"]["how"] == how
        assert tell(run).summary["attempt"] == attempt
