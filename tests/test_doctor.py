"""What the doctor finds, and that looking costs nothing."""

import os
import socket
from collections.abc import Mapping
from pathlib import Path

from tests.standins.fal import FalStandIn
from tests.support import home_only, with_fal

from videogen_mcp import __version__
from videogen_mcp.doctor import Check, Report, examine
from videogen_mcp.service import open_service
from videogen_mcp.settings import load_settings


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


async def test_a_key_is_not_sent_anywhere(tmp_path: Path) -> None:
    with FalStandIn() as standin:
        report, checks = await look(with_fal(standin, tmp_path))
        assert standin.requests == []
    assert report.ok
    assert checks["gateway fal"].status == "ok"
    assert checks["gateway fal"].detail == "FAL_KEY is set; 127.0.0.1 answers"
    assert standin.key not in report.model_dump_json()


async def test_a_gateway_that_cannot_be_reached_fails(tmp_path: Path) -> None:
    with FalStandIn() as standin, socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        environment = with_fal(standin, tmp_path, VIDEOGEN_FAL_QUEUE_URL=url, VIDEOGEN_ALLOWED_HOSTS="127.0.0.1")
        report, checks = await look(environment)
    assert not report.ok
    assert checks["gateway fal"].status == "fail"
    assert "cannot be reached" in checks["gateway fal"].detail


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
