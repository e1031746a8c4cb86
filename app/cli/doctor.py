"""Doctor: looks at everything an answer needs."""

from dataclasses import asdict

import typer

from app.cli.options import (
    ContextOption,
    HomeOption,
    JsonOption,
    MaxImagesOption,
    ModelOption,
    OllamaOption,
    QdrantOption,
    VisionUrlOption,
    settings_of,
)
from app.cli.terminal import EXIT_ERROR, lines, show


def doctor_command(
    model: ModelOption = None,
    ollama: OllamaOption = None,
    vision_url: VisionUrlOption = None,
    context: ContextOption = None,
    max_images: MaxImagesOption = None,
    json_: JsonOption = False,
    home: HomeOption = None,
    qdrant: QdrantOption = None,
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
