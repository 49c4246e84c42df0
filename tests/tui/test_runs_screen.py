"""The Runs screen and the Compare screen as people use them: keys in, pictures out."""

import asyncio

import pytest
from made_up import folder as made_up_folder
from made_up.browsing import NOW, SIZES, at_rest, compare_app, drive, list_app, ready, until
from made_up.looks import SETS

from selffit.run.folder.labels_file import read_labels
from selffit.run.folder.run_dir import RunDir
from selffit_tui.app.app import RunApp, RunsApp
from selffit_tui.screens.compare import CompareScreen
from selffit_tui.screens.keyhelp import KeyHelpScreen
from selffit_tui.screens.keys import shown_keys
from selffit_tui.screens.listkeys import COMPARE_KEYS, RUNS_KEYS
from selffit_tui.screens.run import RunScreen
from selffit_tui.screens.runs import RunsScreen


@pytest.mark.parametrize("size", SIZES)
def test_snapshot_of_the_runs(size, root, shown, snapshot):
    async def look(app, pilot):
        await pilot.press("space", "space")
        await at_rest(app, pilot)
        snapshot(f"runs-{size}", shown(app))

    drive(list_app(root), look, SIZES[size])


def test_snapshot_of_the_runs_in_a_narrow_ascii_terminal(root, shown, snapshot):
    async def look(app, pilot):
        text = shown(app)
        assert text.isascii()
        snapshot("runs-45x20-ascii", text)

    drive(list_app(root, "ascii", "none"), look, (45, 20))


def test_the_list_follows_what_is_typed_into_the_filter(root, shown):
    async def steps(app, pilot):
        screen = app.screen
        total = len(screen.rows.rows)
        await pilot.press(*"/verdict:onset")
        assert {row.name for row in screen.shown} == {"early-fall", "fallen"}
        await pilot.press(*" eps>")
        assert "wants a value, such as eps>8/255" in shown(app)
        before = screen.shown  # as it was with the last that could be read
        assert not before
        await pilot.press(*"9", "enter")
        assert len(screen.shown) == 0 and "no run passes the filter" in shown(app)
        await pilot.press("escape")
        assert len(screen.shown) == total
        await pilot.press(*"/xyz", "escape")
        assert len(screen.shown) == total

    drive(list_app(root), steps)


def test_what_is_typed_ahead_of_the_filter_is_not_taken_for_commands(root):
    async def steps(app, pilot):
        from textual.events import Key

        for character in "/dyed":
            key = {"/": "slash"}.get(character, character)
            app.post_message(Key(key, character))
        await pilot.pause(0.1)
        assert app.screen.asked.text == "dyed"
        assert (root / "fallen").exists()

    drive(list_app(root), steps)


def test_a_run_is_opened_and_left_again(root):
    async def steps(app, pilot):
        await pilot.press("enter")
        assert isinstance(app.screen, RunScreen)
        await until(pilot, lambda: app.screen.newest.loading is None)
        for back in ("escape", "r"):
            await pilot.press(back)
            await until(pilot, lambda: isinstance(app.screen, RunsScreen))
            assert not app.visits  # nobody reads its log any more
            await pilot.press("enter")
            await until(pilot, lambda: isinstance(app.screen, RunScreen))

    drive(list_app(root), steps)


def test_from_a_run_one_comes_to_the_runs_beside_it_and_to_its_branches(root):
    async def steps(app, pilot):
        await pilot.press("c")
        await until(pilot, lambda: isinstance(app.screen, CompareScreen) and not app.screen.to_read)
        assert [curve.letter for curve in app.screen.curves()] == ["A1", "A2"]
        await pilot.press("escape")
        await pilot.press("r")
        await until(pilot, lambda: isinstance(app.screen, RunsScreen) and app.screen.rows.rows)
        assert "healthy" in {row.name for row in app.screen.rows.rows}
        await pilot.press("escape")
        assert app.screen is app.run_screen
        await pilot.press("escape")  # there is nothing behind the first screen
        assert app.screen is app.run_screen
        await pilot.press("q")

    app = RunApp(root / "rescued", clock=lambda: NOW, colours="256", glyphs=SETS["braille"])
    drive(app, steps)
    assert app.outcome.code == 1 and "lost" in app.outcome.text


def test_marked_runs_are_compared_with_their_letters(root, shown):
    async def steps(app, pilot):
        await pilot.press("c")  # none is marked: the one under the cursor
        await until(pilot, lambda: isinstance(app.screen, CompareScreen) and not app.screen.to_read)
        assert [curve.letter for curve in app.screen.curves()] == ["A1", "A2"]  # its branches
        await pilot.press("escape")
        await pilot.press("space", "j", "space", "c")
        await until(pilot, lambda: isinstance(app.screen, CompareScreen) and not app.screen.to_read)
        assert [curve.letter for curve in app.screen.curves()] == ["A", "B"]
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, RunsScreen))
        assert len(app.screen.view.marks) == 2

    drive(list_app(root), steps)


def test_tags_and_notes_are_kept_beside_the_run(root, shown):
    async def steps(app, pilot):
        screen = app.screen
        name = screen.scene().row.name
        await pilot.press(*"tpaper a:b")
        assert "cannot be a tag" in shown(app)
        await pilot.press("enter")
        assert screen.asked is not None  # it has to be taken back first
        await pilot.press(*["backspace"] * 3, "enter")
        await until(pilot, lambda: read_labels(RunDir.open(root / name)).tags == ("paper",))
        await pilot.press(*"nfigure", "enter")
        await until(pilot, lambda: "note figure" in shown(app) and "tags paper" in shown(app))
        await pilot.press(*"/tag:paper", "enter")
        assert [row.name for row in screen.shown] == [name]

    drive(list_app(root), steps)


def test_a_run_is_deleted_after_a_question_only(root, shown):
    async def steps(app, pilot):
        screen = app.screen
        await pilot.press(*"/fallen", "enter")
        await pilot.press("d")
        assert "delete fallen? Log and checkpoints are gone for good" in shown(app)
        await pilot.press("x", "n")
        assert (root / "fallen").exists() and screen.asked is None
        await pilot.press("d", "y")
        await until(pilot, lambda: not (root / "fallen").exists())
        await until(pilot, lambda: "fallen" not in {row.name for row in screen.rows.rows})
        assert "deleted fallen" in shown(app)

    drive(list_app(root), steps)


def test_a_run_that_cannot_be_deleted_says_why(root, shown):
    made_up_folder.write_run(root.parent, "far", 100, 5_000)
    (root / "linked").symlink_to(root.parent / "far")

    async def steps(app, pilot):
        await pilot.press(*"/linked", "enter")
        await pilot.press("d", "y")
        await until(pilot, lambda: "linked is a link, or no folder" in shown(app))
        assert (root / "linked").is_symlink() and (root.parent / "far" / "run.json").exists()

    drive(list_app(root), steps)


def test_a_run_that_cannot_be_read_is_not_opened(root, shown):
    async def steps(app, pilot):
        await pilot.press("G", "enter")
        assert isinstance(app.screen, RunsScreen)
        assert "damaged cannot be opened: not a run: its run.json is damaged" in shown(app)
        await pilot.press("escape", "c")
        assert "nothing to compare" in shown(app)

    drive(list_app(root), steps)


def test_no_name_reaches_the_terminal_as_an_escape(root, shown):
    async def steps(app, pilot):
        text = shown(app)
        assert "\x1b" not in text and "\u202e" not in text
        assert "esc\\x1b[31mred\\u202e" in text
        await pilot.press(*"/esc", "enter", "d")
        assert "\x1b" not in shown(app) and "\u202e" not in shown(app)

    drive(list_app(root), steps)


def test_sorting_goes_through_the_columns_and_the_cursor_stays_on_its_run(root, shown):
    async def steps(app, pilot):
        screen = app.screen
        await pilot.press("j")
        name = screen.view.at
        seen = set()
        for _ in range(11):
            await pilot.press("s")
            seen.add(screen.view.order.asked.name)
            assert screen.view.at == name
        assert len(seen) == 11
        first = screen.shown[0]
        await pilot.press("v")
        assert screen.shown[0] is not first

    drive(list_app(root), steps)


@pytest.mark.parametrize("glyphs", SETS)
@pytest.mark.parametrize("size", [(120, 40), (45, 30)])
def test_news_lie_in_a_box_of_their_own_in_the_characters_of_the_screen(root, shown, glyphs, size):
    words = "the run goes on: it has a card when it ends"

    async def go():
        app = list_app(root, glyphs)
        async with app.run_test(size=size, notifications=True) as pilot:
            await until(pilot, lambda: ready(app.screen))
            app.notify(words)
            await until(pilot, lambda: "the run goes on" in shown(app))
            lines = shown(app).split("\n")
            (said,) = [line for line in lines if "the run goes on" in line]
            edge = "|" if glyphs == "ascii" else "│"
            assert said.endswith(f" {edge}") and len(said) == size[0]
            assert glyphs != "ascii" or shown(app).isascii()

    asyncio.run(go())


def test_an_empty_folder_says_how_to_begin(tmp_path, shown):
    async def steps(app, pilot):
        await until(pilot, lambda: "there are no runs in" in shown(app))
        await pilot.press("enter", "d", "t", "n", "c", "space", "j", "G")
        assert "selffit train" in shown(app)
        assert "verdict" not in shown(app) and "╭" not in shown(app)  # no empty table and box

    app = RunsApp(tmp_path / "none", clock=lambda: NOW, colours="256", glyphs=SETS["braille"])

    async def go():
        async with app.run_test(size=(80, 24)) as pilot:
            await steps(app, pilot)

    asyncio.run(go())


@pytest.mark.parametrize("which", ["runs", "compare"])
def test_the_help_is_the_table_that_dispatches(which, root, shown):
    table = RUNS_KEYS if which == "runs" else COMPARE_KEYS

    async def steps(app, pilot):
        bound = {key for key in app.screen._bindings.key_to_bindings}
        assert {key for entry in table for key in entry.keys} <= bound
        await pilot.press("question_mark")
        assert isinstance(app.screen, KeyHelpScreen)
        text = shown(app)
        for entry in table:
            assert shown_keys(entry) in text and entry.help[:20] in text
        await pilot.press("escape")
        assert not isinstance(app.screen, KeyHelpScreen)

    app = list_app(root) if which == "runs" else compare_app(root, "fallen")
    drive(app, steps, (130, 60))


def test_every_size_can_be_drawn(root):
    async def steps(app, pilot):
        for size in ((1, 1), (7, 3), (20, 6), (45, 12), (200, 60), (80, 24)):
            await pilot.resize_terminal(*size)
            await pilot.pause()

    drive(list_app(root), steps)
    drive(compare_app(root, "fallen", "healthy"), steps)
