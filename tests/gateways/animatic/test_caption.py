from PIL import Image, ImageChops, ImageStat

from videogen_mcp.gateways.animatic.caption import DRAFT_TEXT, drawable, overlay, wrapped
from videogen_mcp.gateways.animatic.caption import _font as font_of_size  # pyright: ignore[reportPrivateUsage]

SIZE = (640, 360)
TOP_RIGHT = (480, 0, 640, 40)
TOP_LEFT = (0, 0, 160, 40)
BOTTOM = (0, 280, 640, 360)


def shown(caption: str, slate: str = "", size: tuple[int, int] = SIZE, grey: int = 128) -> Image.Image:
    frame = Image.new("RGB", size, (grey, grey, grey))
    layer = overlay(size, caption, slate)
    frame.paste(layer, (0, 0), layer)
    return frame.convert("L")


def brightest(picture: Image.Image, box: tuple[int, int, int, int]) -> int:
    extrema = picture.crop(box).getextrema()
    high = extrema[1]
    assert isinstance(high, int)
    return high


def difference(first: Image.Image, second: Image.Image, box: tuple[int, int, int, int]) -> float:
    return ImageStat.Stat(ImageChops.difference(first.crop(box), second.crop(box))).mean[0]


def test_the_draft_mark_is_always_in_the_top_right_corner() -> None:
    for grey in (0, 128, 255):
        picture = shown("", grey=grey)
        low, high = picture.crop(TOP_RIGHT).getextrema()
        assert isinstance(low, int)
        assert isinstance(high, int)
        assert high - low > 70, f"unreadable on {grey}"
    assert "DRAFT" in DRAFT_TEXT
    assert brightest(shown(""), TOP_LEFT) <= 128


def test_the_slate_label_is_in_the_top_left_corner() -> None:
    assert brightest(shown("", "SHOT 2/3"), TOP_LEFT) > 190
    assert difference(shown("", "SHOT 2/3"), shown("", "SHOT 1/3"), TOP_LEFT) > 0


def test_the_caption_is_on_a_dark_plate_at_the_bottom() -> None:
    bare, written = shown(""), shown("A red kite over the sea")
    assert brightest(bare, BOTTOM) <= 128
    assert brightest(written, BOTTOM) > 220
    assert difference(bare, written, BOTTOM) > 5
    plate = written.crop((200, 310, 440, 340)).getextrema()[0]
    assert isinstance(plate, int)
    assert plate < 75
    assert difference(written, shown("Another caption altogether"), BOTTOM) > 0.5
    # What is below the safe margin stays free.
    assert difference(bare, written, (0, 345, 640, 360)) == 0


def test_a_portrait_caption_stays_inside_the_frame() -> None:
    size = (180, 320)
    bare, written = (
        shown("", size=size),
        shown("A dancer on a beach at sunset while the camera tilts up " * 4, size=size),
    )
    box = ImageChops.difference(bare, written).getbbox()
    assert box is not None
    assert box[0] >= 4
    assert box[2] <= 176
    assert box[3] <= 316


def test_long_text_ends_in_an_ellipsis_after_three_lines() -> None:
    font = font_of_size(16)
    lines = wrapped("word " * 200, 300, font)
    assert len(lines) == 3
    assert lines[-1].endswith("...")
    assert all(font.getlength(line) <= 300 for line in lines)
    assert all(font.getlength(line) <= 300 for line in wrapped("x" * 400, 300, font))


def test_short_text_is_broken_evenly_and_completely() -> None:
    font = font_of_size(16)
    text = "A hot air balloon over a meadow with wildflowers, morning mist"
    lines = wrapped(text, 300, font)
    assert " ".join(lines) == text
    lengths = [font.getlength(line) for line in lines]
    assert min(lengths) > 0.6 * max(lengths)


def test_text_the_font_lacks_is_left_out() -> None:
    assert drawable("A cat, 24 fps: (close-up)!") == "A cat, 24 fps: (close-up)!"
    assert drawable("Ein Kätzchen, déjà vu").lower() in {"ein kätzchen, déjà vu", "ein katzchen, deja vu"}
    assert drawable("a dog\u2019s \u201clife\u201d").startswith("a dog")
    assert "\u2019s" in drawable("dog\u2019s") or drawable("dog\u2019s") == "dog's"
    assert drawable("日本の海の夕暮れ") == ""
    assert drawable("sunset 🎬 over the harbour") == "sunset over the harbour"
    assert drawable("\x00\ud800") == ""
    assert drawable("") == ""
    bare = shown("")
    assert difference(bare, shown("日本の海の夕暮れ"), BOTTOM) == 0
