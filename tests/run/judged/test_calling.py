"""What somebody is called for, and the command that is run for it."""

import json
import sys
import time
from pathlib import Path

import pytest
from made_up import run as synthetic
from made_up.records import record

from selffit.errors import UserError
from selffit.eventlog.liveness import here
from selffit.eventlog.reader import RunReader
from selffit.eventlog.records import Record
from selffit.run.folded.state import RunState, reduce_all
from selffit.run.folder.run_dir import RunDir
from selffit.run.judged.calling import Calls, call_data, calls
from selffit.run.notify import kept_command, run_command, words_of
from selffit.supervisor import Supervisor

ITEMS = synthetic.records()


def state_of(items, before=None):
    return reduce_all(before or RunState(run="r"), items)


def test_an_onset_and_an_end_are_called_for_once_and_in_their_order():
    told, state, news = Calls(), RunState(run="r"), []
    for first in range(0, len(ITEMS), 40):
        state = state_of(ITEMS[first : first + 40], state)
        news += told.news(state)
    assert [call.event for call in news] == ["onset", "end"]
    assert [call.urgent for call in news] == [True, False]
    assert told.news(state) == []


def test_what_was_there_when_the_view_was_opened_is_not_called_for():
    told = Calls()
    told.begin(state_of(synthetic.records(720)))
    assert [call.event for call in told.news(state_of(ITEMS))] == ["end"]


def test_the_supervisor_has_the_last_word_on_a_crash():
    end = {"how": "crashed", "reason": "ValueError: x"}
    opened = {"stream": "supervisor", "pid": 1, "host": "h", "pstart": 1.0}
    items = [record("open", opened, stream="supervisor"), record("end", end, t=5.0)]
    assert list(calls(state_of(items), now=6.0)) == []  # it may say that another attempt begins
    assert [call.event for call in calls(state_of(items), now=60.0)] == ["crash"]
    exit = {"how": "crashed", "text": "ValueError: x", "again": True}
    state = state_of([*items, record("sup.exit", exit, t=6.0, stream="supervisor")])
    [call] = calls(state, now=6.0)
    assert (call.event, call.how, call.again) == ("crash", "crashed", True)
    assert call.text == "crashed; ValueError: x; another attempt begins"


@pytest.mark.parametrize(
    ("how", "event"),
    [
        ("finished", "end"),
        ("stopped", "end"),
        ("preempted", "end"),
        ("diverged", "end"),
        ("refused", "end"),
        ("killed", "crash"),
        ("oom", "crash"),
        ("unsaved", "crash"),
    ],
)
def test_each_end_is_told_once_as_a_crash_or_not(how, event):
    items = [record("sup.exit", {"how": how}, stream="supervisor")]
    assert [call.event for call in calls(state_of(items))] == [event]


def test_a_run_that_is_lost_counts_as_crashed():
    [call] = calls(state_of(synthetic.records(300)), "lost")
    assert (call.event, call.how) == ("crash", "lost")


def test_what_is_sent_is_plain_json_and_says_what_one_would_ask_next():
    state = state_of(synthetic.records(720))
    [onset] = calls(state)
    data = json.loads(json.dumps(call_data(state, onset, Path("/runs/r"), "abc"), allow_nan=False))
    assert (data["event"], data["run"], data["path"]) == ("onset", "r", "/runs/r")
    assert data["since"] == 620
    assert data["verdict"] == "onset" and data["stands"].startswith("onset at step 620")
    assert data["probe"]["pgd"] < 0.1 < data["probe"]["fgsm"] and data["probe"]["n"] == 512


# ---- the command ---------------------------------------------------------------------------------
def test_a_command_is_split_once_as_a_shell_would_and_must_exist():
    assert words_of("") == []
    assert words_of("sh -c 'echo \"a b\"'") == ["sh", "-c", 'echo "a b"']
    with pytest.raises(UserError, match="no closing quotation"):
        words_of("sh -c 'x")
    with pytest.raises(UserError, match="no program 'nosuch-thing'"):
        words_of("nosuch-thing --x")


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_a_command_gets_one_json_line_on_stdin(tmp_path):
    file = tmp_path / "got"
    copy = python(f"import sys; open({str(file)!r}, 'w').write(sys.stdin.read())")
    assert run_command(copy, {"text": "$(touch /tmp/x); `y`"}) == ""
    assert json.loads(file.read_text()) == {"text": "$(touch /tmp/x); `y`"}


def test_a_command_that_fails_or_hangs_is_told_of_and_ended():
    assert run_command(python("raise SystemExit('no net')"), {}) == "it ended with code 1: no net"
    begun = time.monotonic()
    wrong = run_command(["sh", "-c", "sleep 60 & sleep 60"], {}, limit=0.2)
    assert wrong == "it took longer than 0.2 s and was ended"
    assert time.monotonic() - begun < 5
    assert "it cannot be run" in run_command(["/nosuch"], {})


# ---- with nobody watching ------------------------------------------------------------------------
TRAINER = """
import sys
from pathlib import Path
from selffit.eventlog import kinds
from selffit.eventlog.writer import EventWriter
with EventWriter(Path(sys.argv[1]), "trainer", 1) as log:
    log.emit(kinds.Alert(level="onset", text="it fell", onset_step=7), step=9)
raise SystemExit(5)
"""


@pytest.fixture
def run(tmp_path):
    return RunDir.create(tmp_path, "tiny", {"config": {}})


def supervise(run, command, code=TRAINER):
    supervisor = Supervisor(run)
    supervisor.call(command)
    supervisor.attempt([sys.executable, "-c", code, str(run.path)])


def listener(file):
    return f"{sys.executable} -c \"import sys; open('{file}', 'a').write(sys.stdin.read())\""


def test_the_supervisor_calls_for_what_happened_although_nobody_watched(run, tmp_path):
    supervise(run, listener(tmp_path / "got"))
    told = [json.loads(line) for line in (tmp_path / "got").read_text().splitlines()]
    assert [(one["event"], one["since"], one["how"]) for one in told] == [
        ("onset", 7, None),
        ("crash", None, "crashed"),
    ]
    assert told[0]["run"] == "tiny" and told[0]["id"] == run.id.id


def test_a_command_that_fails_is_logged_once_and_touches_nothing_else(run):
    supervise(run, f"{sys.executable} -c 'raise SystemExit(9)'")
    records = [item for item in RunReader(run.path).poll() if isinstance(item, Record)]
    [failed] = [one for one in records if one.k == "sup.notify"]
    assert failed.d["error"] == "it ended with code 9"
    assert [one.d["how"] for one in records if one.k == "sup.exit"] == ["crashed"]


def test_what_earlier_attempts_did_is_not_called_for_again(run, tmp_path):
    supervise(run, listener(tmp_path / "first"))
    supervise(run, listener(tmp_path / "second"), "pass")
    told = [json.loads(line) for line in (tmp_path / "second").read_text().splitlines()]
    assert [one["event"] for one in told] == ["end"]


def test_a_command_is_kept_for_a_resume_in_the_folder_where_it_was_given_only(run, tmp_path):
    assert run.remember("notify", "true") is None
    assert kept_command(run) == ""  # of a folder from elsewhere nobody knows who wrote it
    run.claim_attempt(here())
    assert kept_command(run) == "true"
    attempt = run.path / "attempts" / "000001.json"
    begun = json.loads(attempt.read_text())
    attempt.write_text(json.dumps({**begun, "folder": "another"}))
    assert kept_command(run) == ""
    assert run.remember("notify", None) == "true" and "notify" not in run.info()
