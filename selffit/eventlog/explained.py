"""From records that explain a collapse (self-information, causal check, images, diagnosis) to the
reducer's entries.
"""

from array import array
from base64 import b64decode
from typing import Any

from selffit.eventlog.entries import (
    Ablation,
    CausalProbe,
    Diagnosis,
    ImageStrip,
    SelfProbe,
    SingleAblation,
    StripImage,
    StrongProbe,
)
from selffit.eventlog.records import Record, num
from selffit.eventlog.values import floats, items, mapping, maybe_step, numbers, text, whole
from selffit.vocabulary import EFFECT

MAX_SIDE = 256  # pixels of an image on show


def self_probe(record: Record) -> SelfProbe:
    """The entry of a `probe.self` record."""
    d = record.d
    reference = mapping(d.get("reference"))
    return SelfProbe(
        branch=record.b,
        step=record.s,
        t=record.t,
        n=whole(d.get("n")),
        full=d.get("full") is True,
        why=text(d.get("why")),
        eps=num(d.get("eps")),
        attack=text(d.get("attack")),
        reference_step=maybe_step(reference.get("step")),
        values=numbers(d.get("values")),
        index=num(d.get("index")),
        components=numbers(d.get("components")),
        dose=_curve(d.get("dose"), "k"),
        mix=_curve(d.get("mix"), "share"),
    )


def _curve(value: Any, axis: str) -> "tuple[array[float], array[float]]":
    curve = mapping(value)
    x, y = floats(curve.get(axis)), floats(curve.get("acc"))
    n = min(len(x), len(y))
    return x[:n], y[:n]


def strong_probe(record: Record) -> StrongProbe:
    """The entry of a `probe.strong` record."""
    d = record.d
    return StrongProbe(
        branch=record.b,
        step=record.s,
        t=record.t,
        n=whole(d.get("n")),
        eps=num(d.get("eps")),
        steps=whole(d.get("steps")),
        restarts=whole(d.get("restarts")),
        pgd=num(d.get("pgd")),
        weak=num(d.get("weak")),
    )


def causal_probe(record: Record) -> CausalProbe:
    """The entry of a `probe.causal` record."""
    d = record.d
    return CausalProbe(
        branch=record.b,
        step=record.s,
        n=whole(d.get("n")),
        n_rank=whole(d.get("n_rank")),
        eps=num(d.get("eps")),
        base=_effects(d.get("base")),
        rows=tuple(
            Ablation(
                text(row.get("stage")),
                text(row.get("group")),
                num(row.get("share")),
                whole(row.get("channels")),
                _effects(row),
            )
            for row in map(mapping, items(d.get("rows")))
        ),
        single=tuple(
            SingleAblation(
                text(row.get("layer")),
                whole(row.get("channel")),
                num(row.get("dominance")),
                _effects(row),
            )
            for row in map(mapping, items(d.get("single")))
        ),
    )


def _effects(value: Any) -> dict[str, float]:
    row = mapping(value)
    return {name: num(row[name]) for name in EFFECT if name in row}


def image_strip(record: Record) -> ImageStrip:
    """The entry of a `probe.images` record; images that do not fit the shape are left out."""
    d = record.d
    sides = [whole(side) for side in items(d.get("shape"))]
    shape = (
        (sides[0], sides[1], sides[2])
        if len(sides) == 3 and all(0 < s <= MAX_SIDE for s in sides)
        else (0, 0, 0)
    )
    images = [_image(row, shape) for row in map(mapping, items(d.get("rows")))]
    return ImageStrip(
        branch=record.b,
        step=record.s,
        shape=shape,
        eps=num(d.get("eps")),
        attack=text(d.get("attack")),
        classes=tuple(name for name in items(d.get("classes")) if isinstance(name, str)),
        images=tuple(image for image in images if image is not None),
    )


def _image(row: Any, shape: tuple[int, int, int]) -> StripImage | None:
    size = shape[0] * shape[1] * shape[2]
    x, delta = _pixels(row.get("x")), _pixels(row.get("delta"))
    if not size or len(x) != size or len(delta) != size:
        return None
    return StripImage(
        whole(row.get("y")),
        x,
        delta,
        _guess(row.get("clean")),
        _guess(row.get("own")),
        _guess(row.get("carrier")),
    )


def _pixels(rows: Any) -> bytes:
    try:
        return b"".join(
            b64decode(row, validate=True) for row in items(rows) if isinstance(row, str)
        )
    except ValueError:
        return b""


def _guess(value: Any) -> tuple[int, float]:
    pair = items(value)
    return (whole(pair[0]), num(pair[1])) if len(pair) == 2 else (-1, num(None))


def diagnosis(record: Record) -> Diagnosis:
    """The entry of a `diagnosis` record."""
    d = record.d
    return Diagnosis(
        branch=record.b,
        step=record.s,
        t=record.t,
        disease=text(d.get("disease")),
        text=text(d.get("text")),
        index=num(d.get("index")),
        components=numbers(d.get("components")),
        evidence=numbers(d.get("evidence")),
        onset_step=maybe_step(d.get("onset_step")),
        index_step=maybe_step(d.get("index_step")),
        lead=maybe_step(d.get("lead")),
    )
