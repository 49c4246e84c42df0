"""The dialog of interventions without a screen: what it offers, and the commands it leads to."""

import pytest
from made_up.looks import dialog_box

from selffit.config import FIELDS
from selffit.run.folded.state import RunState, reduce_all
from selffit.run.judged.verdict import verdict
from selffit_tui.intervene.dialog import CONFIRM, FORM, Dialog, Edit
from selffit_tui.words.commands import cure


def dialog_of(log, layer="conv1"):
    state = reduce_all(RunState(), log.records)
    fallen = verdict(state).fallen
    return Dialog(state.ledger, state, fallen, layer, "ann@lab", lambda: 1.79e9)


def other(field):
    """A value for a field that differs from the present one, where it is a setting."""
    if field.name not in FIELDS:
        return field.text
    about = FIELDS[field.name].metadata
    return about["choices"][-1] if about["choices"] else f"{min(about['high'], about['low'] + 1):g}"


def test_every_action_leads_to_a_command_that_the_trainer_would_take(acted_on):
    log = acted_on.with_checkpoints(702)
    log.ask("zero", {"layer": "conv2", "channels": [1]}, 702)
    given = {
        "method": "pgd",
        "eps": "8/255",
        "alpha": "0.1",
        "lr_scale": "0.5",
        "weight_decay": "1e-4",
    }
    given |= {"mix_signs": "0.3", "stop_epoch": "12", "text": "hm", "exact": "yes"}
    for id in [action.id for action in dialog_of(log).actions]:
        dialog = dialog_of(log)
        assert dialog.choose(id)
        command = dialog.enter()
        if dialog.stage == FORM:
            for place, field in enumerate(dialog.action.fields):
                dialog.edits[place] = Edit(given.get(field.name) or other(field), 0)
            command = dialog.enter()
        if dialog.stage == CONFIRM:
            command = dialog.enter()
        assert command is not None, (id, dialog.problem())
        assert dialog.action.costs == (
            id in ("rollback-healthy", "rollback", "method", "stop", "stop-now")
        )


def test_a_paused_run_offers_to_go_on_and_a_zeroed_layer_to_be_unzeroed(acted_on):
    log = acted_on.with_checkpoints(300)
    ids = [action.id for action in dialog_of(log).actions]
    assert "pause" in ids and "resume" not in ids and "unzero" not in ids
    log.ask("pause", {}, 300)
    log.ask("zero", {"layer": "conv1", "top": 2}, 300)
    ids = [action.id for action in dialog_of(log).actions]
    assert "resume" in ids and "pause" not in ids and "unzero" in ids


def test_without_a_healthy_checkpoint_the_onset_is_answered_by_another_method(made_up, acted_on):
    dialog = dialog_of(acted_on.Log(made_up.records(702)))
    assert (
        dialog.action.id == "cure"
        and dialog.action.args == {"method": "n-fgsm"}
        and dialog.action.costs
    )
    assert "rollback" not in [action.id for action in dialog.actions]
    assert [cure(method) for method in ("fgsm", "rs-fgsm", "n-fgsm", "pgd")] == [
        "n-fgsm",
        "n-fgsm",
        "pgd",
        "pgd",
    ]


def test_a_divergence_is_answered_from_before_it_with_a_smaller_learning_rate(acted_on):
    log = acted_on.with_checkpoints(300)
    ill = {"level": "diverged", "text": "training has diverged: …", "evidence": {}}
    log.add("alert", {**ill, "onset_step": 240, "onset_low": 239}, 250)
    dialog = dialog_of(log)
    assert dialog.action.recommended and dialog.action.args == {"to": "main-186"}
    dialog.enter()
    dialog.enter()
    command = dialog.enter()
    assert command is not None and command.op == "rollback"
    assert (command.args["to"], command.args["lr_scale"]) == ("main-186", 0.5)


def test_a_line_of_text_can_be_edited():
    line = Edit("fgsm", 4).key("left", None).key("backspace", None).key("x", "x")
    assert (line.text, line.at) == ("fgxm", 3)
    assert line.key("home", None).key("delete", None).text == "gxm"
    assert (
        line.key("end", None).typed("12").text == "fgxm12" and line.key("ctrl+u", None).text == ""
    )
    # what stood there gives way to the first character
    assert Edit("0.35", 4).key("8", "8").text == "8"


def test_space_goes_through_the_choices_and_pasted_lines_become_one(acted_on):
    dialog = dialog_of(acted_on.with_checkpoints(300))
    dialog.choose("method")
    dialog.enter()
    dialog.key("space", " ")
    assert dialog.edits[0].text == "rs-fgsm"
    dialog.back()
    dialog.choose("note")
    dialog.enter()
    dialog.paste("two\nlines\x1b[2J")
    assert dialog.command().args["text"] == "two lines\\x1b[2J"


@pytest.mark.parametrize("width", [43, 60, 90])
def test_current_values_are_whole_in_every_width(acted_on, width):
    text = dialog_box(dialog_of(acted_on.with_checkpoints(702)), "braille", width)
    assert "at the end" in text and "recommen…" not in text
