"""What the doctor finds, and that looking costs nothing."""

import os
import re
import socket
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from tests.standins.fal import FalStandIn
from tests.standins.heygen import HeyGenStandIn
from tests.standins.server import json_reply
from tests.support import home_only, with_fal

from videogen_mcp import __version__
from videogen_mcp.doctor import Check, Report, examine
from videogen_mcp.service import open_service
from videogen_mcp.settings import load_settings


@pytest.fixture(autouse=True)
def no_proxy_fixture(monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind a proxy the way to a host cannot be looked at."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def with_heygen(standin: HeyGenStandIn, home: Path) -> dict[str, str]:
    return home_only(
        home,
        HEYGEN_API_KEY=standin.key,
        VIDEOGEN_HEYGEN_URL=standin.origin,
        VIDEOGEN_HEYGEN_UPLOAD_URL=standin.upload_url,
        VIDEOGEN_ALLOWED_HOSTS=standin.origin.removeprefix("http://"),
    )


async def look(environment: Mapping[str, str]) -> tuple[Report, dict[str, Check]]:
    async with open_service(load_settings(environment)) as service:
        report = await examine(service)
    return report, {one.name: one for one in report.checks}


async def test_a_fresh_machine_is_fine_and_told_what_is_missing(tmp_path: Path) -> None:
    report, checks = await look(home_only(tmp_path / "home"))
    assert report.ok
    assert report.version == __version__
    for name in ("python", "data folder", "videos folder", "jobs", "renderer", "gateway local"):
        assert checks[name].status == "ok"
    for name, variable in {"fal": "FAL_KEY", "heygen": "HEYGEN_API_KEY", "google": "GEMINI_API_KEY"}.items():
        assert checks[f"gateway {name}"].status == "note"
        assert variable in checks[f"gateway {name}"].detail
    assert "0 jobs" in checks["jobs"].detail


async def test_a_key_is_tried_with_one_free_call_of_its_own_gateway(tmp_path: Path) -> None:
    with FalStandIn() as standin, HeyGenStandIn() as other:
        report, checks = await look(with_fal(standin, tmp_path))
        assert [(one.method, one.path) for one in standin.requests] == [("GET", "/platform/v1/models/pricing")]
        assert (standin.violations, other.requests) == ([], [])
    assert report.ok
    assert checks["gateway fal"].status == "ok"
    told = "FAL_KEY is accepted; 127.0.0.1 answers; its API does not tell a balance"
    assert checks["gateway fal"].detail == told
    assert standin.key not in report.model_dump_json()


async def test_a_balance_is_told_where_the_api_tells_it(tmp_path: Path) -> None:
    with HeyGenStandIn() as standin:
        report, checks = await look(with_heygen(standin, tmp_path))
    assert report.ok
    told = "HEYGEN_API_KEY is accepted; 127.0.0.1 answers; wallet: $42.50 left"
    assert checks["gateway heygen"].detail == told


async def test_a_refused_key_fails(tmp_path: Path) -> None:
    with FalStandIn() as standin:
        report, checks = await look(with_fal(standin, tmp_path, FAL_KEY="not-the-key"))
    assert not report.ok
    assert checks["gateway fal"].status == "fail"
    assert "FAL_KEY is refused" in checks["gateway fal"].detail
    assert "127.0.0.1 answers" in checks["gateway fal"].detail


@pytest.mark.parametrize(("hours", "words"), [(-1, "ahead of"), (1, "behind")])
async def test_a_clock_that_is_wrong_is_told(tmp_path: Path, hours: int, words: str) -> None:
    theirs = format_datetime(datetime.now(UTC) + timedelta(hours=hours), usegmt=True)
    with HeyGenStandIn() as standin:
        standin.script(json_reply(200, {"data": standin.account.user}, Date=theirs))
        report, checks = await look(with_heygen(standin, tmp_path))
    assert report.ok
    assert checks["gateway heygen"].status == "note"
    told = checks["gateway heygen"].detail
    assert re.search(rf"this machine's clock is (35[5-9]\d|36[0-4]\d) s {words} the gateway's", told), told


async def test_a_right_clock_is_not_worth_a_word(tmp_path: Path) -> None:
    with HeyGenStandIn() as standin:
        now = format_datetime(datetime.now(UTC), usegmt=True)
        standin.script(json_reply(200, {"data": standin.account.user}, Date=now))
        _, checks = await look(with_heygen(standin, tmp_path))
    assert "clock" not in checks["gateway heygen"].detail


async def test_an_api_that_is_broken_fails_with_what_it_says(tmp_path: Path) -> None:
    with HeyGenStandIn() as standin:
        standin.script(json_reply(503, {"error": {"code": "down", "message": "Maintenance"}}))
        report, checks = await look(with_heygen(standin, tmp_path))
    assert not report.ok
    assert "503: Maintenance" in checks["gateway heygen"].detail


async def test_a_gateway_that_cannot_be_reached_fails(tmp_path: Path) -> None:
    with FalStandIn() as standin, socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        environment = with_fal(standin, tmp_path, VIDEOGEN_FAL_QUEUE_URL=url, VIDEOGEN_ALLOWED_HOSTS="127.0.0.1")
        report, checks = await look(environment)
    assert not report.ok
    assert checks["gateway fal"].status == "fail"
    assert "127.0.0.1 cannot be reached: no connection to port" in checks["gateway fal"].detail


async def test_a_name_that_does_not_resolve_and_a_host_without_tls_are_told_apart(tmp_path: Path) -> None:
    with FalStandIn() as standin:
        _, unknown = await look(with_fal(standin, tmp_path, VIDEOGEN_FAL_QUEUE_URL="https://queue.invalid"))
        plain = standin.origin.replace("http:", "https:")
        _, without = await look(with_fal(standin, tmp_path, VIDEOGEN_FAL_QUEUE_URL=plain))
    assert "queue.invalid cannot be reached: its name does not resolve" in unknown["gateway fal"].detail
    assert "127.0.0.1 cannot be reached: no secure connection, TLS fails" in without["gateway fal"].detail


async def test_an_address_that_cannot_be_used_fails(tmp_path: Path) -> None:
    environment = home_only(tmp_path, FAL_KEY="key-of-the-tests", VIDEOGEN_FAL_QUEUE_URL="http://queue.example")
    report, checks = await look(environment)
    assert not report.ok
    assert checks["gateway fal"].status == "fail"
    assert "VIDEOGEN_FAL_QUEUE_URL" in checks["gateway fal"].detail


async def test_a_placeholder_that_was_not_filled_in_is_no_key(tmp_path: Path) -> None:
    report, checks = await look(home_only(tmp_path, GEMINI_API_KEY="${GEMINI_API_KEY}"))
    assert report.ok
    assert checks["gateway google"].detail == "GEMINI_API_KEY is not set"


async def test_folders_that_cannot_be_written_fail(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    videos = str(tmp_path / "file" / "videos")
    report, checks = await look(home_only(tmp_path / "home", VIDEOGEN_OUTPUT_DIR=videos))
    assert not report.ok
    assert checks["data folder"].status == "ok"
    assert checks["videos folder"].status == "fail"
    assert "cannot be written" in checks["videos folder"].detail
    report, checks = await look(home_only(tmp_path / "file" / "home"))
    assert not report.ok
    assert checks["data folder"].status == checks["jobs"].status == "fail"


async def test_a_database_that_is_none_fails(tmp_path: Path) -> None:
    (tmp_path / "videogen.sqlite3").write_bytes(os.urandom(4096))
    report, checks = await look(home_only(tmp_path))
    assert not report.ok
    assert checks["jobs"].status == "fail"
