"""What makes each submit's input its own, and that it changes nothing that was asked for."""

from dataclasses import replace
from random import Random
from typing import Any

import pytest
from tests.standins.fal import FalStandIn
from tests.standins.schemas import endpoints

from videogen_mcp.catalogue import load_catalogue
from videogen_mcp.catalogue.encode import Payload
from videogen_mcp.catalogue.pricing import UNKNOWN
from videogen_mcp.jobs.nonce import LARGEST_SEED, WHY, with_nonce
from videogen_mcp.selection.scoring import Candidate
from videogen_mcp.service import VideoService
from videogen_mcp.types import Json, VideoRequest

CATALOGUE = load_catalogue()
SPOKEN = [one.key for one in CATALOGUE.endpoints if one.gateway == "fal" and one.id in endpoints()]
SEEDANCE = "fal:bytedance/seedance-2.0/text-to-video"
WAN = "fal:fal-ai/wan/v2.7/text-to-video"
KLING = "fal:fal-ai/kling-video/v3/pro/text-to-video"
PLACES = [(SEEDANCE, "end_user_id", "options.end_user_id"), (WAN, "seed", "seed")]


def candidate(key: str, body: Json) -> Candidate:
    endpoint = CATALOGUE.find(key)
    return Candidate(key, endpoint.id, endpoint.gateway, "m", "p", Payload(body), UNKNOWN, 1.0)


def nonce_of(key: str, body: Json, random: int = 1) -> Candidate:
    return with_nonce(candidate(key, body), CATALOGUE.find(key), Random(random))  # noqa: S311 -- guards nothing


@pytest.mark.parametrize(("key", "name", "field"), PLACES)
def test_it_goes_where_the_endpoint_takes_it_and_is_told(key: str, name: str, field: str) -> None:
    made = nonce_of(key, {"prompt": "p"})
    added = {one: value for one, value in made.payload.body.items() if one != "prompt"}
    assert list(added) == [name]
    (change,) = made.payload.changes
    assert (change.field, change.asked, change.sent, change.why) == (field, None, added[name], WHY)
    assert replace(made, payload=Payload({"prompt": "p"})) == candidate(key, {"prompt": "p"})


@pytest.mark.parametrize(("key", "name", "value"), [(SEEDANCE, "end_user_id", "u"), (WAN, "seed", 0)])
def test_what_the_caller_gave_is_kept(key: str, name: str, value: Any) -> None:
    given = candidate(key, {"prompt": "p", name: value})
    assert nonce_of(key, given.payload.body) == given


def test_where_there_is_no_place_nothing_is_added() -> None:
    assert nonce_of(KLING, {"prompt": "p"}) == candidate(KLING, {"prompt": "p"})


@pytest.mark.parametrize("key", SPOKEN)
def test_every_seed_is_one_that_the_endpoint_takes(key: str) -> None:
    found = CATALOGUE.find(key).param_for("seed")
    sent = [nonce_of(key, {}, random).payload.body for random in range(200)]
    if found is None:
        assert all(body.keys() <= {"end_user_id"} for body in sent)
        return
    name, param = found
    assert all(isinstance(body[name], int) and 0 <= body[name] <= LARGEST_SEED for body in sent)
    assert all(body[name] <= (param.maximum or LARGEST_SEED) for body in sent)
    assert len({body[name] for body in sent}) > 190, "they differ"


@pytest.mark.parametrize(("key", "name"), [place[:2] for place in PLACES])
async def test_the_same_request_twice_has_two_inputs(
    standin: FalStandIn, fal_service: VideoService, key: str, name: str
) -> None:
    request = VideoRequest(prompt="A fox runs over snow", endpoint=key, duration=4, resolution="720p")
    jobs = [await fal_service.wait((await fal_service.generate(request)).id, 20) for _ in range(2)]
    assert [job.status for job in jobs] == ["completed"] * 2
    assert [job.attempts[0].body for job in jobs] == [submit.json for submit in standin.submits]
    first, second = (dict(submit.json) for submit in standin.submits)
    assert first.pop(name) != second.pop(name)
    assert first == second == fal_service.plan(request).candidates[0].payload.body


async def test_an_input_without_a_place_is_what_was_planned(standin: FalStandIn, fal_service: VideoService) -> None:
    request = VideoRequest(prompt="A fox runs over snow", endpoint=KLING, duration=3)
    job = await fal_service.wait((await fal_service.generate(request)).id, 20)
    assert job.status == "completed"
    assert standin.submits[0].json == fal_service.plan(request).candidates[0].payload.body
