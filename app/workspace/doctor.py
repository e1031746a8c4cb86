"""Doctor: is everything on the line there, and does the model really see? One check each.

A check never raises: what goes wrong is its finding, with what to do about it.
"""

import importlib.metadata
import os
import random
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from app.answering.budget import ANSWER_TOKENS, MARGIN_TOKENS, ModelLimits, limits_of
from app.answering.vision import (
    MODELS_THAT_SEE,
    Limits,
    ModelFacts,
    Prompt,
    PromptTooLargeError,
    Reply,
    VisionModel,
    discard,
    open_model,
)
from app.encoders import GET_TORCH, has_torch, load_text_embedding, spec_of
from app.media.images import to_jpeg
from app.model.errors import EmbeddingError, ServiceUnavailableError, SightlineError
from app.model.messages import counted
from app.model.settings import Settings

if TYPE_CHECKING:
    from PIL import Image

LOW_DISK_BYTES = 1 << 30
"""1 GiB: 50,000 points of 512 numbers with their payloads and index take about a fifth of it."""

SAFE_OLLAMA = (0, 17, 1)
"""Before it, anyone who reaches the port can read the server's memory (CVE-2026-7482)."""

COLOURS = {
    "red": (214, 30, 30),
    "green": (20, 140, 50),
    "blue": (30, 60, 210),
    "yellow": (250, 215, 30),
}
"""Of the cards; far apart, each with one everyday name."""

DIGITS = "2345679"
"""On the cards; 0, 1 and 8 look like letters."""

CARD_QUESTION = (
    "The picture is a card of one colour with one digit on it. "
    "Name the colour of the card and the digit, in two words. Nothing else."
)


@dataclass(frozen=True, slots=True)
class Check:
    """One finding: of what, how it stands, what was found, and what to do (empty if nothing)."""

    name: str
    status: Literal["ok", "problem", "note"]
    detail: str
    fix: str = ""


def diagnose(settings: Settings, *, limits: Limits | None = None) -> list[Check]:
    """Examine disk, engine, embedding models, Ollama and its vision model, in this order."""
    model = _model(settings, limits)
    vision = [model] if isinstance(model, Check) else _check_vision(model)
    return [_check_home(settings), _check_engine(settings), *_check_weights(), *vision]


def draw_card(colour: str, digit: str) -> "Image.Image":
    """Draw a card of 336 pixels, one square of LLaVA's, with a white border and one large digit."""
    from PIL import Image, ImageDraw, ImageFont

    card = Image.new("RGB", (336, 336), "white")
    draw = ImageDraw.Draw(card)
    draw.rectangle((16, 16, 320, 320), fill=COLOURS[colour])
    ink = "black" if colour == "yellow" else "white"
    draw.text((168, 168), digit, fill=ink, font=ImageFont.load_default(size=220), anchor="mm")
    return card


def _check_home(settings: Settings) -> Check:
    folder = settings.home.expanduser()
    there = next(part for part in (folder, *folder.absolute().parents) if part.exists())
    change = "name another folder with --home or SIGHTLINE_HOME"
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        return Check("disk", "problem", f"{folder} cannot be written", change)
    free = shutil.disk_usage(there).free
    found = f"{folder} has {free / 2**30:,.1f} GiB free"
    if free < LOW_DISK_BYTES:
        return Check("disk", "problem", found, f"free at least 1 GiB, or {change}")
    return Check("disk", "ok", found)


def _check_engine(settings: Settings) -> Check:
    if settings.qdrant:
        return _check_server(settings.qdrant, settings)
    try:
        import qdrant_edge  # noqa: F401 - it is a compiled library: that it loads is the check
    except ImportError as error:
        return Check(
            "engine",
            "problem",
            f"the embedded engine does not load: {error}",
            "`pip install qdrant-edge-py`, or use a server with --qdrant URL",
        )
    return Check("engine", "ok", f"embedded, {_version('qdrant-edge-py')}")


def _check_server(url: str, settings: Settings) -> Check:
    from qdrant_client import QdrantClient

    from app.store.engines.connection import Connection
    from app.store.engines.server import single_copies

    try:
        with Connection(url, settings) as connection:
            version = connection.ask(QdrantClient.info).version
            connection.ask(QdrantClient.get_collections)  # `info` needs no API key; this does
            over = "gRPC" if connection.is_grpc else "HTTP alone: gRPC does not answer"
            single = single_copies(connection)
    except SightlineError as error:
        fact, _, fix = str(error).partition("; ")
        return Check("engine", "problem", fact, fix or "check --qdrant URL")
    found = f"Qdrant server {version} at {connection.url}, over {over}"
    if single:
        return Check(
            "engine",
            "note",
            f"{found}, keeps one copy of {', '.join(single)} on a cluster: while a node is down,"
            " part of them cannot be read",
            "`sightline ingest … --rebuild --replicas 2` keeps two",
        )
    return Check("engine", "ok", found)


def _check_weights() -> Iterator[Check]:
    """Say which default models are on this disk; others are fetched when they are first used."""
    for name in ("clip", "sentence"):
        checkpoint = spec_of(name).default_checkpoint or ""
        if not has_torch():
            yield Check(f"model {name}", "note", "PyTorch is not installed", GET_TORCH)
        elif _is_cached(checkpoint):
            yield Check(f"model {name}", "ok", f"{checkpoint} is on this disk")
        else:
            yield Check(
                f"model {name}",
                "note",
                f"{checkpoint} is not on this disk; its first use downloads it",
                "without a network: ingest with --offline",
            )
    try:
        load_text_embedding("minilm", Settings())
        yield Check("model minilm", "ok", "its weights came with the installation")
    except EmbeddingError as error:
        fact, _, fix = str(error).partition(": ")
        yield Check("model minilm", "problem", f"--offline has no text embedding: {fact}", fix)


def _is_cached(checkpoint: str) -> bool:
    """Say whether the weights of a checkpoint lie in the hub's cache; the network is not asked."""
    from huggingface_hub import try_to_load_from_cache

    listing = try_to_load_from_cache(checkpoint, "modules.json")
    if not isinstance(listing, str):
        listing = try_to_load_from_cache(checkpoint, "config.json")
    if not isinstance(listing, str):
        return False
    files = {file.suffix for file in Path(listing).parent.rglob("*")}
    return bool(files & {".safetensors", ".bin"})


def _model(settings: Settings, limits: Limits | None) -> VisionModel | Check:
    try:
        return open_model(settings, limits=limits)
    except SightlineError as error:
        name = "vision server" if settings.vision_url else "ollama"
        return Check(name, "problem", str(error), "correct the option, or the variable")


def _check_vision(model: VisionModel) -> Iterator[Check]:
    """Yield one check after another, until one fails that the next would rest on."""
    name = model.server
    try:
        yield _check_version(model, model.version())
        name = "vision model"
        limits = limits_of(model.name, facts := model.facts())
        yield Check(name, "ok", f"{model.name} is on the server{_told_of(facts)}")
        name = "context"
        yield _check_context(limits)
        name = "sight"
        yield _check_sight(model, limits)
    except (ServiceUnavailableError, PromptTooLargeError) as error:  # also a model that is missing
        fact, _, fix = str(error).removesuffix("; try `sightline doctor`").partition(". ")
        yield Check(name, "problem", fact, fix or "try another --model")


def _check_version(model: VisionModel, version: str | None) -> Check:
    if version is None:
        return Check(model.server, "ok", f"OpenAI's chat completions at {model.url}")
    numbers = tuple(int(part) for part in re.findall(r"\d+", version)[:3])
    if (0, 0, 0) < numbers < SAFE_OLLAMA:
        return Check(
            model.server,
            "note",
            f"version {version} at {model.url} lets strangers read its memory (CVE-2026-7482)",
            "update Ollama to 0.17.1 or newer",
        )
    return Check(model.server, "ok", f"version {version} at {model.url}")


def _told_of(facts: ModelFacts) -> str:
    """Return what the server says of a model."""
    told = [
        f"of family {facts.family}" if facts.family else "",
        f"trained on {facts.trained_context:,} tokens" if facts.trained_context else "",
        "thinks, and is told not to" if facts.thinks else "",
    ]
    return "".join(f", {each}" for each in told if each)


def _check_context(limits: ModelLimits) -> Check:
    """Say how many pictures fit, by what the family takes and what this model is given."""
    words = ANSWER_TOKENS + MARGIN_TOKENS + 512  # 512: rules, a question, captions of five pictures
    room = (limits.context - words) // limits.picture_tokens
    if room < 1:
        return Check(
            "context",
            "problem",
            f"{limits.name} is given {limits.context:,} tokens; a picture takes"
            f" {limits.picture_tokens:,} of them",
            f"raise --context, or use a model with a larger one ({MODELS_THAT_SEE})",
        )
    if limits.pictures == 1:
        how = f"one picture, or a contact sheet of up to {limits.at_once}"
    else:
        how = f"{counted(min(limits.at_once, room), 'picture')} at once"
    return Check(
        "context",
        "ok",
        f"{limits.context:,} tokens: {how}, {limits.picture_tokens:,} tokens each;"
        " --context and --max-images say otherwise",
    )


def _check_sight(model: VisionModel, limits: ModelLimits) -> Check:
    """Show two freshly drawn, different cards: one answer to both is always wrong."""
    chance = random.SystemRandom()
    colours, digits = chance.sample(sorted(COLOURS), 2), chance.sample(DIGITS, 2)
    for colour, digit in zip(colours, digits, strict=True):
        reply = model.reply(
            Prompt(CARD_QUESTION, (to_jpeg(draw_card(colour, digit)),), CARD_QUESTION),
            num_ctx=min(limits.context, 4096),
            num_predict=ANSWER_TOKENS,
            on_text=discard,
        )
        if not _names(reply.text, colour, digit):
            return _unseen(f"shown a {colour} card with a {digit}, {model.name}", reply)
    return Check("sight", "ok", f"{model.name} named both cards that it was shown")


def _unseen(shown: str, reply: Reply) -> Check:
    said = " ".join(reply.text.split())[:80]
    fix = f"try again, or use one of {MODELS_THAT_SEE}"
    if not said:
        why = reply.broke_off or "it ended at once"
        return Check("sight", "problem", f"{shown} gave no answer: {why}", fix)
    return Check(
        "sight",
        "problem",
        f"{shown} said {said!r}",
        f"it does not see well enough: update the server, or use one of {MODELS_THAT_SEE}",
    )


def _names(said: str, colour: str, digit: str) -> bool:
    """Say whether a reply names this card and no other: one that lists all colours saw nothing."""
    words = set(re.findall(r"[a-z]+|\d+", said.lower()))
    named = {_DIGIT_NAMES.get(word, word) for word in words}
    return named & set(COLOURS) == {colour} and named & set(DIGITS) == {digit}


_DIGIT_NAMES = dict(
    zip(("two", "three", "four", "five", "six", "seven", "nine"), DIGITS, strict=True)
)


def _version(distribution: str) -> str:
    return f"{distribution} {importlib.metadata.version(distribution)}"
