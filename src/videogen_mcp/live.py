"""fal's live prices and contracts: asked for, kept for a day, and laid over the catalogue.

What is kept stands in `$VIDEOGEN_HOME/cache/fal.json`: unit prices, and the contracts of ids outside the catalogue,
each with the time it was read. Older figures are used as well when there are no newer ones; their date is shown.
Nothing here can delay or fail a generation, except by `LOOK_UP_SECONDS` for a pinned id that the catalogue lacks.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from videogen_mcp.catalogue import Catalogue, generic
from videogen_mcp.catalogue.difference import Difference
from videogen_mcp.catalogue.live import UnitPrice
from videogen_mcp.catalogue.openapi import LiveContract, endpoint_from_openapi
from videogen_mcp.catalogue.schema import Endpoint
from videogen_mcp.errors import VideoGenError
from videogen_mcp.gateways.fal import FalPlatform
from videogen_mcp.jobs.clock import Clock
from videogen_mcp.media.disk import write_whole
from videogen_mcp.settings import Settings

logger = logging.getLogger(__name__)

CACHE_FILE = Path("cache") / "fal.json"
FRESH = timedelta(days=1)
"""How long what was read counts as today's."""
AGAIN_AFTER = timedelta(hours=1)
"""A refresh in the background that failed is not tried again before."""
LOOK_UP_SECONDS = 5.0
"""The most that a generation waits for the contract and the price of an unknown id, both together."""
HEAD_START_SECONDS = 2.0
"""A refresh in the background lets the submit of the job that caused it go first."""
CONTRACTS_AT_ONCE = 4

OnProgress = Callable[[int, int], None]
"""Told how many contracts have been asked for, of how many."""


class _Kept(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class KeptPrice(_Kept):
    """A unit price, and when it was read."""

    amount: Annotated[Decimal, Field(allow_inf_nan=False)]
    unit: str
    currency: str
    read: AwareDatetime


class KeptContract(_Kept):
    """The contract of an id outside the catalogue, and when it was read."""

    endpoint: Endpoint
    read: AwareDatetime


class Kept(_Kept):
    """The cache file.

    Attributes:
        version: Of this form; a file of another one is not used.
        prices_read: When the prices of the whole catalogue were last read.
        prices: By fal's own id.
        contracts: By fal's own id.
    """

    version: Literal[1]
    prices_read: AwareDatetime | None = None
    prices: dict[str, KeptPrice] = {}
    contracts: dict[str, KeptContract] = {}


@dataclass(frozen=True)
class Checked:
    """The outcome of asking fal about endpoints of the catalogue.

    Attributes:
        endpoints: The endpoints asked about, by key.
        prices: For how many of them fal gave a price.
        differences: Everything in which the catalogue differs.
        unanswered: Why a contract could not be had, by key.
    """

    endpoints: tuple[str, ...]
    prices: int
    differences: tuple[Difference, ...]
    unanswered: Mapping[str, str]


class LiveCatalogue:
    """The catalogue with what fal says today.

    Args:
        settings: For the key and the data folder.
        table: Gives the catalogue as it ships.
        platform: Opens fal's platform API; may raise `NotConfigured` or `InvalidRequest`.
        clock: Time.
        look_up_seconds: The bound of `look_up`.
    """

    def __init__(
        self,
        settings: Settings,
        table: Callable[[], Catalogue],
        platform: Callable[[], FalPlatform],
        clock: Clock,
        look_up_seconds: float = LOOK_UP_SECONDS,
    ) -> None:
        self._path = settings.home / CACHE_FILE
        self._is_configured = settings.secret("FAL_KEY") is not None
        self._table = table
        self.platform = platform
        self._clock = clock
        self._look_up_seconds = look_up_seconds
        self._kept: Kept | None = None
        self._laid_over: tuple[Catalogue, Kept, Catalogue] | None = None
        self._background: asyncio.Task[None] | None = None
        self._tried: datetime | None = None

    @property
    def catalogue(self) -> Catalogue:
        """The catalogue with the prices and contracts that are kept; sends nothing."""
        table, kept = self._table(), self._read()
        if self._laid_over is None or self._laid_over[0] is not table or self._laid_over[1] is not kept:
            self._laid_over = table, kept, _lay_over(table, kept)
        return self._laid_over[2]

    def _read(self) -> Kept:
        if self._kept is None:
            self._kept = self._read_file()
        return self._kept

    def _read_file(self) -> Kept:
        try:
            return Kept.model_validate_json(self._path.read_bytes())
        except FileNotFoundError:
            return Kept(version=1)
        except (OSError, ValueError):
            logger.warning("%s cannot be used and will be written anew", CACHE_FILE)
            return Kept(version=1)

    async def _keep(self, kept: Kept) -> None:
        """Use it from now on, and store it for later and for other processes."""
        self._kept = kept
        content = kept.model_dump_json(by_alias=True, exclude_defaults=True).encode()
        try:
            await asyncio.to_thread(write_whole, self._path, content, permissions=0o600)
        except VideoGenError as error:
            logger.warning("live prices are used but could not be stored: %s", error)

    def _is_fresh(self, read: datetime | None) -> bool:
        return read is not None and timedelta() <= self._clock.now() - read < FRESH

    async def check(
        self, endpoints: tuple[Endpoint, ...] | None = None, on_progress: OnProgress = lambda _done, _all: None
    ) -> Checked:
        """Ask for the live price and contract of endpoints, keep the prices, and tell what differs.

        Args:
            endpoints: Which; all at fal when None.
            on_progress: Told of every contract that has been asked for.

        Raises:
            NotConfigured: `FAL_KEY` is not set.
            GatewayError: The prices could not be asked for.
        """
        table = self._table()
        asked = _at_fal(table) if endpoints is None else endpoints
        platform = self.platform()
        prices = await self._refresh_prices(platform, asked, is_all=endpoints is None)
        contracts, unanswered = await _contracts(platform, asked, on_progress)
        by_key = {f"fal:{name}": price for name, price in prices.items()}
        return Checked(
            endpoints=tuple(endpoint.key for endpoint in asked),
            prices=len(prices),
            differences=table.refreshed(by_key, contracts)[1],
            unanswered=unanswered,
        )

    async def _refresh_prices(
        self, platform: FalPlatform, asked: tuple[Endpoint, ...], *, is_all: bool
    ) -> dict[str, UnitPrice]:
        ids = [endpoint.id for endpoint in asked]
        prices = await platform.unit_prices(ids)
        now, kept = self._clock.now(), self._read()
        others = {name: price for name, price in kept.prices.items() if name not in ids}
        changed: dict[str, object] = {"prices": others | {name: _kept_price(one, now) for name, one in prices.items()}}
        if is_all:
            changed["prices_read"] = now
        await self._keep(kept.model_copy(update=changed))
        return prices

    def start_refresh(self) -> None:
        """Refresh the prices in the background when those that are kept are not today's; returns at once.

        Call it once a job is stored: planning and refusing send nothing.
        """
        if not self._is_configured or (self._background is not None and not self._background.done()):
            return
        now = self._clock.now()
        if self._tried is not None and now - self._tried < AGAIN_AFTER:
            return
        if self._is_fresh(self._read().prices_read):
            return
        self._tried = now
        self._background = asyncio.create_task(self._refresh_later())

    async def _refresh_later(self) -> None:
        await self._clock.wait(asyncio.Event(), HEAD_START_SECONDS)
        stored = await asyncio.to_thread(self._read_file)
        if self._is_fresh(stored.prices_read):  # another process has done it
            self._kept = stored
            return
        try:
            await self._refresh_prices(self.platform(), _at_fal(self._table()), is_all=True)
        except VideoGenError as error:
            logger.info("live prices could not be refreshed: %s", error)

    async def look_up(self, key: str | None) -> tuple[str, ...]:
        """Get the live contract and price of a pinned id that the catalogue lacks, within `look_up_seconds`.

        Args:
            key: The pinned endpoint, written `gateway:id`, or None.

        Returns:
            What the caller should know when the contract could not be had; the generic one is used then.
        """
        table = self._table()
        if not self._is_configured or key is None or table.lists(key) or not table.knows(key):
            return ()
        name = key.partition(":")[2]
        known = self._read().contracts.get(name)
        if known is not None and self._is_fresh(known.read):
            return ()
        try:
            async with asyncio.timeout(self._look_up_seconds):
                why = await self._ask(name)
        except TimeoutError:
            why = f"fal did not answer within {self._look_up_seconds:g} s."
        except VideoGenError as error:
            why = error.message
        if not why:
            return ()
        used = (
            f"that of {known.read.date()} is used" if known else "it gets prompt, image_url and the options as they are"
        )
        return (f"The live contract of {key} could not be had; {used}. {why}",)

    async def _ask(self, name: str) -> str:
        """Ask for a contract and a price at the same time and keep what comes; returns why there is no contract."""
        platform = self.platform()
        contract, prices = await asyncio.gather(
            platform.contract(name), platform.unit_prices([name]), return_exceptions=True
        )
        for outcome in (contract, prices):
            if isinstance(outcome, BaseException) and not isinstance(outcome, VideoGenError):
                raise outcome
        now, kept = self._clock.now(), self._read()
        changed: dict[str, object] = {}
        if isinstance(prices, dict):
            changed["prices"] = kept.prices | {key: _kept_price(price, now) for key, price in prices.items()}
        endpoint = _endpoint_of(name, contract)
        if isinstance(endpoint, Endpoint):
            changed["contracts"] = kept.contracts | {name: KeptContract(endpoint=endpoint, read=now)}
        if changed:
            await self._keep(kept.model_copy(update=changed))
        return "" if isinstance(endpoint, Endpoint) else endpoint

    async def settled(self) -> None:
        """Wait until no refresh is under way in the background."""
        if self._background is not None:
            await asyncio.gather(self._background, return_exceptions=True)

    async def close(self) -> None:
        """Stop a refresh that is under way."""
        if self._background is not None:
            self._background.cancel()
            await self.settled()
            self._background = None


def _at_fal(table: Catalogue) -> tuple[Endpoint, ...]:
    return tuple(endpoint for endpoint in table.endpoints if endpoint.gateway == "fal")


def _endpoint_of(name: str, contract: LiveContract | BaseException | None) -> Endpoint | str:
    """The endpoint that a live contract describes, or why there is none."""
    if contract is None:
        return "fal does not list it."
    if isinstance(contract, VideoGenError):
        return contract.message
    if isinstance(contract, BaseException) or contract.document is None:
        return "fal lists it without one."
    try:
        return endpoint_from_openapi(name, contract.document, contract.read)
    except VideoGenError as error:
        return error.message


def _lay_over(table: Catalogue, kept: Kept) -> Catalogue:
    """The table with everything that is kept: contracts beside it, prices over it."""
    catalogue = table
    for name in kept.contracts.keys() | kept.prices.keys():
        if not table.lists(f"fal:{name}"):
            contract = kept.contracts.get(name)
            is_its_own = contract is not None and contract.endpoint.key == f"fal:{name}"
            catalogue = catalogue.with_endpoint(contract.endpoint if contract and is_its_own else generic(name))
    prices = {
        f"fal:{name}": UnitPrice(price.amount, price.unit, price.currency, price.read.date())
        for name, price in kept.prices.items()
    }
    return catalogue.refreshed(prices, {})[0]


def _kept_price(price: UnitPrice, now: datetime) -> KeptPrice:
    return KeptPrice(amount=price.amount, unit=price.unit, currency=price.currency, read=now)


async def _contracts(
    platform: FalPlatform, asked: tuple[Endpoint, ...], on_progress: OnProgress
) -> tuple[dict[str, LiveContract | None], dict[str, str]]:
    """The live contracts of endpoints by key, a few at once; and why some could not be had."""
    found: dict[str, LiveContract | None] = {}
    unanswered: dict[str, str] = {}
    places = asyncio.Semaphore(CONTRACTS_AT_ONCE)

    async def ask(endpoint: Endpoint) -> None:
        async with places:
            try:
                found[endpoint.key] = await platform.contract(endpoint.id)
            except VideoGenError as error:
                unanswered[endpoint.key] = error.message
        on_progress(len(found) + len(unanswered), len(asked))

    async with asyncio.TaskGroup() as group:
        for endpoint in asked:
            group.create_task(ask(endpoint))
    return found, unanswered
