"""`MonitorCallback`: a training of Lightning's `Trainer` as a run; see docs/any-script.md.

    Trainer(callbacks=[MonitorCallback(heldout=(x, y), eps=8 / 255)])

What `training_step` returns beside its loss is what the steps tell: return a dict with the names of
`Monitor.step`, such as {"loss": loss, "y": y, "x": x, "x_adv": x_adv, "logits": logits}.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from selffit.extras import lacking
from selffit.hosted.callbacks import Driven, told_in

if TYPE_CHECKING:
    from lightning.pytorch import Callback, LightningModule, Trainer
else:
    try:
        from lightning.pytorch import Callback
    except ImportError:
        try:
            from pytorch_lightning import Callback  # the same, under its older name
        except ImportError:
            raise ImportError(lacking("lightning", "lightning", "selffit.lightning")) from None


class MonitorCallback(Driven, Callback):
    """Drives a `Monitor` from Lightning's trainer; the arguments are those of `Driven`.

    `monitor` is the Monitor while there is one. A stop that somebody asks for is Lightning's
    `should_stop`: the trainer validates and ends. A training that is resumed from a checkpoint
    (`ckpt_path`) goes on with the run of its `name`.
    """

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begin the run. Raises UserError, as `Monitor` does."""
        batches, together = trainer.num_training_batches, trainer.accumulate_grad_batches
        limited = math.isfinite(batches)
        epochs = trainer.max_epochs or 0
        self.begin(
            pl_module,
            step=trainer.global_step,
            watches=trainer.is_global_zero,
            per_epoch=math.ceil(batches / together) if limited else 0,
            epochs=max(0, epochs),
            optimizer=trainer.optimizers[0] if trainer.optimizers else None,
        )

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Tell of the step; ask for the end where somebody has."""
        self.tell(**told_in(outputs))
        if self.step(trainer.global_step):
            trainer.should_stop = True

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Say how training ended."""
        self.end(exception)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Measure everything a last time and end the run."""
        self.end()
