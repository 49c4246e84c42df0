"""A folder of made-up runs of every kind: ended, fallen, live, damaged, foreign, hostile."""

import json
from pathlib import Path

from made_up import run as synthetic
from selffit.eventlog.encode import to_json
from selffit.eventlog.framing import seal
from selffit.run.folder.run_dir import RunDir

HOSTILE = "esc\x1b[31mred\u202e"
CREATED = synthetic.START - 60.0


def write_run(root: Path, name: str, upto: int, onset: int, created: float = CREATED) -> Path:
    """A run with the clocks of the made-up events, so that pictures of it stay the same."""
    path = root / name
    streams: dict[str, bytes] = {}
    numbers: dict[str, int] = {}
    for event in synthetic.events(upto, onset, name):
        q = numbers[event.stream] = numbers.get(event.stream, 0) + 1
        text = b'{"v":1,"a":1,"q":%d,"t":%.3f,"k":"%b","b":"main","s":%d,"d":%b'
        data = to_json(event.data)
        line = seal(text % (q, event.t, event.kind.encode(), event.step, data))
        streams[event.stream] = streams.get(event.stream, b"") + line
    for stream, lines in streams.items():
        folder = path / "log" / stream
        folder.mkdir(parents=True)
        (folder / "000001-000000.jsonl").write_bytes(lines)
    (path / "attempts").mkdir()
    about = {"v": 1, "name": name, "created": created, "id": "0123456789ab"}
    (path / "run.json").write_text(json.dumps(about))
    return path


def make(root: Path) -> Path:
    """The folder, which is made."""
    root.mkdir(parents=True)
    write_run(root, "fallen", synthetic.TOTAL, 620, CREATED)
    write_run(root, "healthy", synthetic.TOTAL, 5_000, CREATED - 3600)
    write_run(root, "early-fall", synthetic.TOTAL, 300, CREATED - 7200)
    (root / "group").mkdir()
    write_run(root / "group", "nested", 400, 5_000, CREATED - 9000)
    damaged = root / "damaged"
    (damaged / "log").mkdir(parents=True)
    (damaged / "run.json").write_text('{"v":')
    half = write_run(root, "half-written", 200, 5_000, CREATED - 9900)
    (log,) = (half / "log" / "trainer").iterdir()
    log.write_bytes(log.read_bytes()[:-40])
    hostile = root / HOSTILE
    hostile.mkdir()
    about = {"v": 1, "name": "x\x1b[2J", "created": CREATED - 99_999}
    (hostile / "run.json").write_text(json.dumps(about))
    (root / "foreign").mkdir()
    (root / "foreign" / "model.pt").write_bytes(b"x")
    return root


def rolled_back(root: Path, name: str = "rescued") -> RunDir:
    """A run that was rolled back to a branch."""
    from made_up.rollback import rolled_back as made

    path = root / name
    folder = path / "log" / "trainer"
    folder.mkdir(parents=True)
    lines = b""
    for q, record in enumerate((r for r in made().records if r.stream == "trainer"), 1):
        text = b'{"v":1,"a":1,"q":%d,"t":%.3f,"k":"%b","b":"%b","s":%d,"d":%b'
        place = (q, record.t, record.k.encode(), record.b.encode(), record.s)
        lines += seal(text % (*place, to_json(record.d)))
    (folder / "000001-000000.jsonl").write_bytes(lines)
    (path / "attempts").mkdir()
    (path / "run.json").write_text(json.dumps({"v": 1, "name": name, "created": CREATED}))
    return RunDir.open(path)
