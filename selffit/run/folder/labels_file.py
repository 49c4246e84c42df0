"""Where the labels of a run are kept: a file of its own in the folder of the run."""

from typing import Any

from selffit.errors import UserError
from selffit.eventlog.clean import clean
from selffit.eventlog.folder import root_of
from selffit.eventlog.jsonfile import read_small, replace
from selffit.run.folder.labels import LONGEST_NOTE, LONGEST_TAG, MOST_TAGS, Labels
from selffit.run.folder.run_dir import RunDir

FILE = "labels.json"


def read_labels(run: RunDir) -> Labels:
    """Return the labels of a run; where its file is none of ours, none, and why."""
    try:
        with root_of(run.place) as root:
            return _labels(read_small(FILE, root))
    except FileNotFoundError:
        return Labels()
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or clean(str(error))[:200]
        return Labels(fault=f"{FILE}: {why}")


def _labels(data: dict[str, Any]) -> Labels:
    tags, note = data.get("tags", []), data.get("note", "")
    if not isinstance(tags, list) or not isinstance(note, str):
        raise ValueError("it holds no tags and no note")
    kept = [clean(tag)[:LONGEST_TAG] for tag in tags if isinstance(tag, str) and tag]
    return Labels(tuple(dict.fromkeys(kept))[:MOST_TAGS], clean(note)[:LONGEST_NOTE])


def write_labels(run: RunDir, labels: Labels) -> None:
    """Keep the labels of a run in its folder. Raises UserError where that is impossible."""
    if (found := read_labels(run)).fault:
        raise UserError(f"{clean(run.name)}: {found.fault}; move that file away first")
    note = clean(labels.note)[:LONGEST_NOTE]
    try:
        with root_of(run.place) as root:
            replace(root, FILE, {"v": 1, "tags": list(labels.tags), "note": note})
    except OSError as error:
        raise UserError(
            f"cannot keep tags and notes in {clean(run.name)}: {error.strerror}; they need a "
            "folder that you can write to"
        ) from error
