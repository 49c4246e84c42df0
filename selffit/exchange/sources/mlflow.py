"""Tracking folders of MLflow, through its own client (`selffit[mlflow]`)."""

from __future__ import annotations

import os
from pathlib import Path

from selffit.errors import UserError
from selffit.exchange.source import Source, by_place
from selffit.exchange.sources.wandb import settings_of
from selffit.exchange.write import run_name
from selffit.extras import needed

MOST_RUNS = 1000


def mlflow_sources(path: Path) -> list[Source]:
    """Return the runs in a tracking folder, an experiment or a run. Raises UserError."""
    needed("mlflow", "mlflow", f"{path} is a folder of MLflow")
    # its newer versions keep runs in a database and ask to be told that a folder is meant
    os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
    from mlflow.entities import ViewType
    from mlflow.exceptions import MlflowException
    from mlflow.tracking import MlflowClient

    root, experiment, wanted = _root(path)
    try:
        client = MlflowClient(tracking_uri=root.resolve().as_uri())
        known = [one.experiment_id for one in client.search_experiments(view_type=ViewType.ALL)]
        runs = client.search_runs(
            [one for one in known if experiment in ("", one)], max_results=MOST_RUNS
        )
        found = []
        for run in runs:
            if wanted not in ("", run.info.run_id):
                continue
            series = {
                key: [
                    (float(one.step), float(one.value))
                    for one in client.get_metric_history(run.info.run_id, key)
                ]
                for key in run.data.metrics
            }
            if series:
                found.append(
                    Source(
                        table=by_place(path, series),
                        name=run_name(Path(run.info.run_name or run.info.run_id)),
                        format="a run of MLflow",
                        settings=settings_of(dict(run.data.params)),
                    )
                )
    except (MlflowException, OSError, ValueError) as error:
        raise UserError(f"{path}: MLflow cannot read it: {str(error)[:300]}") from None
    if not found:
        raise UserError(f"{path}: MLflow finds no run with metrics there")
    return found[::-1]  # the oldest first


def _root(path: Path) -> tuple[Path, str, str]:
    """The tracking folder, and the experiment and the run that are meant, "" for all."""
    path = path.resolve()
    if (path / "metrics").is_dir():
        return path.parent.parent, path.parent.name, path.name
    if (path / "meta.yaml").is_file():
        return path.parent, path.name, ""
    return (path / "mlruns" if (path / "mlruns").is_dir() else path), "", ""
