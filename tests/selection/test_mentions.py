"""Makers named in a prompt: a wish, a wish against, or merely a word."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from videogen_mcp.catalogue import load_catalogue
from videogen_mcp.selection.mentions import Mentions, read_mentions


def wanted(*providers: str) -> Mentions:
    return Mentions(wanted=frozenset(providers))


def unwanted(*providers: str) -> Mentions:
    return Mentions(unwanted=frozenset(providers))


@pytest.mark.parametrize(
    ("prompt", "provider"),
    [
        ("use Google Veo 3.1", "veo"),
        ("Use the Veo model for a fjord at dawn", "veo"),
        ("with Google's video model", "veo"),
        ("in Kling style", "kling"),
        ("A duel, Kling-style", "kling"),
        ("A duel with Kling's look", "kling"),
        ("A duel in the style of Kling 3.0", "kling"),
        ("a fox, made with Hailuo 02", "minimax"),
        ("a fox by ByteDance Seedance", "seedance"),
        ("use Wan 2.7", "wan"),
        ("use Alibaba Wan", "wan"),
        ("via HeyGen", "heygen"),
        ("through Sora 2", "sora"),
        ("using Dream Machine", "luma"),
        ("use Luma Ray 3", "luma"),
        ("using Runway Gen-4", "runway"),
        ("on Pika 2.2", "pika"),
        ("use Gemini Omni", "google"),
        ("use grok imagine", "grok"),
    ],
)
def test_a_wish_for_a_maker(prompt: str, provider: str) -> None:
    assert read_mentions(prompt) == wanted(provider)


@pytest.mark.parametrize(
    ("prompt", "provider"),
    [
        ("not Veo", "veo"),
        ("a fox, not with Sora", "sora"),
        ("anything but Seedance", "seedance"),
        ("anything other than MiniMax", "minimax"),
        ("don't use Kling", "kling"),
        ("do not use Kling", "kling"),
        ("avoid Sora 2", "sora"),
        ("without Pixverse", "pixverse"),
        ("never Luma", "luma"),
        ("not in Kling style", "kling"),
    ],
)
def test_a_wish_against_a_maker(prompt: str, provider: str) -> None:
    assert read_mentions(prompt) == unwanted(provider)


@pytest.mark.parametrize(
    "prompt",
    [
        "a sky the colour of luma",
        "A luma-coloured sky",
        "a girl called Wan",
        "She walks with Wan, her brother",
        "Sora walks her dog",
        "Sora walks with Wan",
        "A model on a runway",
        "A pika by the rocks",
        "In the library of Alexandria",
        "I grok it",
        "use klingon subtitles",
        "a veoh of the old days",
        "",
    ],
)
def test_a_name_alone_is_a_word(prompt: str) -> None:
    assert read_mentions(prompt) == Mentions()


def test_both_in_one_prompt() -> None:
    assert read_mentions("use Kling, not Veo") == Mentions(frozenset({"kling"}), frozenset({"veo"}))
    assert read_mentions("instead of Veo use Kling") == Mentions(frozenset({"kling"}), frozenset({"veo"}))


def test_several_may_be_wanted() -> None:
    assert read_mentions("use Kling or, if need be, use Veo") == wanted("kling", "veo")


def test_what_is_both_is_unwanted() -> None:
    assert read_mentions("use Sora, or rather: do not use Sora") == unwanted("sora")


def test_a_typographic_apostrophe_is_one() -> None:
    assert read_mentions("Don\u2019t use Sora") == read_mentions("Don't use Sora") == unwanted("sora")
    assert read_mentions("with Kling\u2019s look") == wanted("kling")
    assert read_mentions("use Google\u2019s Veo") == wanted("veo")


@given(
    prompt=st.sampled_from(["use google veo 3.1", "in kling style", "anything but seedance", "a girl called wan"]),
    data=st.data(),
)
def test_the_case_says_nothing(prompt: str, data: st.DataObject) -> None:
    flips = data.draw(st.lists(st.booleans(), min_size=len(prompt), max_size=len(prompt)))
    written = "".join(one.upper() if flip else one for one, flip in zip(prompt, flips, strict=True))
    assert read_mentions(written) == read_mentions(prompt)


WORDS = ("use", "not", "with", "avoid", "don't use", "in", "style", "Kling", "Veo 3.1", "Sora", "Wan 2.7", "a fox", ",")


@given(words=st.lists(st.sampled_from(WORDS), max_size=12))
def test_nothing_is_both_wanted_and_unwanted(words: list[str]) -> None:
    found = read_mentions(" ".join(words))
    assert not found.wanted & found.unwanted
    assert found.wanted | found.unwanted <= {"kling", "veo", "sora", "wan"}


@pytest.mark.parametrize("provider", ["seedance", "kling", "minimax", "veo", "wan", "heygen"])
def test_a_maker_with_a_tool_of_its_own_can_be_named(provider: str) -> None:
    assert provider in load_catalogue().providers
    written = {"wan": "wan 2.7"}.get(provider, provider)
    assert read_mentions(f"A fox. Use {written}.") == wanted(provider)
    assert read_mentions(f"A fox. Avoid {written}.") == unwanted(provider)
