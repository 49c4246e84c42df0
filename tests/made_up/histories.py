"""Made-up histories for hypothesis, with every turn that a run can take, in any order."""

from typing import Any

from hypothesis import strategies as st

from made_up.records import COUNTER
from selffit.eventlog.records import Notice, Record

TURNS = (
    *("block", "block", "block", "block", "probe", "probe", "host", "host"),
    *("channels", "self", "suspect", "onset", "diagnosis", "saved", "saved", "pruned", "rollback"),
    *("failed", "resumed", "again", "exit", "end", "set", "phase", "odd", "notice"),
)


class Teller:
    """A trainer and its supervisor that tell of one turn after the other."""

    def __init__(self) -> None:
        self.items: list[Record | Notice] = []
        self.attempt, self.branch, self.step, self.t = 1, "main", 0, 1000.0
        self.branches = ["main"]
        self.saved: list[tuple[str, str, int]] = []
        self.say("open", {"run": "made-up", "host": "here", "boot": "b", "pid": 7, "pstart": 5.0})
        self.start()

    def say(self, kind: str, data: dict[str, Any], stream: str = "trainer") -> None:
        """One more record, half a second later."""
        self.t += 0.5
        step = self.step if stream == "trainer" else 0
        branch = self.branch if stream == "trainer" else "main"
        q = next(COUNTER)
        self.items.append(Record(1, self.attempt, q, self.t, kind, branch, step, data, stream))

    def start(self) -> None:
        """Data and network are loaded."""
        config = {"method": "fgsm", "eps": 0.1, "epochs": 4.0}
        self.say("run.start", {"config": config, "steps_total": 200, "steps_per_epoch": 50})

    def turn(self, name: str, number: int) -> None:
        """What happens next; `number` varies it."""
        getattr(self, f"_{name}")(number)

    def _block(self, number: int) -> None:
        n = 1 + number % 12
        cols = {name: [number / 100] * n for name in ("abnormal", "loss_adv", "eps", "lr", "alpha")}
        timing = {"img_s": 100.1 + number, "sec": 0.1 * n, "epoch": (self.step + n) / 50}
        self.say("steps", {"n": n, "cols": cols, **timing})
        self.step += n

    def _probe(self, number: int) -> None:
        pgd = number / 100
        self.say("probe.robust", {"n": 64, "eps": 0.1, "clean": 0.9, "fgsm": 0.5, "pgd": pgd})

    def _host(self, number: int) -> None:
        self.say("host", {"cpu": number / 100, "rss": 1e9 + number, "log_ok": True})

    def _channels(self, number: int) -> None:
        layer = {"name": f"conv{number % 2}", "dominance": [number / 100, 0.1], "gini": 0.2}
        self.say("probe.channels", {"n": 8, "layers": [layer]})

    def _self(self, number: int) -> None:
        self.say("probe.self", {"n": 8, "index": number / 100, "values": {"abnormal": 0.5}})

    def _suspect(self, number: int) -> None:
        self.say("alert", {"level": "suspect", "text": "moved"})

    def _onset(self, number: int) -> None:
        last = max(0, self.step - number)
        told = {"onset_step": self.step, "onset_low": last, "healthy": {"step": last, "pgd": 0.4}}
        self.say("alert", {"level": "onset", "text": "began", "evidence": {"gap": 0.4}, **told})

    def _diagnosis(self, number: int) -> None:
        self.say("diagnosis", {"disease": "self-fitting", "text": "…", "onset_step": self.step})

    def _saved(self, number: int) -> None:
        id = f"{self.branch}-{self.step}"
        self.saved.append((id, self.branch, self.step))
        told = {"id": id, "step": self.step, "branch": self.branch, "pgd": 0.4}
        self.say("ckpt.saved", told | {"healthy": number > 50})

    def _pruned(self, number: int) -> None:
        if self.saved:
            self.say("ckpt.pruned", {"id": self.saved[number % len(self.saved)][0]})

    def _failed(self, number: int) -> None:
        self.say("ckpt.failed", {"id": f"{self.branch}-{self.step}", "reason": "no space"})

    def _set(self, number: int) -> None:
        change = {"id": f"c{number:020x}", "op": "set", "args": {"eps": 0.2}, "by": "me"}
        self.say("ctl.applied", change | {"old": {"eps": 0.1}, "new": {"eps": 0.2}, "version": 1})

    def _rollback(self, number: int) -> None:
        if not self.saved:
            return
        id, parent, base = self.saved[number % len(self.saved)]
        name = f"b{len(self.branches)}"
        self.branches.append(name)
        change = {
            "id": f"c{len(self.items):020x}",
            "op": "rollback",
            "by": "policy",
            "branch": name,
        }
        self.say("ctl.applied", change | {"args": {"to": id}, "new": {"method": "n-fgsm"}})
        if number % 5 == 0:
            self.say("ctl.failed", {"id": change["id"], "op": "rollback", "reason": "damaged"})
            return
        self.branch, self.step = name, base
        self.say("branch", {"name": name, "parent": parent, "base_step": base, "ckpt": id})

    def _resumed(self, number: int) -> None:
        """It is killed, and another attempt goes on from a checkpoint of its own, or from none."""
        how = {"how": "killed", "again": number % 2 == 0}
        self.say("sup.exit", how, "supervisor")
        self._again(number)

    def _again(self, number: int) -> None:
        self.attempt += 1
        self.say("open", {"run": "made-up", "pid": 8, "host": "here"})
        mine = [one for one in self.saved if one[1] == self.branch]
        id, _, step = mine[number % len(mine)] if mine else (None, self.branch, 0)
        self.step = min(step, self.step)
        self.start()
        self.say("resumed", {"ckpt": id, "step": self.step, "branch": self.branch})

    def _exit(self, number: int) -> None:
        self.say("sup.exit", {"how": "crashed", "text": "…", "stderr": ["x"]}, "supervisor")

    def _end(self, number: int) -> None:
        self.say("end", {"how": "stopped", "reason": "asked"})

    def _phase(self, number: int) -> None:
        self.say("phase", {"name": "paused" if number % 2 else "training"})

    def _odd(self, number: int) -> None:
        self.say("new.kind", {"what": number})

    def _notice(self, number: int) -> None:
        self.items.append(Notice("damaged", "trainer", "000001-000000.jsonl", number, "a line"))


def histories(most: int = 60) -> st.SearchStrategy[list[Record | Notice]]:
    """The items of a made-up log, with any turns in any order."""
    turns = st.lists(st.tuples(st.sampled_from(TURNS), st.integers(0, 99)), max_size=most)
    return turns.map(_told)


def _told(turns: list[tuple[str, int]]) -> list[Record | Notice]:
    teller = Teller()
    for name, number in turns:
        teller.turn(name, number)
    return teller.items
