"""Why it stands so: numbers then and now, the cause in words, and what can be done.

While nothing stands it is four lines: state, best, next probe, policy. Evidence folds here and
never vanishes: the panel of alerts has all of it.
"""

from collections.abc import Callable
from math import isfinite

from selffit.control.commands import HEALTHY as TO_HEALTHY
from selffit.control.commands import SOUND as TO_SOUND
from selffit.eventlog import kinds
from selffit.numbers import budget, count, in_unit, known, plural, share
from selffit.run.folded.state import is_only_told
from selffit.run.judged.answered import answered, wants_rollback
from selffit.run.judged.health import Limit, limits
from selffit.run.judged.reacting import in_brief
from selffit.run.judged.verdict import Verdict, called_since, explained
from selffit.run.judged.wording import cause_words, parts
from selffit.vocabulary import (
    ACCURACY,
    DIVERGED,
    DOUBTFUL,
    EVIDENCE,
    HEALTHY,
    MASKED,
    ONSET,
    RECOVERED,
    ROLLED_BACK,
    SUSPECT,
    UNMEASURED,
    WEAKENED,
    disease_of,
    level_of,
)
from selffit_tui.draw.format import wrap
from selffit_tui.draw.spans import Line, framed, spread
from selffit_tui.model.scene import Scene
from selffit_tui.panels.panel import Panel, band
from selffit_tui.panels.parts.ending import ending_lines
from selffit_tui.words.commands import cure
from selffit_tui.words.diagnosis import lead_words

NAME = 10  # cells of what a number is called
Block = list[Line]  # what is said together, and left out together


class WhyPanel(Panel):
    """Why it stands so."""

    name = "why"
    title = "why"
    side = "right"
    calm_lines = 6

    @staticmethod
    def overview_lines(room: int, narrow: bool) -> int:
        """As high as the chart beside it."""
        return 0 if narrow else band(room, 0)

    def draw(self, scene: Scene, width: int, height: int) -> list[Line]:
        """What is known, in its border; the last blocks are left out where there is no room."""
        found = scene.stands
        note = (
            "" if found.since is None or is_calm(scene) else f"{found.state} {count(found.since)}"
        )
        blocks = [block for block in _blocks(scene, found, width - 3) if block]
        body = _fitted(blocks, height - 2)
        return framed(
            [[(" ", "text"), *line] for line in body],
            width,
            height,
            scene.glyphs,
            [(self.title, "title")],
            [(note, "dim")] if note else (),
        )


def is_calm(scene: Scene) -> bool:
    """Whether there is nothing to explain: few lines are enough."""
    return scene.stands.state in (HEALTHY.name, UNMEASURED.name) and not ending_lines(scene, 40)


def _fitted(blocks: list[Block], room: int) -> list[Line]:
    """The blocks below each other with blank lines between, as long as there is room for those.

    The last block is what can be done: others before it give way.
    """
    kept = list(blocks)
    while len(kept) > 2 and sum(map(len, kept)) > room:
        del kept[-2]
    spare = room - sum(map(len, kept))
    lines: list[Line] = []
    for index, block in enumerate(kept):
        if index and spare >= len(kept) - index:
            lines.append([])
            spare -= 1
        lines += block
    return lines[: max(0, room)]


def _blocks(scene: Scene, found: Verdict, width: int) -> list[Block]:
    ending = ending_lines(scene, width)
    if is_calm(scene):
        return [_calm(scene, found, width)]
    say = _SAY.get(found.state, _calm)
    blocks = [say(scene, found, width)]
    if found.state in (ONSET.name, MASKED.name, RECOVERED.name):
        done, cause = _answer(scene, found, width), _cause(scene, found, width)
        blocks += [done, cause[:1] if done else cause]  # what a cause means was read at the onset
    blocks.append(_folded(scene, found, width))
    blocks.append(_to_do(scene, found, width))
    return [ending, *blocks]


# ---- numbers ---------------------------------------------------------------------------
def _row(name: str, value: str, words: str, style: str = "strong") -> Line:
    return [(f"{name:<{NAME}} ", "dim"), (f"{value:<5} ", style), (words, "text")]


def _limit(scene: Scene) -> Limit | None:
    found = limits(scene.state)
    return found[-1] if found else None


def _best(limit: Limit | None) -> str:
    if limit is None or not isfinite(limit.best):
        return ""
    # what is expected may have been measured at another eps, while that was rising
    at = f" at eps {budget(limit.eps)}" if known(limit.eps) else ""
    return f"best {share(limit.best)}{at}, alarm below {share(limit.alarm)}"


def _fall(scene: Scene, found: Verdict, width: int) -> Block:
    """Accuracies then and now, and where it began."""
    onset, probe = found.onset, scene.state.current(kinds.RobustProbe)
    if onset is None or probe is None:
        return _calm(scene, found, width)
    best, limit = onset.evidence.get("best"), _limit(scene)
    was = f"was {share(best)}" if best is not None else ""
    alarm = f", alarm below {share(limit.alarm)}" if limit and isfinite(limit.alarm) else ""
    lines = [
        _row(ACCURACY["pgd"].label, share(probe.pgd), was + alarm, "pgd"),
        _row(
            ACCURACY["fgsm"].label,
            share(probe.fgsm),
            f"{ACCURACY['gap'].label} {share(probe.fgsm - probe.pgd)}",
            "fgsm",
        ),
    ]
    strong = found.alert.evidence.get("strong") if found.alert is not None else None
    if strong is not None:
        lines.append(_row(ACCURACY["strong"].label, share(strong), "a strong attack decides"))
    low = onset.onset_low
    where = (
        f"at step {count(onset.about)}"
        if low is None
        else (f"between steps {count(low)} and {count(onset.about)}")
    )
    images = f" (n {count(onset.n)})" if onset.n else ""
    return [*lines, *_text(f"began {where}{images}", width)]


def _answer(scene: Scene, found: Verdict, width: int) -> Block:
    """What was done about it, and what became of PGD accuracy."""
    answer = answered(scene.state, found)
    if answer is None:
        return []
    lines = _text(f"{answer.by}: {answer.done}", width, "text") + _text(answer.became, width)
    return lines + (_next(scene, width, "it tells") if answer.back is None else [])


def _text(words: str, width: int, style: str = "dim") -> Block:
    return [[(part, style)] for part in wrap(words, width)]


def _cause(scene: Scene, found: Verdict, width: int) -> Block:
    """The disease, what it means, and what it was called first."""
    if not found.cause:
        if is_only_told(scene.state) or scene.state.config.get("self_images") == 0:
            return _text("cause: cannot be told, for self-information is not measured", width)
        if scene.state.ending is not None:
            return _text("cause: not known, the run ended before self-information told", width)
        return _text("cause: not known yet, the next self-information tells", width)
    disease, diagnosis = disease_of(found.cause), found.diagnosis
    index = scene.newest_of(scene.state.all(kinds.SelfProbe))
    called = called_since(scene.state, found.onset) if found.onset is not None else None
    since = f" since {count(called)}" if called is not None else ""
    told = f" (index {share(index.index)})" if index is not None and known(index.index) else ""
    name = disease.name.upper() if disease.sure else f"cause {disease.name}"
    lines: Block = [[(name, "alert"), (f"{since}{told}", "dim")]]
    lines += _text(disease.meaning, width, "text")
    first = f"at first {found.first}: " if found.first and found.first != found.cause else ""
    if diagnosis is not None:
        lines += _text(first + lead_words(diagnosis.lead), width)
    return lines


# ---- by what stands --------------------------------------------------------------------
def _suspected(scene: Scene, found: Verdict, width: int) -> Block:
    """The signals that have moved, then and now, and the newest probe."""
    alert, state = found.alert, scene.state
    lines: Block = []
    for name in EVIDENCE:
        usual = alert.evidence.get(f"{name}_usual") if alert is not None else None
        if alert is None or usual is None or name not in alert.evidence:
            continue
        measure = EVIDENCE[name]
        value = in_unit(alert.evidence[name], measure.unit)
        lines.append(_row(measure.short, value, f"was {share(usual)}", "warn"))
    if not lines and alert is not None:
        lines += _text(alert.text, width, "text")
    probe = state.current(kinds.RobustProbe)
    if probe is not None:
        words = f"at step {count(probe.step)}; {_best(_limit(scene))}".rstrip("; ")
        lines += [_row(ACCURACY["pgd"].label, share(probe.pgd), "", "pgd"), *_text(words, width)]
    return [*lines, *_next(scene, width, "it decides"), *_policy(scene, width)]


def _returned(scene: Scene, found: Verdict, width: int) -> Block:
    """What was rolled back, and how the new branch does."""
    return [
        *_verdict_words(scene, found, width),
        *_text(_best(_limit(scene)), width),
        *_next(scene, width),
    ]


def _weak(scene: Scene, found: Verdict, width: int) -> Block:
    return [*_verdict_words(scene, found, width), *_next(scene, width)]


def _verdict_words(scene: Scene, found: Verdict, width: int) -> Block:
    """The standing sentence, a part a line."""
    elsewhere = ("next ", "left behind")  # said by other lines
    told = [one.words for one in parts(scene.state, found)]
    told = [words for words in told if not words.startswith(elsewhere)]
    lines: Block = []
    for index, words in enumerate(told):
        whole = f"{found.state} {words}" if index == 0 else words
        lines += _text(whole, width, "strong" if index == 0 else "text")
    return lines


def _calm(scene: Scene, found: Verdict, width: int) -> Block:
    """State, best, next probe, policy."""
    state, limit = scene.state, _limit(scene)
    probe = state.current(kinds.RobustProbe)
    symbol = scene.glyphs.symbols[found.level.symbol]
    if probe is None:
        first: Line = [(f"{symbol} no probe has looked yet", "text")]
    elif limit is not None and limit.state == HEALTHY.name:
        eps = f" at eps {budget(probe.eps)}" if known(probe.eps) else ""
        first = [(f"{symbol} healthy: PGD {share(probe.pgd)} is normal{eps}", "good")]
    else:
        first = [(f"{symbol} PGD {share(probe.pgd)}, FGSM {share(probe.fgsm)}", "text")]
    return [
        first,
        *_text(_best(limit), width),
        *_next(scene, width),
        *_policy(scene, width),
    ]


def _policy(scene: Scene, width: int) -> Block:
    policy = in_brief(scene.state)
    return _text(f"policy: {policy}", width)[:2] if policy else []


def _next(scene: Scene, width: int, does: str = "") -> Block:
    step = scene.next_probe()
    if step is None or scene.state.ending is not None:
        return []
    left = step - scene.state.step
    when = f"in {plural(left, 'step')}" if left > 0 else "now"
    told = f"next probe at step {count(step)}, {when}"
    return _text(f"{told}: {does}" if does else told, width)


_SAY: dict[str, Callable[[Scene, Verdict, int], Block]] = {
    ONSET.name: _fall,
    MASKED.name: _fall,
    RECOVERED.name: _fall,
    SUSPECT.name: _suspected,
    WEAKENED.name: _weak,
    DOUBTFUL.name: _weak,
    DIVERGED.name: _weak,
    ROLLED_BACK.name: _returned,
}


# ---- what folds, and what can be done --------------------------------------------------
def _folded(scene: Scene, found: Verdict, width: int) -> Block:
    """Earlier alerts, a line each, newest first; those on another branch are left behind."""
    lines: Block = []
    for alert in reversed(scene.state.all(kinds.Alert)):
        if alert is found.alert or (alert is found.onset and found.state != ROLLED_BACK.name):
            continue
        level = level_of(alert.level)
        words = f"{scene.glyphs.symbols[level.symbol]} {level.name} at {count(alert.about)}"
        if level is ONSET and (cause := explained(scene.state, alert)[0]):
            words += f", {cause_words(cause)}"
        gone = not scene.line.holds(alert.branch, alert.about)
        where = f" on {alert.branch}, left behind" if gone else ""
        lines.append([(words, "dim" if gone else level.style), (where, "dim")])
    return lines[:4]


def _to_do(scene: Scene, found: Verdict, width: int) -> Block:
    """What can be done, with the key of each."""
    lines: Block = []

    def key(words: str, name: str) -> None:
        lines.append(
            spread(
                [(f"{scene.glyphs.symbols['chosen']} ", "key"), (words, "text")],
                [(f"[{name}] ", "key")],
                width,
                scene.glyphs.ellipsis,
            )
        )

    if found.fallen:
        if scene.may_act:
            key(_advice(scene, found), "i")
        elif scene.state.ending is not None and found.alert is not None and _again(scene, found):
            method = cure(str(scene.ledger.settings.get("method", "")))
            lines += _text(f"ended; train again with --method {method}", width, "text")
    if len(scene.state.all(kinds.Alert)):
        key("all evidence", "enter")
    if found.fallen and not scene.seen:
        key("seen, make the bar small", "a")
    return lines


def _again(scene: Scene, found: Verdict) -> bool:
    """Whether it is to be trained again, by `selffit train` as before."""
    ours = scene.ledger.offers is None and not is_only_told(scene.state)
    return ours and wants_rollback(scene.state, found)


def _advice(scene: Scene, found: Verdict) -> str:
    """The roll-back that the interventions recommend, unless something else has helped or may."""
    offers = scene.ledger.offers
    if offers is not None and "rollback" not in offers:
        return f"act: {', '.join(op for op in offers if op != 'note')}"
    diverged = found.state == DIVERGED.name
    target = scene.ledger.target(TO_SOUND if diverged else TO_HEALTHY)
    if target is None or not wants_rollback(scene.state, found):
        return "act: pause, stop, change settings"
    if diverged:
        return f"roll back to {count(target.step)}, smaller lr"
    method = cure(str(scene.ledger.settings.get("method", "")))
    return f"roll back to {count(target.step)} with {method}"
