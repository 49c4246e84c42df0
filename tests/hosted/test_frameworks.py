"""A Monitor inside the trainers of Lightning and of Hugging Face, where these are installed."""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from made_up import rs_fgsm
from made_up.hosted import state_of
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from selffit import Monitor
from selffit.control.commands import new_command
from selffit.control.submit import submit
from selffit.eventlog import kinds
from selffit.run.again.rerun import blocks_of
from selffit.run.folded.state import RunState
from selffit.run.folder.run_dir import RunDir

needs_lightning = pytest.mark.skipif(
    find_spec("lightning") is None, reason="selffit[lightning] is not installed"
)
needs_transformers = pytest.mark.skipif(
    find_spec("transformers") is None, reason="selffit[transformers] is not installed"
)
QUIET: dict[str, Any] = {
    "self_images": 16,
    "channel_images": 0,
    "causal_images": 0,
    "align_every": 0,
    "probe_steps": 2,
    "probe_images": 32,
}
Fit = Callable[..., Any]


pytestmark = pytest.mark.usefixtures("one_thread")


def an_attack(model: Callable[[Tensor], Tensor], x: Tensor, y: Tensor) -> dict[str, Any]:
    """One RS-FGSM step, with all that there is to tell of it."""
    delta = torch.empty_like(x).uniform_(-rs_fgsm.EPS, rs_fgsm.EPS).requires_grad_()
    start_loss = F.cross_entropy(model(x + delta), y, reduction="none")
    (grad,) = torch.autograd.grad(start_loss.mean(), delta)
    delta = (delta + rs_fgsm.ALPHA * grad.sign()).clamp(-rs_fgsm.EPS, rs_fgsm.EPS).detach()
    x_adv = (x + delta).clamp(0, 1)
    logits = model(x_adv)
    told = {"x": x, "y": y, "x_adv": x_adv, "start_loss": start_loss.detach()}
    return {"loss": F.cross_entropy(logits, y), "logits": logits.detach(), **told}


def data() -> TensorDataset:
    x, y, _, _ = rs_fgsm.images()
    return TensorDataset(x, y)


def heldout() -> tuple[Tensor, Tensor]:
    _, _, x, y = rs_fgsm.images()
    return x, y


def read(path: Path) -> RunState:
    return state_of(RunDir.open(path))


def check(path: Path, epochs: int, per_epoch: int = 4) -> None:
    """That all was watched from the first step to the last."""
    found = read(path)
    steps = epochs * per_epoch
    assert found.step == steps and found.start is not None and found.start.steps_total == steps
    probes = [probe.step for probe in found.all(kinds.RobustProbe)]
    assert probes[:epochs] == [per_epoch * (i + 1) for i in range(epochs)]
    block = blocks_of(path)[0]
    assert {"loss_adv", "acc_adv", "delta", "lr"} <= set(block.cols)
    assert 0 < float(block.cols["delta"][0] or 0) <= rs_fgsm.EPS
    assert found.ending is not None and found.ending.how == "finished"


def stop_at(at: int) -> Callable[[Monitor | None, int], None]:
    """Somebody asks for a stop from elsewhere, after so many steps."""

    def look(monitor: Monitor | None, step: int) -> None:
        assert monitor is not None and monitor.path is not None
        if step == at:
            submit(monitor.path, new_command("stop", {}, by="somebody"))
            monitor._watching.requests.next_poll = 0.0  # it looks a few times a second

    return look


# ---- Lightning -----------------------------------------------------------------------------------
def lightning_parts() -> tuple[Any, Any]:
    import lightning.pytorch as pl

    class Module(pl.LightningModule):
        after: Callable[[int], None] = staticmethod(lambda step: None)

        def __init__(self) -> None:
            super().__init__()
            self.net = rs_fgsm.network()

        def forward(self, x: Tensor) -> Tensor:
            found: Tensor = self.net(x)
            return found

        def training_step(self, batch: Any, batch_idx: int) -> dict[str, Any]:
            self.after(self.trainer.global_step)
            return an_attack(self, *batch)

        def configure_optimizers(self) -> Any:
            return torch.optim.SGD(self.parameters(), lr=0.05)

    return pl, Module


@pytest.fixture
def fit(tmp_path: Path) -> Fit:
    pl, module = lightning_parts()
    from selffit.lightning import MonitorCallback

    def run(epochs: int, after: Any = None, ckpt_path: Any = None, **more: Any) -> tuple[Any, Any]:
        watch = MonitorCallback(
            heldout(), eps=rs_fgsm.EPS, runs=tmp_path / "runs", name="loop", **QUIET
        )
        trainer = pl.Trainer(
            max_epochs=epochs,
            accelerator="cpu",
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            callbacks=[watch],
            **more,
        )
        model = module()
        if after is not None:
            model.after = lambda step: after(watch.monitor, step)
        loader = DataLoader(data(), batch_size=rs_fgsm.BATCH)
        trainer.fit(model, loader, ckpt_path=ckpt_path)
        return trainer, watch

    return run


@needs_lightning
def test_a_training_of_lightning_is_a_run(fit: Fit, tmp_path: Path) -> None:
    fit(2)
    check(tmp_path / "runs" / "loop", epochs=2)


@needs_lightning
def test_a_step_of_lightning_is_one_of_the_optimiser(fit: Fit, tmp_path: Path) -> None:
    fit(2, accumulate_grad_batches=2)
    check(tmp_path / "runs" / "loop", epochs=2, per_epoch=2)


@needs_lightning
def test_a_stop_reaches_lightnings_trainer(fit: Fit, tmp_path: Path) -> None:
    trainer, watch = fit(50, after=stop_at(6))
    assert 6 < trainer.global_step < 12 and watch.monitor.stopping
    ending = read(tmp_path / "runs" / "loop").ending
    assert ending is not None and ending.how == "stopped"


@needs_lightning
def test_lightning_resumes_and_the_run_goes_on(fit: Fit, tmp_path: Path) -> None:
    trainer, _ = fit(50, after=stop_at(4))
    done = trainer.global_step
    trainer.save_checkpoint(tmp_path / "theirs.ckpt")
    again, _ = fit(3, ckpt_path=tmp_path / "theirs.ckpt")
    found = read(tmp_path / "runs" / "loop")
    (resumed,) = (event for event in found.events if isinstance(event, kinds.Resumed))
    assert (resumed.to_step, found.attempt) == (done, 2)
    assert found.step == again.global_step > done


@needs_lightning
def test_an_error_in_lightnings_training_is_how_the_run_ends(fit: Fit, tmp_path: Path) -> None:
    def fail(monitor: Monitor | None, step: int) -> None:
        if step == 3:
            raise ValueError("a bad batch")

    with pytest.raises(ValueError, match="a bad batch"):
        fit(2, after=fail)
    ending = read(tmp_path / "runs" / "loop").ending
    assert ending is not None and (ending.how, ending.text) == (
        "crashed",
        "ValueError: a bad batch",
    )


# ---- Hugging Face --------------------------------------------------------------------------------
@pytest.fixture
def train(tmp_path: Path) -> Fit:
    import transformers
    from transformers.modeling_outputs import ImageClassifierOutput

    from selffit.transformers import MonitorCallback

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = rs_fgsm.network()

        def forward(self, pixel_values: Tensor, labels: Tensor | None = None) -> Any:
            return ImageClassifierOutput(logits=self.net(pixel_values))

    class Theirs(transformers.Trainer):  # type: ignore[misc,unused-ignore]
        watch: MonitorCallback
        after: Any = None

        def compute_loss(self, model: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
            if self.after is not None:
                self.after(self.watch.monitor, self.state.global_step)
            told = an_attack(
                lambda x: model(pixel_values=x).logits, inputs["pixel_values"], inputs["labels"]
            )
            self.watch.tell(**told)
            return told["loss"]

    def run(epochs: int, after: Any = None, resume: Any = None, **more: Any) -> Any:
        watch = MonitorCallback(
            heldout(), eps=rs_fgsm.EPS, runs=tmp_path / "runs", name="loop", **QUIET
        )
        x, y, _, _ = rs_fgsm.images()
        rows = [{"pixel_values": one, "labels": label} for one, label in zip(x, y, strict=True)]
        arguments = transformers.TrainingArguments(
            output_dir=str(tmp_path / "theirs"),
            num_train_epochs=epochs,
            per_device_train_batch_size=rs_fgsm.BATCH,
            use_cpu=True,
            report_to=[],
            disable_tqdm=True,
            **{"save_strategy": "no", **more},
        )
        trainer = Theirs(model=Network(), args=arguments, train_dataset=rows, callbacks=[watch])
        trainer.watch, trainer.after = watch, after
        trainer.train(resume_from_checkpoint=resume)
        return trainer

    return run


@needs_transformers
def test_a_training_of_hugging_face_is_a_run(train: Fit, tmp_path: Path) -> None:
    train(2)
    check(tmp_path / "runs" / "loop", epochs=2)


@needs_transformers
def test_a_step_of_hugging_face_is_one_of_the_optimiser(train: Fit, tmp_path: Path) -> None:
    train(2, gradient_accumulation_steps=2)
    check(tmp_path / "runs" / "loop", epochs=2, per_epoch=2)


@needs_transformers
def test_a_stop_reaches_hugging_faces_trainer(train: Fit, tmp_path: Path) -> None:
    trainer = train(50, after=stop_at(6))
    assert 6 < trainer.state.global_step < 12
    ending = read(tmp_path / "runs" / "loop").ending
    assert ending is not None and ending.how == "stopped"


@needs_transformers
def test_hugging_face_resumes_and_the_run_goes_on(train: Fit, tmp_path: Path) -> None:
    train(50, after=stop_at(4), save_strategy="steps", save_steps=4)
    train(3, resume=str(tmp_path / "theirs" / "checkpoint-4"))
    found = read(tmp_path / "runs" / "loop")
    (resumed,) = (event for event in found.events if isinstance(event, kinds.Resumed))
    assert (resumed.to_step, found.attempt, found.step) == (4, 2, 12)


# ---- without them --------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["lightning", "transformers"])
def test_a_framework_that_is_missing_is_named_with_its_extra(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import importlib
    import sys

    monkeypatch.delitem(sys.modules, f"selffit.{name}", raising=False)
    for gone in (name, f"{name}.pytorch", "pytorch_lightning"):
        monkeypatch.setitem(sys.modules, gone, None)
    with pytest.raises(ImportError, match=rf"install selffit\[{name}\]"):
        importlib.import_module(f"selffit.{name}")
