"""The weights: complete, of a sum of one, changed by the intent as the file says, and a broken file refused by name."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from videogen_mcp.errors import VideoGenError
from videogen_mcp.selection import profiles
from videogen_mcp.selection.profiles import DIMENSIONS, load_profiles, weights
from videogen_mcp.types import INTENTS, PRIORITIES, Intent, Priority


@pytest.mark.parametrize("priority", PRIORITIES)
@pytest.mark.parametrize("intent", INTENTS)
def test_weights_sum_to_one_and_none_is_negative(priority: Priority, intent: Intent) -> None:
    found = weights(priority, intent)
    assert tuple(found) == DIMENSIONS
    assert sum(found.values()) == pytest.approx(1)
    assert min(found.values()) > 0


def test_every_priority_and_every_dimension_is_there() -> None:
    written = load_profiles().priority
    assert set(written) == set(PRIORITIES)
    for priority, named in written.items():
        assert set(named) == set(DIMENSIONS), priority
        assert sum(named.values()) == pytest.approx(1), f"{priority}: what is written is what counts"


def test_factors_name_dimensions_only() -> None:
    for intent, factors in load_profiles().intent.items():
        assert set(factors) <= set(DIMENSIONS), intent
        assert min(factors.values()) > 0, intent


@pytest.mark.parametrize("priority", PRIORITIES)
def test_an_intent_without_factors_has_the_weights_as_written(priority: Priority) -> None:
    assert "general" not in load_profiles().intent
    assert weights(priority, "general") == pytest.approx(load_profiles().priority[priority])


def test_an_intent_shifts_the_weights_by_its_factors() -> None:
    # 0.44 + 0.4 x 0.26 + 0.06 + 2.5 x 0.10 + 2.5 x 0.05 + 0.06 + 0.03 = 1.069
    draft = weights("balanced", "draft")
    assert draft["cost"] == pytest.approx(0.25 / 1.069)
    assert draft["quality"] == pytest.approx(0.104 / 1.069)
    assert draft["fit"] == pytest.approx(0.44 / 1.069)


@pytest.mark.parametrize("priority", ["quality", "cost", "speed"])
@pytest.mark.parametrize("intent", INTENTS)
def test_a_priority_puts_most_weight_on_what_it_is_named_after(priority: Priority, intent: Intent) -> None:
    found = weights(priority, intent)
    assert found[priority] > weights("balanced", intent)[priority]
    if intent != "draft":  # a draft is cheap and quick first, whatever is asked
        assert max(found, key=lambda name: found[name]) == priority


@pytest.fixture(name="written")
def written_fixture(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """A folder whose `profiles.toml` is read instead of the one that ships."""
    load_profiles.cache_clear()
    weights.cache_clear()

    def folder_of(_package: str) -> Path:
        return tmp_path

    monkeypatch.setattr(profiles, "files", folder_of)
    yield tmp_path / "profiles.toml"
    load_profiles.cache_clear()
    weights.cache_clear()


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[priority.balanced\n", "line 1"),
        ("[priority.cheapest]\nfit = 1.0\n", "cheapest"),
        ('[priority.balanced]\nfit = "much"\n', "fit"),
        ("[priority.balanced]\nfit = 1.0\n[intent.western]\nfit = 2.0\n", "western"),
        ("[priority.balanced]\nfit = 1.0\n[weights]\nfit = 2.0\n", "weights"),
        ("[intent.anime]\nfit = 2.0\n", "priority"),
    ],
)
def test_a_broken_file_is_refused_by_name(written: Path, text: str, named: str) -> None:
    written.write_text(text, encoding="utf-8")
    with pytest.raises(VideoGenError) as caught:
        load_profiles()
    assert caught.value.message.startswith("selection/profiles.toml: ")
    assert named in caught.value.message
