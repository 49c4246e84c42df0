"""A log made small enough to be passed on: what tells the story stays, what is many is thinned.

Every probe of robust accuracy, of self-information, of images and of causes, every alert,
diagnosis, command, branch and checkpoint record is kept as it is, so that a thinned log replays to
the same verdicts, marks and accuracies. Of blocks of steps one in so many stays, and all of those
next to an alert; of heartbeats one in so many; of channel probes, which are most of the log of a
wide network, so many: the first and the last of each branch, those around the alerts, and others
evenly.
Lines are numbered anew. Pure: lines in, lines out; `thin_run` does it with the folder of a run.
"""

import json
import re
import shutil
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from selffit.errors import UserError
from selffit.eventlog import kinds
from selffit.eventlog.encode import to_json
from selffit.eventlog.framing import SUFFIX, seal, verify
from selffit.eventlog.identity import RUN_FILE
from selffit.run.folder.run_dir import RunDir

_HEAD = re.compile(rb'\{"v":([0-9]{1,9}),"a":([0-9]{1,9}),"q":[0-9]{1,19}')
_FILE = re.compile(r"([0-9]{6})-[0-9]{6}\.jsonl")
_OPEN, _STEPS, _HOST, _CHANNELS, _ALERT = (
    kind.KIND.name
    for kind in (kinds.Opened, kinds.Steps, kinds.Host, kinds.ChannelProbe, kinds.Alert)
)
_LEFT_OUT = ("notify", "data_dir")  # of run.json: about the machine, nobody else's business


@dataclass(frozen=True, kw_only=True)
class Thinning:
    """How much stays. blocks, beats: one in so many; channels: so many channel probes.

    around: blocks of steps before and behind each alert that all stay.
    """

    blocks: int = 8
    beats: int = 8
    channels: int = 4
    around: int = 3


@dataclass(frozen=True)
class _Line:
    """A whole line of a log, and what it is about."""

    text: bytes
    kind: str
    branch: str
    step: int


def thinned(
    lines: Iterable[bytes], how: Thinning, *, first: int = 1, name: str = ""
) -> list[bytes]:
    """The lines of one stream of one attempt, in their order, thinned and numbered from `first`.

    lines: whole, with or without their newline; damaged ones are left out. name: what the run is
    called from now on, "" for its own name.
    """
    found = [line for text in lines if (line := _line(text)) is not None]
    stay = _channels(found, how.channels) | _blocks(found, how)
    counted = {_HOST: 0}
    kept: list[bytes] = []
    for index, line in enumerate(found):
        if line.kind == _HOST:
            counted[_HOST] += 1
            if counted[_HOST] % how.beats != 1 and how.beats > 1:
                continue
        elif line.kind in (_STEPS, _CHANNELS) and index not in stay:
            continue
        kept.append(_numbered(line, first + len(kept), name))
    return kept


def _line(text: bytes) -> _Line | None:
    text = text.rstrip(b"\n")
    if not verify(text) or _HEAD.match(text) is None:
        return None
    try:
        about = json.loads(text)
        return _Line(text, str(about["k"]), str(about["b"]), int(about["s"]))
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _numbered(line: _Line, number: int, name: str) -> bytes:
    body = line.text[:-SUFFIX]
    if line.kind == _OPEN and name:
        about = json.loads(line.text)
        data = b'"d":' + to_json({**about["d"], "run": name})
        run = b',"r":"%b"' % about["r"].encode() if "r" in about else b""
        body = body[: body.index(b'"d":')] + data + run
    head = _HEAD.match(body)
    assert head is not None
    version, attempt = head[1], head[2]
    return seal(b'{"v":%b,"a":%b,"q":%d%b' % (version, attempt, number, body[head.end() :]))


def _blocks(lines: Sequence[_Line], how: Thinning) -> set[int]:
    """Where the blocks of steps are that stay."""
    places = [index for index, line in enumerate(lines) if line.kind == _STEPS]
    stay = set(places[:: max(1, how.blocks)]) | set(places[-1:])
    for alert in (index for index, line in enumerate(lines) if line.kind == _ALERT):
        before = sum(place < alert for place in places)
        stay |= set(places[max(0, before - how.around) : before + how.around])
    for here, there in pairwise(places):
        if lines[here].branch != lines[there].branch:
            stay |= {here, there}
    return stay


def _channels(lines: Sequence[_Line], most: int) -> set[int]:
    """Where the channel probes are that stay, the most telling first."""
    places = [index for index, line in enumerate(lines) if line.kind == _CHANNELS]
    if len(places) <= most:
        return set(places)
    of: dict[str, list[int]] = defaultdict(list)
    for place in places:
        of[lines[place].branch].append(place)
    wanted = [mine[-1] for mine in of.values()]
    for index, line in enumerate(lines):
        if line.kind == _ALERT:
            wanted += [place for place in places if place > index][:1]
            wanted += [place for place in places if place < index][-2:-1]
    wanted += [mine[0] for mine in of.values()]
    wanted += places[:: max(1, len(places) // most)]
    return set(list(dict.fromkeys(wanted))[:most])


def thin_run(run: RunDir, target: Path, how: Thinning) -> int:
    """Write a thinned copy of a run that has ended, without weights, called as its folder is.

    Returns its size in bytes. Raises UserError where something is at `target` already, or it cannot
    be written; nothing is left there then.
    """
    if target.exists() or target.is_symlink():
        raise UserError(f"{target} is there already; name a folder that is not")
    info = run.info()
    try:
        target.mkdir(parents=True, mode=0o755)
        _copy(run.path, target, how)
        about = {name: value for name, value in info.items() if name not in _LEFT_OUT}
        config = about.get("config")
        if isinstance(config, dict):
            about["config"] = {key: value for key, value in config.items() if key not in _LEFT_OUT}
        about |= {"name": target.name, "thinned": asdict(how)}
        (target / RUN_FILE).write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        shutil.rmtree(target, ignore_errors=True)
        raise UserError(f"cannot write {target}: {error.strerror}") from error
    return sum(path.stat().st_size for path in target.rglob("*") if path.is_file())


def _copy(source: Path, target: Path, how: Thinning) -> None:
    attempts = target / "attempts"
    attempts.mkdir()
    for file in sorted((source / "attempts").glob("[0-9]*.json")):
        attempts.joinpath(file.name).write_bytes(file.read_bytes())
    for stream in sorted(path for path in (source / "log").iterdir() if path.is_dir()):
        folder = target / "log" / stream.name
        folder.mkdir(parents=True)
        for attempt, files in _by_attempt(stream).items():
            lines = [line for file in files for line in file.read_bytes().splitlines()]
            # rotated files become one: their first and last lines in between go
            inner = [line for line in lines[1:-1] if not _is_border(line)]
            kept = thinned([*lines[:1], *inner, *lines[1:][-1:]], how, name=target.name)
            folder.joinpath(f"{attempt}-000000.jsonl").write_bytes(b"".join(kept))


def _by_attempt(stream: Path) -> Mapping[str, list[Path]]:
    found: dict[str, list[Path]] = defaultdict(list)
    for file in sorted(stream.iterdir()):
        if (match := _FILE.fullmatch(file.name)) is not None and file.is_file():
            found[match[1]].append(file)
    return found


def _is_border(line: bytes) -> bool:
    found: Any = _line(line)
    return found is not None and found.kind in (_OPEN, kinds.Sealed.KIND.name)
