"""All gateways at once, each on its strict stand-in, for tests of the whole product."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, ClassVar, Generic, Self, TypeAlias, TypeVar, cast

from tests.standins.fal import FalStandIn
from tests.standins.google import INTERACTIONS, GoogleStandIn
from tests.standins.heygen import CREATES, WORKFLOWS, HeyGenStandIn
from tests.standins.media import MediaHost
from tests.standins.mountsea import MountseaStandIn
from tests.standins.novakit import NovaKitStandIn
from tests.standins.server import Json, Reply, StandInServer, json_reply

StandIn = FalStandIn | StandInServer
Own = TypeVar("Own", bound=StandIn)
Scripted = TypeVar("Scripted", bound=StandInServer)

MANY_LOOKS = 10_000
"""A generation that takes so many looks does not end before it is let go."""


@dataclass(frozen=True)
class Submit:
    """One submit as it arrived: the endpoint in the gateway's own words, and the body without its envelope."""

    endpoint: str
    body: Json


class Member(Generic[Own]):
    """One gateway's stand-in in the words that all of them share.

    Attributes:
        standin: The stand-in itself.
        environment: What points the product at it, besides the allowed hosts.
    """

    def __init__(self, standin: Own, environment: Mapping[str, str]) -> None:
        self.standin = standin
        self.environment = environment

    def submits(self) -> list[Submit]:
        """Every submit whose body was read, whatever was answered."""
        raise NotImplementedError

    def accepted(self) -> list[str]:
        """What was accepted: the ids as the product tells them."""
        raise NotImplementedError

    def hold(self) -> None:
        """Let no later generation end before `release`."""
        raise NotImplementedError

    def release(self) -> None:
        """Let the held generations end at the next look."""
        raise NotImplementedError

    def fail_next(self) -> None:
        """Let the next generation end as failed; `as_usual` follows once it is accepted."""
        raise NotImplementedError

    def as_usual(self) -> None:
        """Let later generations end with a clip."""

    def lose_next(self) -> None:
        """Accept the next submit and answer nothing."""
        raise NotImplementedError

    def refuse_next(self, status: int) -> None:
        """Refuse the next submit with a status."""
        raise NotImplementedError

    def clip_headers(self) -> dict[str, str]:
        """What must be sent along when a finished clip is fetched."""
        return {}

    @property
    def violations(self) -> list[str]:
        return self.standin.violations


AnyMember: TypeAlias = Member[Any]


class _Fal(Member[FalStandIn]):
    def __init__(self, standin: FalStandIn) -> None:
        standin.plan(0, 1)
        environment = {
            "FAL_KEY": standin.key,
            "VIDEOGEN_FAL_QUEUE_URL": standin.queue_url,
            "VIDEOGEN_FAL_REST_URL": standin.rest_url,
            "VIDEOGEN_FAL_API_URL": standin.api_url,
        }
        super().__init__(standin, environment)

    def submits(self) -> list[Submit]:
        return [Submit(one.path[1:], one.json) for one in self.standin.submits]

    def accepted(self) -> list[str]:
        return self.standin.accepted

    def hold(self) -> None:
        self.standin.hold()

    def release(self) -> None:
        self.standin.release()

    def fail_next(self) -> None:
        details = {"error": "CUDA out of memory", "error_type": "internal_server_error", "status": 500}
        self.standin.fault("complete_with_error", None, 1, **details)

    def lose_next(self) -> None:
        self.standin.fault("submit_drop_after_body", None, 1, accepted=True)

    def refuse_next(self, status: int) -> None:
        self.standin.fault("submit_status", None, 1, status=status, body={"detail": "No."}, accepted=False)


class _Scripted(Member[Scripted]):
    """What the stand-ins on `StandInServer` have in common."""

    submit_paths: ClassVar[str]

    def lose_next(self) -> None:
        self.standin.script(Reply(drop="after_body"), method="POST", path=self.submit_paths, accepted=True)

    def refuse_next(self, status: int) -> None:
        self.standin.script(json_reply(status, {"error": "No."}), method="POST", path=self.submit_paths)


class _HeyGen(_Scripted[HeyGenStandIn]):
    submit_paths: ClassVar[str] = "|".join(sorted(CREATES))

    def __init__(self, standin: HeyGenStandIn) -> None:
        environment = {
            "HEYGEN_API_KEY": standin.key,
            "VIDEOGEN_HEYGEN_URL": standin.origin,
            "VIDEOGEN_HEYGEN_UPLOAD_URL": standin.upload_url,
        }
        super().__init__(standin, environment)

    def submits(self) -> list[Submit]:
        return [_heygen_submit(one.path, one.json) for one in self.standin.submits]

    def accepted(self) -> list[str]:
        return [one.id for one in self.standin.generations]

    def hold(self) -> None:
        self.standin.plan(*["processing"] * MANY_LOOKS)

    def release(self) -> None:
        self.standin.plan("processing")
        for one in self.standin.generations:
            one.running.clear()

    def fail_next(self) -> None:
        self.standin.fail("internal_error", "The model crashed.")


def _heygen_submit(path: str, body: Json) -> Submit:
    if path == WORKFLOWS:
        return Submit(str(body["input"].get("provider")), body["input"])
    variant = body.get("mode") if path == "/v3/models/videos" else body.get("type") if path == "/v3/videos" else None
    return Submit("/".join(filter(None, (path[1:], variant))), body)


class _Google(_Scripted[GoogleStandIn]):
    submit_paths: ClassVar[str] = rf"{INTERACTIONS}|/v1beta/models/[\w.-]+:predictLongRunning"

    def __init__(self, standin: GoogleStandIn) -> None:
        super().__init__(standin, standin.environment)

    def submits(self) -> list[Submit]:
        sent = self.standin.sent("POST", self.submit_paths)
        return [_google_submit(one.path, cast("Json", one.json)) for one in sent]

    def accepted(self) -> list[str]:
        return [
            f"models/{one.body['model']}/operations/{one.id}" if "instances" in one.body else one.id
            for one in self.standin.accepted
        ]

    def hold(self) -> None:
        self.standin.plan.looks = MANY_LOOKS

    def release(self) -> None:
        self.as_usual()
        for one in self.standin.accepted:
            one.looks = 0

    def fail_next(self) -> None:
        self.standin.plan.ending = {"status": "failed", "error": {"code": "internal", "message": "It crashed."}}

    def as_usual(self) -> None:
        self.standin.plan.looks, self.standin.plan.ending = 1, None

    def clip_headers(self) -> dict[str, str]:
        return {"x-goog-api-key": self.standin.key}


def _google_submit(path: str, body: Json) -> Submit:
    """The flat body of the catalogue, without media, which stand in other places here."""
    if path != INTERACTIONS:
        flat = {"prompt": body["instances"][0]["prompt"], **body["parameters"]}
        return Submit(path.rpartition("/")[2].partition(":")[0], flat)
    task = body["generation_config"]["video_config"]["task"]
    wanted = {name: value for name, value in body["response_format"].items() if name not in {"type", "delivery"}}
    endpoint = f"{body['model']}/{task.replace('_', '-')}"
    return Submit(endpoint, {"prompt": body["input"][-1]["text"], "task": task, **wanted})


class _Mountsea(_Scripted[MountseaStandIn]):
    submit_paths: ClassVar[str] = "/hub/v1/video"

    def __init__(self, standin: MountseaStandIn) -> None:
        super().__init__(standin, {"MOUNTSEA_API_KEY": standin.key, "VIDEOGEN_MOUNTSEA_URL": standin.origin})
        self.as_usual()

    def submits(self) -> list[Submit]:
        sent = self.standin.sent("POST", self.submit_paths)
        return [Submit(one.json["model"], one.json["input"]) for one in sent]

    def accepted(self) -> list[str]:
        return list(self.standin.tasks)

    def hold(self) -> None:
        self.standin.plan("processing")

    def as_usual(self) -> None:
        self.standin.plan("processing", "completed")

    def release(self) -> None:
        self.as_usual()
        for task in self.standin.tasks.values():
            task.steps = ["completed"]

    def fail_next(self) -> None:
        self.standin.plan("failed")


class _NovaKit(_Scripted[NovaKitStandIn]):
    submit_paths: ClassVar[str] = "/api/v1/videos/generations"

    def __init__(self, standin: NovaKitStandIn) -> None:
        super().__init__(standin, {"NOVAKIT_API_KEY": standin.key, "VIDEOGEN_NOVAKIT_URL": f"{standin.origin}/api/v1"})
        self.as_usual()

    def submits(self) -> list[Submit]:
        sent = self.standin.sent("POST", self.submit_paths)
        return [Submit(one.json["model"], one.json) for one in sent]

    def accepted(self) -> list[str]:
        return list(self.standin.jobs)

    def hold(self) -> None:
        self.standin.plan(("processing", 40.0))

    def as_usual(self) -> None:
        self.standin.plan(("processing", 40.0), ("completed", 100.0))

    def release(self) -> None:
        self.as_usual()
        for job in self.standin.jobs.values():
            job.steps = [("completed", 100.0)]

    def fail_next(self) -> None:
        self.standin.plan(("failed", None))


MEMBERS: Mapping[str, Callable[[], AnyMember]] = {
    "fal": lambda: _Fal(FalStandIn()),
    "heygen": lambda: _HeyGen(HeyGenStandIn()),
    "google": lambda: _Google(GoogleStandIn()),
    "mountsea": lambda: _Mountsea(MountseaStandIn()),
    "novakit": lambda: _NovaKit(NovaKitStandIn()),
}
"""One for each gateway that needs a key: the tests of the whole product fail for one that is missing here."""


@dataclass
class Fleet:
    """Some gateways on their stand-ins, and a host of media; served while the `with` block runs.

    Attributes:
        members: The stand-ins by gateway.
        media: The host of what callers give by address.
    """

    members: dict[str, AnyMember]
    media: MediaHost = field(default_factory=MediaHost)
    _stack: ExitStack = field(default_factory=ExitStack)

    @classmethod
    def of(cls, *names: str) -> Self:
        return cls({name: MEMBERS[name]() for name in names})

    def __enter__(self) -> Self:
        for one in self._services():
            self._stack.enter_context(cast("Any", one))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.close()

    def _services(self) -> Iterator[StandIn]:
        yield self.media
        for member in self.members.values():
            yield member.standin

    @property
    def environment(self) -> dict[str, str]:
        """What points the product at them: their keys, addresses and hosts."""
        hosts = ",".join(one.origin.removeprefix("http://") for one in self._services())
        given = {name: value for member in self.members.values() for name, value in member.environment.items()}
        return given | {"VIDEOGEN_ALLOWED_HOSTS": hosts}

    @property
    def violations(self) -> list[str]:
        return [violation for one in self._services() for violation in one.violations]

    def counts(self) -> dict[str, int]:
        """How many submits arrived, by gateway."""
        return {name: len(member.submits()) for name, member in self.members.items()}
