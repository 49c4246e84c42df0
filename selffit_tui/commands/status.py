"""`selffit status`: where a run stands, read once from its log."""

from selffit_tui.commands.options import JsonOption, RunArgument, RunsOption
from selffit_tui.talk import RUNS, put, put_json


def status(run: RunArgument = None, runs: RunsOption = RUNS, json: JsonOption = False) -> None:
    """Say where a run stands."""
    import time

    from selffit.run.find import find_run
    from selffit.run.summary import status_dict
    from selffit.run.verdict import verdict
    from selffit.run.wording import sentence
    from selffit_tui.plain.follow import read_once

    found = find_run(run, runs)
    state, word = read_once(found)
    # a folder that was renamed goes by its name of today
    summary = {**status_dict(state, word, time.time()), "run": found.name}
    if json:
        put_json(summary)
        return
    from selffit_tui.plain.lines import status_lines

    for line in status_lines(summary, sentence(state, verdict(state))):
        put(line)
