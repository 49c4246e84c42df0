"""The header: what stands, always, in the first line; the run; how far it has come."""

import math

from rich.cells import cell_len

from selffit.eventlog import kinds
from selffit.eventlog.fields import text
from selffit.eventlog.records import num
from selffit.numbers import age, budget, count, duration, known, pace, percent, rate, size
from selffit.run.folded.state import RunState
from selffit.run.folded.word import loss, silent_for
from selffit.run.judged.ahead import budget_now, rising_to
from selffit.run.judged.reacting import in_brief
from selffit.run.judged.standing import Standing, standing
from selffit.run.judged.summary import seconds_left
from selffit.run.judged.trouble import troubles
from selffit.vocabulary import LOST, SILENT, state_of
from selffit_tui.draw.format import fit
from selffit_tui.draw.spans import Line, Span, crop, spread, width_of
from selffit_tui.model.clock import speed_words
from selffit_tui.model.scene import Scene
from selffit_tui.panels.widget import LineWidget

Item = tuple[int, list[Span]]  # importance (1 stays longest) and spans

# seconds after which the age of the data is shown as a warning; the heartbeat comes every 2 s
OLD = 15.0
ROOMY = 60  # cells of a terminal from which the age of the data is said in words


class Age(LineWidget):
    """How old the data are, laid over the header.

    Alone, so that its ticking costs a few bytes only.
    """

    def draw(self, scene: Scene, width: int, height: int) -> list[Line]:
        """The age in one line, in as many words as there is room for."""
        forms = [spans for spans in age_forms(scene) if width_of(spans) <= width]
        return [crop(forms[0] if forms else [], width)]


class Header(LineWidget):
    """The lines at the top, but for the age of the data."""

    def draw(self, scene: Scene, width: int, height: int) -> list[Line]:
        """What stands, and the lines below it."""
        return header_lines(scene, width, height)


def header_height(narrow: bool) -> int:
    """The lines of the header where there is room: what stands, the run, its progress."""
    return 2 if narrow else 3


def header_lines(scene: Scene, width: int, height: int) -> list[Line]:
    """What stands comes first: it must survive in the smallest terminal."""
    lines: list[Line] = [standing_line(scene, width)]
    if scene.narrow:
        lines.append(_short(scene, width))
    else:
        lines += [_run(scene, width), _progress(scene, width)]
    return [crop(line, width) for line in lines[:height]]


def pack(items: list[Item], width: int) -> list[Span]:
    """The items side by side, two blanks apart, in less than `width` cells.

    The least important ones are left out until the rest fits.
    """
    kept = [item for item in items if item[1]]
    while kept and sum(width_of(spans) + 2 for _, spans in kept) > width + 1:
        kept.remove(max(kept, key=lambda item: item[0]))
    spaced = [span for _, spans in kept for span in (*spans, ("  ", "text"))]
    return spaced[:-1]


# ---- what stands -----------------------------------------------------------------------
def standing_line(scene: Scene, width: int) -> Line:
    """How the run stands, in one line over the whole width."""
    told = _standing(scene)
    if scene.may_act and (scene.stands.fallen or scene.verdict.fallen):
        told = told.with_part(4, "i: act" + ("" if scene.seen else "   a: seen"), "i: act")
    banner = told.banner
    now = scene.newest_alarm
    if now is not None:
        alarm = f"now: {scene.glyphs.symbols[now.level.symbol]} {now.level.label}"
        told = told.with_part(2, f"{alarm} at step {count(now.since or 0)}", alarm)
        banner = now.level.banner
    elif scene.seen and banner == "onset":
        banner = "alert"
    head = f" {scene.glyphs.symbols[told.symbol]} "
    line = told.line(width - cell_len(head) - 1, measure=cell_len)
    return [(fit(head + line, width, scene.glyphs.ellipsis), banner)]


def _standing(scene: Scene) -> Standing:
    """That of what is drawn; a run that nobody works on any more says why."""
    newest = scene.newest
    why = ""
    if scene.is_newest and scene.word == LOST.word:
        why = loss(newest.state, newest.alive, scene.now + newest.ahead)
    return standing(scene.state, scene.word, why)


# ---- the run ---------------------------------------------------------------------------
def age_width(scene: Scene, width: int) -> int:
    """The cells of the age in a terminal of that width.

    0 where the state of the run needs the room.
    """
    forms = age_forms(scene)
    wanted = width_of(forms[0 if width >= ROOMY else -1])
    return wanted if wanted + 14 <= width else 0


def age_forms(scene: Scene) -> list[list[Span]]:
    """How old the data are, or what matters more: the past is on show, the log is being read.

    The longest words first.
    """
    newest, glyphs = scene.newest, scene.glyphs
    if not scene.replay.live:
        clock, behind = scene.replay.clock, newest.state.step - scene.replay.step
        if clock.playing:
            return [[(f" REPLAY {speed_words(clock.speed)} ", "paused")]]
        words = f" {count(behind)} steps behind" if scene.working and behind > 0 else ""
        return [[(f" HELD{words} {glyphs.bullet} space: play ", "paused")]]
    if newest.loading is not None:
        return [[(f"loading {percent(newest.loading)} ", "warn")]]
    if not newest.state.heard:
        waits = not state_of(scene.word).left
        return [[("waiting for the first event " if waits else "no event ", "dim")]]
    ending = newest.state.ending
    now = scene.now + newest.ahead
    if ending is not None:
        return [[(f"ended {age(now - ending.t)} ago ", "dim")]]
    seconds = silent_for(newest.state, now)
    told, style = f"{age(seconds):>4} ", "warn" if seconds > OLD else "dim"
    forms = (f"data {told}ago ", f"{told}ago ", told)
    return [[(words, style)] for words in (forms[1:] if scene.narrow else forms)]


def _state_items(scene: Scene) -> list[Item]:
    looks, word = state_of(scene.word), scene.word.upper()
    symbol = f" {scene.glyphs.symbols[looks.symbol]} "
    name: list[Span] = [(scene.state.run[:64], "strong")]
    if scene.narrow:
        return [(1, [(symbol + word, looks.style)]), (3, name)]
    return [(1, [(symbol + word, looks.style)]), (2, name)]


def _run(scene: Scene, width: int) -> Line:
    """State, name, settings, what happens by itself, machine, and how old the data are."""
    right: list[Span] = [(" " * age_width(scene, width), "text")]
    items = [*_state_items(scene), *_settings(scene), *_policy(scene), *_machine(scene)]
    return spread(pack(items, width - width_of(right) - 1), right, width, scene.glyphs.ellipsis)


def _settings(scene: Scene) -> list[Item]:
    """Method, budget, learning rate and branch."""
    state = scene.state
    if not state.config:
        if state_of(scene.word).left:
            return []
        return [(2, [("waiting for the settings: data and network are being loaded", "dim")])]
    eps, final = budget_now(state), rising_to(state)
    shown: list[Span] = [("eps ", "dim"), (budget(eps), "text")]
    if known(final):
        shown.append((f" → {budget(final)}", "dim"))
    branch = scene.line.branch
    first = branch == "main"
    return [
        (2, [(text(state.setting("method")), "strong")]),
        (2, shown),
        (5, [("lr ", "dim"), (rate(num(state.setting("lr"))), "text")]),
        (7 if first else 3, [("branch ", "dim"), (branch, "text" if first else "act")]),
    ]


def _policy(scene: Scene) -> list[Item]:
    words = in_brief(scene.state)
    if not words or scene.state.ending is not None:
        return []
    return [(4, [("policy: ", "dim"), (words, "text")])]


def _machine(scene: Scene) -> list[Item]:
    """Device, its load and memory."""
    host = scene.state.last(kinds.Host)
    if host is None or scene.state.ending is not None:  # nobody works there any more
        return []
    items: list[Item] = []
    if known(host.gpu):
        items.append((6, [("gpu ", "dim"), (f"{percent(host.gpu):>5}", "text")]))
        if known(host.gpu_mem) and known(host.gpu_total):
            used = f"{host.gpu_mem / 2**30:.1f}/{host.gpu_total / 2**30:.0f} GiB"
            items.append((8, [(used, "text")]))
    elif known(host.cpu):
        items.append((6, [("cpu ", "dim"), (f"{percent(host.cpu):>5}", "text")]))
        if known(host.rss):
            items.append((8, [(size(host.rss), "text")]))
    return items


# ---- progress --------------------------------------------------------------------------
def progress_bar(scene: Scene, cells: int) -> list[Span]:
    """How much of the training is done, `cells` wide with its ends."""
    state, glyphs = scene.state, scene.glyphs
    whole, inner = state.last_step, cells - 2
    if not whole or inner < 4:
        return []
    steps = len(glyphs.bar) - 1
    full, part = divmod(round(min(1.0, state.step / whole) * inner * steps), steps)
    drawn = glyphs.bar[-1] * full + (glyphs.bar[part] if part else "")
    return [
        (glyphs.bar_ends[0], "frame"),
        (drawn, "title"),
        (glyphs.bar_rest * (inner - full - (1 if part else 0)), "frame"),
        (glyphs.bar_ends[1], "frame"),
    ]


def _epoch(state: RunState) -> list[Span]:
    epochs, stop = num(state.config.get("epochs")), num(state.setting("stop_epoch"))
    epochs = min(epochs, stop) if stop > 0 else epochs
    if not known(epochs):
        return []
    epoch = state.epoch if math.isfinite(state.epoch) else 0.0
    return [("epoch ", "dim"), (f"{epoch:.1f}", "text"), (f"/{epochs:g}", "dim")]


def _step(state: RunState) -> list[Span]:
    if not state.steps_total:
        return []
    total = count(state.steps_total)
    return [("step ", "dim"), (count(state.step).rjust(len(total)), "text"), (f"/{total}", "dim")]


def _left(scene: Scene) -> list[Span]:
    """The time to the end, from the time that steps take alone."""
    left = seconds_left(scene.state)
    waits = scene.word in (SILENT.word, "paused")
    ended = scene.state.ending is not None or state_of(scene.word).left
    if ended or waits or not left > 0:  # what comes behind the last step takes no steps' time
        return []
    return [("ETA ", "dim"), (duration(left), "text")]


def _pace(state: RunState) -> list[Span]:
    block = state.last(kinds.Steps)
    if block is None or not math.isfinite(block.img_s):
        return []
    return [(pace(block.img_s), "text"), (" img/s", "dim")]


def _progress(scene: Scene, width: int) -> Line:
    """Epoch, a bar, step, images a second, the time to the end; what is wrong beside training."""
    state, newest = scene.state, scene.newest
    pieces: list[Item] = [
        (2, _step(state)),
        (4, _pace(state)),
        (1, _left(scene)),
    ]
    right: list[Item] = [
        (1, [(trouble.name, "alert" if trouble.serious else "warn")]) for trouble in troubles(state)
    ]
    if newest.ahead:
        way = "ahead" if newest.ahead > 0 else "behind"
        right.append((1, [(f"its clock is {age(abs(newest.ahead))} {way}", "warn")]))
    host = state.last(kinds.Host)
    if host is not None and known(host.disk_free) and state.ending is None:
        right.append((5, [("disk ", "dim"), (f"{size(host.disk_free)} free", "text")]))
    if newest.log_bytes:
        right.append((4, [("log ", "dim"), (size(newest.log_bytes), "text")]))
    tail: Line = [*pack(right, max(0, width // 2)), (" ", "text")]
    head: Line = [(" ", "text"), *_epoch(state), (" ", "text")]
    rest: Line = [(" ", "text"), *pack(pieces, width)]
    room = width - width_of(head) - width_of(rest) - width_of(tail) - 2
    bar = progress_bar(scene, min(46, room))
    return spread([*head, *bar, *rest], tail, width, scene.glyphs.ellipsis)


def _short(scene: Scene, width: int) -> Line:
    """Narrow terminals: state, name, settings and progress in one line."""
    state = scene.state
    right: list[Span] = [(" " * age_width(scene, width), "text")]
    room = width - width_of(right) - 1
    total = count(state.steps_total) if state.steps_total else ""
    done: list[Span] = [(count(state.step), "text"), (f"/{total}", "dim")] if total else []
    of_step: list[Span] = [("step ", "dim")]  # where there is room for it
    items: list[Item] = [*_state_items(scene)]
    if state.config:
        items += [
            (4, [(text(state.setting("method")), "text")]),
            (5, [("eps ", "dim"), (budget(budget_now(state)), "text")]),
        ]
    branch = scene.line.branch
    items += [
        (3 if branch != "main" else 9, [(branch, "act" if branch != "main" else "dim")]),
        (2, done),
        (2, _left(scene)),
    ]
    wrong: list[Item] = [
        (1, [(trouble.name, "alert" if trouble.serious else "warn")]) for trouble in troubles(state)
    ]
    spans = pack([*items, *wrong], room)
    if done and done[0] in spans:
        place = spans.index(done[0])
        free = room - width_of(spans)
        if free > width_of(of_step):
            spans[place:place] = of_step
            free -= width_of(of_step)
        if free >= 8:
            spans[place:place] = [*progress_bar(scene, min(18, free - 1)), (" ", "text")]
    return spread(spans, right, width, scene.glyphs.ellipsis)
