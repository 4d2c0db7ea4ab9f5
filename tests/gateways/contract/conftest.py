from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
import pytest_asyncio
from tests.gateways.contract.cases import CASES, Case
from tests.gateways.contract.tape import Recorder
from tests.standins.clips import make_clip

from videogen_mcp.gateways.base import Failed, Finished, Gateway, Operation, Pending


@dataclass
class Stage:
    """A gateway, the stand-in that it talks to, and everything that they say."""

    case: Case
    standin: Any
    gateway: Gateway
    recorder: Recorder
    http: httpx2.AsyncClient

    async def submit(self) -> Operation:
        return await self.gateway.submit(self.case.endpoint, self.case.body)

    async def ended(self, operation: Operation) -> Finished | Failed:
        for _ in range(20):
            state = await self.gateway.poll(operation)
            if not isinstance(state, Pending):
                return state
        raise AssertionError("it never ends")

    def posts(self) -> int:
        return sum(one.request.method == "POST" for one in self.recorder.heard)


@pytest.fixture(name="case", params=CASES, ids=[case.name for case in CASES])
def case_fixture(request: pytest.FixtureRequest) -> Case:
    return request.param


@pytest.fixture(name="standin")
def standin_fixture(case: Case) -> Iterator[Any]:
    with case.standin() as standin:
        yield standin
        assert standin.violations == []


@pytest_asyncio.fixture(name="stage")
async def stage_fixture(case: Case, standin: Any) -> AsyncIterator[Stage]:
    recorder = Recorder()
    async with httpx2.AsyncClient(transport=recorder) as http:
        yield Stage(case, standin, case.open(case.settings(standin.origin, standin.key), http), recorder, http)


@pytest.fixture(name="clip")
def clip_fixture(tmp_path: Path) -> Path:
    path = tmp_path / "a.mp4"
    path.write_bytes(make_clip(1.0))
    return path
