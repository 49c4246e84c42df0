"""What somebody's program prints while its training collapses, and the state of its run."""

from selffit.run.folded.state import RunState
from selffit.run.folder.run_dir import RunDir
from selffit.run.follow import Follower

FALLS = """
for epoch in range(1, 13):
    fgsm, pgd = (40, 36) if epoch < 8 else (82, 1)
    print(f"Epoch {epoch}: loss 1.5, clean acc 60%, fgsm acc {fgsm}%, pgd acc {pgd}%")
"""


def state_of(run: RunDir) -> RunState:
    return Follower.of(run).read_all()
