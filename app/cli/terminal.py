"""Terminal: values → what is printed; a failure → one message and an exit code."""

import io
import json
import logging
import os
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING, Any, NoReturn, Self

import typer

from app.model.errors import SightlineError
from app.render import printable

if TYPE_CHECKING:
    from app.model.report import Watch

EXIT_ERROR = 1
EXIT_USAGE = 2
EXIT_NO_MODEL = 3
"""Evidence is shown, but the model is unavailable, missing, or broke off."""
EXIT_INTERRUPTED = 130

USAGE_ERROR: type = typer.BadParameter.__mro__[1]
"""UsageError. Typer brings a click of its own, of which it gives out only some names."""

PROGRESS_SECONDS = 30
"""Between two lines on one step where no terminal can show a bar: in a log."""

HUSH_SECONDS = 1.5
"""After which a step that goes on is shown."""

TICK_SECONDS = 0.2


def run(app: typer.Typer) -> None:
    """Run the command line; every failure becomes one message and an exit code."""
    _prepare()
    try:
        code = app(prog_name="sightline", standalone_mode=False)
        sys.stdout.flush()
        if code == EXIT_INTERRUPTED:
            notice("interrupted")
    except SightlineError as error:
        _fail(error.code, str(error))
    except (typer.Abort, KeyboardInterrupt):
        _fail("interrupted", "interrupted", EXIT_INTERRUPTED)
    except BrokenPipeError:  # the reader of the pipe has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = EXIT_ERROR
    except OSError as error:  # of the disk or of a folder's permissions, wherever it comes up
        _fail("system", f"the operating system refused: {error}")
    except Exception as error:  # noqa: BLE001 - the last resort: a bug gets a line, not a traceback
        if isinstance(error, USAGE_ERROR):
            _fail_usage(error)
        if _is_interrupt(error):
            _fail("interrupted", "interrupted", EXIT_INTERRUPTED)
        frame = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{Path(frame.filename).name}:{frame.lineno}"
        _fail("bug", f"this is a bug in sightline ({type(error).__name__} at {place}): {error}")
    raise SystemExit(code)


def show(value: dict[str, Any]) -> None:
    """Print one JSON object on a line."""
    # ASCII: safe on every terminal and in every encoding, also with halves of surrogate pairs.
    print(json.dumps(value, allow_nan=False), flush=True)


def lines(texts: Iterable[str]) -> None:
    """Print lines of a result."""
    for text in texts:
        print(text)


def notice(text: str) -> None:
    """Print a notice for people on stderr."""
    print("\n".join(printable(line) for line in text.split("\n")), file=sys.stderr)


def notices(texts: Iterable[str]) -> None:
    """Print several notices."""
    for text in texts:
        notice(text)


def heard() -> list[str]:
    """Return the log lines of this program so far, for `--json`, which has not printed them."""
    return list(_heard.texts)


def stream(text: str) -> None:
    """Print a piece of a model's answer; control characters but line ends are made visible."""
    print("\n".join(printable(line) for line in text.split("\n")), end="", flush=True)


@contextmanager
def watching() -> "Iterator[Watch]":
    """Show how far an ingest is on stderr: a bar, or lines in a log. Nothing of what ends at once.

    From the first: also the imports take seconds on a slow disk.
    """
    with _Progress() as progress:
        from app.model.report import Watch

        yield Watch(progress=progress.records, step=progress.step, notice=notice)


class _Progress:
    """Shows a step once it takes long, and then how it goes on: a thread of its own looks at it."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )

        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
        )
        console = Console(stderr=True)
        self._bar = Progress(*columns, console=console, disable=not console.is_terminal)
        self._task = self._bar.add_task("starting", total=None, rate="")
        self._step, self._line = "starting", "starting"
        self._since = self._said_at = self._begun = time.monotonic()
        self._said = ""
        self._ended = Event()
        self._ticker = Thread(target=self._tick, daemon=True)

    def __enter__(self) -> Self:
        self._ticker.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._ticker.join()
        self._bar.stop()

    def step(self, text: str) -> None:
        """Show another step, or how far one is, which comes after a colon."""
        step = text.partition(":")[0]
        if step != self._step:
            self._step, self._since = step, time.monotonic()
            self._bar.update(self._task, completed=0, total=None, rate="")
        self._line = text
        self._bar.update(self._task, description=text)

    def records(self, done: int, total: int) -> None:
        """Show how many of how many records are done."""
        spent = time.monotonic() - self._since
        rate = done / max(spent, 1e-6)
        left = f", {_span((total - done) / rate)} left" if rate and done < total else ""
        self._line = f"{self._step}: {done:,} of {total:,} records, {_rate(rate)}{left}"
        self._bar.update(self._task, completed=done, total=total, rate=_rate(rate))

    def _tick(self) -> None:
        while not self._ended.wait(TICK_SECONDS):
            now = time.monotonic()
            if now - self._begun >= HUSH_SECONDS and not self._bar.disable:
                self._bar.start()  # once more does nothing
            is_new = self._step != self._said and now - self._since >= HUSH_SECONDS
            if self._bar.disable and (is_new or now - self._said_at >= PROGRESS_SECONDS):
                self._said, self._said_at = self._step, now
                notice(f"{self._line} …")


def _rate(rate: float) -> str:
    return f"{rate:.0f}/s" if rate >= 10 else f"{rate:.1f}/s"


def _span(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


def _is_interrupt(error: BaseException | None) -> bool:
    """Tell whether Ctrl-C is behind an error: a library may say that its import failed."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return error is not None


def _prepare() -> None:
    """Show this program's log lines on the terminal, and not those of libraries."""
    _end_alike()
    warnings.simplefilter("ignore")
    logging.basicConfig(handlers=[logging.NullHandler()])
    logging.getLogger("app").addHandler(_heard)
    _heard.texts.clear()
    for output in (sys.stdout, sys.stderr):
        if isinstance(output, io.TextIOWrapper):
            output.reconfigure(errors="backslashreplace")  # a terminal that is not UTF-8


def _end_alike() -> None:
    """Make a closed terminal, `kill` and a stopped container end like Ctrl-C: with a report.

    What `nohup` had us ignore stays ignored.
    """
    for name in ("SIGTERM", "SIGHUP"):  # there is no SIGHUP on Windows
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, signal.default_int_handler)


class _Heard(logging.Handler):
    """Log lines of this program: notices as they come, and in `texts` for --json."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Show a line, and keep it."""
        self.texts.append(record.getMessage())
        notice(self.texts[-1])


_heard = _Heard()


def _fail_usage(error: Any) -> NoReturn:  # noqa: ANN401 - typer's own UsageError
    """Print what is wrong with the command line, and the usage of the command."""
    if "--json" not in sys.argv:
        error.show()
        raise SystemExit(EXIT_USAGE)
    _fail("usage", error.format_message(), EXIT_USAGE)


def _fail(code: str, message: str, exit_code: int = EXIT_ERROR) -> NoReturn:
    if "--json" in sys.argv:
        show({"error": {"code": code, "message": message}})
    else:
        notice(f"error: {message}")
    raise SystemExit(exit_code)
