"""The trainer's end of the command channel: what lies in the inbox is checked as if hostile."""

import os
import stat
import time
from contextlib import suppress
from dataclasses import dataclass

import msgspec

from selffit.control.commands import POLICY, Command, checked, expired, is_id
from selffit.control.refusal import Refusal
from selffit.control.submit import submit
from selffit.eventlog.clean import Refused, clean, clean_data
from selffit.eventlog.folder import Folder, Place, root_of

__all__ = ["Inbox", "Rejected", "submit"]

MAX_BYTES = 64 * 1024  # of a command file
_CLOCKS_AGREE = 3.0  # seconds
_NO_CLOCK = 86_400.0  # and that no clock is wrong by
MAX_FILES = 64  # looked at in one poll; the others wait for the next

_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@dataclass(frozen=True)
class Rejected:
    """Something in the inbox that is no command.

    `id` is the command's id, or the (cleaned) file name.
    """

    id: str
    rule: str
    reason: str


class Inbox:
    """Follows `control/inbox` of a run.

    It remembers nothing that matters: what was decided, the log knows.
    """

    def __init__(self, run: Place) -> None:
        self._run = run
        self._names: dict[str, str] = {}  # id → file name, of what was polled and is not retired
        self._left: set[str] = set()  # names that were retired but could not be moved away
        self.fault = ""  # why the last poll could not read the folder, "" when it could

    def poll(self, now: float | None = None) -> list[Command | Rejected]:
        """What lies in the inbox, in the order of ids, until it is retired.

        `now` is the wall clock in seconds. Names with a leading dot are being written and are left
        alone. At most MAX_FILES at a time. Never raises: when the folder cannot be read, `fault`
        says why.
        """
        try:
            inbox = self._open("inbox")
        except OSError as error:
            self.fault = f"cannot read the inbox: {error.strerror}"
            return []
        try:
            names = [name for name in inbox.names() if not name.startswith(".")]
            self.fault = ""
            if not names:
                self._names.clear()
                self._left.clear()
                return []
            self._left.intersection_update(names)
            fresh = sorted(set(names) - self._left)[:MAX_FILES]
            self._names = {}
            clock = time.time() if now is None else now
            found = [self._look(inbox.fd, name, clock) for name in fresh]
            return [item for item in found if item is not None]
        except OSError as error:
            self.fault = f"cannot read the inbox: {error.strerror}"
            return []
        finally:
            inbox.close()

    def _open(self, name: str) -> Folder:
        with root_of(self._run) as run:
            return run.within("control", name)

    def has_news(self) -> bool:
        """Whether something lies in the inbox that no poll has seen.

        False where the folder cannot be read.
        """
        try:
            with self._open("inbox") as inbox:
                names = {name for name in inbox.names() if not name.startswith(".")}
        except OSError:
            return False
        return not names <= self._left | set(self._names.values())

    def retire(self, id: str) -> None:
        """Move what was polled under this id to `control/done`.

        Repeating it is harmless, and so is a failure. A link, pipe or the like is removed, never
        followed. A folder stays where it is and is not polled again.
        """
        name = self._names.pop(id, f"{id}.json" if is_id(id) else "")
        if not name:
            return
        try:
            with self._open("inbox") as inbox:
                self._move(inbox, name)
        except OSError:
            self._left.add(name)  # tidying failed; the log keeps it from being applied again

    def _move(self, inbox: Folder, name: str) -> None:
        try:
            mode = os.stat(name, dir_fd=inbox.fd, follow_symlinks=False).st_mode
        except FileNotFoundError:
            return
        if stat.S_ISREG(mode):
            with self._open("done") as done:
                inbox.rename(name, name, done)
        elif stat.S_ISDIR(mode):
            self._left.add(name)
        else:
            inbox.unlink(name)

    def _look(self, folder: int, name: str, now: float) -> Command | Rejected | None:
        """The file of that name; None when it has just gone."""
        stem = name.removesuffix(".json")
        id = stem if is_id(stem) else clean(os.fsencode(name).decode("utf-8", "backslashreplace"))
        self._names.setdefault(id, name)
        try:
            if stem == name or id != stem:
                raise Refusal(
                    "bad-id",
                    "the file is not called <command id>.json; submit commands with selffit ctl",
                )
            data, written = _read(folder, name)
            command = _command(data)
            if command.id != id:
                raise Refusal(
                    "bad-id",
                    f"the file of {id} holds '{command.id[:80]}'; submit the command again",
                )
            if command.by == POLICY:
                raise Refusal(
                    "bad-command",
                    f"the name '{POLICY}' is kept for the trainer's own policies; use another",
                )
            command = _on_our_clock(checked(command), written)
            late = expired(command, now)
            return command if late is None else Rejected(id, late.rule, late.reason)
        except FileNotFoundError:
            return None
        except Refusal as refusal:
            return Rejected(id, refusal.rule, refusal.reason)


def _on_our_clock(command: Command, written: float) -> Command:
    """The command with the time at which its file was written, where its author's clock is wrong.

    A command is in its file a moment after it was made. Of two machines with one disk the disk's
    clock tells how old it is.
    """
    if _CLOCKS_AGREE < abs(command.t - written) < _NO_CLOCK:
        return msgspec.structs.replace(command, t=written)
    return command


def _read(folder: int, name: str) -> tuple[bytes, float]:
    """The bytes of an own regular file, and the time it was written at.

    Raises Refusal, FileNotFoundError.
    """
    try:
        fd = os.open(name, _FILE, dir_fd=folder)
    except FileNotFoundError:
        raise
    except OSError as error:  # a link (ELOOP), a socket, no permission
        reason = (
            f"it is not a regular file that the trainer can read ({error.strerror}); "
            "submit it with selffit ctl"
        )
        raise Refusal("not-a-file", reason) from None
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            raise Refusal(
                "not-a-file", "it is not a regular file; submit commands with selffit ctl"
            )
        if status.st_uid != os.geteuid():
            raise Refusal(
                "not-owner",
                f"it belongs to user {status.st_uid}; only the owner of the run may command it",
            )
        data = b"" if status.st_size > MAX_BYTES else os.read(fd, MAX_BYTES + 1)
        if status.st_size > MAX_BYTES or len(data) > MAX_BYTES:
            raise Refusal(
                "too-large", f"it is larger than {MAX_BYTES // 1024} KiB; a command is a few lines"
            )
        return data, status.st_mtime
    except OSError as error:
        raise Refusal(
            "not-a-file", f"it cannot be read ({error.strerror}); submit it again"
        ) from None
    finally:
        with suppress(OSError):
            os.close(fd)


def _command(data: bytes) -> Command:
    """The command that the bytes of a file say, its strings cleaned. Raises Refusal."""
    try:
        raw = msgspec.json.decode(data)
        if not isinstance(raw, dict):
            raise ValueError("not a JSON object")
        raw = clean_data(raw)
    except (ValueError, RecursionError, Refused) as error:  # a MsgspecError is a ValueError
        raise Refusal(
            "bad-json", f"it is no usable JSON object ({error}); submit commands with selffit ctl"
        ) from None
    try:
        return msgspec.convert(raw, Command)
    except ValueError as error:
        raise Refusal(
            "bad-command", f"it is no command ({error}); submit commands with selffit ctl"
        ) from None
