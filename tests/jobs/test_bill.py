"""What a gateway says it charged becomes the attempt's and the job's bill, where a unit's price is known."""

from decimal import Decimal

import pytest
from tests.conftest import OpenService
from tests.standins.clips import make_clip
from tests.standins.fal import FalStandIn

from videogen_mcp.catalogue.encode import Payload
from videogen_mcp.catalogue.pricing import Cost
from videogen_mcp.gateways.base import Finished
from videogen_mcp.jobs.ending import billed_of
from videogen_mcp.selection.scoring import Candidate
from videogen_mcp.types import VideoRequest

WAN = "fal-ai/wan/v2.7/text-to-video"
PINNED = VideoRequest(prompt="A fox runs over snow", endpoint=f"fal:{WAN}", duration=2, resolution="720p")


@pytest.mark.parametrize(("unit", "billed"), [("second", Decimal("0.4512")), ("compute seconds", Decimal("0.4512"))])
async def test_units_become_dollars_at_the_live_price(
    standin: FalStandIn, open_service: OpenService, fal_environment: dict[str, str], unit: str, billed: Decimal
) -> None:
    standin.billable_units, standin.video = "3.008", make_clip(1)
    standin.set_price(WAN, 0.15, unit)
    service = open_service(fal_environment)
    await service.live.check((service.catalogue.find(f"fal:{WAN}"),))
    job = await service.wait((await service.generate(PINNED)).id, 20)
    assert job.status == "completed"
    assert (job.attempts[0].billed_usd, job.billed_usd) == (billed, billed)
    assert (await service.totals()).billed_usd == billed
    assert job.attempts[0].cost_usd == job.candidates[0].cost.estimated_usd, "the cap goes on reckoning with it"


async def test_without_a_price_of_a_unit_the_bill_is_not_known(
    standin: FalStandIn, open_service: OpenService, fal_environment: dict[str, str]
) -> None:
    standin.billable_units, standin.video = "3.008", make_clip(1)
    service = open_service(fal_environment)
    job = await service.wait((await service.generate(PINNED)).id, 20)
    assert (job.status, job.candidates[0].cost.unit_usd, job.billed_usd) == ("completed", None, None)


async def test_what_failed_for_free_is_not_missing_from_the_bill(
    standin: FalStandIn, open_service: OpenService, fal_environment: dict[str, str]
) -> None:
    standin.fault("complete_with_error", error="Out of memory", error_type="internal_server_error", status=500)
    service = open_service(fal_environment)
    job = await service.wait((await service.generate(PINNED)).id, 20)
    assert (job.status, job.attempts[0].cost_usd, job.committed_usd) == ("failed", 0, 0)


@pytest.mark.parametrize(
    ("finished", "unit_usd", "billed"),
    [
        (Finished(url="u", billed_usd=Decimal("1.5"), billed_units=Decimal(3)), Decimal(1), Decimal("1.5")),
        (Finished(url="u", billed_units=Decimal("3.008")), Decimal("0.1"), Decimal("0.3008")),
        (Finished(url="u", billed_units=Decimal(0)), Decimal("0.1"), Decimal(0)),
        (Finished(url="u", billed_units=Decimal(3)), None, None),
        (Finished(url="u"), Decimal("0.1"), None),
    ],
)
def test_the_bill(finished: Finished, unit_usd: Decimal | None, billed: Decimal | None) -> None:
    cost = Cost(Decimal(1), Decimal(1), "", "high", unit_usd)
    payload = Payload({"prompt": "p"})
    candidate = Candidate(f"fal:{WAN}", WAN, "fal", "wan-2.7", "wan", payload, cost, 1.0)
    assert billed_of(finished, candidate) == billed
