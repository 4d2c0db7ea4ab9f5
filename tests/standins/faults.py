"""The answers that a test scripts in place of the service's own, and a video made large."""

from tests.standins.schemas import (
    DROPPED,
    HTML,
    Fault,
    Generation,
    Reply,
    acknowledgement_of,
    json_reply,
    scripted,
)


def faulty_acknowledgement(fault: Fault, generation: Generation, origin: str) -> Reply:
    details = fault.details
    acknowledgement = acknowledgement_of(generation, origin)
    match fault.kind:
        case "submit_status":
            return scripted(details, 500, {"detail": "Internal Server Error", "error_type": "internal_error"})
        case "submit_garbage":
            return scripted(details, 200, HTML)
        case "submit_without_request_id":
            del acknowledgement["request_id"]
            return json_reply(200, acknowledgement)
        case "submit_foreign_urls":
            return json_reply(200, acknowledgement_of(generation, details.get("origin", "https://evil.example")))
        case "submit_redirect":
            return Reply(307, headers={"Location": details.get("location", f"/moved/{generation.endpoint}")})
        case _:
            return DROPPED


def padded(video: Reply, size: int | None) -> Reply:
    """The video made larger by a box that players skip, as it is sent, never held in memory."""
    if size is None:
        return video
    free = size - len(video.body)
    whole, rest = divmod(free - 8, 1 << 20)
    pieces = (video.body, free.to_bytes(4, "big") + b"free", *[bytes(1 << 20)] * whole, bytes(rest))
    return Reply(200, headers={**video.headers, "Content-Length": str(size)}, pieces=filter(None, pieces))


def faulty_status(fault: Fault) -> Reply:
    if fault.kind == "status_drop":
        return DROPPED
    if fault.kind == "status_garbage":
        return scripted(fault.details, 200, HTML)
    return scripted(fault.details, 503, {"detail": "Service Unavailable"})


def faulty_download(fault: Fault, video: Reply) -> Reply:
    match fault.kind:
        case "download_truncated":
            return Reply(200, video.body, video.headers, sent=fault.details.get("sent", len(video.body) // 2))
        case "download_html":
            return scripted(fault.details, 200, HTML)
        case "download_redirect":
            return Reply(302, headers={"Location": fault.details.get("location", "https://evil.example/video.mp4")})
        case _:
            return scripted(fault.details, 503, {"detail": "Service Unavailable"})
