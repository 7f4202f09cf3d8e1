"""Pictures: however many came before it, a picture is the one that a camera without a memory would take, and it shows the pixels."""

from __future__ import annotations

import io
import random

import pytest
from PIL import Image as Picture
from PIL import ImageChops, ImageDraw, ImageStat

from hotdesk.desks.base import Size
from hotdesk.desks.picture import QUALITY, STRIP, Camera
from hotdesk.desks.x11.screen import Pointer

NO_POINTER = Pointer(0, 0, 0, 0, b"")


def pixels(image: Picture.Image) -> bytes:
    return image.tobytes("raw", "BGRX")


def difference(one: Picture.Image, other: Picture.Image) -> float:
    return max(ImageStat.Stat(ImageChops.difference(one, other)).mean)


def seen(data: bytes) -> Picture.Image:
    image = Picture.open(io.BytesIO(data))
    image.load()
    return image.convert("RGB")


def arrow(x: int, y: int) -> Pointer:
    return Pointer(x, y, 12, 20, bytes((0, 0, 200, 255)) * 240)


@pytest.mark.parametrize("size", [Size(1280, 800), Size(1024, 768), Size(333, 217), Size(64, 8)])
def test_whatever_changed_the_picture_is_that_of_a_camera_without_a_memory(size: Size) -> None:
    draw_at = random.Random(7)  # noqa: S311
    screen = Picture.linear_gradient("L").resize(size).convert("RGB")
    drawing = ImageDraw.Draw(screen)
    camera, pointer = Camera(size), NO_POINTER
    for number in range(40):
        for _ in range(draw_at.choice((0, 0, 1, 3))):
            x, y = draw_at.randrange(size.width), draw_at.randrange(size.height)
            drawing.rectangle((x, y, x + draw_at.randrange(60), y + draw_at.randrange(40)), fill=draw_at.randrange(1 << 24))
        if draw_at.random() < 0.5:
            pointer = arrow(draw_at.randrange(-5, size.width), draw_at.randrange(-5, size.height))
        if number == 30:
            drawing.rectangle((0, 0, *size), fill="white")
        assert camera.picture(pixels(screen), pointer) == Camera(size).picture(pixels(screen), pointer), number


def test_a_picture_put_together_shows_what_one_encoded_whole_shows() -> None:
    size = Size(400, 300)
    screen = Picture.effect_noise(size, 50).convert("RGB")
    camera = Camera(size)
    camera.picture(pixels(screen), NO_POINTER)
    ImageDraw.Draw(screen).rectangle((30, 100, 200, 130), fill="red")
    put_together = seen(camera.picture(bytearray(pixels(screen)), NO_POINTER).data)
    whole = io.BytesIO()
    screen.save(whole, "JPEG", quality=QUALITY, subsampling="4:2:0")
    assert put_together.size == size
    assert difference(put_together, seen(whole.getvalue())) < 0.01


def test_the_pointer_is_drawn_where_it_is_and_gone_from_where_it_was() -> None:
    size = Size(320, 200)
    screen = Picture.new("RGB", size, "white")
    camera = Camera(size)
    first = seen(camera.picture(pixels(screen), arrow(100, STRIP - 4)).data)
    assert first.getpixel((105, STRIP + 5))[0] > 150 > first.getpixel((105, STRIP + 5))[2]
    then = seen(camera.picture(pixels(screen), arrow(200, 150)).data)
    assert min(then.getpixel((105, STRIP + 5))) > 240
    assert then.getpixel((205, 160))[2] < 150


def test_what_could_not_be_encoded_is_encoded_the_next_time(monkeypatch: pytest.MonkeyPatch) -> None:
    size = Size(320, 200)
    camera = Camera(size)
    camera.picture(pixels(Picture.new("RGB", size, "white")), NO_POINTER)
    black = pixels(Picture.new("RGB", size, "black"))
    with monkeypatch.context() as patch:
        patch.setattr(Picture.Image, "save", lambda *_, **__: (_ for _ in ()).throw(MemoryError))
        with pytest.raises(MemoryError):
            camera.picture(black, NO_POINTER)
    assert camera.picture(black, NO_POINTER) == Camera(size).picture(black, NO_POINTER)
