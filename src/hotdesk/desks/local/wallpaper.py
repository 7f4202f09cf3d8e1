"""The background of a desk: a calm dark slope of slate and blue with two soft lights, drawn here, the same on every desk."""

from __future__ import annotations

import functools

from PIL import Image, ImageChops, ImageFilter

from hotdesk.desks.base import Size

_TOP, _BOTTOM = (30, 41, 66), (11, 17, 32)
_LIGHTS = (((0.22, 0.08), (44, 78, 138), 0.75), ((0.84, 1.0), (14, 74, 96), 0.6))
"""Where each light is, its colour, and how far it reaches, in parts of the screen."""
_SMALL = 4
"""Drawn this many times smaller: there is no detail in it."""


@functools.lru_cache(maxsize=2)
def wallpaper(size: Size) -> bytes:
    """Pixels as the X server wants them: blue, green, red, an idle byte."""
    small = (max(2, size.width // _SMALL), max(2, size.height // _SMALL))
    slope = Image.linear_gradient("L").resize(small)
    picture = Image.composite(Image.new("RGB", small, _BOTTOM), Image.new("RGB", small, _TOP), slope)
    for (x, y), colour, reach in _LIGHTS:
        side = int(small[0] * reach * 2)
        glow = Image.new("L", small, 0)
        spot = Image.radial_gradient("L").point(lambda far: max(0, 240 - far) ** 2 // 240).resize((side, side), Image.Resampling.BICUBIC)
        glow.paste(spot, (int(small[0] * x) - side // 2, int(small[1] * y) - side // 2))
        picture = ImageChops.screen(picture, ImageChops.multiply(Image.new("RGB", small, colour), Image.merge("RGB", (glow,) * 3)))
    large = picture.filter(ImageFilter.GaussianBlur(6)).resize(size, Image.Resampling.BICUBIC)
    return large.convert("RGBX").tobytes("raw", "BGRX")
