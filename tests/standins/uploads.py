"""fal's storage as its own clients use it: a token, then one upload, or a file in parts that are checked one by one."""

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from urllib.parse import quote
from uuid import uuid4

from tests.standins.schemas import DROPPED, Fault, RecordedRequest, Reply, Upload, detail, json_reply, scripted

MULTIPART_PATH = "/cdn/files/upload/multipart"
PART = re.compile(r"/cdn/parts/(?P<name>[^/]+)/multipart/(?P<id>[^/]+)/(?P<number>[1-9]\d*|complete)")
PART_BYTES = 10_000_000
MOST_PARTS = 10_000
LONGEST_SINGLE = 100_000_000
LONGEST_KEPT = 20_000_000


@dataclass
class _InParts:
    """A file on its way: the ETag and the bytes of each part that arrived."""

    name: str
    content_type: str
    address: str
    parts: dict[int, tuple[str, bytes]] = field(default_factory=dict[int, tuple[str, bytes]])


class UploadHost:
    """The storage API and the CDN; called with the stand-in's lock held."""

    def __init__(self, cdn_url: str, files_url: str, report: Callable[[str], None]) -> None:
        self.uploads: list[Upload] = []
        self.sent_parts: list[int] = []
        self._cdn_url = cdn_url
        self._files_url = files_url
        self._report = report
        self._tokens: set[str] = set()
        self._open: dict[str, _InParts] = {}
        self._beginnings = {("POST", "/cdn/files/upload"): self._whole, ("POST", MULTIPART_PATH): self._begin}

    def token(self, request: RecordedRequest) -> Reply:
        if request.path != "/rest/storage/auth/token":
            return detail(404, "Not Found")
        if request.method != "POST":
            return detail(405, "Method Not Allowed")
        if request.query != {"storage_type": ["fal-cdn-v3"]} or request.json != {}:
            return detail(400, "Expected storage_type=fal-cdn-v3 and an empty JSON object")
        token = uuid4().hex
        self._tokens.add(token)
        expires = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
        return json_reply(
            200, {"token": token, "token_type": "Bearer", "base_url": self._cdn_url, "expires_at": expires}
        )

    def answer(self, request: RecordedRequest, key: str, fault: Fault | None) -> Reply:
        refusal = self._refusal(request.headers, key)
        if refusal is not None:
            return refusal
        if fault is not None and fault.kind != "upload_no_etag":
            is_drop = fault.kind == "upload_drop"
            return DROPPED if is_drop else scripted(fault.details, 503, {"detail": "Service Unavailable"})
        if (request.method, request.path) in self._beginnings:
            return self._beginnings[request.method, request.path](request)
        reply = self._in_parts(request)
        return reply if fault is None else Reply(reply.status, reply.body)

    def _in_parts(self, request: RecordedRequest) -> Reply:
        route = PART.fullmatch(request.path)
        opened = self._open.get(route["id"]) if route else None
        if route is None or opened is None or not opened.address.endswith(f"/{route['name']}"):
            return detail(404, "Not Found")
        if request.method == "POST" and route["number"] == "complete":
            return self._complete(request, route["id"], opened)
        if request.method == "PUT" and route["number"] != "complete":
            return self._part(request, int(route["number"]), opened)
        return detail(405, "Method Not Allowed")

    def _refusal(self, headers: Mapping[str, str], key: str) -> Reply | None:
        authorization = headers.get("authorization", "")
        if key in authorization or authorization.startswith("Key "):
            self._report("The key was sent to the upload host, which takes only an upload token.")
            return detail(400, "The upload takes a bearer token, not a key")
        if authorization not in {f"Bearer {token}" for token in self._tokens}:
            return detail(401, "Invalid upload token")
        return None

    def _named(self, request: RecordedRequest) -> Reply | None:
        if not request.headers.get("content-type") or not request.headers.get("x-fal-file-name"):
            return detail(400, "An upload needs Content-Type and X-Fal-File-Name")
        return None

    def _whole(self, request: RecordedRequest) -> Reply:
        if len(request.body) > LONGEST_SINGLE:
            return detail(413, "A file of more than 100 MB goes up in parts")
        refusal = self._named(request)
        if refusal is not None or not request.body:
            return refusal or detail(400, "An upload needs a body")
        name, content_type = request.headers["x-fal-file-name"], request.headers["content-type"]
        url = f"{self._files_url}/uploads/{uuid4().hex}/{quote(name.rsplit('/', 1)[-1])}"
        self._keep(url, name, content_type, [request.body])
        return json_reply(200, {"access_url": url})

    def _keep(self, url: str, name: str, content_type: str, pieces: list[bytes]) -> None:
        digest, size = hashlib.sha256(), 0
        for piece in pieces:
            digest.update(piece)
            size += len(piece)
        data = b"".join(pieces) if size <= LONGEST_KEPT else b""
        self.uploads.append(Upload(url, name, content_type, data, size, digest.hexdigest()))

    def _begin(self, request: RecordedRequest) -> Reply:
        refusal = self._named(request)
        if refusal is not None or request.body:
            return refusal or detail(400, "A file in parts begins with an empty body")
        upload_id = uuid4().hex
        address = f"{self._cdn_url}/parts/{uuid4().hex}"
        headers = request.headers
        self._open[upload_id] = _InParts(headers["x-fal-file-name"], headers["content-type"], address)
        return json_reply(200, {"access_url": address, "uploadId": upload_id})

    def _part(self, request: RecordedRequest, number: int, opened: _InParts) -> Reply:
        self.sent_parts.append(number)
        if not 1 <= number <= MOST_PARTS:
            return detail(400, "The number of a part is 1 to 10000")
        if not 0 < len(request.body) <= PART_BYTES:
            return detail(400, "A part has up to 10 MB")
        etag = f'"{hashlib.md5(request.body, usedforsecurity=False).hexdigest()}"'
        opened.parts[number] = (etag, request.body)
        return Reply(200, headers={"ETag": etag})

    def _complete(self, request: RecordedRequest, upload_id: str, opened: _InParts) -> Reply:
        asked: Any = request.json
        listed = cast("dict[str, Any]", asked).get("parts") if isinstance(asked, dict) else None
        expected = [{"partNumber": number, "etag": opened.parts[number][0]} for number in sorted(opened.parts)]
        if listed != expected or [one["partNumber"] for one in expected] != list(range(1, len(expected) + 1)):
            return detail(400, "The parts must be all that were sent, in order, each with its ETag")
        bodies = [opened.parts[number][1] for number in sorted(opened.parts)]
        if any(len(body) != PART_BYTES for body in bodies[:-1]):
            return detail(400, "Only the last part may be shorter than 10 MB")
        del self._open[upload_id]
        self._keep(opened.address, opened.name, opened.content_type, bodies)
        return Reply(200)
