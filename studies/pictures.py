"""Makes every picture of the documents again, from the recorded runs in runs/; takes half a minute.

    uv run python studies/pictures.py [--out docs] [NAME…]

Each is a picture of the Run screen as somebody sees it a minute after the run has ended, so the
same screen gives the same bytes.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

from selffit.run.folder.run_dir import RunDir
from selffit.run.follow import Follower
from selffit_tui.app.screenshot import save_screenshot

ROOT = Path(__file__).parents[1]
LATER = 60.0  # seconds after the end of a run


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A file in docs/: which run, which panel, in which size (columns x rows)."""

    name: str
    run: str
    panel: str = "overview"
    size: str = "120x40"


PICTURES = (
    Picture(name="screenshot.svg", run="example-patterns-fgsm"),
    Picture(name="rollback.svg", run="example-patterns-rollback"),
    Picture(name="cifar10.svg", run="example-cifar10-rescue"),
    Picture(name="self-information.svg", run="example-patterns-fgsm", panel="self", size="120x32"),
    Picture(name="channels.svg", run="example-patterns-fgsm", panel="heat", size="120x32"),
)


def make(picture: Picture, folder: Path) -> Path:
    """Make one picture in a folder; returns its file. Raises UserError where it cannot be made."""
    run = RunDir.open(ROOT / "runs" / picture.run)
    ending = Follower.of(run).read_all().ending
    assert ending is not None, f"{picture.run} has no end"
    target = folder / picture.name
    now = ending.t + LATER
    save_screenshot(run.path, target, picture.size, picture.panel, clock=lambda: now)
    return target


def main() -> None:
    """Make the pictures that are named, or all."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", help="of pictures, such as screenshot.svg")
    parser.add_argument("--out", type=Path, default=ROOT / "docs")
    options = parser.parse_args()
    for picture in PICTURES:
        if not options.names or picture.name in options.names:
            print(make(picture, options.out))


if __name__ == "__main__":
    main()
