"""`selffit runs`: every run of a folder, one line each."""

from selffit_tui.commands.options import JsonOption, RunsOption
from selffit_tui.talk import RUNS, put, put_json, say, typed


def runs(runs: RunsOption = RUNS, json: JsonOption = False) -> None:
    """List all runs, newest first."""
    from selffit.run.glance import tell
    from selffit.run.run_dir import list_runs

    rows = [{**tell(run)[0], "run": run.name} for run in list_runs(runs)]
    if json:
        for row in rows:
            put_json(row)
        return
    if not rows:
        say(f"no runs in {runs}; start one with: {typed('train')}")
        return
    from selffit_tui.plain.lines import runs_table

    for line in runs_table(rows):
        put(line)
