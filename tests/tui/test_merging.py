"""Items of several streams in the order of time."""

from made_up import run as synthetic

from selffit.eventlog import kinds
from selffit.eventlog.records import Record
from selffit.eventlog.writer import EventWriter
from selffit.run.folder.run_dir import RunDir
from selffit.run.follow import Follower
from selffit_tui.plain.merging import Merged


def test_a_long_log_is_merged_by_time_as_a_short_one(tmp_path):
    run = RunDir.create(tmp_path, "r", {"config": {}})
    for attempt in (1, 2):
        with EventWriter(run.path, "supervisor", attempt) as above:
            above.emit(kinds.Spawned(pid=1, pstart=1.0))
            with EventWriter(run.path, "trainer", attempt) as log:
                for step in range(1, 40):
                    log.emit(kinds.CheckpointPruned(id=f"main-{step}"), step=step)
            above.emit(kinds.Exited(how="crashed"))

    def taken(size):
        merged, found = Merged(run, Follower.of(run), size), []
        while items := merged.take():
            found += items
        return [item for item in found if isinstance(item, Record)]

    whole, sliced = taken(10_000), taken(7)
    assert [item.t for item in whole] == sorted(item.t for item in whole)
    assert [item.t for item in sliced] == sorted(item.t for item in sliced)
    assert len(whole) == len(sliced) == len({(item.stream, item.a, item.q) for item in sliced})
    assert [item.k for item in sliced].index("sup.exit") < len(sliced) // 2 + 1


def test_what_comes_later_is_given_as_it_comes(tmp_path):
    run = RunDir.create(tmp_path, "r", {"config": {}})
    synthetic.write(run.path, 100)
    merged = Merged(run, Follower.of(run), 5)
    while merged.take():
        pass
    with EventWriter(run.path, "trainer", 2) as log:
        log.emit(kinds.Phase(name="data"))
    assert [item.k for item in merged.take() if isinstance(item, Record)][:2] == ["open", "phase"]
