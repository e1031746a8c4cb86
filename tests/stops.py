"""Stops: ends a process at each thing it does to a collection, and looks at what is left of it.

    python -m tests.stops edge rebuild          # stop at every step; prints one line of JSON
    python -m tests.stops edge rebuild 65 ingest 21     # at every so many; a line for each act

A step is a call of the engine, before and after it, or a file that is opened for writing, renamed
or removed; on a server it is a request, before it goes out and after it was answered. Each trial
starts from the same collection: the act is stopped at its n-th step with no goodbye (`os._exit`),
then done again, and the collection must be what it is after an act that nobody stopped.

Trials are forks of a process that has imported everything and has nothing open: a fork over an open
shard hangs, and an import takes 3 s.
"""

import gc
import hashlib
import importlib
import json
import os
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from copy import copy
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import qdrant_edge
from PIL import Image
from qdrant_client.embed import schema_parser

import app.store.engines.lease
import app.store.models
import ingest.pipeline
import ingest.write
from app.model.errors import CollectionMissingError, SightlineError
from app.model.settings import Settings
from app.store.collection import collection_names, find_manifest, open_collection, remove_collection
from app.store.engines import edge
from tests import disk

NAME = "squares"
STOPPED = 77

FILE_EVENTS = {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.truncate", "os.link"}


class HashedWords:
    """A text embedding that needs no weights: each word has a direction of its own."""

    model_id, dimensions = "hashed-words@1", 384

    def embed_documents(self, texts: list[str]) -> np.ndarray:
        rows = np.zeros((len(texts), self.dimensions), np.float32)
        for row, text in zip(rows, texts, strict=True):
            for word in text.split():
                digest = hashlib.sha256(word.encode()).digest()
                row += np.random.default_rng(digest[0]).standard_normal(384, np.float32)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    embed_queries = embed_documents

    def split(self, text: str) -> list[str]:
        return [text]


# ---- what is done


def draw(folder: Path, **colours: str) -> None:
    """Write pictures, with a table that says their colour in words."""
    folder.mkdir(exist_ok=True)
    for name, colour in colours.items():
        Image.new("RGB", (48, 48), colour).save(folder / f"{name}.png")
    rows = [
        {"image": file.name, "caption": f"a square called {file.stem}", "shade": file.stem[0]}
        for file in sorted(folder.glob("*.png"))
    ]
    (folder / "metadata.json").write_text(json.dumps(rows))


def change(folder: Path) -> None:
    """Change all that an update can meet: a picture, a caption, a name, a column; one goes."""
    (folder / "a1.png").rename(folder / "z1.png")
    (folder / "a2.png").unlink()
    draw(folder, a3="orange", a7="purple")
    rows = json.loads((folder / "metadata.json").read_text())
    rows[-1] |= {"caption": "a square with another name", "depth": 4.5}
    (folder / "metadata.json").write_text(json.dumps(rows))


def bring(folder: Path, **options: Any) -> Callable[[Settings], None]:
    def act(settings: Settings) -> None:
        ingest.pipeline.ingest(folder, NAME, settings, image="palette", text="minilm", **options)

    return act


def remove(settings: Settings) -> None:
    with suppress(CollectionMissingError):
        remove_collection(NAME, settings)


def remove_source(label: str) -> Callable[[Settings], None]:
    def act(settings: Settings) -> None:
        with open_collection(NAME, settings, purpose="write") as opened:
            if label in opened.manifest.sources:
                opened.forget(label)

    return act


@dataclass
class Scene:
    """What is there, what is done, and whether until then the old must be whole."""

    before: Callable[[Settings], None]
    act: Callable[[Settings], None]
    replaces: bool = False


def scenes(folder: Path) -> dict[str, Scene]:
    """Each act over folders `a` and `b` of small squares; `c` is `a` after its changes."""
    a, b, c = folder / "a", folder / "b", folder / "c"
    draw(a, a1="red", a2="green", a3="blue", a4="black", a5="white")
    draw(b, b1="yellow", b2="gray", b3="navy")
    shutil.copytree(a, c)
    change(c)
    renamed = folder / "renamed"
    shutil.copytree(a, renamed)
    for picture in renamed.glob("*.png"):
        picture.rename(picture.with_stem(f"new-{picture.stem}"))
    draw(renamed)
    broken = folder / "broken"
    shutil.copytree(a, broken)
    for picture in broken.glob("*.png"):
        picture.write_text("no picture")

    def nothing(_: Settings) -> None: ...

    def only_a(settings: Settings) -> None:
        bring(a, label="a")(settings)

    def both(settings: Settings) -> None:
        only_a(settings)
        bring(b, label="b")(settings)

    def compacting(settings: Settings) -> None:
        edge.EdgeEngine._is_mostly_log = lambda *_: True  # type: ignore[method-assign]
        only_a(settings)

    return {
        "compact": Scene(only_a, compacting),
        "ingest": Scene(nothing, only_a),
        "second": Scene(only_a, bring(b, label="b")),
        "update": Scene(both, bring(c, label="a", allow_removals=True)),
        "renamed": Scene(both, bring(renamed, label="a")),
        "emptied": Scene(only_a, bring(broken, label="a", allow_removals=True)),
        "rebuild": Scene(both, bring(a, label="a", rebuild=True), replaces=True),
        "remove": Scene(both, remove),
        "remove_source": Scene(both, remove_source("b")),
        "remove_last": Scene(only_a, remove_source("a")),
    }


# ---- where it is stopped


@dataclass
class Steps:
    """Counts what is done, and ends the process at step number `stop`."""

    stop: int | None = None
    done: list[str] = field(default_factory=list)

    def step(self, what: str) -> None:
        self.done.append(what)
        if len(self.done) == self.stop:
            os._exit(STOPPED)

    def around(self, what: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def stepping(*arguments: Any, **options: Any) -> Any:
            self.step(f"before {what}")
            result = call(*arguments, **options)
            self.step(f"after {what}")
            return result

        return stepping

    def watch_files(self, home: Path) -> None:
        def hook(event: str, arguments: tuple[Any, ...]) -> None:
            writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & 0o103
            if (writes or event in FILE_EVENTS) and self._is_inside(home, arguments):
                self.step(f"{event} {Path(os.fsdecode(arguments[0])).name}")

        sys.addaudithook(hook)

    @staticmethod
    def _is_inside(home: Path, arguments: tuple[Any, ...]) -> bool:
        """What is removed within a folder is named relative to that folder's number."""
        path = arguments[0]
        if not isinstance(path, str | bytes | os.PathLike):
            return False
        name = Path(os.fsdecode(path))
        return not name.is_absolute() or name.is_relative_to(home)

    def watch_engine(self) -> None:
        """Put ourselves between the program and Qdrant's engine."""
        steps = self

        class Shard:
            def __init__(self, shard: Any) -> None:
                self._shard = shard

            def __getattr__(self, name: str) -> Any:
                found = getattr(self._shard, name)
                if name in ("update", "flush", "optimize", "close"):
                    return steps.around(name, found)
                return found

            @staticmethod
            def create(*given: Any) -> "Shard":
                return Shard(steps.around("create", qdrant_edge.EdgeShard.create)(*given))

            @staticmethod
            def load(*given: Any) -> "Shard":
                return Shard(steps.around("load", qdrant_edge.EdgeShard.load)(*given))

        class Engine:
            EdgeShard = Shard

            def __getattr__(self, name: str) -> Any:
                return getattr(qdrant_edge, name)

        edge.q = Engine()  # type: ignore[assignment]

    def watch_requests(self) -> None:
        send = httpx.Client.send

        def stepping(client: httpx.Client, request: httpx.Request, **options: Any) -> Any:
            what = f"{request.method} {request.url.path}"
            return self.around(what, send)(client, request, **options)

        httpx.Client.send = stepping  # type: ignore[method-assign]


def contents(settings: Settings) -> Any:
    """All that can be known of the collection, but for when files changed."""
    if NAME not in collection_names(settings):
        return None
    manifest = find_manifest(NAME, settings)
    assert manifest is not None
    with open_collection(NAME, settings) as opened:
        ids = [id_ for id_, _ in opened.engine.scroll(["record_id"])]
        points = opened.fetch(ids, vectors=manifest.spaces).values()
    told = [
        (point.payload["record_id"], point.payload, _rounded(point.vectors)) for point in points
    ]
    fields = sorted(manifest.write().pop("fields"), key=lambda each: each["slug"])
    return json.loads(
        json.dumps(
            {
                "manifest": manifest.write() | {"fields": fields},
                "points": sorted(told, key=lambda each: each[0]),
            },
            sort_keys=True,
        )
    )


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(part) for part in value]
    return round(value, 5) if isinstance(value, float) else value


# ---- trials


def forked(work: Callable[[], Any]) -> Any:
    """Do it in a fork, and return what it returns; STOPPED if it was stopped."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        try:
            result: Any = {"result": work()}
        except SightlineError as error:
            result = {"error": f"{type(error).__name__}: {error}"}
        except BaseException:  # noqa: BLE001 - also what tests raise: it is told, and the fork ends
            result = {"error": traceback.format_exc()}
        with os.fdopen(write, "w") as out:
            json.dump(result, out)
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as given:
        text = given.read()
    _, status = os.waitpid(child, 0)
    if os.waitstatus_to_exitcode(status) == STOPPED:
        return STOPPED
    return json.loads(text or '{"error": "the process ended"}')


def take_up(modules: list[str]) -> None:
    """Import what a trial has imported, so that no other has to; and keep all from the collector.

    It would write to each object, and thereby copy it, in every fork.
    """
    for module in modules:
        importlib.import_module(module)
    gc.collect()
    gc.freeze()


@contextmanager
def edge_places(scene: Scene, folder: Path) -> Iterator[Callable[[], Settings]]:
    """Give each trial a copy of the collection that is there before."""
    template = Settings(home=folder / "template", workers=0)
    template.home.mkdir()
    assert "error" not in forked(lambda: scene.before(template))
    home = folder / "home"

    def place() -> Settings:
        shutil.rmtree(home, ignore_errors=True)
        subprocess.run(["cp", "-a", "--sparse=always", template.home, home], check=True)
        return Settings(home=home, workers=0)

    yield place


@contextmanager
def server_places(scene: Scene, folder: Path) -> Iterator[Callable[[], Settings]]:
    """Give each trial a server of its own: a fork of one on which the act before was done."""
    from tests.qdrant_double import QdrantDouble  # 1 s, which the other engine does not take

    double = QdrantDouble()
    with double:
        scene.before(Settings(home=folder, qdrant=double.url, workers=0))
    servers: list[int] = []

    def end() -> None:
        for server in servers:
            os.kill(server, signal.SIGKILL)
            os.waitpid(server, 0)
        servers.clear()

    def place() -> Settings:
        end()
        read, write = os.pipe()
        if (server := os.fork()) == 0:
            with double:
                os.write(write, double.url.encode())
                signal.pause()
        servers.append(server)
        settings = Settings(home=folder, qdrant=os.read(read, 100).decode(), workers=0)
        os.close(read)
        os.close(write)
        return settings

    try:
        yield place
    finally:
        end()


PLACES = {"edge": edge_places, "server": server_places}


def try_all(engine: str, scene: Scene, folder: Path, stride: int) -> dict[str, Any]:
    """Stop at every step, or every so many; return how many, and what differed."""

    def acted(settings: Settings, stop: int | None) -> Any:
        steps = Steps(stop)
        if engine == "edge":
            steps.watch_engine()
            steps.watch_files(settings.home)
        else:
            steps.watch_requests()
        scene.act(settings)
        return [*steps.done]  # and not what is done after the act

    def whole(settings: Settings) -> Any:
        scene.act(settings)
        return contents(settings)

    differences: list[str] = []
    with PLACES[engine](scene, folder) as place:
        settings = place()
        old = forked(lambda: contents(settings))
        unbroken = forked(lambda: [acted(settings, None), contents(settings), imported()])
        if "error" in unbroken:
            return unbroken
        steps, wanted, modules = unbroken["result"]
        take_up(modules)
        chosen = range(1, len(steps) + 1, stride)
        for number in chosen:
            settings = place()
            at = f"step {number} of {len(steps)}, {steps[number - 1]}"
            if forked(lambda n=number, s=settings: acted(s, n)) != STOPPED:
                differences.append(f"{at}: was not stopped")
            if scene.replaces:
                left = forked(lambda s=settings: contents(s))
                if left not in (old, {"result": wanted}):
                    told = f"neither the old nor the new is whole: {left}"
                    differences.append(f"{at}: {told}"[:2000])
            found = forked(lambda s=settings: whole(s))
            if found != {"result": wanted}:
                told = found.get("error") or _difference(wanted, found["result"])
                differences.append(f"{at}: {told}"[:2000])
            differences += [f"{at}: {name} was left" for name in left_over(settings)]
    return {"steps": len(steps), "stops": len(chosen), "differences": differences}


def imported() -> list[str]:
    return [name for name, module in sys.modules.items() if getattr(module, "__spec__", None)]


def _difference(wanted: Any, found: Any) -> str:
    if not wanted or not found:
        return f"wanted {str(wanted)[:200]}, found {str(found)[:500]}"
    told = [
        f"{key}: {value} / {found['manifest'][key]}"
        for key, value in wanted["manifest"].items()
        if value != found["manifest"][key]
    ]
    pairs = [{each[0]: each for each in one["points"]} for one in (wanted, found)]
    told += [f"points {sorted(pairs[0].keys() ^ pairs[1].keys())}"]
    told += [name for name in pairs[0] if pairs[0][name] != pairs[1].get(name)]
    return "; ".join(told)


def left_over(settings: Settings) -> list[str]:
    """Return what lies about that no collection needs."""
    if settings.qdrant:
        names = {each["name"] for each in _asked(settings, "/collections")["collections"]}
        known = {each["collection_name"] for each in _asked(settings, "/aliases")["aliases"]}
        return sorted(names - known)
    left = []
    for folder in filter(Path.is_dir, settings.collections_folder.glob("*")):
        shards = list(folder.glob("shard*"))
        if not (folder / "manifest.json").exists():
            left.append(folder.name)
        elif len(shards) > 1:
            left += [shard.name for shard in shards]
        left += [found.name for found in folder.glob("*.new")]
    return left


def _asked(settings: Settings, path: str) -> Any:
    return httpx.get(f"{settings.qdrant}{path}").json()["result"]


def main(engine: str, name: str, stride: str = "1", *more: str) -> None:
    app.store.models.load_text_embedding = lambda *_: HashedWords()  # type: ignore[assignment]
    app.store.engines.lease.SETTLE_SECONDS = 0.0  # no other writer is about to begin
    ssl.create_default_context = cache(ssl.create_default_context)  # of all certificates: 25 ms
    schema_parser.deepcopy = copy  # type: ignore[attr-defined]  # by every client: 10 ms
    ingest.write.RECORD_BATCH = 2
    disk.spare()
    acts = (name, stride, *more)
    for act, every in zip(acts[::2], acts[1::2], strict=True):
        with tempfile.TemporaryDirectory() as folder:
            told = try_all(engine, scenes(Path(folder))[act], Path(folder), int(every))
        print(json.dumps({"scene": act, **told}))


if __name__ == "__main__":
    main(*sys.argv[1:])
