"""What every gateway does with its six verbs, over real HTTP against its strict stand-in."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.gateways.contract.cases import CASES, Case
from tests.gateways.contract.conftest import Stage

from videogen_mcp.errors import OperationGone, PollTrouble, SubmitRefused
from videogen_mcp.gateways import GATEWAYS
from videogen_mcp.gateways.base import USER_AGENT, Failed, Finished, Pending, SentRequest


def test_every_registered_gateway_has_cases() -> None:
    """A new gateway comes into the suite by registering, and fails here until `cases.py` knows its stand-in."""
    paid = {name for name, entry in GATEWAYS.items() if entry.key_variable is not None}
    assert {case.gateway for case in CASES} == paid


async def test_one_submit_is_one_post_and_its_handle_survives_storage(stage: Stage) -> None:
    operation = await stage.submit()
    assert stage.posts() == 1
    assert len(stage.recorder.heard) == 1
    stored = json.loads(json.dumps(operation))
    assert stored == operation
    finished = await stage.ended(stored)
    assert isinstance(finished, Finished)
    assert finished.url is not None
    assert finished.path is None
    assert stage.posts() == 1, "looking starts nothing"


async def test_it_is_pending_before_it_is_finished(stage: Stage) -> None:
    operation = await stage.submit()
    state = await stage.gateway.poll(operation)
    assert isinstance(state, Pending)
    assert state.message
    assert state.progress is None or 0 <= state.progress <= 1
    assert isinstance(await stage.ended(operation), Finished)


async def test_a_finished_clip_can_be_fetched_with_the_headers_that_are_told(stage: Stage) -> None:
    finished = await stage.ended(await stage.submit())
    assert isinstance(finished, Finished)
    answer = await stage.http.get(str(finished.url), headers=dict(finished.headers))
    assert answer.status_code == 200
    assert b"ftyp" in answer.content[:12]


async def test_a_failure_is_an_answer(stage: Stage) -> None:
    stage.case.fail(stage.standin)
    failed = await stage.ended(await stage.submit())
    assert isinstance(failed, Failed)
    assert failed.code == "generation_failed"
    assert failed.message


async def test_an_unknown_generation_is_gone(stage: Stage, case: Case) -> None:
    operation = await stage.submit()
    with case.standin() as other:
        forgetful = case.open(case.settings(other.origin, other.key), stage.http)
        moved = json.loads(json.dumps(operation).replace(stage.standin.origin, other.origin))
        with pytest.raises(OperationGone):
            await forgetful.poll(moved)
        if case.cancels:
            assert await forgetful.cancel(moved) == "unknown"
        assert other.violations == []


async def test_a_cancellation_while_it_runs(stage: Stage) -> None:
    operation = await stage.submit()
    before = len(stage.recorder.heard)
    assert await stage.gateway.cancel(operation) == stage.case.cancel
    assert len(stage.recorder.heard) - before == int(stage.case.cancels)
    ended = await stage.ended(operation)
    assert isinstance(ended, Failed) == (stage.case.cancel == "requested")


async def test_a_cancellation_that_comes_too_late(stage: Stage) -> None:
    operation = await stage.submit()
    assert isinstance(await stage.ended(operation), Finished)
    assert await stage.gateway.cancel(operation) == stage.case.too_late
    assert isinstance(await stage.ended(operation), Finished), "the clip is kept"


async def test_a_file_is_taken_or_refused_with_a_way_out(stage: Stage, clip: Path) -> None:
    if stage.case.uploads:
        content = clip.read_bytes()  # noqa: ASYNC240 -- it is small
        assert await stage.gateway.upload(clip, "video/mp4")
        assert any(content in one.body for one in stage.recorder.heard)
        return
    with pytest.raises(SubmitRefused) as caught:
        await stage.gateway.upload(clip, "video/mp4")
    assert (caught.value.code, stage.recorder.heard) == ("invalid_request", [])
    assert caught.value.fix


async def test_a_lost_submit_is_found_only_where_one_fits(stage: Stage) -> None:
    now = datetime.now(UTC)
    sent = SentRequest(stage.case.endpoint, stage.case.body, now, now + timedelta(seconds=5))
    if stage.case.finds is None:
        assert await stage.gateway.find(sent) is None
        assert stage.recorder.heard == []
        return
    stage.case.finds(stage.standin)
    assert await stage.gateway.find(sent) is None, "nothing was sent yet"
    operation = await stage.submit()
    found = await stage.gateway.find(sent)
    assert found is not None
    assert isinstance(await stage.ended(found), Finished)
    assert {"request_id", "id"} & found.keys() & operation.keys()
    await stage.submit()
    assert await stage.gateway.find(sent) is None, "two fit, and nobody knows which is ours"


async def test_twenty_at_once_are_twenty(stage: Stage) -> None:
    operations = await asyncio.gather(*(stage.submit() for _ in range(20)))
    assert len({json.dumps(one, sort_keys=True) for one in operations}) == 20
    assert stage.posts() == 20
    states = await asyncio.gather(*(stage.gateway.poll(one) for one in operations))
    assert all(isinstance(one, Pending) for one in states)


async def test_a_check_costs_nothing_and_tells_what_the_api_tells(stage: Stage) -> None:
    health = await stage.gateway.check()
    assert health.accepted is True
    assert bool(health.balance) == stage.case.balance
    assert {one.request.method for one in stage.recorder.heard} == {"GET"}


async def test_a_check_with_a_wrong_key_is_an_answer(stage: Stage) -> None:
    wrong = stage.case.open(stage.case.settings(stage.standin.origin, "a-key-of-nobody"), stage.http)
    health = await wrong.check()
    assert health.accepted is False
    assert health.note
    assert "a-key-of-nobody" not in repr(health)


async def test_a_wrong_key_is_refused_and_costs_nothing(stage: Stage) -> None:
    operation = await stage.submit()
    wrong = stage.case.open(stage.case.settings(stage.standin.origin, "a-key-of-nobody"), stage.http)
    with pytest.raises(SubmitRefused) as refused:
        await wrong.submit(stage.case.endpoint, stage.case.body)
    with pytest.raises(PollTrouble) as trouble:
        await wrong.poll(operation)
    assert (refused.value.code, trouble.value.code) == ("unauthorized", "unauthorized")
    assert "a-key-of-nobody" not in f"{refused.value} {trouble.value}"


async def test_every_request_names_the_product_and_has_four_time_limits(stage: Stage, clip: Path) -> None:
    operation = await stage.submit()
    await stage.gateway.poll(operation)
    await stage.gateway.cancel(operation)
    await stage.gateway.check()
    if stage.case.uploads:
        await stage.gateway.upload(clip, "video/mp4")
    for one in stage.recorder.heard:
        assert one.request.headers["user-agent"] == USER_AGENT
        assert "traceparent" not in one.request.headers
        limits = one.request.extensions["timeout"]
        assert limits.keys() == {"connect", "read", "write", "pool"}
        assert all(0 < limit <= 300 for limit in limits.values())
        assert limits["connect"] <= 5
