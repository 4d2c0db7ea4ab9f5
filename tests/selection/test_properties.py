"""What must hold for every choice, whatever is asked."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.selection.cases import gateways_with

from videogen_mcp.catalogue import Catalogue, load_catalogue
from videogen_mcp.errors import InvalidRequest, NothingEligible, VideoGenError
from videogen_mcp.selection.decide import Plan, Situation, decide
from videogen_mcp.types import INTENTS, MODES, PRIORITIES, RESOLUTIONS, Json, VideoRequest, make_request

CATALOGUE = load_catalogue()
GATEWAYS = ("fal", "heygen", "mountsea", "novakit")
PICTURE, CLIP = "https://example.com/a.png", "https://example.com/a.mp4"

PROMPTS = st.sampled_from(
    [
        "A fox leaps over a frozen river at dawn",
        'She turns and says "We have to go."',
        "Anime girl under cherry blossoms, cel shading",
        "Photorealistic drone shot over fjords",
        "A presenter explains the tax form to the camera",
        "Just a quick test of a bouncing ball",
        "Cinematic trailer, anamorphic, rain",
        "A fox, please use Veo, not Kling",
    ]
)
REQUESTS: st.SearchStrategy[Json] = st.fixed_dictionaries(
    {"prompt": PROMPTS},
    optional={
        "intent": st.sampled_from(INTENTS),
        "priority": st.sampled_from(PRIORITIES),
        "duration": st.sampled_from([3, 5, 8, 10, 15, 40]),
        "resolution": st.sampled_from(RESOLUTIONS),
        "aspect_ratio": st.sampled_from(["16:9", "9:16", "1:1", "21:9", "7:5"]),
        "generate_audio": st.booleans(),
        "seed": st.just(7),
        "first_frame": st.just(PICTURE),
        "last_frame": st.just(PICTURE),
        "source_video": st.just(CLIP),
        "mode": st.sampled_from(MODES),
        "exclude": st.lists(st.sampled_from(["seedance", "kling", "fal", "veo-3.1"]), max_size=2, unique=True),
    },
)
PINS: st.SearchStrategy[Json] = st.one_of(
    st.fixed_dictionaries({"provider": st.sampled_from(CATALOGUE.providers)}),
    st.fixed_dictionaries({"gateway": st.sampled_from(GATEWAYS)}),
    st.fixed_dictionaries({"model": st.sampled_from(sorted(CATALOGUE.models))}),
    st.fixed_dictionaries({"endpoint": st.sampled_from([one.key for one in CATALOGUE.endpoints])}),
)
KEYS = st.lists(st.sampled_from(GATEWAYS), min_size=1, unique=True).map(tuple)


def planned(fields: Json, keys: tuple[str, ...], catalogue: Catalogue = CATALOGUE) -> Plan | VideoGenError:
    try:
        return decide(make_request(fields), catalogue, Situation(gateways_with(keys)))
    except (InvalidRequest, NothingEligible) as error:
        return error


def order(plan: Plan) -> list[tuple[str, float]]:
    return [(one.endpoint, one.score) for one in plan.candidates]


@settings(max_examples=80, deadline=None)
@given(fields=REQUESTS, keys=KEYS, caps=st.tuples(st.floats(0.05, 5), st.floats(0.05, 5)))
def test_a_lower_cap_never_raises_what_a_clip_may_cost(
    fields: Json, keys: tuple[str, ...], caps: tuple[float, float]
) -> None:
    low, high = sorted(caps)
    cheap, dear = (planned(fields | {"max_cost_usd": cap}, keys) for cap in (low, high))
    if not isinstance(cheap, Plan):
        return
    for one in cheap.candidates:
        assert one.cost.ceiling_usd is not None
        assert one.cost.ceiling_usd <= Decimal(str(low))
    assert isinstance(dear, Plan), "what is within the lower cap is within the higher"
    assert {one.endpoint for one in cheap.candidates} <= {one.endpoint for one in dear.candidates}
    before, after = (plan.candidates[0].cost.ceiling_usd or Decimal(0) for plan in (dear, cheap))
    assert after <= before or before <= Decimal(str(low))


@settings(max_examples=40, deadline=None)
@given(fields=REQUESTS, keys=KEYS, data=st.data())
def test_an_endpoint_that_cannot_serve_changes_nothing(
    fields: Json, keys: tuple[str, ...], data: st.DataObject
) -> None:
    plan = planned(fields, keys)
    if not isinstance(plan, Plan) or not plan.refusals:
        return
    refused = sorted({one.endpoint for one in plan.refusals})
    gone = data.draw(st.sets(st.sampled_from(refused), min_size=1, max_size=20))
    less = Catalogue(CATALOGUE.models.values(), [one for one in CATALOGUE.endpoints if one.key not in gone])
    fewer = planned(fields, keys, less)
    assert isinstance(fewer, Plan)
    assert order(fewer) == order(plan)


@settings(max_examples=80, deadline=None)
@given(fields=REQUESTS, pin=PINS, keys=KEYS)
def test_a_pin_is_obeyed_or_refused(fields: Json, pin: Json, keys: tuple[str, ...]) -> None:
    plan = planned(fields | pin, keys)
    if not isinstance(plan, Plan):
        return
    ((name, value),) = pin.items()
    assert {getattr(one, name) for one in plan.candidates} == {value}


@settings(max_examples=40, deadline=None)
@given(fields=REQUESTS, keys=KEYS)
def test_the_same_question_has_the_same_answer(fields: Json, keys: tuple[str, ...]) -> None:
    first, shuffled = planned(fields, keys), Catalogue(CATALOGUE.models.values(), reversed(CATALOGUE.endpoints))
    again, other = planned(fields, keys), planned(fields, keys, shuffled)
    if isinstance(first, Plan):
        assert isinstance(again, Plan)
        assert isinstance(other, Plan)
        assert order(first) == order(again) == order(other)
    else:
        assert str(first) == str(again)


@settings(max_examples=80, deadline=None)
@given(fields=REQUESTS, pin=st.one_of(st.just({}), PINS), keys=KEYS)
def test_every_refused_endpoint_has_a_reason_that_names_a_field(fields: Json, pin: Json, keys: tuple[str, ...]) -> None:
    outcome = planned(fields | pin, keys)
    refusals: Any = outcome.refusals if isinstance(outcome, Plan) else getattr(outcome, "refusals", ())
    known = {*VideoRequest.model_fields, *INTENTS}
    for refusal in refusals:
        assert refusal.reason
        assert refusal.field in known or str(refusal.field).startswith("options."), refusal
        name = str(refusal.field).removeprefix("options.")
        assert name in refusal.reason, refusal


@pytest.mark.parametrize("plan", [planned({"prompt": "A fox"}, ("fal",))])
def test_every_endpoint_is_either_ranked_or_refused(plan: Plan) -> None:
    told = [one.endpoint for one in plan.candidates] + [one.endpoint for one in plan.refusals]
    assert sorted(told) == sorted(one.key for one in CATALOGUE.endpoints)
