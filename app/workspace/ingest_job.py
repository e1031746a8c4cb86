"""Ingest job: the process in which a job ingests. What it is to do comes by its stdin, as JSON.

It tells what happens by its stdout, an object a line. When its stdin ends, because the job was
cancelled or the process that started it is gone, it ends as on Ctrl-C.
"""

import _thread
import json
import logging
import os
import signal
import sys
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from threading import Lock, Thread, main_thread
from typing import Any

from app.model.errors import SightlineError
from app.model.report import Report, Watch
from app.model.settings import Settings

Tell = Callable[..., None]


def main() -> None:
    """Ingest as stdin says, and tell how it goes."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    asked = json.loads(sys.stdin.buffer.readline())
    tell = _teller()
    _listen_for_notices(tell)
    try:
        Thread(target=_interrupt_when_stdin_ends, daemon=True).start()
        report = _ingested(asked, tell)
    except KeyboardInterrupt:  # before it began, or as it ended
        report = Report(asked["collection"], interrupted=True)
    except SightlineError as error:
        kind = {"type": type(error).__name__, "code": error.code}
        tell(error={**kind, "message": str(error)})
        return
    except OSError as error:
        tell(error={"type": "SightlineError", "message": f"the system refuses: {error}"})
        return
    except Exception as error:  # noqa: BLE001 - a bug is told, as the command line does
        told = f"this is a bug in sightline ({type(error).__name__}): {error}"
        tell(error={"type": "SightlineError", "message": told})
        return
    tell(report=asdict(report))


def _ingested(asked: dict[str, Any], tell: Tell) -> Report:
    from ingest.pipeline import ingest

    watch = Watch(
        progress=lambda done, total: tell(progress=[done, total]),
        step=lambda text: tell(step=text),
        notice=lambda text: tell(notice=text),
    )
    settings = Settings.model_validate(asked["settings"])
    where = Path(asked["path"]), asked["collection"], settings
    try:
        return ingest(*where, **asked["options"], watch=watch)
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):  # what was done is told all the same
            signal.signal(number, signal.SIG_IGN)


def _teller() -> Tell:
    """Return what writes a line to stdout; what libraries print there goes nowhere from now on."""
    own = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    lock = Lock()

    def tell(**what: object) -> None:
        with lock, suppress(OSError):  # whoever listened is gone, and stdin has ended too
            own.write(f"{json.dumps(what)}\n")
            own.flush()

    return tell


def _listen_for_notices(tell: Tell) -> None:
    """Tell what this program logs; it and all others keep stderr clean."""
    warnings.simplefilter("ignore")
    logging.basicConfig(handlers=[logging.NullHandler()])
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: tell(notice=record.getMessage())  # type: ignore[method-assign]
    logging.getLogger("app").addHandler(handler)


def _interrupt_when_stdin_ends() -> None:
    while os.read(0, 1):  # not sys.stdin, which a thread must not hold when the process ends
        pass
    ident = main_thread().ident
    if hasattr(signal, "pthread_kill") and ident is not None:  # which ends a wait of the system's
        signal.pthread_kill(ident, signal.SIGINT)
    else:
        _thread.interrupt_main()
