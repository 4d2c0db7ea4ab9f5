"""Every request is one span, and no span tells a key, a prompt, an id or an address of media."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from tests.gateways.contract.cases import PROMPT
from tests.gateways.contract.conftest import Stage

from videogen_mcp.errors import SubmitRefused
from videogen_mcp.gateways.attended import Attended
from videogen_mcp.gateways.base import Finished, Pending
from videogen_mcp.gateways.errand import template_of
from videogen_mcp.gateways.pace import UNLIMITED, Pace
from videogen_mcp.jobs.clock import SystemClock

EXPORTER = InMemorySpanExporter()


@pytest.fixture(name="spans", scope="module")
def spans_fixture() -> InMemorySpanExporter:
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(EXPORTER))
    trace.set_tracer_provider(provider)
    return EXPORTER


@pytest.fixture(autouse=True)
def empty_fixture(spans: InMemorySpanExporter) -> Iterator[None]:
    spans.clear()
    yield
    spans.clear()


def attended(stage: Stage, key: str | None = None) -> Attended:
    settings = stage.case.settings(stage.standin.origin, key or stage.standin.key)
    return Attended(stage.case.open(settings, stage.http), Pace(UNLIMITED, SystemClock()))


def written(span: ReadableSpan) -> str:
    """Everything that leaves the process with a span."""
    return span.to_json(indent=None)


async def test_each_request_is_a_span_that_tells_no_secret(
    stage: Stage, spans: InMemorySpanExporter, clip: Path
) -> None:
    gateway = attended(stage)
    operation = await gateway.submit(stage.case.endpoint, stage.case.body)
    while isinstance(state := await gateway.poll(operation), Pending):
        pass
    await gateway.cancel(operation)
    await gateway.check()
    if stage.case.uploads:
        await gateway.upload(clip, "video/mp4")
    finished = spans.get_finished_spans()
    assert len(finished) == len(stage.recorder.heard)
    secrets = [stage.standin.key, PROMPT, "?", *(str(one) for name, one in operation.items() if name != "api")]
    secrets += [state.url or ""] if isinstance(state, Finished) else []
    for span, heard in zip(finished, stage.recorder.heard, strict=True):
        attributes = dict(span.attributes or {})
        assert span.kind is SpanKind.CLIENT
        assert span.name == f"{stage.case.gateway} {attributes['videogen.operation']}"
        assert attributes["videogen.gateway"] == stage.case.gateway
        assert attributes["http.request.method"] == heard.request.method
        assert attributes["http.response.status_code"] == heard.status
        assert (attributes["server.address"], attributes["server.port"]) == ("127.0.0.1", heard.request.url.port)
        assert span.events == ()
        text = written(span)
        assert [secret for secret in secrets if secret in text and secret not in stage.case.endpoint] == []
    first = dict(finished[0].attributes or {})
    assert first["videogen.operation"] == "submit"
    assert first["videogen.endpoint"] == f"{stage.case.gateway}:{stage.case.endpoint}"


async def test_a_refusal_is_an_error_without_words(stage: Stage, spans: InMemorySpanExporter) -> None:
    with pytest.raises(SubmitRefused):
        await attended(stage, "a-key-of-nobody").submit(stage.case.endpoint, stage.case.body)
    (span,) = spans.get_finished_spans()
    status = stage.recorder.heard[0].status
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, None)
    assert (span.attributes or {})["error.type"] == str(status)
    assert "a-key-of-nobody" not in written(span)


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("/v3/videos/abc123", "/v3/videos/{id}"),
        ("/v1/models/requests/by-endpoint", "/v1/models/requests/by-endpoint"),
        ("/fal-ai/wan/v2.7/text-to-video", "/{endpoint}"),
        ("/fal-ai/wan/requests/0b0c4f/status", "/fal-ai/wan/requests/{id}/status"),
        ("/v1beta/models/veo-3.1:predictLongRunning", "/v1beta/models/{id}:predictLongRunning"),
        ("/files/Abcdef/input.mp4", "/files/{id}/{id}"),
        ("", ""),
    ],
)
def test_the_form_of_a_path_holds_no_ids(path: str, form: str) -> None:
    assert template_of(path, "fal-ai/wan/v2.7/text-to-video") == form


def test_what_is_written_is_json(spans: InMemorySpanExporter) -> None:
    with trace.get_tracer("tests").start_as_current_span("one"):
        pass
    assert json.loads(written(spans.get_finished_spans()[0]))["name"] == "one"
