"""Environment variables, read once into frozen settings (public contract, §2)."""

import os
import re
from collections.abc import Mapping
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, ClassVar
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, ValidationInfo, field_validator

from videogen_mcp.errors import InvalidRequest

_PLACEHOLDER = re.compile(r"^\s*\$\{[^}]*\}\s*$")


def _is_unset(value: str | None) -> bool:
    """Hosts hand over variables they could not fill as a blank or as the literal `${...}`."""
    return value is None or not value.strip() or _PLACEHOLDER.match(value) is not None


class Settings(BaseModel):
    """The environment as the product uses it. Build it with `load_settings`."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    home: Path
    output_dir: Path | None = None
    database_url: Annotated[str, Field(repr=False)] = ""  # it may hold a password
    max_cost_usd: Annotated[Decimal, Field(ge=0)] | None = None
    daily_budget_usd: Annotated[Decimal, Field(ge=0)] | None = None
    confirm_above_usd: Annotated[Decimal, Field(ge=0)] | None = None
    media_roots: tuple[Path, ...] = ()
    allowed_hosts: frozenset[str] = frozenset()
    gateway_limits: Mapping[str, Annotated[int, Field(ge=1)]] = {}
    lease_s: Annotated[float, Field(ge=1, le=600)] = 15.0
    public_url: str = ""
    keep_days: Annotated[int, Field(ge=1, le=36500)] | None = None
    poll_interval_s: Annotated[float, Field(gt=0)] | None = None
    log_level: str = "WARNING"
    environment: Annotated[dict[str, SecretStr], Field(exclude=True, repr=False)] = {}

    LOG_LEVELS: ClassVar[tuple[str, ...]] = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")

    @field_validator("media_roots", mode="before")
    @classmethod
    def _split_roots(cls, value: Any) -> Any:
        return tuple(part for part in value.split(os.pathsep) if part) if isinstance(value, str) else value

    @field_validator("allowed_hosts", mode="before")
    @classmethod
    def _split_hosts(cls, value: Any) -> Any:
        if isinstance(value, str):
            return frozenset(part.strip().lower() for part in value.split(",") if part.strip())
        return value

    @field_validator("gateway_limits", mode="before")
    @classmethod
    def _split_limits(cls, value: Any) -> Any:
        """From `fal=40,heygen=10`."""
        if not isinstance(value, str):
            return value
        pairs = [part.partition("=") for part in value.split(",") if part.strip()]
        if any(not (name.strip() and number.strip().isdecimal()) for name, _, number in pairs):
            raise ValueError("write it as gateway=number, with commas between several")
        return {name.strip().lower(): int(number) for name, _, number in pairs}

    @field_validator("public_url", mode="after")
    @classmethod
    def _reachable(cls, value: str, others: ValidationInfo) -> str:
        url = value.strip().rstrip("/")
        if url:
            trouble = _address_trouble(url, others.data.get("allowed_hosts", frozenset()))
            if trouble is None and set("@?#") & set(url):
                trouble = "holds more than https://, a host and a path"
            if trouble is not None:
                raise ValueError(f"it {trouble}")
        return url

    @field_validator("log_level", mode="before")
    @classmethod
    def _known_level(cls, value: Any) -> Any:
        level = str(value).upper()
        if level not in cls.LOG_LEVELS:
            raise ValueError(f"must be one of {', '.join(cls.LOG_LEVELS)}")
        return level

    @cached_property
    def videos_folder(self) -> Path:
        """Where finished videos are written."""
        return self.output_dir or self.home / "videos"

    @cached_property
    def own_folders(self) -> tuple[Path, ...]:
        """Folders that the product itself writes inputs and videos to; it may always read them."""
        return self.home, self.videos_folder

    @cached_property
    def readable_roots(self) -> tuple[Path, ...]:
        """Folders that local input files may be read from."""
        return self.media_roots or (Path.cwd(), *self.own_folders)

    def secret(self, variable: str) -> str | None:
        """The value of an API key's variable, or None when it is unset, blank or an unexpanded placeholder."""
        value = self.environment.get(variable)
        return value.get_secret_value().strip() if value else None

    def base_url(self, variable: str, default: str) -> str:
        """A gateway's base address, without a trailing slash.

        Raises:
            InvalidRequest: It is not `https`, and its host is not in `VIDEOGEN_ALLOWED_HOSTS`.
        """
        value = self.environment.get(variable)
        url = (value.get_secret_value().strip() if value else default).rstrip("/")
        trouble = _address_trouble(url, self.allowed_hosts)
        if trouble is not None:
            raise InvalidRequest(f"{variable} {trouble}.", field=variable)
        return url

    def is_safe_address(self, url: str) -> bool:
        """Whether something may be sent to an address that a service gave: it is `https`, or its host is exempt."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:
            return False
        return bool(host) and (parts.scheme == "https" or self.is_allowed_host(host or "", port))

    def is_allowed_host(self, host: str, port: int | None) -> bool:
        """Whether `host[:port]` is exempt from the private-address refusal."""
        return _is_allowed(host, port, self.allowed_hosts)


def _is_allowed(host: str, port: int | None, allowed: frozenset[str]) -> bool:
    return host.lower() in allowed or f"{host.lower()}:{port}" in allowed


def _address_trouble(url: str, allowed: frozenset[str]) -> str | None:
    """Why an address cannot be used, as the rest of a sentence; None where it can."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port, parts = None, None, urlsplit("")
    if not host or parts.scheme not in {"http", "https"}:
        return "is not an address: it needs https:// and a host"
    if parts.scheme == "http" and not _is_allowed(host, port, allowed):
        return "is plain http; that is accepted only for a host in VIDEOGEN_ALLOWED_HOSTS"
    return None


def load_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Read the settings from environment variables.

    Args:
        environment: The variables; this process's own when None.

    Raises:
        InvalidRequest: A variable has a value that cannot be used; names the variable.
    """
    source = os.environ if environment is None else environment
    given = {name: value for name, value in source.items() if not _is_unset(value)}
    prefix = "VIDEOGEN_"
    fields: dict[str, Any] = {
        name: given[prefix + name.upper()]
        for name in Settings.model_fields
        if name != "environment" and prefix + name.upper() in given
    }
    if "home" not in fields:
        from platformdirs import user_data_path  # noqa: PLC0415 -- only needed where no folder is given

        fields["home"] = user_data_path("videogen-mcp", appauthor=False)
    fields["home"] = Path(fields["home"]).expanduser().absolute()
    if "output_dir" in fields:
        fields["output_dir"] = Path(fields["output_dir"]).expanduser().absolute()
    kept = {name: value for name, value in given.items() if name.endswith(("_KEY", "_URL"))}
    try:
        return Settings.model_validate({**fields, "environment": kept})
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        name = prefix + str(first["loc"][0]).upper()
        raise InvalidRequest(f"{name} has a value that cannot be used: {first['msg']}.", field=name) from None
