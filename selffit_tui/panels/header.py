"""The header: what stands, the run, how old the data are, settings, machine."""

import math

from selffit.eventlog import kinds
from selffit.eventlog.fields import text
from selffit.eventlog.records import num
from selffit.numbers import age, budget, count, duration, known, pace, percent, rate, share, size
from selffit.run.state import RunState
from selffit.run.summary import seconds_left
from selffit.run.trouble import troubles
from selffit.run.word import loss, silent_for
from selffit.run.wording import parts
from selffit.vocabulary import ACCURACY, COPY, LOST, SILENT, state_of
from selffit_tui.draw.format import fit
from selffit_tui.draw.spans import Line, Span, crop, spread, width_of
from selffit_tui.model.clock import speed_words
from selffit_tui.model.scene import Scene
from selffit_tui.panels.widget import LineWidget
from selffit_tui.words.accuracy import pgd_label

Item = tuple[int, list[Span]]  # importance (1 stays longest) and spans

# seconds after which the age of the data is shown as a warning; the heartbeat comes every 2 s
OLD = 15.0


class Age(LineWidget):
    """How old the data are, laid over the header.

    Alone, so that its ticking costs a few bytes only.
    """

    def draw(self, scene: Scene, width: int, height: int) -> list[Line]:
        """The age in one line."""
        return [crop(age_spans(scene), width)]


class Header(LineWidget):
    """The lines at the top, but for the age of the data."""

    def draw(self, scene: Scene, width: int, height: int) -> list[Line]:
        """Banners, and the lines below them."""
        return header_lines(scene, width, height)


def banners(scene: Scene) -> int:
    """How many banner lines the header needs."""
    return 1 + len(_bad_end(scene))


def header_lines(scene: Scene, width: int, height: int) -> list[Line]:
    """Banners first: they must survive in the smallest terminal."""
    lines: list[Line] = [
        [(fit(words, width, scene.glyphs.ellipsis), style)]
        for words, style in (_verdict(scene, width), *_bad_end(scene))
    ]
    if scene.narrow:
        lines += [
            _first(scene, width, short=True),
            _progress(scene, width),
            _settings(scene, width),
        ]
    else:
        lines += [
            _first(scene, width, short=False),
            _settings(scene, width),
            _machine(scene, width),
        ]
    return [crop(line, width) for line in lines[:height]]


def pack(items: list[Item], width: int) -> list[Span]:
    """The items side by side, two blanks apart.

    The least important ones are left out until the rest fits.
    """
    kept = [item for item in items if item[1]]
    while kept and sum(width_of(spans) + 2 for _, spans in kept) > width + 1:
        kept.remove(max(kept, key=lambda item: item[0]))
    return [span for _, spans in kept for span in (*spans, ("  ", "text"))]


def _bad_end(scene: Scene) -> list[Span]:
    """How the run ended, if that was bad; from the newest state, even while the view is frozen."""
    symbols, ending = scene.glyphs.symbols, scene.newest.state.ending
    looks = state_of(scene.word)
    if ending is not None and looks.bad:
        words = "  ".join((ending.text, *ending.stderr[-1:]))
        return [(f" {symbols['failed']} {scene.word.upper()}  {words}", looks.style)]
    if looks.left:
        newest = scene.newest
        of = f" OF {newest.state.run[:64]}" if looks is COPY else ""
        why = looks.meaning
        if looks is LOST:
            why = loss(newest.state, newest.alive, scene.now + newest.ahead)
        return [(f" {symbols[looks.symbol]} {looks.word.upper()}{of}  {why}", looks.style)]
    return []


def _verdict(scene: Scene, width: int) -> Span:
    """What stands, always; its least important parts are left out where they do not fit.

    From the newest state, even while the view is frozen.
    """
    found = scene.verdict
    level = found.level
    head = f" {scene.glyphs.symbols[level.symbol]} {level.label}"
    items: list[Item] = [
        (importance, [(words, "")]) for importance, words in parts(scene.newest.state, found)
    ]
    if scene.may_act and found.fallen:
        items.append((3, [("i: act", "")]))
    told = "".join(text for text, _ in pack(items, width - len(head) - 2))
    return f"{head}  {told}".rstrip(), level.banner


def _first(scene: Scene, width: int, short: bool) -> Line:
    """State, name, progress, and how old the data are."""
    state, glyphs = scene.state, scene.glyphs
    looks = state_of(scene.word)
    right: list[Span] = [(" " * age_width(scene, width), "text")]
    items: list[Item] = [
        (1, [(f" {glyphs.symbols[looks.symbol]} {scene.word.upper()}", looks.style)]),
        (2, [(state.run[:64], "strong")]),
    ]
    if not short:
        items += _progress_items(scene)
    return spread(pack(items, width - width_of(right) - 1), right, width, glyphs.ellipsis)


def age_width(scene: Scene, width: int) -> int:
    """The cells of the age in a terminal of that width.

    0 where the state of the run needs the room.
    """
    wanted = width_of(age_spans(scene))
    return wanted if wanted + 14 <= width else 0


def age_spans(scene: Scene) -> list[Span]:
    """How old the data are, or what matters more: a frozen view, a log that is still being read."""
    newest, glyphs = scene.newest, scene.glyphs
    if not scene.replay.live:
        clock, behind = scene.replay.clock, newest.state.step - scene.replay.step
        if clock.playing:
            return [(f" REPLAY {speed_words(clock.speed)} ", "paused")]
        words = f" {count(behind)} steps behind" if scene.working and behind > 0 else ""
        return [(f" HELD{words} {glyphs.bullet} space: play ", "paused")]
    if newest.loading is not None:
        return [(f"loading {percent(newest.loading)} ", "warn")]
    if not newest.state.heard:
        return [("waiting for the first event ", "dim")]
    ending = newest.state.ending
    now = scene.now + newest.ahead
    if ending is not None:
        return [(f"ended {age(now - ending.t)} ago ", "dim")]
    seconds = silent_for(newest.state, now)
    return [(f"data {age(seconds):>4} ago ", "warn" if seconds > OLD else "dim")]


def _progress_items(scene: Scene) -> list[Item]:
    state = scene.state
    epochs, stop = num(state.config.get("epochs")), num(state.setting("stop_epoch"))
    epochs = min(epochs, stop) if stop > 0 else epochs
    items: list[Item] = []
    if known(epochs):
        epoch = state.epoch if math.isfinite(state.epoch) else 0.0
        items.append((4, [("epoch ", "dim"), (f"{epoch:.1f}", "text"), (f"/{epochs:g}", "dim")]))
    if state.steps_total:
        total = count(state.steps_total)
        done = count(state.step).rjust(len(total))
        items.append((3, [("step ", "dim"), (done, "text"), (f"/{total}", "dim")]))
    left = seconds_left(state)
    if scene.working and scene.word not in (SILENT.word, "paused") and known(left):
        items.append((3, [("ETA ", "dim"), (duration(left), "text")]))
    block = state.last(kinds.Steps)
    if block is not None and math.isfinite(block.img_s):
        items.append((6, [(pace(block.img_s), "text"), (" img/s", "dim")]))
    return items


def _progress(scene: Scene, width: int) -> Line:
    """Narrow terminals: progress and the accuracies on a line of their own."""
    probe = scene.state.current(kinds.RobustProbe)
    right: list[Span] = []
    if probe is not None:
        right = [(f"{ACCURACY['fgsm'].label} ", "dim"), (share(probe.fgsm), "fgsm")]
        right += [
            (f"  {pgd_label(probe.pgd_steps)} ", "dim"),
            (share(probe.pgd), "pgd"),
            (" ", "text"),
        ]
    return spread(
        [(" ", "text"), *pack(_progress_items(scene), width - width_of(right) - 2)], right, width
    )


def _settings(scene: Scene, width: int) -> Line:
    """Method, budget now and at the end, step size in units of it, learning rate, seed, images."""
    state = scene.state
    config = state.config
    if not config:
        return [(" waiting for the settings: they come once data and network are loaded", "dim")]
    final = num(state.ledger.overrides.get("eps", config.get("eps")))
    eps = _eps(state)
    shown: list[Span] = [("eps ", "dim"), (budget(eps), "text")]
    if known(final) and abs(final - eps) > 5e-4:
        shown.append((f" → {budget(final)}", "dim"))
    alpha, probe = num(state.setting("alpha")), state.current(kinds.RobustProbe)
    whole = final if state.last(kinds.Steps) is None else eps
    ratio = alpha / whole if whole > 0 else math.nan
    lr = num(state.setting("lr"))
    branch = scene.line.branch
    first = branch == "main"
    items: list[Item] = [
        (1, [(f" {text(state.setting('method'))}", "strong")]),
        (2, shown),
        (3, [("alpha ", "dim"), (f"{share(ratio)}·eps", "text")]),
        (4, [("lr ", "dim"), (rate(lr), "text")]),
        (7, [("seed ", "dim"), (str(config.get("seed", "")), "text")]),
        (
            8 if first else 2,
            [("branch ", "dim"), (branch, "text" if first else "act")],
        ),
        (6, [("held-out ", "dim"), (count(probe.n), "text")] if probe is not None else []),
        (5, [(text(config.get("data")), "text")]),
        (5, [(text(config.get("model")), "text")]),
        (9, [("batch ", "dim"), (str(config.get("batch_size", "")), "text")]),
    ]
    return pack(items, width)


def _eps(state: RunState) -> float:
    """The training budget now.

    With a ramp it is not the configured one before the first block of steps either.
    """
    probe = state.current(kinds.RobustProbe)
    if state.last(kinds.Steps) is None and probe is not None and known(probe.eps):
        return probe.eps
    return num(state.setting("eps"))


def _machine(scene: Scene, width: int) -> Line:
    """Device, its load and memory, the disk, and the size and health of the log."""
    state, host = scene.state, scene.state.last(kinds.Host)
    device = state.start.device_name or state.start.device if state.start is not None else ""
    items: list[Item] = [(4, [(f" {device}", "dim")] if device else [(" ", "text")])]
    if host is not None:
        if known(host.gpu):
            items.append((1, [("gpu ", "dim"), (percent(host.gpu), "text")]))
        if known(host.gpu_mem) and known(host.gpu_total):
            used = f"{host.gpu_mem / 2**30:.1f}/{host.gpu_total / 2**30:.0f} GiB"
            items.append((2, [("gpu memory ", "dim"), (used, "text")]))
        if known(host.gpu_temp):
            items.append((5, [(f"{host.gpu_temp:.0f}°C", "text")]))
        if known(host.cpu):
            items.append((1, [("cpu ", "dim"), (f"{percent(host.cpu):>5}", "text")]))
        if known(host.rss):
            items.append((2, [("memory ", "dim"), (size(host.rss), "text")]))
        if known(host.disk_free):
            items.append((3, [("disk ", "dim"), (f"{size(host.disk_free)} free", "text")]))
    if scene.newest.log_bytes:
        items.append((3, [("log ", "dim"), (size(scene.newest.log_bytes), "text")]))
    if scene.newest.ahead:
        way = "ahead" if scene.newest.ahead > 0 else "behind"
        items.append((1, [(f"its clock is {age(abs(scene.newest.ahead))} {way}", "warn")]))
    for trouble in troubles(scene.newest.state):
        items.append((1, [(trouble.name, "alert" if trouble.serious else "warn")]))
    return pack(items, width)
