"""`selffit status`: where a run stands, read once from its log."""

from selffit_tui.commands.options import JsonOption, RunArgument, RunsOption
from selffit_tui.talk import RUNS, put, put_json


def status(run: RunArgument = None, runs: RunsOption = RUNS, json: JsonOption = False) -> None:
    """Say where a run stands."""
    from selffit.run.glance import tell
    from selffit.run.run_dir import find_run

    summary, stands = tell(find_run(run, runs))
    if json:
        put_json(summary)
        return
    from selffit_tui.plain.lines import status_lines

    for line in status_lines(summary, stands):
        put(line)
