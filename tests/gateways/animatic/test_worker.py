import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import av
import pytest

COMMAND = [sys.executable, "-m", "videogen_mcp.gateways.animatic"]


def run(request: str) -> tuple[int, list[dict[str, Any]], str]:
    done = subprocess.run(COMMAND, input=request, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stderr


def request_for(folder: Path, **changes: Any) -> dict[str, Any]:
    return {
        "prompt": "a boat on the sea",
        "seconds": 1,
        "width": 320,
        "height": 180,
        "path": str(folder / "film.mp4"),
        **changes,
    }


def test_a_film_is_made(tmp_path: Path) -> None:
    request = request_for(tmp_path, audio=True, seed=3, fps=12, first_frame=None, reference_images=[])
    status, lines, errors = run(json.dumps(request))
    assert (status, errors) == (0, "")
    assert lines[-1] == {"done": True}
    shares = [line["progress"] for line in lines[:-1]]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    with av.open(str(tmp_path / "film.mp4")) as container:
        assert container.streams.video[0].frames == 12
        assert container.streams.audio


def test_two_processes_make_the_same_film(tmp_path: Path) -> None:
    paths = [tmp_path / "a.mp4", tmp_path / "b.mp4"]
    for path in paths:
        assert run(json.dumps(request_for(tmp_path, seconds=0.3, path=str(path))))[0] == 0
    assert paths[0].read_bytes() == paths[1].read_bytes()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"width": 321}, "width is 321"),
        ({"width": "320"}, "width is '320'"),
        ({"audio": 1}, "audio is 1"),
        ({"seconds": None}, "seconds is None"),
        ({"reference_images": "a.png"}, "reference_images is 'a.png'"),
        ({"colour": "red"}, "unknown field colour"),
    ],
)
def test_a_bad_request_is_answered_with_a_sentence(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    status, lines, errors = run(json.dumps(request_for(tmp_path, **changes)))
    assert (status, errors) == (1, "")
    assert len(lines) == 1
    assert words in lines[0]["error"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("request_text", "words"),
    [("{", "not JSON"), ("[1]", "JSON object"), ('{"prompt": "a"}', "missing field height, path, seconds, width")],
)
def test_what_is_no_request_is_answered_with_a_sentence(request_text: str, words: str) -> None:
    status, lines, _ = run(request_text)
    assert status == 1
    assert words in lines[0]["error"]


def test_it_stops_when_nobody_listens(tmp_path: Path) -> None:
    with subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdin.write(json.dumps(request_for(tmp_path, seconds=100)).encode())
        process.stdin.close()
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(timeout=30) == 1
        assert process.stderr.read() == b""
    assert list(tmp_path.iterdir()) == []
