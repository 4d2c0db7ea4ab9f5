"""What the contract suite must know of each gateway: its stand-in, what is sent, and how a generation ends there.

A registered gateway without cases fails the suite (`test_every_registered_gateway_has_cases`). To bring one in, write
its strict stand-in, and one entry of `CASES` for each kind of call that starts a generation.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol, cast

import httpx2
from tests.gateways.google.bodies import BODY as OMNI_BODY
from tests.gateways.google.bodies import OMNI, VEO, VEO_BODY, Sleeper
from tests.gateways.heygen.bodies import AGENT, AVATAR, BODIES, MODEL, V1
from tests.standins.fal import FalStandIn
from tests.standins.google import GoogleStandIn
from tests.standins.heygen import HeyGenStandIn
from tests.standins.mountsea import MountseaStandIn
from tests.standins.novakit import NovaKitStandIn

from videogen_mcp.gateways import GATEWAYS
from videogen_mcp.gateways.base import MARK_PREFIX, CancelOutcome, Gateway
from videogen_mcp.gateways.google import GoogleGateway
from videogen_mcp.gateways.pace import Rate
from videogen_mcp.settings import Settings, load_settings

PROMPT = "A fox runs over snow, and no trace may tell of it"
Json = dict[str, Any]


class StandIn(Protocol):
    """What all stand-ins have in common."""

    origin: str
    key: str

    @property
    def requests(self) -> list[Any]: ...
    @property
    def violations(self) -> list[str]: ...


@dataclass(frozen=True)
class Case:
    """One kind of call that starts a generation.

    Attributes:
        name: Its name in the suite, beginning with that of its gateway.
        endpoint: The endpoint in the gateway's own words.
        body: What the gateway is given; it holds `PROMPT`.
        standin: Makes the strict stand-in.
        addresses: The variables with the gateway's addresses, each with the path that follows the stand-in's origin.
        fail: Lets the next generation fail for reasons of its own.
        cancel: What a cancellation is answered with while the generation runs.
        cancels: Whether a cancellation sends anything.
        too_late: What a cancellation is answered with when it has ended.
        finds: Lets the stand-in list what it accepted; None where the gateway cannot look a lost submit up.
        uploads: Whether the gateway takes files.
        balance: Whether the API tells what is left.
    """

    name: str
    endpoint: str
    body: Json
    standin: Callable[[], AbstractContextManager[Any]]
    addresses: Mapping[str, str]
    fail: Callable[[Any], None]
    cancel: CancelOutcome = "unknown"
    cancels: bool = False
    too_late: CancelOutcome = "unknown"
    finds: Callable[[Any], None] | None = None
    uploads: bool = True
    balance: bool = True

    @property
    def gateway(self) -> str:
        return self.name.partition(" ")[0]

    @property
    def rate(self) -> Rate:
        implementation = GATEWAYS[self.gateway].implementation
        assert implementation is not None
        return implementation.rate

    def settings(self, origin: str, key: str, home: str = "/nowhere") -> Settings:
        variable = GATEWAYS[self.gateway].key_variable
        assert variable is not None
        urls = {name: f"{origin}{path}" for name, path in self.addresses.items()}
        allowed = {"VIDEOGEN_ALLOWED_HOSTS": origin.partition("://")[2]}
        return load_settings({"VIDEOGEN_HOME": home, variable: key} | urls | allowed)

    def open(self, settings: Settings, http: httpx2.AsyncClient) -> Gateway:
        """The bare gateway, which waits for nothing."""
        implementation = GATEWAYS[self.gateway].implementation
        assert implementation is not None
        if implementation is GoogleGateway:
            return GoogleGateway.open(settings, http, sleep=Sleeper())
        return implementation.open(settings, http)


def _fail_fal(standin: FalStandIn) -> None:
    standin.fault("complete_with_error", status=500, error="CUDA out of memory", error_type="internal_server_error")


def _fail_heygen(standin: HeyGenStandIn) -> None:
    standin.fail("rendering_failed", "The model crashed")


def _fail_omni(standin: GoogleStandIn) -> None:
    standin.plan.ending = {"status": "failed", "error": {"code": 13, "message": "The model crashed"}}


def _fail_veo(standin: GoogleStandIn) -> None:
    standin.plan.ending = {"error": {"code": 13, "message": "The model crashed"}}


def _fail_mountsea(standin: MountseaStandIn) -> None:
    standin.plan("pending", "failed")


def _fail_novakit(standin: NovaKitStandIn) -> None:
    standin.plan(("pending", None), ("failed", None))


def _list_fal(standin: FalStandIn) -> None:
    standin.history.lists_running = True


def _list_heygen(standin: HeyGenStandIn) -> None:
    del standin  # it always lists


def _heygen(name: str, endpoint: str, **more: Any) -> Case:
    body = dict(BODIES[endpoint])
    body["script" if endpoint == AVATAR else "prompt"] = PROMPT
    if endpoint == AVATAR:
        body["title"] = f"{MARK_PREFIX}0123456789abcdef"
    addresses = {"VIDEOGEN_HEYGEN_URL": "", "VIDEOGEN_HEYGEN_UPLOAD_URL": "/upload"}
    return Case(f"heygen {name}", endpoint, body, HeyGenStandIn, addresses, _fail_heygen, **more)


CASES: tuple[Case, ...] = (
    Case(
        "fal queue",
        "fal-ai/wan/v2.7/text-to-video",
        {"prompt": PROMPT, "duration": 4, "resolution": "720p", "seed": 7},
        FalStandIn,
        {"VIDEOGEN_FAL_QUEUE_URL": "", "VIDEOGEN_FAL_REST_URL": "/rest", "VIDEOGEN_FAL_API_URL": "/platform"},
        _fail_fal,
        cancel="requested",
        cancels=True,
        too_late="too_late",
        finds=_list_fal,
        balance=False,
    ),
    _heygen("v1", V1),
    _heygen("model", MODEL),
    _heygen("avatar", AVATAR, finds=_list_heygen),
    _heygen("agent", AGENT, cancel="requested", cancels=True, too_late="too_late"),
    Case(
        "google omni",
        OMNI,
        OMNI_BODY | {"prompt": PROMPT},
        GoogleStandIn,
        {"VIDEOGEN_GOOGLE_URL": ""},
        _fail_omni,
        cancel="requested",
        cancels=True,
        too_late="too_late",
        balance=False,
    ),
    Case(
        "google veo",
        VEO,
        VEO_BODY | {"prompt": PROMPT},
        GoogleStandIn,
        {"VIDEOGEN_GOOGLE_URL": ""},
        _fail_veo,
        cancel="too_late",
        too_late="too_late",
        balance=False,
    ),
    Case(
        "mountsea hub",
        "veo-3.1",
        {"prompt": PROMPT, "duration": "4s"},
        MountseaStandIn,
        {"VIDEOGEN_MOUNTSEA_URL": ""},
        _fail_mountsea,
        uploads=False,
    ),
    Case(
        "novakit videos",
        "fal-ai/veo3",
        {"prompt": PROMPT, "mode": "text_to_video", "duration_seconds": 4},
        NovaKitStandIn,
        {"VIDEOGEN_NOVAKIT_URL": "/api/v1"},
        _fail_novakit,
        uploads=False,
    ),
)


def of(standin: Any) -> StandIn:
    return cast("StandIn", standin)
