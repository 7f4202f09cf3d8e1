"""A picture of the screen for a model and a browser: the pixels, the pointer drawn in, as a JPEG. Equal screens give equal bytes."""

from __future__ import annotations

import io
from typing import cast

from PIL import Image as Picture

from hotdesk.desks.base import Image, Size
from hotdesk.desks.x11.screen import Pointer

QUALITY = 80


def picture(pixels: object, size: Size, pointer: Pointer) -> Image:
    """`pixels` is a buffer of blue, green, red and an idle byte for each pixel, row by row; it is not changed."""
    image = Picture.frombuffer("RGB", size, cast("bytes", pixels), "raw", "BGRX", 0, 1)
    if any(pointer.pixels):
        drawn = Picture.frombuffer("RGBa", (pointer.width, pointer.height), pointer.pixels, "raw", "BGRa", 0, 1).convert("RGBA")
        image.paste(drawn, (pointer.x, pointer.y), drawn)
    data = io.BytesIO()
    image.save(data, "JPEG", quality=QUALITY, subsampling="4:2:0")
    return Image(data.getvalue(), "image/jpeg", size)
