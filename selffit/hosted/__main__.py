"""In the place of a trainer: `python -m selffit.hosted RUN_DIR --attempt N --folder FD`.

Runs somebody's program, reads what it prints, and writes the run's log: probes and signals by
rules, the detector's alerts, a heartbeat, commands, and how it ended. Never loads torch. The
program's output is kept in raw/. Exit codes: that of the program, 128 + the number of a signal that
ended it, 0 where it was stopped as asked, 75 where it was preempted, 2 where it could not be
started.
"""

import argparse
import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from subprocess import Popen
from types import FrameType
from typing import Any

from msgspec.structs import replace

from selffit.control.policy import parse_policy
from selffit.detect.divergence import ASSUMED_CLASSES
from selffit.errors import UserError
from selffit.eventlog import kinds
from selffit.eventlog.liveness import here
from selffit.eventlog.writer import EventWriter
from selffit.hosted.desk import Desk
from selffit.hosted.ending import Ended, ended
from selffit.hosted.output import Kept, Output
from selffit.hosted.placing import Placing
from selffit.hosted.program import Program, read, start
from selffit.hosted.reading import Reading
from selffit.lines import Row, Said
from selffit.numbers import plural
from selffit.outlets import speaking
from selffit.postmortem import MemoryKills, last_lines, signal_name
from selffit.run.again.rerun import Judge, Rules
from selffit.run.folder.run_dir import RunDir
from selffit.run.follow import Follower
from selffit.train.host import Heartbeat
from selffit.train.requests import Requests
from selffit.train.scores import Summary, empty_summary
from selffit.train.stopping import ENDED_BY
from selffit.train.trainlog import TrainLog
from selffit.vocabulary import exit_code

LOOK_SECONDS = 0.2  # between two looks at the output and the inbox
QUIET_SECONDS = 2.0  # without output, after which what looks complete is taken to be
UNREAD_LINES = 200  # after which it is said that no rule reads them
LINGER_SECONDS = 2.0  # that pipes may stay open after the program's end
NOTES = 50  # times that news of the settings are written at most
STREAMS = ("out", "err")


class Host:
    """One attempt at somebody's program."""

    def __init__(self, run: RunDir, attempt: int) -> None:
        """Raises UserError where program or log cannot be used."""
        self.run = run = run.held()
        self.attempt = attempt
        self.program: Program = read(run.place)
        past = Follower.of(run).read_all()
        self._before = past.step if attempt > 1 else 0
        config = run.info().get("config", {})
        known = config if isinstance(config, dict) else {}
        self.writer = EventWriter(run.place, "trainer", attempt)
        self.log = TrainLog(self.writer, past.ledger)
        policy = parse_policy(str(known.get("on_co", "alert")))
        self.desk = Desk(self.log, Requests(run, self.log, policy, attempt))
        self.desk.effects["stop"] = self._stop
        self.reading = Reading(self.program.rule_file())
        self.placing = Placing(
            self.program.per_epoch, self.program.images, self.program.classes, known
        )
        self._policy = {name: known[name] for name in ("on_co", "restarts") if name in known}
        self._values: dict[str, Any] = empty_summary()
        self.summary = Summary(self._values)
        self.judge: Judge | None = None
        self.child: Popen[bytes] | None = None
        self.heartbeat = Heartbeat(run.place, self._beat)
        self._asked = ""  # how it is to end, because somebody asked
        self._why = ""
        self._noted = 0
        self._news = False  # lines have told of settings
        self._note = ""

    # ---- signals, commands -----------------------------------------------------------------------
    def install(self) -> None:
        """Pass signals on to the program; the terminal's end stops nothing."""
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        for number in ENDED_BY:
            signal.signal(number, self._on_signal)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._end(ENDED_BY[signal.Signals(number)], f"asked by {signal_name(number)}", number)

    def _end(self, how: str, why: str, number: int) -> None:
        if not self._asked:
            self._asked, self._why = how, why
        if self.child is not None and self.child.returncode is None:
            with suppress(OSError):
                os.killpg(self.child.pid, number)

    def _stop(self, command: Any, new: Any) -> None:
        number = signal.SIGKILL if command.args.get("now") else signal.SIGTERM
        self._end("stopped", f"stopped by {command.by}", number)

    # ---- the program -----------------------------------------------------------------------------
    def main(self) -> int:
        """Run the program to its end; returns our exit code."""
        self.log.phase("starting", 0)
        self._tell()
        self.log.emit(self._start())
        kills = MemoryKills()
        try:
            self.child = child = start(self.program)
        except OSError as error:
            why = f"cannot run {self.program.shown[0]}: {error.strerror}"
            print(why, file=sys.stderr)
            return self._over(Ended("refused", why, exit_code("refused")))
        if self._asked:  # before there was a program
            self._end(self._asked, self._why, signal.SIGTERM)
        self.heartbeat.watch_process(child.pid)
        self.heartbeat.start()
        self.log.phase("training", 0)
        assert child.stdout is not None and child.stderr is not None
        kept = {end: Kept(self.run, f"trainer-{self.attempt:06d}.{end}") for end in STREAMS}
        output = Output(dict(zip(STREAMS, (child.stdout, child.stderr), strict=True)), kept)
        self._follow(child, output)
        code = child.wait()
        for found in self.reading.close():
            self._found(found)
        self._tell_settings()
        self._look_for_rules(last=True)
        output.close()
        words = last_lines(self.run.place, f"trainer-{self.attempt:06d}.err")
        last = words[-1] if words else ""
        return self._over(ended(code, self._asked, self._why, last, kills.evidence()))

    def _follow(self, child: "Popen[bytes]", output: Output) -> None:
        """Read and answer until the program has ended and its pipes are empty."""
        heard = time.monotonic()
        gone: float | None = None
        while True:
            pieces = output.take(LOOK_SECONDS)
            now = time.monotonic()
            for stream, text in pieces:
                heard = now
                for found in self.reading.feed(stream, text):
                    self._found(found)
            if pieces:
                self._tell_settings()
                self._look_for_rules()
            elif self.reading.fresh and now - heard >= QUIET_SECONDS:
                for found in self.reading.idle():
                    self._found(found)
            self.desk.poll(max(0, self.placing.step))
            if output.over and child.poll() is not None:
                return
            if child.poll() is not None:
                gone = gone or now
                if now - gone >= LINGER_SECONDS and not pieces:
                    return

    def _over(self, end: Ended) -> int:
        if self.heartbeat.is_alive():
            self.heartbeat.stop()
        reason = end.reason or self._note  # silence would look like health
        said = kinds.End(how=end.how, reason=reason, summary=self._values)
        self.log.emit(said, step=max(0, self.placing.step))
        self.writer.close(end.how)
        return end.code

    # ---- what it prints --------------------------------------------------------------------------
    def _found(self, found: Row | Said) -> None:
        if isinstance(found, Said):
            self._news = self.placing.said(found.settings) or self._news
            return
        first = self.placing.step < 0
        events = self.placing.events(found)
        if not events:
            return
        if first:
            self._begin()
        for event in events:
            self.log.emit(event, step=event.step)
            if isinstance(event, kinds.RobustProbe):
                self.summary.probed(event)
            self._judge(event)

    def _tell_settings(self) -> None:
        """What lines have told of the training since the last time, in one event."""
        if self._news and self._noted < NOTES:
            self._noted += 1
            self.log.emit(self._start(), step=max(0, self.placing.step))
        self._news = False

    def _begin(self) -> None:
        """The first row is there: it tells what a step is."""
        step, self._news = self.placing.step, False
        self._note = ""
        self._tell()
        self.log.emit(self._start(), step=step)
        if self._before:
            back = max(0, step - 1)
            lost = max(0, self._before - back)
            self.log.emit(kinds.Resumed(to_step=back, to_branch="main", lost_steps=lost), step=back)
        told, every = self.placing.classes, self.placing.per_epoch
        rules = Rules(
            classes=told or ASSUMED_CLASSES,
            assumed=not told,
            cooldown=every // 2,
            confirm=False,
        )
        self.judge = Judge(rules)

    def _judge(self, event: kinds.Event) -> None:
        assert self.judge is not None
        for said in (*self.judge.take(event), *self.judge.rest()):
            if isinstance(said, kinds.Alert):
                if said.level == "onset":
                    self.summary.fell(said.onset_step)
                self.log.emit(said, step=said.step)
                self.desk.requests.react(said.level)

    def _look_for_rules(self, last: bool = False) -> None:
        """Say once that nothing can be read, if so; whoever watches would wait for ever."""
        lines = self.reading.lines
        if self._note or self.placing.step >= 0 or (lines < UNREAD_LINES and not last):
            return
        named = self.reading.rules
        what = "any rules" if named is None else f"the rules of {named.name}"
        out = f"{self.run.path.name}/raw/trainer-{self.attempt:06d}.out"
        self._note = (
            f"no measure was read in {plural(lines, 'line')} by {what}: selffit import --try "
            f"{out} says how they would be read, docs/exchange.md how rules are written"
            if lines
            else "it has printed nothing"
        )
        self._tell()

    def _start(self) -> kinds.RunStart:
        found = self.placing.start()
        return replace(found, config={**found.config, **self._policy})

    def _tell(self) -> None:
        rules = self.reading.rules
        self.log.emit(
            kinds.Hosted(
                by="lines",
                program=self.program.shown,
                rules="" if rules is None else Path(rules.name).name,
                unit="" if self.placing.unit == "row" else self.placing.unit,
                offers=self.desk.offers,
                note=self._note,
            )
        )

    def _beat(self, sample: dict[str, Any]) -> None:
        self.writer.emit(
            kinds.Host(
                **sample,
                **self.writer.health.told(),
                inbox_error=self.desk.requests.fault,
            )
        )


def main(arguments: list[str] | None = None) -> int:
    """Run one attempt; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m selffit.hosted", description="Run one attempt at somebody's program."
    )
    parser.add_argument("run_dir", type=Path)
    parser.add_argument("--attempt", type=int, help="an attempt that the caller has claimed")
    parser.add_argument("--folder", type=int, help="an open descriptor of RUN_DIR")
    options = parser.parse_args(arguments)
    try:
        run = RunDir.open(options.run_dir, options.folder)
        host = Host(run, options.attempt or run.claim_attempt(here()))
    except UserError as error:
        print(error, file=sys.stderr)
        return exit_code("refused")
    host.install()
    return host.main()


if __name__ == "__main__":
    sys.exit(speaking(main))
