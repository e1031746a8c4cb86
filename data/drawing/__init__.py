"""A scene as a picture: the layers of a street, from the sky to the rain on the lens."""

from collections.abc import Callable
from functools import partial

from PIL import Image

from data.drawing.air import finish
from data.drawing.buildings import draw_buildings
from data.drawing.ground import draw_ground
from data.drawing.sky import draw_sky, draw_skyline, sky_image
from data.drawing.stage import Stage, light_of
from data.drawing.street import (
    BRIDGE_AT,
    draw_bridge,
    draw_lamp,
    draw_person,
    lamp_places,
    person_places,
)
from data.drawing.traffic import bicycle_places, car_places, draw_bicycle, draw_car
from data.drawing.trees import draw_tree, tree_places
from data.scenes import Scene


def draw(scene: Scene) -> Image.Image:
    """The scene as a picture of 640 × 480; the same scene gives the same pixels."""
    light = light_of(scene)
    stage = Stage(scene, light, sky_image(light.sky, light.haze))
    draw_sky(stage)
    draw_skyline(stage)
    draw_ground(stage)
    draw_buildings(stage)
    draw_things(stage)
    return finish(stage)


Thing = tuple[float, Callable[[], None]]


def draw_things(stage: Stage) -> None:
    """Trees, lamps, cars, people, bicycles and the bridge, the farthest first."""
    things: list[Thing] = [(z, partial(draw_tree, stage, (x, z))) for x, z in tree_places(stage)]
    things += [(z, partial(draw_lamp, stage, (x, z))) for x, z in lamp_places(stage)]
    things += [(z, partial(draw_person, stage, (x, z))) for x, z in person_places(stage)]
    things += [(z, partial(draw_bicycle, stage, (x, z))) for x, z in bicycle_places(stage)]
    things += [(car[0][1], partial(draw_car, stage, *car)) for car in car_places(stage)]
    if stage.scene.bridge:
        things.append((BRIDGE_AT, partial(draw_bridge, stage)))
    for _, draw_thing in sorted(things, key=lambda thing: -thing[0]):
        draw_thing()
