"""The catalogue as a whole: what it holds, how it is found, and ids outside it."""

from datetime import date
from typing import Any, get_args

import pytest

from videogen_mcp.catalogue import Catalogue, generic, load_catalogue
from videogen_mcp.catalogue.schema import Endpoint, Model
from videogen_mcp.errors import InvalidRequest, VideoGenError
from videogen_mcp.types import INTENTS, Mode

CATALOGUE = load_catalogue()


def model(name: str = "toy", **fields: Any) -> Model:
    return Model.model_validate({"id": name, "provider": "toys", "title": "Toy"} | fields)


def endpoint(name: str = "toy/make", **fields: Any) -> Endpoint:
    base: dict[str, Any] = {"gateway": "fal", "model": "toy", "modes": ["text_to_video"], "params": {}}
    base |= {"source": "a test", "checked": date(2026, 11, 21), "id": name}
    return Endpoint.model_validate(base | fields)


def test_every_provider_with_a_tool_of_its_own_is_there() -> None:
    assert {"kling", "local", "minimax", "seedance", "veo", "wan"} <= set(CATALOGUE.providers)


def test_it_is_read_once() -> None:
    assert load_catalogue() is load_catalogue()


def test_every_model_has_an_endpoint_and_every_fit_is_a_share() -> None:
    for name, one in CATALOGUE.models.items():
        assert CATALOGUE.of_model(name), name
        assert set(one.fit) <= set(INTENTS)
        assert all(0 <= value <= 1 for value in one.fit.values())
        assert one.grade is not None, f"{name} has no grade for a board that does not rate it"


def test_every_fact_about_money_has_a_source() -> None:
    for one in CATALOGUE.endpoints:
        assert one.source
        for row in one.prices:
            assert row.source
            assert row.high_usd is None or row.high_usd >= row.usd, one.key


def test_no_price_row_hides_the_ones_after_it() -> None:
    for one in CATALOGUE.endpoints:
        assert all(row.when for row in one.prices[:-1]), one.key


@pytest.mark.parametrize("mode", get_args(Mode))
def test_of_mode(mode: Mode) -> None:
    found = CATALOGUE.of_mode(mode)
    assert found
    assert found == tuple(one for one in CATALOGUE.endpoints if mode in one.modes)


def test_of_mode_and_of_model() -> None:
    assert [one.key for one in CATALOGUE.of_mode("lip_sync")] == [
        "fal:fal-ai/kling-video/lipsync/audio-to-video",
        "fal:fal-ai/kling-video/lipsync/text-to-video",
        "fal:fal-ai/pixverse/lipsync",
    ]
    assert {one.id for one in CATALOGUE.of_model("veo-3.1") if one.gateway == "fal"} == {
        "fal-ai/veo3.1",
        "fal-ai/veo3.1/image-to-video",
        "fal-ai/veo3.1/first-last-frame-to-video",
        "fal-ai/veo3.1/reference-to-video",
        "fal-ai/veo3.1/extend-video",
    }
    assert {one.gateway for one in CATALOGUE.of_model("veo-3.1")} == {"fal", "google", "heygen", "mountsea"}


def test_a_mode_and_a_model_that_nothing_has() -> None:
    catalogue = Catalogue([model(), model("bare")], [endpoint()])
    assert (catalogue.of_mode("lip_sync"), catalogue.of_model("bare")) == ((), ())
    assert [one.key for one in catalogue.of_mode("text_to_video")] == ["fal:toy/make"]


def test_find_by_key() -> None:
    for one in CATALOGUE.endpoints:
        assert CATALOGUE.find(one.key) is one
        assert CATALOGUE.model_of(one) is CATALOGUE.models[one.model]


def test_an_unknown_fal_id_gets_the_generic_contract() -> None:
    found = CATALOGUE.find("fal:fal-ai/nobody-knows/dream-9")
    assert found == generic("fal-ai/nobody-knows/dream-9")
    assert (found.key, found.open, found.prices) == ("fal:fal-ai/nobody-knows/dream-9", True, ())
    assert found.modes == ("text_to_video", "image_to_video")
    unnamed = CATALOGUE.model_of(found)
    assert (unnamed.id, unnamed.provider, unnamed.grade) == (found.id, "other", None)


@pytest.mark.parametrize(
    "key",
    [
        "",
        "veo",
        "fal:",
        "fal:veo3.1",
        "fal-ai/veo3.1",
        "fal:/fal-ai/veo3.1",
        "fal:fal-ai/veo3.1/",
        "fal:fal-ai//veo3.1",
        "fal:fal-ai/../storage/upload",
        "fal:../fal-ai/veo3.1",
        "fal:fal-ai/veo3.1?fal_webhook=https://evil.example",
        "fal:fal-ai/veo3.1#x",
        "fal:fal-ai/%2e%2e/veo3.1",
        "fal:fal-ai/veo 3.1",
        "fal:fal-ai/veo3.1\n",
        "fal:someone@evil.example/x",
        "heygen:veo_9",
        "mountsea:veo-9",
        "novakit:fal-ai/veo9",
        "local:other/thing",
    ],
)
def test_what_is_no_endpoint(key: str) -> None:
    assert not CATALOGUE.knows(key)
    with pytest.raises(InvalidRequest) as caught:
        CATALOGUE.find(key)
    assert caught.value.field == "endpoint"
    assert caught.value.message == f"endpoint {key!r} is not in the catalogue."
    assert "video_models" in caught.value.fix


def test_knows_what_find_finds() -> None:
    assert all(CATALOGUE.knows(one.key) for one in CATALOGUE.endpoints)
    assert CATALOGUE.knows("fal:fal-ai/nobody-knows/dream-9")


def test_order_is_that_of_the_entries() -> None:
    catalogue = Catalogue(
        [model("b"), model("a", provider="others")], [endpoint("z/z", model="a"), endpoint("y/y", model="b")]
    )
    assert [one.id for one in catalogue.endpoints] == ["z/z", "y/y"]
    assert catalogue.providers == ("toys", "others")


def test_a_model_listed_twice() -> None:
    with pytest.raises(VideoGenError, match="lists model toy twice"):
        Catalogue([model(), model()], [])


def test_an_endpoint_listed_twice() -> None:
    with pytest.raises(VideoGenError, match="lists endpoint fal:toy/make twice"):
        Catalogue([model()], [endpoint(), endpoint()])


def test_the_same_id_at_two_gateways_is_two_endpoints() -> None:
    catalogue = Catalogue([model()], [endpoint(), endpoint(gateway="local")])
    assert [one.key for one in catalogue.endpoints] == ["fal:toy/make", "local:toy/make"]


def test_an_endpoint_of_an_unknown_model() -> None:
    with pytest.raises(VideoGenError, match="Endpoint fal:toy/make names the unknown model toy"):
        Catalogue([], [endpoint()])


def test_entries_are_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        CATALOGUE.endpoints[0].gateway = "other"  # pyright: ignore[reportAttributeAccessIssue]
