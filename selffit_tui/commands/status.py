"""`selffit status`: where a run stands, read once from its log."""

import typer

from selffit_tui.commands.options import AtOption, JsonOption, RunArgument, RunsOption
from selffit_tui.talk import RUNS, put, put_json


def status(
    run: RunArgument = None,
    runs: RunsOption = RUNS,
    at: AtOption = None,
    json: JsonOption = False,
) -> None:
    """Say where a run stands; with --at, where it stood.

    Exit code 1 where its log cannot be read.
    """
    from selffit.run.folder.find import find_run
    from selffit_tui.plain.tell import tell, tell_at

    found = find_run(run, runs)
    told = tell(found) if at is None else tell_at(found, at)
    if json:
        put_json(told.summary)
    else:
        from selffit_tui.plain.lines import status_lines

        for line in status_lines(told.summary, told.stands):
            put(line)
        for line in told.more:
            put(f"  {line}")
    if told.unreadable:
        raise typer.Exit(1)
