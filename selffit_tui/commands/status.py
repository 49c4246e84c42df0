"""`selffit status`: where a run stands, read once from its log."""

import typer

from selffit.vocabulary import LOST
from selffit_tui.commands.options import JsonOption, RunArgument, RunsOption
from selffit_tui.talk import RUNS, put, put_json


def status(run: RunArgument = None, runs: RunsOption = RUNS, json: JsonOption = False) -> None:
    """Say where a run stands.

    Exit code 1 where its log cannot be read.
    """
    from selffit.run.find import find_run
    from selffit.run.summary import status_dict
    from selffit.run.verdict import verdict
    from selffit.run.word import host_of
    from selffit.run.wording import sentence
    from selffit_tui.plain.follow import look

    found = find_run(run, runs)
    seen = look(found)
    state = seen.state
    # a folder that was renamed goes by its name of today
    summary = {
        **status_dict(state, seen.word(), seen.now(), seen.ahead),
        "run": found.name,
    }
    if json:
        put_json(summary)
    else:
        from selffit.run.clocks import clock_words
        from selffit_tui.plain.lines import status_lines

        for line in status_lines(summary, sentence(state, verdict(state))):
            put(line)
        if summary["state"] == LOST.word:
            put(f"  lost: {seen.loss()}")
        if said := clock_words(seen.ahead, host_of(state)):
            put(f"  {said}")
    if any(notice.kind == "unreadable" for notice in state.notices):
        raise typer.Exit(1)
