"""Steps as a captured graph: the same bits as without, captured again only where it must be.

On a CPU a recording stand-in takes the place of the graph; on CUDA it is one.
"""

from dataclasses import replace

import pytest
import torch
from made_up.graphs import Stale, StandIn

from selffit.errors import UserError
from selffit.methods import METHODS
from selffit.methods.catalogue import users
from selffit.train import runner, setup
from selffit.train.runner import WARM_UP
from selffit.train.step import Step

ALWAYS = {"eps_ramp": 0, "epochs": 3}  # 15 steps


@pytest.fixture(autouse=True)
def stand_in(monkeypatch):
    """Graphs on the CPU; with the optimiser that a GPU has, also where they are switched off."""
    StandIn.all.clear()
    monkeypatch.setattr(runner, "captures_on", lambda device: StandIn)
    monkeypatch.setattr(setup, "Step", lambda *parts, capturable: Step(*parts, capturable=True))


def graphs(run):
    """(step, captured, count) of every record of how steps are taken."""
    return [(step, told["captured"], told["count"]) for step, told in run.of("step.graph")]


def of_steps():
    """The graphs of steps: those of probes are warmed up once."""
    return [graph for graph in StandIn.all if graph.warm_ups > 1]


def send(op, **args):
    return lambda run: run.send(op, **args)


SGD = {
    "model": "preact-resnet18",
    "width": 4,
    "optimizer": "sgd",
    "momentum": 0.9,
    "lr_schedule": "triangular",
    "momentum_low": 0.8,
    "last_batch": "keep",
    "weight_decay": 5e-4,
    "augment": "crop-flip",
    "train_images": 150,  # the last of five batches has 22 images
}


@pytest.mark.parametrize("method", [*METHODS, "sgd-batchnorm"])
def test_a_captured_step_gives_the_same_bits(start, equal, method):
    settings = {**ALWAYS, **(SGD if method not in METHODS else {"method": method})}
    if method in users("attack_steps"):
        settings["attack_steps"] = 2
    captured, plain = start(**settings).go(), start(**settings, graph="off").go()
    assert graphs(captured) == [(WARM_UP, True, 1)] and graphs(plain) == []
    [graph] = of_steps()
    whole = 12 if "last_batch" in settings else 15  # what is left of an epoch is no graph's
    assert (graph.warm_ups, graph.replays) == (WARM_UP, whole - WARM_UP)
    assert equal(captured, plain)
    assert [data["cols"] for _, data in captured.of("steps")] == [
        data["cols"] for _, data in plain.of("steps")
    ]


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_numbers_that_move_are_filled_in_and_nothing_is_captured_again(start, equal, optimizer):
    changes = [("eps", "0.08"), ("alpha", "0.05"), ("lr_scale", "0.5"), ("weight_decay", "0.01")]
    settings = {**ALWAYS, "method": "rs-fgsm", "optimizer": optimizer, "lr": 0.01}

    def train(graph):
        at = {5 + 2 * i: send("set", **{name: value}) for i, (name, value) in enumerate(changes)}
        return start(**settings, graph=graph).go(at=at)

    captured = train("auto")
    assert graphs(captured) == [(WARM_UP, True, 1)] and len(captured.of("ctl.applied")) == 4
    assert equal(captured, train("off"))
    assert not equal(captured, start(**settings).go())


@pytest.mark.parametrize(
    "change",
    [
        ("set", {"method": "n-fgsm"}),
        ("set", {"mix_signs": "0.5"}),
        ("set", {"start": "random"}),
        ("zero", {"layer": "conv1", "channels": "0,3"}),
    ],
    ids=str,
)
def test_another_step_is_captured_again_once(start, equal, change):
    op, args = change

    def train(graph):
        return start(**ALWAYS, graph=graph).go(at={6: send(op, **args)})

    captured = train("auto")
    assert graphs(captured) == [(WARM_UP, True, 1), (6 + WARM_UP, True, 2)]
    assert equal(captured, train("off"))


def test_more_attack_steps_are_captured_again_where_the_method_takes_several(start):
    for method, count in (("pgd", 2), ("fgsm", 1)):
        run = start(**ALWAYS, method=method).go(at={6: send("set", attack_steps="3")})
        assert len(graphs(run)) == count


def test_a_roll_back_goes_on_with_the_same_graph(start, equal):
    def train(graph, exact=True):
        settings = {**ALWAYS, "method": "rs-fgsm", "checkpoint_every": 2, "graph": graph}
        return start(**settings).go(at={9: send("rollback", to="main-6", exact=exact)})

    captured = train("auto")
    assert graphs(captured) == [(WARM_UP, True, 1)]
    assert equal(captured, train("off"))
    assert equal(captured, start(**ALWAYS, method="rs-fgsm").go())  # exact: the same steps again
    assert equal(train("auto", exact=False), train("off", exact=False))


def test_going_back_to_before_the_first_step_of_the_optimiser_captures_again(start, equal):
    def train(graph):
        settings = {**ALWAYS, "method": "rs-fgsm", "graph": graph}
        at = {0: send("checkpoint"), 8: send("rollback", to="main-0")}
        return start(**settings).go(at=at)

    captured = train("auto")
    assert [count for _, _, count in graphs(captured)] == [1, 2]
    assert equal(captured, train("off"))


def test_a_killed_run_goes_on_with_the_same_bits(start, equal):
    settings = {**ALWAYS, "method": "rs-fgsm", "checkpoint_every": 3}
    killed = start(**settings).go(at={8: lambda run: run.kill()}).go()
    assert equal(killed, start(**settings).go())
    assert len(of_steps()) == 3


@pytest.mark.parametrize("graph", ["auto", "off"])
def test_kernels_are_tried_out_for_whole_batches_only(start, monkeypatch, graph):
    fgsm, seen = METHODS["fgsm"], set()

    def attack(gradient, x, y, budget, generator):
        seen.add((len(y), torch.backends.cudnn.benchmark))
        return fgsm.attack(gradient, x, y, budget, generator)

    monkeypatch.setitem(METHODS, "fgsm", replace(fgsm, attack=attack))
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", True)
    start(**ALWAYS, train_images=150, last_batch="keep", graph=graph).go()
    assert seen == {(32, True), (22, False)} and torch.backends.cudnn.benchmark


def test_a_method_that_reads_from_the_host_is_trained_without_a_graph_and_the_log_says_why(
    start, equal, monkeypatch, capsys
):
    reading = METHODS["fgsm"].attack

    def attack(gradient, x, y, budget, generator):
        assert budget.eps.item() > 0
        return reading(gradient, x, y, budget, generator)

    replaced = replace(METHODS["fgsm"], attack=attack)
    plain = start(**ALWAYS).go()
    monkeypatch.setitem(METHODS, "fgsm", replaced)
    run = start(**ALWAYS)
    run.go(at={6: send("set", eps="0.16"), 9: send("set", method="rs-fgsm")})
    first, second = run.of("step.graph")
    assert (first[1]["captured"], second[1]["captured"]) == (False, True)
    assert "Tensor.item in " in first[1]["why"] and "test_runner.py" in first[1]["why"]
    assert second[0] == 9 + WARM_UP
    assert capsys.readouterr().err.count("without a CUDA graph") == 1
    assert equal(plain, start(**ALWAYS, graph="off").go())


def test_who_asks_for_a_graph_is_told_what_stands_in_the_way(start, monkeypatch):
    fgsm = METHODS["fgsm"]

    def attack(gradient, x, y, budget, generator):
        made = fgsm.attack(gradient, x, y, budget, generator)
        return replace(made, x_adv=made.x_adv[torch.arange(len(y)).tolist()])

    monkeypatch.setitem(METHODS, "fgsm", replace(fgsm, attack=attack))
    with pytest.raises(UserError, match=r"cannot be captured.*Tensor\.tolist in .*test_runner\.py"):
        start(**ALWAYS, graph="on").go()


def test_a_graph_on_a_machine_without_them_is_refused(start, monkeypatch):
    monkeypatch.setattr(runner, "captures_on", lambda device: None)
    with pytest.raises(UserError, match="--graph on: there are no CUDA graphs on cpu"):
        start(**ALWAYS, graph="on").go()


def test_a_capture_that_fails_all_the_same_is_no_end(start, equal, monkeypatch):
    def fail(self, work):
        raise RuntimeError("not permitted\nmore")

    plain = start(**ALWAYS, method="rs-fgsm", graph="off").go()
    monkeypatch.setattr(StandIn, "capture", fail)
    run = start(**ALWAYS, method="rs-fgsm").go()
    [(step, told)] = run.of("step.graph")
    assert (step, told["captured"], told["why"]) == (WARM_UP, False, "not permitted")
    assert equal(run, plain)


def test_the_stand_in_notices_a_number_that_a_graph_would_keep(start, monkeypatch):
    fgsm, now = METHODS["fgsm"], iter(range(1000))

    def attack(gradient, x, y, budget, generator):
        made = fgsm.attack(gradient, x, y, budget, generator)
        return replace(made, x_adv=made.x_adv * (1 - 1e-6 * next(now)))

    monkeypatch.setitem(METHODS, "fgsm", replace(fgsm, attack=attack))
    with pytest.raises(Stale, match=r"aten\.mul"):
        start(**ALWAYS).go()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_on_cuda_a_graph_gives_the_bits_that_the_same_operations_give_one_by_one(
    start, equal, monkeypatch, optimizer
):
    monkeypatch.undo()
    settings = {**SGD, "method": "rs-fgsm", "optimizer": optimizer, "device": "cuda", "epochs": 3}
    if optimizer == "adam":
        settings |= {"lr": 1e-3, "momentum_low": 0}
    monkeypatch.setattr(torch.backends.cudnn, "deterministic", True)

    def train(graph):
        at = {5: send("set", eps="0.02", weight_decay="0.001"), 9: send("set", method="n-fgsm")}
        return start(**settings, graph=graph).go(at=at)

    captured = train("on")
    assert [count for _, done, count in graphs(captured) if done] == [1, 2]
    assert equal(captured, train("off"))
