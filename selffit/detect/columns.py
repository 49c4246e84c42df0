"""Which column of somebody's table is which: by rules about the words of its name."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches

from selffit.errors import UserError

ACCURACIES = ("clean", "fgsm", "pgd")
ROLES = ("epoch", *ACCURACIES, "loss", "n", "eps", "run")
OPTION = "--columns pgd=NAME"

# how the splits of a data set are called; robust accuracy is judged on images not trained on
_SPLITS = {
    **dict.fromkeys(("test", "te"), 0),
    **dict.fromkeys(("val", "valid", "validation", "eval", "dev", "heldout", "holdout"), 1),
    **dict.fromkeys(("train", "training", "tr"), 3),
}
_NO_SPLIT, _TRAIN = 2, 3
_ACCURACY = frozenset(("acc", "accuracy", "top", "prec", "accs"))
_EXPLICIT = {
    "clean": frozenset(("clean", "nat", "natural", "standard", "std", "benign", "sa")),
    "fgsm": frozenset(("fgsm", "ffgsm", "fgm")),
    "pgd": frozenset(("pgd",)),
}
_ROBUST = frozenset(("robust", "rob", "robustness", "ra"))  # taken for PGD, and said so
_ATTACKS = frozenset(
    ("adv", "adversarial", "aa", "autoattack", "apgd", "cw", "square", "attack", "fab")
)
# of a name that holds something else than the accuracy of an epoch
_OTHERS = """
loss min max err error errors time lr ci se sem var sd lower upper best sec seconds delta gap
diff ratio count ema
"""
_OTHER = frozenset(_OTHERS.split())
_ERROR = frozenset(("err", "error", "errors"))  # 1 - accuracy; "standard error" is something else
_OF_AN_ERROR = ", 1 minus the error"
_UNITS = frozenset(("percent", "pct", "perc", "in"))
_PLAIN = frozenset(("linf", "l", "inf", "eps", "on", "at", "under", "set", "attack", "s"))
_EPOCHS = frozenset(("epoch", "epochs", "ep"))
_STEPS = frozenset(("step", "steps", "iter", "iters", "iteration", "iterations", "it", "batch"))
_OF_A_COUNT = frozenset(("global", "number", "num", "no", "index", "idx", "trainer"))
_IMAGES = frozenset(("n", "images", "n images", "num images", "samples", "n samples"))
_OF_THE_LOSS = frozenset(("loss", "train", "training", "tr", "adv", "robust", "mean", "avg", "ce"))
_OF_A_RUN = """
run seed trial exp experiment model method group config variant fold split phase name id
"""
_RUNS = frozenset(_OF_A_RUN.split())


@dataclass(frozen=True, kw_only=True)
class Columns:
    """The places of the roles in a table, from 0.

    run: of which run these are, "" where the names tell of one only. split_by: columns that may
    tell the runs of a long table apart. errors: the accuracies whose columns hold errors, 1 minus
    the accuracy. assumed: in words.
    """

    at: Mapping[str, int]
    run: str
    split_by: Sequence[int]
    steps: bool  # whether the place in time is called a step
    errors: frozenset[str]
    assumed: tuple[str, ...]


# written together with others: testPGDacc
_TOGETHER = re.compile(
    "(autoattack|apgd|fgsm|pgd|accuracy|acc|clean|natural|robustness|robust)", re.IGNORECASE
)


def words(name: str) -> list[str]:
    """The words of a name: "run/valPGD-10_acc (%)" has run, val, pgd, 10 and acc."""
    name = _TOGETHER.sub(r" \1 ", name)
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", name)
    return re.findall(r"[a-z]+|\d+", name.casefold())


def is_percent(name: str) -> bool:
    """Whether a name says that its numbers are percent."""
    return "%" in name or bool({"percent", "pct", "perc"} & set(words(name)))


def find_columns(names: Sequence[str], where: str, given: Mapping[str, str]) -> list[Columns]:
    """Return the columns of each run in a table with a row an epoch.

    given: names, or numbers from 1, by role, as somebody chose them.

    Raises UserError, naming `where`, for a table without robust accuracy and for names that fit two
    columns equally well.
    """
    chosen = {role: _chosen(name, role, names, where) for role, name in given.items()}
    groups: dict[str, list[int]] = {}
    for index, name in enumerate(names):
        groups.setdefault(run_of(name), []).append(index)
    shared = groups.pop("", [])
    if not groups or "pgd" in chosen:
        return [_Finding(names, range(len(names)), where, chosen, "").columns()]
    found = [
        _Finding(names, [*shared, *own], where, chosen, run).columns()
        for run, own in groups.items()
    ]
    return found if len(found) > 1 else [_unnamed(found[0])]


def run_of(name: str) -> str:
    """The run that a name begins with, as wandb exports the curves of several; "" for none."""
    run, dash, rest = name.partition(" - ")
    told = set(words(rest)) & (_ROBUST | _ATTACKS | _OTHER | _STEPS | _EPOCHS).union(
        _SPLITS, *_EXPLICIT.values()
    )
    return run if dash and told else ""


def _unnamed(columns: Columns) -> Columns:
    return replace(columns, run="")


def _chosen(name: str, role: str, names: Sequence[str], where: str) -> int:
    """The column that somebody chose for a role."""
    same = [i for i, known in enumerate(names) if known.casefold() == name.strip().casefold()]
    if len(same) == 1:
        return same[0]
    if not same and name.strip().isdigit() and 1 <= int(name) <= len(names):
        return int(name) - 1
    if same:
        numbers = " or ".join(str(i + 1) for i in same)
        raise UserError(
            f"{where}: column {name} appears twice; choose by number: --columns {role}={numbers}"
        )
    near = get_close_matches(name, names, 1)
    hint = f"did you mean {near[0]}?" if near else f"it has {_listed(names)}"
    raise UserError(f"{where}: no column {name} for --columns {role}=; {hint}")


class _Finding:
    """Looks for the columns of one run among `places`."""

    def __init__(
        self,
        names: Sequence[str],
        places: Sequence[int],
        where: str,
        chosen: Mapping[str, int],
        run: str,
    ) -> None:
        self.names = names
        self.where = where
        self.chosen = chosen
        self.run = run
        self.free = {
            i: words(names[i].removeprefix(f"{run} - ")) for i in places if i not in chosen.values()
        }
        self.assumed: list[str] = []

    def columns(self) -> Columns:
        at = dict(self.chosen)
        steps = False
        if "epoch" in at:
            steps = _is_count(words(self.names[at["epoch"]]), _STEPS)
        else:
            found, steps = self._time()
            at |= {} if found is None else {"epoch": found}
        for role in ACCURACIES:
            if role not in at and (place := self._accuracy(role)) is not None:
                at[role] = place
        if "pgd" not in at:
            raise UserError(self._no_pgd())
        losses = [i for i, found in self.free.items() if _is_loss(found)]
        if "loss" not in at and len(losses) == 1:
            at["loss"] = losses[0]
        for role, known in (("n", _IMAGES), ("eps", frozenset(("eps", "epsilon")))):
            same = [i for i, found in self.free.items() if " ".join(found) in known]
            self._one(role, same)
            if role not in at and same:
                at[role] = same[0]
        for role in self.chosen:
            told = f"column {self.names[at[role]]} taken as {role}, as was asked"
            error = role in ACCURACIES and _is_error(words(self.names[at[role]]))
            self.assumed.append(told + (_OF_AN_ERROR if error else ""))
        return Columns(
            at=at,
            run=self.run,
            split_by=[i for i, found in self.free.items() if found and set(found) <= _RUNS],
            steps=steps,
            errors=frozenset(
                role for role in ACCURACIES if role in at and _is_error(words(self.names[at[role]]))
            ),
            assumed=tuple(self.assumed),
        )

    def _time(self) -> tuple[int | None, bool]:
        for kind in (_EPOCHS, _STEPS):
            same = [i for i in self.free if _is_count(_unbracketed(self.names[i]), kind)]
            if len(same) > 1:
                same = [i for i in same if len(self.free[i]) == 1] or same
            self._one("epoch", same)
            if same:
                if kind is _STEPS:
                    self.assumed.append(f"column {self.names[same[0]]} taken as the place in time")
                return same[0], kind is _STEPS
        self.assumed.append("no column epoch: rows counted from 0")
        return None, False

    def _accuracy(self, role: str) -> int | None:
        """The column of an accuracy; said where its name is not this tool's own."""
        fits = {i: fit for i, found in self.free.items() if (fit := _fit(role, found)) is not None}
        if not fits:  # nor an accuracy: an error says as much
            fits = {
                i: fit
                for i, found in self.free.items()
                if _is_error(found) and (fit := _fit(role, _of_accuracy(found))) is not None
            }
        exact = [i for i in fits if self.names[i].casefold() == f"{role}_acc"]
        self._one(role, exact)
        if exact:
            return exact[0]
        best = [i for i in fits if fits[i] == min(fits.values())]
        self._one(role, best)
        if not best:
            return None
        told = f"column {self.names[best[0]]} taken as {role}_acc"
        if fits[best[0]][1] == _TRAIN:
            told += ", though it is on training images"
        if _is_error(self.free[best[0]]):
            told += _OF_AN_ERROR
        self.assumed.append(told)
        return best[0]

    def _one(self, role: str, places: Sequence[int]) -> None:
        """Raises UserError where several columns could have that role."""
        if role in self.chosen or len(places) < 2:
            return
        names = [self.names[i] for i in places]
        if len({name.casefold() for name in names}) == 1:
            raise UserError(f"{self.where}: column {names[0]} appears twice; keep one")
        raise UserError(
            f"{self.where}: {_listed(names)} could each be the column {role}; say which with "
            f"--columns {role}=NAME"
        )

    def _no_pgd(self) -> str:
        hint = f"it has {_listed(self.names)}; say which is PGD accuracy with {OPTION}"
        return f"{self.where}: missing column pgd_acc; {hint}"


def _unbracketed(name: str) -> list[str]:
    """The words of a name without what stands in brackets: "Epoch (from 1)"."""
    return words(re.sub(r"\(.*?\)|\[.*?\]", "", name.removeprefix(f"{run_of(name)} - ")))


def _is_count(found: Sequence[str], kind: frozenset[str]) -> bool:
    return bool(kind & set(found)) and set(found) <= kind | _OF_A_COUNT | _SPLITS.keys()


def _is_error(found: Sequence[str]) -> bool:
    """Whether a name is that of an error rate: test_err, PGD Error (%)."""
    return bool(_ERROR & set(found)) and not {"std", "standard"} & set(found)


def _of_accuracy(found: Sequence[str]) -> list[str]:
    """The words of the name that the accuracy beside an error rate would have."""
    return [*(word for word in found if word not in _ERROR), "acc"]


def _is_loss(found: Sequence[str]) -> bool:
    """Whether a name is that of the training loss."""
    return "loss" in found and set(found) <= _OF_THE_LOSS


def _fit(role: str, found: Sequence[str]) -> tuple[int, float] | None:
    """How well a name fits an accuracy, the least is best; None where it does not."""
    has = set(found)
    if has & _OTHER:
        return None
    explicit = has & _EXPLICIT[role]
    others = has & (_ROBUST | _ATTACKS).union(*(_EXPLICIT[r] for r in ACCURACIES if r != role))
    if role == "clean" and "std" in explicit and others:
        return None
    said = bool(has & _ACCURACY)
    split = min((_SPLITS[word] for word in has if word in _SPLITS), default=_NO_SPLIT)
    rank = 0
    if role == "pgd" and not explicit and split < _TRAIN and not has & _ATTACKS - {"attack"}:
        # not on training images, where it is that of the training attack
        explicit, rank = has & _ROBUST, 1
    if role == "clean" and not explicit and said and not others and split < _TRAIN:
        return 1, split  # "val_acc": nobody writes that an accuracy is under no attack
    others -= {"attack"} if role != "clean" else set()
    if role != "clean":  # "adv_fgsm_acc", "robust_pgd_acc"
        others -= {"adv", "adversarial"} | _ROBUST
    if not explicit or others:
        return None
    rest = has - _EXPLICIT[role] - _ROBUST - _ATTACKS - _ACCURACY - _SPLITS.keys() - _UNITS - _PLAIN
    if not said and any(not word.isdigit() for word in rest):
        return None
    return rank + (10 if split == _TRAIN else 0), split


def _listed(names: Sequence[str]) -> str:
    shown = [name or "(no name)" for name in names[:8]]
    return ", ".join(shown) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
