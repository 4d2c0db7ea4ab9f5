"""Local files and data URIs as media."""

import base64
import os
import stat
import sys
from pathlib import Path

import pytest

from videogen_mcp.errors import DownloadFailed, InvalidRequest, UnsafeMedia
from videogen_mcp.media.disk import write_whole
from videogen_mcp.media.files import (
    MAX_DATA_URI_BYTES,
    MAX_FILE_BYTES,
    check_data_uri,
    decode_data_uri,
    read_local,
)
from videogen_mcp.media.sniff import FORMATS, describe, sniff
from videogen_mcp.settings import Settings, load_settings
from videogen_mcp.types import MediaKind

PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)
MP4 = b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00isomiso2avc1mp41" + bytes(40)
POSIX_ONLY = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX")


@pytest.fixture
def roots(tmp_path: Path) -> Path:
    folder = tmp_path / "inside"
    folder.mkdir()
    return folder


@pytest.fixture
def settings(tmp_path: Path, roots: Path) -> Settings:
    return load_settings({"VIDEOGEN_HOME": str(tmp_path / "home"), "VIDEOGEN_MEDIA_ROOTS": str(roots)})


@pytest.mark.parametrize(
    ("head", "mime_type", "kind", "suffix"),
    [
        (PNG, "image/png", "image", ".png"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "image/jpeg", "image", ".jpg"),
        (b"RIFF\x00\x01\x0a\x00WEBPVP8 ", "image/webp", "image", ".webp"),
        (b"GIF89a\x01\x00", "image/gif", "image", ".gif"),
        (b"BM\x9a\x00\x00\x00\x00\x00\x00\x00\x36\x00\x00\x00\x28\x00\x00\x00", "image/bmp", "image", ".bmp"),
        (b"\x00\x00\x00\x1cftypavif\x00\x00\x00\x00avifmif1", "image/avif", "image", ".avif"),
        (b"\x00\x00\x00\x1cftypmif1\x00\x00\x00\x00mif1avif", "image/avif", "image", ".avif"),
        (b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic", "image/heic", "image", ".heic"),
        (MP4, "video/mp4", "video", ".mp4"),
        (b"\x00\x00\x00\x1cftypmp42\x00\x00\x00\x00mp42heic", "video/mp4", "video", ".mp4"),
        (b"\x00\x00\x00\x14ftypqt  \x00\x00\x00\x00qt  ", "video/quicktime", "video", ".mov"),
        (b"\x00\x00\x00\x08wide\x00\x00\x10\x00mdat", "video/quicktime", "video", ".mov"),
        (b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01\x42\x82\x84webm", "video/webm", "video", ".webm"),
        (b"\x1a\x45\xdf\xa3\xa3\x42\x86\x81\x01\x42\x82\x88matroska", "video/x-matroska", "video", ".mkv"),
        (b"RIFF\x00\x00\x00\x00AVI LIST", "video/x-msvideo", "video", ".avi"),
        (b"RIFF\x00\x00\x00\x00WAVEfmt ", "audio/wav", "audio", ".wav"),
        (b"ID3\x04\x00\x00", "audio/mpeg", "audio", ".mp3"),
        (b"\xff\xfb\x90\x64", "audio/mpeg", "audio", ".mp3"),
        (b"fLaC\x00\x00\x00\x22", "audio/flac", "audio", ".flac"),
        (b"OggS\x00\x02", "audio/ogg", "audio", ".ogg"),
        (b"\x00\x00\x00\x1cftypM4A \x00\x00\x00\x00M4A mp42", "audio/mp4", "audio", ".m4a"),
        (b"\xff\xf1\x50\x80", "audio/aac", "audio", ".aac"),
    ],
)
def test_formats_are_told_from_the_first_bytes(head: bytes, mime_type: str, kind: MediaKind, suffix: str) -> None:
    found = sniff(head)
    assert found is not None
    assert (found.mime_type, found.kind, found.suffix) == (mime_type, kind, suffix)
    assert kind in FORMATS


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (b"", "an empty file"),
        (b"<!DOCTYPE html><html>", "an HTML page"),
        (b"\n <html lang=en>", "an HTML page"),
        (b'<?xml version="1.0"?><Error>', "an XML or SVG document"),
        (b"<svg xmlns=", "an XML or SVG document"),
        (b'{"detail": "gone"}', "a JSON document"),
        (b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd", "a streaming playlist"),
        (b"%PDF-1.7", "a PDF document"),
        (b"PK\x03\x04", "an archive"),
        (b"hello there", "a text"),
        (b"BM is how this sentence begins", "a text"),
        (b"\xff\xff\xff\xff", "a file of an unknown format"),
        (b"\x01\x02\x03", "a file of an unknown format"),
        (MP4, "a video (video/mp4)"),
        (PNG, "an image (image/png)"),
    ],
)
def test_other_things_are_named(head: bytes, words: str) -> None:
    assert describe(head) == words


def test_a_file_inside_the_roots_is_taken(settings: Settings, roots: Path) -> None:
    file = roots / "ein Bild #1.png"
    file.write_bytes(PNG)
    for value in (str(file), file.as_uri(), file.as_uri().replace("file:///", "file://localhost/")):
        taken = read_local(value, settings, field="first_frame", kind="image")
        assert (taken.path, taken.mime_type, taken.kind, taken.size_bytes) == (
            file.resolve(),
            "image/png",
            "image",
            len(PNG),
        )


def test_a_relative_path_starts_in_the_current_folder(
    settings: Settings, roots: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (roots / "clip.mp4").write_bytes(MP4)
    monkeypatch.chdir(roots)
    assert read_local("clip.mp4", settings, field="source_video", kind="video").path == (roots / "clip.mp4").resolve()


def test_the_tilde_is_the_home_folder(settings: Settings, roots: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (roots / "a.png").write_bytes(PNG)
    monkeypatch.setenv("HOME", str(roots))
    monkeypatch.setenv("USERPROFILE", str(roots))
    assert read_local("~/a.png", settings, field="first_frame", kind="image").size_bytes == len(PNG)


def test_extra_roots_are_read_from_too(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    file = tmp_path / "other" / "a.png"
    file.write_bytes(PNG)
    with pytest.raises(UnsafeMedia):
        read_local(str(file), settings, field="first_frame", kind="image")
    assert read_local(str(file), settings, field="first_frame", kind="image", extra_roots=[tmp_path / "other"]).path


@pytest.mark.parametrize("name", ["outside.png", "inside/../outside.png", "missing.png", "inside-not/a.png"])
def test_outside_the_roots_nothing_is_told(settings: Settings, tmp_path: Path, name: str) -> None:
    (tmp_path / "outside.png").write_bytes(PNG)
    with pytest.raises(UnsafeMedia, match="outside the folders") as caught:
        read_local(f"{tmp_path}/{name}", settings, field="first_frame", kind="image")
    assert str(tmp_path) not in str(caught.value)
    assert caught.value.field == "first_frame"


@POSIX_ONLY
def test_a_symbolic_link_out_of_the_root_is_refused(settings: Settings, roots: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.png").write_bytes(PNG)
    (roots / "link.png").symlink_to(tmp_path / "secret.png")
    (roots / "folder").symlink_to(tmp_path)
    for value in (roots / "link.png", roots / "folder" / "secret.png"):
        with pytest.raises(UnsafeMedia):
            read_local(str(value), settings, field="first_frame", kind="image")


@POSIX_ONLY
def test_a_symbolic_link_within_the_root_is_followed(settings: Settings, roots: Path) -> None:
    (roots / "real.png").write_bytes(PNG)
    (roots / "link.png").symlink_to(roots / "real.png")
    assert read_local(str(roots / "link.png"), settings, field="first_frame", kind="image").path.name == "real.png"


@POSIX_ONLY
def test_pipes_loops_and_unreadable_paths_are_refused(settings: Settings, roots: Path) -> None:
    os.mkfifo(roots / "pipe.png")
    (roots / "loop.png").symlink_to(roots / "loop.png")
    for name, words in (("pipe.png", "a device or a pipe"), ("loop.png", "can be followed|cannot be read")):
        with pytest.raises(InvalidRequest, match=words):
            read_local(str(roots / name), settings, field="first_frame", kind="image")


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("missing.png", None, "does not exist"),
        ("empty.png", b"", "is empty"),
        (
            "notes.txt",
            b"hello",
            "first_frame 'notes.txt' is not an image: it is a text. Allowed formats: PNG, JPEG, WebP, GIF, BMP",
        ),
        ("clip.png", MP4, r"is not an image: it is a video \(video/mp4\)"),
    ],
)
def test_a_file_that_cannot_be_used(
    settings: Settings, roots: Path, name: str, content: bytes | None, words: str
) -> None:
    if content is not None:
        (roots / name).write_bytes(content)
    with pytest.raises(InvalidRequest, match=words) as caught:
        read_local(str(roots / name), settings, field="first_frame", kind="image")
    assert caught.value.field == "first_frame"
    assert str(roots) not in str(caught.value)
    assert not isinstance(caught.value, UnsafeMedia)


def test_a_folder_is_not_a_file(settings: Settings, roots: Path) -> None:
    with pytest.raises(InvalidRequest, match="'inside' is a folder"):
        read_local(str(roots), settings, field="first_frame", kind="image")


def test_a_file_is_not_a_folder(settings: Settings, roots: Path) -> None:
    (roots / "a.png").write_bytes(PNG)
    with pytest.raises(InvalidRequest):
        read_local(str(roots / "a.png" / "b.png"), settings, field="first_frame", kind="image")


def test_a_huge_file_is_refused_by_its_length(settings: Settings, roots: Path) -> None:
    with (roots / "huge.png").open("wb") as file:
        file.write(PNG)
        file.truncate(MAX_FILE_BYTES + 1)
    with pytest.raises(InvalidRequest, match="at most 500 MB"):
        read_local(str(roots / "huge.png"), settings, field="first_frame", kind="image")


@pytest.mark.parametrize(
    "value", ["", "  ", "//server/share/a.png", "\\\\server\\share\\a.png", "file://server/a.png", "a\0b"]
)
def test_what_is_not_a_path_of_this_machine(settings: Settings, value: str) -> None:
    with pytest.raises(InvalidRequest, match="is not a path on this machine"):
        read_local(value, settings, field="first_frame", kind="image")


def data_uri(content: bytes, declared: str = "image/png") -> str:
    return f"data:{declared};base64,{base64.b64encode(content).decode()}"


def test_a_data_uri_is_written_once(settings: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "media"
    first = decode_data_uri(data_uri(PNG, "text/plain"), settings, field="first_frame", kind="image", folder=folder)
    before = first.path.stat()
    second = decode_data_uri(data_uri(PNG), settings, field="first_frame", kind="image", folder=folder)
    assert first == second
    assert first.path.read_bytes() == PNG
    assert (first.mime_type, first.kind, first.size_bytes, first.path.suffix) == (
        "image/png",
        "image",
        len(PNG),
        ".png",
    )
    assert (before.st_ino, before.st_mtime_ns) == (first.path.stat().st_ino, first.path.stat().st_mtime_ns)
    assert list(folder.iterdir()) == [first.path]
    if sys.platform != "win32":
        assert stat.S_IMODE(before.st_mode) == 0o600


def test_a_damaged_file_of_that_name_is_written_again(settings: Settings, tmp_path: Path) -> None:
    path = decode_data_uri(data_uri(PNG), settings, field="first_frame", kind="image", folder=tmp_path).path
    path.write_bytes(PNG[:5])
    decode_data_uri(data_uri(PNG), settings, field="first_frame", kind="image", folder=tmp_path)
    assert path.read_bytes() == PNG


@pytest.mark.parametrize("header", ["data:;base64,", "data:image/png;charset=utf-8;base64,", "DATA:image/PNG;BASE64,"])
def test_headers_of_data_uris(header: str) -> None:
    check_data_uri(header + base64.b64encode(PNG).decode(), field="first_frame", kind="image")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("data:image/png,abc", "not a base64 data URI"),
        ("data:image/svg+xml;utf8,<svg/>", "not a base64 data URI"),
        ("data:", "not a base64 data URI"),
        ("data:image/png;base64,", "is empty"),
        ("data:image/png;base64,abc", "not valid base64"),
        ("data:image/png;base64,iVBO RwKG", "not valid base64"),
        ("data:image/png;base64,iVBO_-KG", "not valid base64"),
        ("data:image/png;base64,äöüß", "not valid base64"),
        ("data:image/png;base64,iVBO====iVBO", "not valid base64"),
        (data_uri(b"hello there"), "is not an image: it is a text"),
        (data_uri(MP4), "is not an image: it is a video"),
        ("data:image/png;base64," + "A" * (MAX_DATA_URI_BYTES * 4 // 3 + 8), "at most 50 MB"),
    ],
    ids=range(12),
)
def test_bad_data_uris(settings: Settings, tmp_path: Path, value: str, words: str) -> None:
    with pytest.raises(InvalidRequest, match=words) as caught:
        check_data_uri(value, field="last_frame", kind="image")
    assert caught.value.field == "last_frame"
    assert len(str(caught.value)) < 500
    with pytest.raises(InvalidRequest, match=words):
        decode_data_uri(value, settings, field="last_frame", kind="image", folder=tmp_path / "media")
    assert not (tmp_path / "media").exists()


def test_what_cannot_be_written_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DownloadFailed, match=r"'a\.png' could not be written: the disk is full") as caught:
        write_whole(tmp_path / "a.png", PNG)
    assert not caught.value.retryable
    assert list(tmp_path.iterdir()) == []
