"""What somebody has put into a log is only text on the Run screen."""

import pytest

HOSTILE = "[/b][red]\x1b[2J\u202eevil\u2066 \x9b31m"


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
@pytest.mark.parametrize("glyphs", ["braille", "ascii"])
def test_hostile_text_anywhere_in_a_log_is_only_text(drive, made_up, record, shown, size, glyphs):
    evil = {
        name: HOSTILE
        for name in (
            "text",
            "advice",
            "level",
            "name",
            "note",
            "how",
            "reason",
            "device_name",
            "data",
            "why",
        )
    }
    start = made_up.run_start()
    start["config"] |= {"method": HOSTILE, "data": HOSTILE, "model": HOSTILE, "seed": HOSTILE}
    layer = {
        "name": HOSTILE,
        "dominance": [0.1, "NaN", None],
        "gini": HOSTILE,
        "rho": HOSTILE,
        "car": HOSTILE,
    }
    picture = {
        "y": 0,
        "x": ["AA=="],
        "delta": ["AA=="],
        "clean": [0, HOSTILE],
        "own": HOSTILE,
        "carrier": [99, 1],
    }
    items = [
        record("open", {"run": HOSTILE, "host": "elsewhere"}),
        record("run.start", start | {"device_name": HOSTILE}),
        record(
            "steps",
            {"n": 2, "cols": {"abnormal": [HOSTILE, 0.1]}, "epoch": "NaN", "img_s": "Infinity"},
            1,
        ),
        record(
            "probe.robust",
            {"clean": HOSTILE, "fgsm": 0.5, "pgd": "Infinity", "n": 5, "final": HOSTILE},
            2,
        ),
        record("probe.channels", {"layers": [layer, HOSTILE]}, 2),
        record(
            "probe.self",
            {"full": True, "attack": HOSTILE, "values": {HOSTILE: 1}, "dose": HOSTILE},
            2,
        ),
        record(
            "probe.causal",
            {"rows": [{"stage": HOSTILE, "group": HOSTILE, "share": 0.1}], "single": HOSTILE},
            2,
        ),
        record(
            "probe.images",
            {"shape": [1, 1, 1], "rows": [picture], "classes": [HOSTILE], "attack": HOSTILE},
            2,
        ),
        record("probe.strong", {"pgd": HOSTILE, "n": HOSTILE}, 2),
        record(
            "alert",
            {"level": "onset", "evidence": {HOSTILE: 1.0}, "text": HOSTILE, "disease": HOSTILE},
            2,
        ),
        record(
            "diagnosis",
            {"disease": HOSTILE + "2", "text": HOSTILE, "onset_step": 2, "lead": HOSTILE},
            2,
        ),
        record("alert", evil, 3),
        record(HOSTILE, evil, 3),
        record(
            "sup.exit",
            {"how": "crashed", "text": HOSTILE, "stderr": [HOSTILE]},
            stream="supervisor",
        ),
    ]

    async def look(app, pilot):
        for key in "123456789l":
            await pilot.press(key)
            text = shown(app)
            assert all(character.isprintable() or character == "\n" for character in text)
            assert "evil" in text or key in "12l"
            assert text.isascii() or glyphs == "braille"

    drive(items, look, size=size, glyphs=glyphs)
