"""`selffit status`: where a run stands, read once from its log."""

from selffit_tui.options import RUNS, JsonOption, RunArgument, RunsOption


def status(run: RunArgument = None, runs: RunsOption = RUNS, json: JsonOption = False) -> None:
    """Say where a run stands."""
    import time

    from selffit.eventlog.rundir import find_run
    from selffit.eventlog.summary import status_dict
    from selffit_tui.follow import read_once

    found = find_run(run, runs)
    state, word = read_once(found)
    summary = status_dict(state, word, time.time())
    if not summary["run"]:
        summary = {**summary, "run": found.name}
    if json:
        import json as json_module

        print(json_module.dumps(summary, allow_nan=False))
        return
    from selffit_tui.plain import status_lines

    print("\n".join(status_lines(summary)))
