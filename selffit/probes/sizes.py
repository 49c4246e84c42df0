"""How many images a GPU computes at once: one of a few numbers, for there a new one costs.

cuDNN chooses a kernel for each convolution at each size of a batch that it has not met yet. That
takes 1.3 ms (measured for pytorch/pytorch#187212, which makes it less), so 25 ms for a forward pass
of 20 convolutions; and PGD that leaves out the images it has beaten has another size at every step.
"""

import torch

# They are close, for a larger batch takes longer and PGD loses one image after the other. With the
# largest, launching operations is no matter any more.
SIZES = (32, 64, 96, 128, 192, 256, 384, 512)


def filled(count: int, device: torch.device) -> int:
    """How many images to compute where `count` are asked for; on a CPU as many."""
    if device.type != "cuda":
        return count
    return next((size for size in SIZES if size >= count), count)
