"""Planning over the whole catalogue, and over one of ten thousand endpoints."""

from collections.abc import Iterator

from tests.selection.ablation import changed_by
from tests.selection.cases import cases

from bench.figures import Figure, median, milliseconds, percentile
from videogen_mcp.catalogue import Catalogue, load_catalogue
from videogen_mcp.gateways import GATEWAYS
from videogen_mcp.selection.decide import Situation, decide
from videogen_mcp.selection.eligibility import GatewayState
from videogen_mcp.types import VideoRequest

REQUEST = VideoRequest(
    prompt='A lighthouse keeper says "The storm is here" and runs down the stairs, handheld camera, 35mm film',
    duration=6,
    aspect_ratio="16:9",
    generate_audio=True,
)
ALL_KEYS = {
    name: GatewayState(entry.key_variable, configured=True, supported=entry.implementation is not None)
    for name, entry in GATEWAYS.items()
}
MANY = 10_000


def figures() -> Iterator[Figure]:
    """Median and 95th percentile of a plan, and what ten times as many endpoints cost."""
    catalogue = load_catalogue()

    def plan(over: Catalogue) -> None:
        decide(REQUEST, over, Situation(ALL_KEYS))

    taken = milliseconds(lambda: plan(catalogue), times=200, warm_up=5)
    yield Figure("plan over the catalogue, p50", median(taken), "ms", 10)
    yield Figure("plan over the catalogue, p95", percentile(taken, 0.95), "ms", 20)
    tenth, whole = synthetic(catalogue, MANY // 10), synthetic(catalogue, MANY)
    small = median(milliseconds(lambda: plan(tenth), times=10))
    large = median(milliseconds(lambda: plan(whole), times=5))
    yield Figure(f"plan over {MANY} endpoints", large, "ms", 400)
    yield Figure("the same per endpoint, to a tenth of them", large / MANY / (small / (MANY // 10)), "x", 1.5)
    yield from robustness()


def robustness() -> Iterator[Figure]:
    """How many choices of the table hang on single numbers."""
    total = sum(not case.is_refused for case in cases())
    for change, names in changed_by().items():
        yield Figure(f"choices that change {change}", 100 * len(names) / total, "%", 10, tuple(names))


def synthetic(catalogue: Catalogue, count: int) -> Catalogue:
    """The catalogue's endpoints over and over, each time under other ids."""
    endpoints = [
        endpoint.model_copy(update={"id": f"{endpoint.id}/copy-{number}"})
        for number in range(count // len(catalogue.endpoints) + 1)
        for endpoint in catalogue.endpoints
    ]
    return Catalogue(catalogue.models.values(), endpoints[:count])
