import pytest

from videogen_mcp.gateways.animatic.brief import Shot, Subject, read_brief
from videogen_mcp.gateways.animatic.words import MOVES


def only(prompt: str) -> Shot:
    shots = read_brief(prompt).shots
    assert len(shots) == 1
    return shots[0]


@pytest.mark.parametrize(
    ("prompt", "moves"),
    [
        ("a lake, camera pans left", ("pan_left",)),
        ("a lake, camera pans slowly to the right", ("pan_right",)),
        ("a lake, pan from left to right", ("pan_right",)),
        ("a lake, panning right to left", ("pan_left",)),
        ("a tower, tilt up", ("tilt_up",)),
        ("the camera tilts down", ("tilt_down",)),
        ("slow zoom in on a cat", ("zoom_in",)),
        ("zoom out from the house", ("zoom_out",)),
        ("push in", ("dolly_in",)),
        ("pulls back to reveal", ("dolly_out",)),
        ("slow dolly in", ("dolly_in",)),
        ("truck left past the houses", ("truck_left",)),
        ("an astronaut, orbit", ("orbit",)),
        ("tracking shot of a car", ("tracking",)),
        ("crane up over the city", ("crane_up",)),
        ("HANDHELD, a street", ("handheld",)),
        ("static shot of a lake", ("static",)),
        ("a lake, locked", ("static",)),
        ("a lake, locked-off", ("static",)),
        ("no camera movement, a lake", ("static",)),
        ("pan left and zoom in", ("pan_left", "zoom_in")),
        ("zoom in, then pan left", ("zoom_in", "pan_left")),
        ("eggs in a frying pan", ()),
        ("a truck on a road", ()),
        ("a crane by a pond", ()),
        ("a span of time", ()),
        ("a lake, without zoom", ()),
    ],
)
def test_camera_words(prompt: str, moves: tuple[str, ...]) -> None:
    assert only(prompt).moves == moves


@pytest.mark.parametrize("move", sorted({move.rstrip("_") for move in MOVES}))
def test_every_move_is_reached_by_its_own_name(move: str) -> None:
    assert only(f"a lake, {move.replace('_', ' ')}").moves == (move,)


@pytest.mark.parametrize(
    ("prompt", "light"),
    [
        ("golden hour forest", "golden"),
        ("a beach at SUNSET", "sunset"),
        ("sunrise over hills", "dawn"),
        ("a lake at dawn", "dawn"),
        ("a lake at dusk", "dusk"),
        ("a street at night", "night"),
        ("neon street at night", "neon"),
        ("a cyberpunk alley", "neon"),
        ("a field at noon", "noon"),
        ("a knight in a field", None),
        ("an astronaut on the moon", None),
        ("a lake under a full moon", "night"),
    ],
)
def test_light_words(prompt: str, light: str | None) -> None:
    assert only(prompt).light == light


@pytest.mark.parametrize(
    ("prompt", "place"),
    [
        ("a stormy sea", "sea"),
        ("waves of the ocean", "sea"),
        ("a dancer on a beach by the sea", "beach"),
        ("underwater, a whale in the ocean", "underwater"),
        ("deep jungle", "forest"),
        ("snowy mountains", "mountain"),
        ("dunes", "desert"),
        ("neon city street", "city"),
        ("a rocket in space", "space"),
        ("wildflower meadow", "meadow"),
        ("a cosy kitchen", "room"),
        ("a product shot of a bottle", "studio"),
        ("a cabin by a lake", "lake"),
        ("an astronaut on the moon", "lunar"),
        ("seagulls", None),
        ("a cityscape drawing", None),
    ],
)
def test_place_words(prompt: str, place: str | None) -> None:
    assert only(prompt).place == place


@pytest.mark.parametrize(
    ("prompt", "weather"),
    [
        ("a street in the rain", ("rain",)),
        ("a stormy sea", ("storm",)),
        ("morning mist over a lake", ("fog",)),
        ("snow falls on a street", ("snowfall",)),
        ("a snowy mountain", ()),
        ("a train in a brainstorm", ()),
    ],
)
def test_weather_words(prompt: str, weather: tuple[str, ...]) -> None:
    assert only(prompt).weather == weather


@pytest.mark.parametrize(
    ("prompt", "subjects"),
    [
        ("A red kite over the sea", (Subject("kite", "red"),)),
        ("a big, bright yellow balloon", (Subject("balloon", "yellow"),)),
        ("a kite under a red sky", (Subject("kite"),)),
        ("a white sailing boat", (Subject("boat", "white"),)),
        ("a wooden cabin", (Subject("house", "wooden"),)),
        ("a woman in a red dress", (Subject("person", "red"),)),
        ("a man wearing black", (Subject("person", "black"),)),
        ("a woman dancing", (Subject("dancer"),)),
        ("a blue car and a green tree", (Subject("car", "blue"), Subject("tree", "green"))),
        ("golden hour, a kite", (Subject("kite"),)),
        ("golden hour kite", (Subject("kite"),)),
        ("a catalogue of doghouses", ()),
        ("an empty lake", ()),
    ],
)
def test_subjects_and_their_colours(prompt: str, subjects: tuple[Subject, ...]) -> None:
    assert only(prompt).subjects == subjects


@pytest.mark.parametrize(
    "prompt",
    [
        "a street, no rain",
        "a street without any rain or people",
        "a street, not raining",
        "a street. Avoid rain.",
    ],
)
def test_negated_weather_is_not_read(prompt: str) -> None:
    shot = only(prompt)
    assert shot.weather == ()
    assert shot.place == "city"


def test_negated_subjects_are_not_read_but_what_follows_is() -> None:
    assert only("a beach without people, a red kite").subjects == (Subject("kite", "red"),)
    assert only("no people and a boat").subjects == (Subject("boat"),)


@pytest.mark.parametrize(
    ("prompt", "texts"),
    [
        ("Shot 1: a cat. Shot 2: a dog.", ["a cat.", "a dog."]),
        ("Shot 1 (0-2s): a cat. Shot 2 (2-4s): a dog.", ["a cat.", "a dog."]),
        ("Scene 1: a cat\nScene 2: a dog\nScene 3: a horse", ["a cat", "a dog", "a horse"]),
        ("A cat. Cut to: a dog.", ["A cat.", "a dog."]),
        ("A cat. Cut to a dog", ["A cat.", "a dog"]),
        ("A cat [cut] a dog", ["A cat", "a dog"]),
        ("1. a cat 2. a dog 3. a horse", ["a cat", "a dog", "a horse"]),
        ("1) a cat\n2) a dog", ["a cat", "a dog"]),
        ("Shot 1: a cat. Cut to: a dog.", ["a cat.", "a dog."]),
        ("a haircut to admire at 5. Then rest", ["a haircut to admire at 5. Then rest"]),
        ("", [""]),
    ],
)
def test_shots(prompt: str, texts: list[str]) -> None:
    assert [shot.text for shot in read_brief(prompt).shots] == texts


def test_what_stands_before_the_first_heading_holds_for_all_shots() -> None:
    first, second = read_brief("Handheld, golden hour. Shot 1: a cat. Shot 2: a dog, zoom in.").shots
    assert (first.text, first.light, first.moves) == ("a cat.", "golden", ("handheld",))
    assert (second.light, second.moves) == ("golden", ("zoom_in",))


def test_a_shot_keeps_the_light_before_it_but_not_the_camera() -> None:
    first, second = read_brief("a mountain at dawn, pan left. Cut to: a cabin by a lake").shots
    assert first.moves == ("pan_left",)
    assert (second.light, second.place, second.moves) == ("dawn", "lake", ())


def test_any_text_can_be_read() -> None:
    for prompt in ("\x00\ud800", "日本の海", "shot 1:", "cut to cut to cut to", "1. 2. 3.", "no " * 500, "🎬" * 50):
        assert read_brief(prompt).shots
