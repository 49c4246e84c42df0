"""Made-up runs and apps without a terminal for the tests of the screens."""

import asyncio
import os
import shutil
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from made_up import folder as made_up_folder
from made_up import rollback
from made_up import run as synthetic
from made_up.looks import SETS
from made_up.selfinfo import run_records

from selffit.eventlog.clean import clean, clean_data
from selffit.eventlog.records import Record
from selffit.run.folded.state import RunState, reduce_all
from selffit_tui.app.app import RunApp, Start
from selffit_tui.draw.glyphs import BRAILLE, Glyphs
from selffit_tui.model.scene import Scene, Snapshot, View
from selffit_tui.model.series import Columns

NOW = synthetic.START + 30.0


class ListSource:
    """A feed's source that holds its items in a list."""

    def __init__(self, items: Sequence[Any], alive: bool | None = True) -> None:
        self.items, self.alive_now, self.taken = list(items), alive, 0

    def poll(self, limit: int | None = None) -> list[Any]:
        new = self.items[self.taken :][:limit]
        self.taken += len(new)
        return new

    def restart(self) -> None:
        self.taken = 0

    def size(self) -> tuple[int, float]:
        return 1_258_291, 0.0

    def begun(self) -> float:
        return 0.0

    def alive(self, state: RunState) -> bool | None:
        return self.alive_now

    def ahead(self, state: RunState, now: float) -> float:
        return 0.0


@pytest.fixture(scope="session")
def made_up() -> Any:
    """The generator of made-up runs."""
    return synthetic


def make_scene(
    items: Sequence[Any],
    view: View | None = None,
    glyphs: Glyphs = BRAILLE,
    narrow: bool = False,
    now: float = NOW,
) -> Scene:
    state = reduce_all(RunState(run="strokes-fgsm-7f3a"), items)
    columns = Columns()
    columns.take(state)
    snapshot = Snapshot(state, True, 1_258_291, None)
    return Scene(
        snapshot=snapshot,
        view=view or View(),
        columns=columns,
        now=now,
        newest=snapshot,
        glyphs=glyphs,
        narrow=narrow,
    )


@pytest.fixture
def scene() -> Callable[..., Scene]:
    """A scene made from records and a view."""
    return make_scene


@pytest.fixture(scope="session")
def acted_on() -> Any:
    """The generator of made-up runs on which somebody acts."""
    return rollback


@pytest.fixture
def drive() -> Callable[..., RunApp]:
    """Runs the app without a terminal: `await steps(app, pilot)` once the items have been read."""

    def run(
        items: Sequence[Any],
        steps: Callable[[RunApp, Any], Awaitable[None]],
        size: tuple[int, int] = (120, 40),
        glyphs: str = "braille",
        colours: str = "256",
        alive: bool | None = True,
        now: float = NOW,
        run_dir: Path = Path("strokes-fgsm-7f3a"),
        clock: Callable[[], float] | None = None,
        readonly: bool = False,
        start: Start | None = None,
    ) -> RunApp:
        app = RunApp(
            run_dir,
            source=ListSource(items, alive),
            clock=clock or (lambda: now),
            glyphs=SETS[glyphs],
            colours=colours,
            fps=50.0,
            readonly=readonly,
            start=start,
        )

        async def go() -> None:
            async with app.run_test(size=size) as pilot:
                await settle(app, pilot)
                await steps(app, pilot)

        asyncio.run(go())
        return app

    return run


async def settle(app: RunApp, pilot: Any) -> None:
    """Waits until everything has been read and drawn."""
    for _ in range(200):
        await pilot.pause(0.02)
        if app.run_screen.newest.loading is None and app.run_screen.newest.log_bytes:
            break
    await pilot.pause()


def text_of(app: RunApp) -> str:
    """What the screen shows, without styles."""
    lines = [
        "".join(segment.text for segment in strip).rstrip()
        for strip in app.screen._compositor.render_strips()
    ]
    return "\n".join(lines) + "\n"


@pytest.fixture
def shown() -> Callable[[RunApp], str]:
    return text_of


@pytest.fixture
def snapshot() -> Callable[[str, str], None]:
    """Compares a text with the file of that name; SELFFIT_UPDATE_SNAPSHOTS=1 writes it instead."""
    folder = Path(__file__).parent / "snapshots"

    def compare(name: str, text: str) -> None:
        file = folder / f"{name}.txt"
        if os.environ.get("SELFFIT_UPDATE_SNAPSHOTS") == "1":
            folder.mkdir(exist_ok=True)
            file.write_text(text, encoding="utf-8")
        assert text == file.read_text(encoding="utf-8"), (
            f"{file.name} differs; SELFFIT_UPDATE_SNAPSHOTS=1 writes it"
        )

    return compare


@pytest.fixture
def record() -> Callable[..., Record]:
    """One record of a kind, cleaned as a reader does."""

    def make(
        kind: str, data: dict[str, Any], step: int = 0, t: float = synthetic.START, **more: Any
    ) -> Record:
        attempt, stream = more.get("a", 1), more.get("stream", "trainer")
        return Record(1, attempt, 1, t, clean(kind), "main", step, clean_data(data), stream)

    return make


@pytest.fixture
def in_terminal(tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """The Run screen of a made-up run in a real pseudo-terminal."""
    from made_up import terminal as pseudo_terminal

    run_dir = tmp_path / "strokes-fgsm-7f3a"
    run_dir.mkdir()
    synthetic.write(run_dir, 702)
    open_ones: list[Any] = []

    def start(columns: int = 120, rows: int = 40, **env: str) -> Any:
        terminal = pseudo_terminal.show_run(str(run_dir), columns, rows, **env)
        open_ones.append(terminal)
        return terminal

    yield start
    for terminal in open_ones:
        terminal.__exit__()


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    root = made_up_folder.make(tmp_path_factory.mktemp("template") / "runs")
    made_up_folder.rolled_back(root)
    return root


@pytest.fixture
def root(template, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return shutil.copytree(template, tmp_path / "runs")


@pytest.fixture
def whole_run(made_up, record):
    return run_records(made_up, record)
