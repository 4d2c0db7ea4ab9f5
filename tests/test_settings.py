"""The environment, read once: what counts as unset, what is refused, and that no key is ever shown."""

import os
from decimal import Decimal
from pathlib import Path

import pytest

from videogen_mcp.errors import InvalidRequest
from videogen_mcp.settings import Settings, load_settings

HOME = str(Path(os.sep, "data", "videogen"))
"""Never made and never read."""


def load(**variables: str) -> Settings:
    return load_settings({"VIDEOGEN_HOME": HOME} | variables)


def refused(**variables: str) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        load(**variables)
    return caught.value


def test_what_holds_when_nothing_is_set() -> None:
    settings = load()
    assert settings == Settings(home=Path(HOME))
    assert settings.videos_folder == Path(HOME, "videos")
    assert settings.readable_roots == (Path.cwd(), Path(HOME), Path(HOME, "videos"))
    assert (settings.max_cost_usd, settings.daily_budget_usd, settings.confirm_above_usd) == (None, None, None)
    assert (settings.database_url, settings.log_level, settings.poll_interval_s) == ("", "WARNING", None)
    assert settings.secret("FAL_KEY") is None


def test_the_folder_of_the_platform_where_none_is_given() -> None:
    home = load_settings({}).home
    assert home.is_absolute()
    assert "videogen-mcp" in home.parts


def test_every_variable_is_read() -> None:
    settings = load(
        VIDEOGEN_OUTPUT_DIR=str(Path(os.sep, "videos")),
        VIDEOGEN_DATABASE_URL="postgresql://db.example/jobs",
        VIDEOGEN_MAX_COST_USD="2.50",
        VIDEOGEN_DAILY_BUDGET_USD="10",
        VIDEOGEN_CONFIRM_ABOVE_USD="0",
        VIDEOGEN_ALLOWED_HOSTS="Localhost:8000, media.example ,",
        VIDEOGEN_POLL_INTERVAL_S="0.5",
        VIDEOGEN_LOG_LEVEL="debug",
    )
    assert settings.videos_folder == Path(os.sep, "videos")
    assert settings.database_url == "postgresql://db.example/jobs"
    assert settings.max_cost_usd == Decimal("2.50")
    assert settings.daily_budget_usd == Decimal(10)
    assert settings.confirm_above_usd == Decimal(0)
    assert settings.allowed_hosts == {"localhost:8000", "media.example"}
    assert settings.poll_interval_s == 0.5
    assert settings.log_level == "DEBUG"


@pytest.mark.parametrize("value", ["", "  ", "${user_config.fal_key}", " ${FAL_KEY} ", "${}"])
def test_blanks_and_placeholders_count_as_unset(value: str) -> None:
    settings = load(
        FAL_KEY=value,
        VIDEOGEN_MAX_COST_USD=value,
        VIDEOGEN_LOG_LEVEL=value,
        VIDEOGEN_MEDIA_ROOTS=value,
        VIDEOGEN_OUTPUT_DIR=value,
        VIDEOGEN_FAL_QUEUE_URL=value,
    )
    assert settings == load()
    assert settings.secret("FAL_KEY") is None
    assert settings.base_url("VIDEOGEN_FAL_QUEUE_URL", "https://queue.fal.run") == "https://queue.fal.run"


def test_a_value_that_only_holds_a_placeholder_is_kept() -> None:
    assert load(FAL_KEY="a${b}").secret("FAL_KEY") == "a${b}"


def test_a_placeholder_for_the_home_falls_back_to_the_platforms_folder() -> None:
    assert load_settings({"VIDEOGEN_HOME": "${user_config.home}"}) == load_settings({})


def test_a_relative_home_is_made_absolute() -> None:
    assert load_settings({"VIDEOGEN_HOME": "data"}).home == Path.cwd() / "data"
    assert load_settings({"VIDEOGEN_HOME": "~/data"}).home == Path("~/data").expanduser()


def test_only_the_environment_handed_over_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAL_KEY", "from-the-process")
    monkeypatch.setenv("VIDEOGEN_MAX_COST_USD", "9")
    monkeypatch.setenv("VIDEOGEN_HOME", HOME)
    settings = load()
    assert settings.secret("FAL_KEY") is None
    assert settings.max_cost_usd is None
    own = load_settings()
    assert own.secret("FAL_KEY") == "from-the-process"
    assert own.max_cost_usd == Decimal(9)


# Secrets.

SECRETS = {"FAL_KEY": "fal-s3cret", "HEYGEN_API_KEY": "hey-s3cret"}
DATABASE = "postgresql://videogen:db-s3cret@db.example/jobs"


def test_a_key_is_handed_out_when_asked_for_and_stripped() -> None:
    settings = load(FAL_KEY=" fal-s3cret\n")
    assert settings.secret("FAL_KEY") == "fal-s3cret"
    assert settings.secret("HEYGEN_API_KEY") is None


def test_secrets_are_never_shown() -> None:
    settings = load(**SECRETS, VIDEOGEN_DATABASE_URL=DATABASE)
    shown = [repr(settings), str(settings), f"{settings}", repr(settings.environment), str(settings.environment)]
    assert all("s3cret" not in text for text in shown)
    assert "s3cret" not in settings.model_copy(update={"database_url": ""}).model_dump_json()
    assert settings.database_url == DATABASE


def test_a_refusal_shows_no_secret() -> None:
    error = refused(**SECRETS, VIDEOGEN_DATABASE_URL=DATABASE, VIDEOGEN_MAX_COST_USD="s3cret")
    assert "s3cret" not in str(error)
    assert error.__cause__ is None
    assert error.__suppress_context__
    settings = load(VIDEOGEN_FAL_QUEUE_URL="http://user:s3cret@media.example")
    with pytest.raises(InvalidRequest) as caught:
        settings.base_url("VIDEOGEN_FAL_QUEUE_URL", "https://queue.fal.run")
    assert "s3cret" not in str(caught.value)


def test_settings_are_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load().log_level = "DEBUG"  # pyright: ignore[reportAttributeAccessIssue]


# Bad values.


@pytest.mark.parametrize(
    ("name", "value", "wording"),
    [
        ("VIDEOGEN_MAX_COST_USD", "two", "decimal"),
        ("VIDEOGEN_MAX_COST_USD", "-1", "greater than or equal to 0"),
        ("VIDEOGEN_MAX_COST_USD", "NaN", "finite"),
        ("VIDEOGEN_DAILY_BUDGET_USD", "Infinity", "finite"),
        ("VIDEOGEN_CONFIRM_ABOVE_USD", "1,5", "decimal"),
        ("VIDEOGEN_POLL_INTERVAL_S", "0", "greater than 0"),
        ("VIDEOGEN_POLL_INTERVAL_S", "inf", "finite"),
        ("VIDEOGEN_POLL_INTERVAL_S", "soon", "number"),
        ("VIDEOGEN_LOG_LEVEL", "loud", "must be one of DEBUG, INFO, WARNING, ERROR, CRITICAL"),
    ],
)
def test_a_bad_value_names_its_variable(name: str, value: str, wording: str) -> None:
    error = refused(**{name: value})
    assert error.field == name
    assert error.message.startswith(f"{name} has a value that cannot be used: ")
    assert wording in error.message


# Folders and hosts.


def test_media_roots_are_separated_as_paths_are() -> None:
    folders = [str(Path(os.sep, "pictures")), str(Path(os.sep, "my clips"))]
    settings = load(VIDEOGEN_MEDIA_ROOTS=os.pathsep.join([*folders, ""]))
    assert settings.media_roots == tuple(Path(folder) for folder in folders)
    assert settings.readable_roots == settings.media_roots


def test_no_media_root_at_all_is_the_default() -> None:
    assert load(VIDEOGEN_MEDIA_ROOTS=os.pathsep).readable_roots == load().readable_roots


@pytest.mark.parametrize(
    ("host", "port", "allowed"),
    [
        ("media.example", 443, True),
        ("MEDIA.example", None, True),
        ("localhost", 8000, True),
        ("localhost", 8001, False),
        ("localhost", None, False),
        ("evil-media.example", 443, False),
        ("media.example.evil.example", 443, False),
    ],
)
def test_allowed_hosts(host: str, port: int | None, allowed: bool) -> None:  # noqa: FBT001
    assert load(VIDEOGEN_ALLOWED_HOSTS="localhost:8000,media.example").is_allowed_host(host, port) is allowed


# Base addresses.


def base_url(value: str, allowed: str = "") -> str:
    settings = load(VIDEOGEN_FAL_QUEUE_URL=value, VIDEOGEN_ALLOWED_HOSTS=allowed)
    return settings.base_url("VIDEOGEN_FAL_QUEUE_URL", "https://queue.fal.run")


def test_a_base_address() -> None:
    assert base_url("") == "https://queue.fal.run"
    assert base_url(" https://proxy.example/fal/ ") == "https://proxy.example/fal"
    assert base_url("https://10.0.0.5:8443") == "https://10.0.0.5:8443"


def test_plain_http_is_for_allowed_hosts_only() -> None:
    with pytest.raises(InvalidRequest) as caught:
        base_url("http://127.0.0.1:9000", allowed="127.0.0.1:9001")
    assert caught.value.field == "VIDEOGEN_FAL_QUEUE_URL"
    assert "VIDEOGEN_ALLOWED_HOSTS" in caught.value.message
    assert base_url("http://127.0.0.1:9000/", allowed="127.0.0.1:9000") == "http://127.0.0.1:9000"
    assert base_url("HTTP://Gateway.internal", allowed="gateway.internal") == "HTTP://Gateway.internal"


@pytest.mark.parametrize(
    "value",
    [
        "queue.fal.run",
        "//queue.fal.run",
        "ftp://queue.fal.run",
        "file:///etc/passwd",
        "https://",
        "https:///path",
        "http://[::1",
        "https://queue.fal.run:99999",
        "https://queue.fal.run:port",
    ],
)
def test_what_is_no_base_address_names_its_variable(value: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        base_url(value)
    assert caught.value.field == "VIDEOGEN_FAL_QUEUE_URL"
    assert caught.value.message == "VIDEOGEN_FAL_QUEUE_URL is not an address: it needs https:// and a host."


# Where this server can be reached.


def test_a_public_address() -> None:
    assert load().public_url == ""
    assert load(VIDEOGEN_PUBLIC_URL=" https://videogen.example/base/ ").public_url == "https://videogen.example/base"
    allowed = load(VIDEOGEN_PUBLIC_URL="http://127.0.0.1:8765", VIDEOGEN_ALLOWED_HOSTS="127.0.0.1:8765")
    assert allowed.public_url == "http://127.0.0.1:8765"


@pytest.mark.parametrize(
    ("value", "wording"),
    [
        ("videogen.example", "is not an address"),
        ("ftp://videogen.example", "is not an address"),
        ("https://", "is not an address"),
        ("https://[::1", "is not an address"),
        ("http://videogen.example", "plain http"),
        ("https://user:s3cret@videogen.example", "holds more than"),
        ("https://videogen.example/?key=s3cret", "holds more than"),
        ("https://videogen.example/#part", "holds more than"),
    ],
)
def test_a_public_address_that_cannot_be_called(value: str, wording: str) -> None:
    error = refused(VIDEOGEN_PUBLIC_URL=value)
    assert error.field == "VIDEOGEN_PUBLIC_URL"
    assert wording in error.message
    assert "s3cret" not in str(error)


@pytest.mark.parametrize(
    ("text", "limits"),
    [("fal=40", {"fal": 40}), (" HeyGen = 10 , fal=40,", {"heygen": 10, "fal": 40}), ("", {})],
)
def test_the_limits_of_gateways(text: str, limits: dict[str, int]) -> None:
    assert load(VIDEOGEN_GATEWAY_LIMITS=text).gateway_limits == limits


@pytest.mark.parametrize("text", ["fal", "fal=", "=3", "fal=0", "fal=-1", "fal=1.5", "fal=many", "fal=1;heygen=2"])
def test_limits_that_are_none_are_refused(text: str) -> None:
    assert "VIDEOGEN_GATEWAY_LIMITS" in str(refused(VIDEOGEN_GATEWAY_LIMITS=text))


@pytest.mark.parametrize("seconds", ["0", "0.5", "601", "soon", "nan"])
def test_a_lease_that_is_none_is_refused(seconds: str) -> None:
    assert "VIDEOGEN_LEASE_S" in str(refused(VIDEOGEN_LEASE_S=seconds))
