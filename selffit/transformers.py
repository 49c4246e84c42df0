"""`MonitorCallback`: a training of Hugging Face's `Trainer` as a run; see docs/any-script.md.

    watch = MonitorCallback(heldout=(x, y), eps=8 / 255)
    MyTrainer(…, callbacks=[watch])

Their trainer does not show its steps to callbacks: `compute_loss` of a trainer of one's own, which
makes the attack, tells of them with `watch.tell(loss=…, y=…, x=…, x_adv=…, logits=…)`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from selffit.extras import lacking
from selffit.hosted.callbacks import Driven

if TYPE_CHECKING:
    from torch import nn
    from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
else:
    try:
        from transformers import TrainerCallback
    except ImportError:
        why = lacking("transformers", "transformers", "selffit.transformers")
        raise ImportError(why) from None


class MonitorCallback(Driven, TrainerCallback):
    """Drives a `Monitor` from Hugging Face's trainer; the arguments are those of `Driven`.

    `monitor` is the Monitor while there is one. A training that is resumed from a checkpoint
    (`resume_from_checkpoint`) goes on with the run of its `name`.
    """

    def on_train_begin(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        model: nn.Module | None = None,
        optimizer: Any = None,
        **kwargs: Any,
    ) -> None:
        """Begin the run. Raises UserError, as `Monitor` does."""
        assert model is not None
        epochs = state.num_train_epochs
        self.begin(
            model,
            step=state.global_step,
            watches=state.is_world_process_zero,
            per_epoch=round(state.max_steps / epochs) if epochs else 0,
            epochs=epochs,
            optimizer=getattr(optimizer, "optimizer", optimizer),  # inside that of accelerate
        )

    def on_step_end(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> None:
        """Tell of the step; ask for the end where somebody has."""
        if self.step(state.global_step):
            control.should_training_stop = True

    def on_train_end(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> None:
        """Measure everything a last time and end the run."""
        self.end()
