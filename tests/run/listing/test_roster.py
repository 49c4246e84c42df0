"""The runs of a folder as rows: read in pieces, kept up to date, labelled, deleted."""

import os
import shutil

import pytest
from made_up import folder as made_up_folder
from made_up import run as synthetic

from selffit.errors import UserError
from selffit.eventlog.liveness import here
from selffit.eventlog.writer import EventWriter
from selffit.run.folder.labels import Labels
from selffit.run.folder.labels_file import FILE, read_labels, write_labels
from selffit.run.folder.run_dir import RunDir
from selffit.run.listing import removal
from selffit.run.listing.glance import glance as whole
from selffit.run.listing.removal import remove_run
from selffit.run.listing.roster import Roster


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    return made_up_folder.make(tmp_path_factory.mktemp("template") / "runs")


@pytest.fixture
def root(template, tmp_path):
    return shutil.copytree(template, tmp_path / "runs")


def read_all(roster):
    roster.look()
    while roster.unread:
        roster.read(roster.unread, 60.0)
    return {row.name: row for row in roster.rows}


def test_every_run_is_a_row_and_what_cannot_be_read_says_so(root):
    rows = read_all(Roster(root))
    assert list(rows)[:2] == ["fallen", "healthy"] and list(rows)[-1] == "damaged"
    fallen, healthy = rows["fallen"], rows["healthy"]
    assert (fallen.verdict, fallen.cause, fallen.since) == ("onset", "self-fitting", 620)
    assert fallen.now.pgd < 0.1 < fallen.best.pgd and fallen.stands.startswith("onset at step 620")
    assert healthy.verdict == "healthy" and healthy.now.pgd > 0.7 and len(healthy.curve) > 20
    assert fallen.settings["eps"] == synthetic.FINAL_EPS and fallen.state == "finished"
    assert rows["damaged"].state == "damaged" and "run.json is damaged" in rows["damaged"].why
    assert rows["half-written"].verdict == "healthy"
    assert "group/nested" in rows and "foreign" not in rows
    assert rows[made_up_folder.HOSTILE].shown == "esc\\x1b[31mred\\u202e"


def test_what_somebody_looks_at_is_read_first(root):
    roster = Roster(root)
    roster.look()
    assert roster.read(["healthy"], 0.0)
    assert [row.name for row in roster.rows if row.read and not row.why] == ["healthy"]
    assert "fallen" in roster.unread


def test_a_run_that_has_ended_is_remembered_and_read_again_when_its_log_changes(root, monkeypatch):
    before = read_all(Roster(root))
    with monkeypatch.context() as patched:
        patched.setattr("selffit.run.listing.roster.glance", lambda run: pytest.fail("read again"))
        roster = Roster(root)
        roster.look()
        assert roster.read(["fallen", "healthy"], 60.0)
        found = {row.name: row for row in roster.rows}
        assert found["fallen"] == before["fallen"]
    shutil.rmtree(root / "fallen")
    made_up_folder.write_run(root, "fallen", 400, 5_000)
    assert read_all(Roster(root))["fallen"].verdict == "healthy"


def test_the_best_accuracies_are_those_at_the_budget_of_today(root):
    row = read_all(Roster(root))["fallen"]
    assert row.budget == synthetic.FINAL_EPS
    assert row.best.pgd < max(row.curve)  # at smaller budgets it was higher


def test_one_run_that_cannot_be_read_at_all_does_not_hide_the_others(root, monkeypatch):

    def glance(run):
        if run.name == "fallen":
            raise ValueError("\x1b[2J")
        return whole(run)

    monkeypatch.setattr("selffit.run.listing.roster.glance", glance)
    rows = read_all(Roster(root))
    assert rows["fallen"].why == "its log cannot be read: ValueError in reading it"
    assert rows["healthy"].verdict == "healthy"


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def test_a_live_run_is_followed_and_a_new_one_is_found(tmp_path):
    root, clock = tmp_path, Clock()
    run = RunDir.create(root, "live", {"config": {}})
    with EventWriter(run.path, "trainer", 1, opening={**here().as_data(), "run": "live"}) as log:
        log.put("phase", {"name": "training"}, critical=True)
        roster = Roster(root, monotonic=clock)
        assert read_all(roster)["live"].state == "training"
        log.put(
            "probe.robust",
            {"n": 8, "eps": 0.1, "clean": 0.9, "fgsm": 0.5, "pgd": 0.4},
            step=5,
            critical=True,
        )
        assert roster.refresh()
        (row,) = roster.rows
        assert row.now.pgd == 0.4 and not row.ended
        assert not roster.refresh()
        log.put("end", {"how": "finished"}, step=5, critical=True)
        roster.refresh()
        assert roster.rows[0].state == "finished" and roster.rows[0].ended
    RunDir.create(root, "second", {"config": {}})
    assert roster.look()
    assert {row.name for row in roster.rows} == {"live", "second"}
    clock.now += 100.0
    shutil.rmtree(root / "second")
    assert roster.look() and len(roster.rows) == 1


def test_nothing_changes_as_long_as_nothing_changes(root):
    clock = Clock()
    roster = Roster(root, monotonic=clock)
    read_all(roster)
    before = roster.rows
    for _ in range(5):
        clock.now += 10.0
        roster.look()
        assert not roster.refresh(["fallen"])
    assert all(a is b for a, b in zip(before, roster.rows, strict=True))


def test_labels_lie_beside_the_log_and_are_no_part_of_it(root):
    run = RunDir.open(root / "healthy")
    assert read_labels(run) == Labels()
    write_labels(run, Labels(("paper",), "figure 3"))
    assert read_labels(run) == Labels(("paper",), "figure 3")
    assert sorted(os.listdir(run.path)) == ["attempts", FILE, "log", "run.json"]
    clock = Clock()
    roster = Roster(root, monotonic=clock)
    assert read_all(roster)["healthy"].labels.tags == ("paper",)
    write_labels(run, Labels())
    clock.now += 5.0
    assert roster.refresh(["healthy"])
    assert read_all(roster)["healthy"].labels == Labels()


def test_labels_of_somebody_else_are_harmless_and_are_not_written_over(root):
    run = RunDir.open(root / "healthy")
    file = run.path / FILE
    file.write_text('{"tags": ["a\\u001b[2J", 7], "note": "n\\u202e"}')
    assert read_labels(run) == Labels(("a\\x1b[2J",), "n\\u202e")
    file.write_text("[")
    assert read_labels(run).fault
    with pytest.raises(UserError, match="move that file away"):
        write_labels(run, Labels(("x",)))
    file.unlink()
    target = root / "elsewhere"
    target.write_text("{}")
    file.symlink_to(target)
    with pytest.raises(UserError):
        write_labels(run, Labels(("x",)))
    assert target.read_text() == "{}"


def test_a_folder_that_cannot_be_written_to_refuses_labels_with_a_sentence(root, monkeypatch):
    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("selffit.run.folder.labels_file.replace", refuse)
    with pytest.raises(UserError, match="cannot keep tags and notes in healthy: Permission denied"):
        write_labels(RunDir.open(root / "healthy"), Labels(("x",)))


def test_a_run_that_has_ended_can_be_deleted_with_all_it_holds(root):
    outside = root.parent / "outside"
    outside.mkdir()
    (outside / "keep").write_text("x")
    (root / "fallen" / "link").symlink_to(outside)
    remove_run(root, "fallen")
    remove_run(root, "group/nested")
    assert not (root / "fallen").exists() and not (root / "group" / "nested").exists()
    assert (outside / "keep").exists() and (root / "healthy").exists()
    assert not [name for name in os.listdir(root) if name.startswith(".gone")]


@pytest.mark.parametrize(
    "name",
    [
        "../outside",
        "..",
        ".",
        "",
        "/etc",
        "a//b",
        "nothing",
        "foreign",
        "linked",
        "linked-group/run",
        "x\0y",
    ],
)
def test_nothing_else_is_deleted(root, name):
    outside = root.parent / "outside"
    made_up_folder.write_run(outside.parent, "outside", 100, 5_000)
    made_up_folder.write_run(root.parent / "far", "run", 100, 5_000)
    (root / "linked").symlink_to(outside)
    (root / "linked-group").symlink_to(root.parent / "far")
    before = sorted(str(path) for path in root.parent.rglob("*"))
    with pytest.raises(UserError):
        remove_run(root, name)
    assert sorted(str(path) for path in root.parent.rglob("*")) == before


def test_a_live_run_is_never_deleted_nor_one_that_was_made_just_now(tmp_path):
    run = RunDir.create(tmp_path, "live", {"config": {}})
    with pytest.raises(UserError, match="starting"):
        remove_run(tmp_path, "live")
    with EventWriter(run.path, "trainer", 1, opening={**here().as_data(), "run": "live"}) as log:
        log.put("phase", {"name": "training"}, critical=True)
        with pytest.raises(UserError, match="live is training: stop it"):
            remove_run(tmp_path, "live")
        log.put("end", {"how": "stopped"}, critical=True)
    remove_run(tmp_path, "live")
    assert os.listdir(tmp_path) == []


def test_a_folder_that_takes_the_place_of_the_run_is_not_deleted(root, monkeypatch):
    ended = removal._check_ended

    def swapped(run, home, shown):
        ended(run, home, shown)
        os.rename(root / "fallen", root / "away")
        made_up_folder.write_run(root, "fallen", 100, 5_000)

    monkeypatch.setattr(removal, "_check_ended", swapped)
    with pytest.raises(UserError, match="another folder by now"):
        remove_run(root, "fallen")
    assert (root / "fallen" / "run.json").exists() and (root / "away" / "run.json").exists()
