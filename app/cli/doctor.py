"""Doctor: looks at everything an answer needs."""

from dataclasses import asdict

import typer

from app.cli.options import (
    Context,
    Home,
    Json,
    MaxImages,
    Model,
    Ollama,
    Qdrant,
    VisionUrl,
    settings_of,
)
from app.cli.terminal import EXIT_ERROR, lines, show


def doctor_command(
    model: Model = None,
    ollama: Ollama = None,
    vision_url: VisionUrl = None,
    context: Context = None,
    max_images: MaxImages = None,
    json_: Json = False,
    home: Home = None,
    qdrant: Qdrant = None,
) -> None:
    """Check engine, disk, models and the vision model; say what to do where something is amiss."""
    from app.render import check_lines
    from app.workspace import Workspace

    settings = settings_of(
        home=home,
        qdrant=qdrant,
        model=model,
        ollama=ollama,
        vision_url=vision_url,
        context=context,
        max_images=max_images,
    )
    with Workspace(settings) as workspace:
        checks = workspace.doctor()
    if json_:
        show({"checks": [asdict(check) for check in checks]})
    else:
        lines(check_lines(checks))
    if any(check.status == "problem" for check in checks):
        raise typer.Exit(EXIT_ERROR)
