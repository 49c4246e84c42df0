"""`selffit detect`: the trainer's own detector over recorded traces."""

from pathlib import Path
from typing import Annotated

import typer

from selffit_tui.commands.options import JsonOption
from selffit_tui.talk import put, put_json


def detect(
    traces: Annotated[
        list[Path], typer.Argument(metavar="TRACE.csv…", help="epoch, clean_acc, fgsm_acc, pgd_acc")
    ],
    json: JsonOption = False,
    images: Annotated[
        int,
        typer.Option(
            "--images", min=16, help="images behind each accuracy, where a trace has no column n"
        ),
    ] = 1000,
) -> None:
    """Find catastrophic overfitting in recorded traces.

    CSV files with the columns epoch, clean_acc, fgsm_acc, pgd_acc: one row an epoch, accuracies
    from 0 to 1.
    """
    from selffit.detect.offline import detect_trace

    # all are read before anything is printed
    results = [detect_trace(path, n=images) for path in traces]
    if json:
        for result in results:
            put_json(result.as_data())
        return
    width = max(len(result.trace) for result in results)
    for result in results:
        found = "no onset" if result.onset is None else f"onset at epoch {result.onset}"
        put(f"{result.trace:<{width}}  {found}")
        for alert in result.alerts:
            put(f"{'':<{width}}    epoch {alert.step}: {alert.level}, {alert.text}")
