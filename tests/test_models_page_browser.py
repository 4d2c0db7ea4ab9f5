"""The catalogue's page in a real browser: Debian's Chromium, driven by Playwright, without any network."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from videogen_mcp.catalogue import load_catalogue
from videogen_mcp.models_page.render import page

CATALOGUE = load_catalogue()
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PATIENCE_MS = 20_000
ALL = len(CATALOGUE.endpoints)
LINES = "#endpoints > tbody:not([hidden])"
PRICE, QUALITY, MODES, LENGTH = 2, 3, 4, 5


@dataclass(frozen=True)
class View:
    """How a test looks at the page; sizes in pixels."""

    width: int = 1500
    scheme: Literal["light", "dark"] = "light"
    scripts: bool = True


NARROW = View(width=400)


def chromium() -> str:
    """The browser; it must be there in CI, elsewhere its absence is told."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        if os.environ.get("CI"):
            pytest.fail("chromium is missing: the page was NOT opened in a browser")
        pytest.skip("chromium is missing: the page was NOT opened in a browser")
    return found


@pytest.fixture(name="browser", scope="module")
def browser_fixture() -> Iterator[Browser]:
    """One browser for all tests here; every test has a fresh profile of its own in it."""
    executable = chromium()
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=executable, args=FLAGS, headless=True)
        yield browser
        browser.close()


@pytest.fixture(name="address", scope="module")
def address_fixture(tmp_path_factory: pytest.TempPathFactory) -> str:
    file = tmp_path_factory.mktemp("page") / "models.html"
    file.write_text(page(CATALOGUE), "utf-8")
    return file.as_uri()


@pytest.fixture(name="tab")
def tab_fixture(browser: Browser, address: str, request: pytest.FixtureRequest) -> Iterator[Page]:
    """The opened page; fails where it asked for anything besides itself, or complained."""
    view: View = getattr(request, "param", View())
    context = browser.new_context(
        viewport={"width": view.width, "height": 900}, color_scheme=view.scheme, java_script_enabled=view.scripts
    )
    tab = context.new_page()
    tab.set_default_timeout(PATIENCE_MS)
    asked: list[str] = []
    complaints: list[str] = []
    tab.on("request", lambda one: asked.append(one.url))
    tab.on("console", lambda one: complaints.append(one.text))
    tab.on("pageerror", lambda one: complaints.append(str(one)))
    tab.goto(address)
    yield tab
    context.close()
    assert (asked, complaints) == ([address], [])


def header(tab: Page, column: int) -> str:
    """Clicks a header; gives the order it then claims."""
    tab.locator("#endpoints > thead button").nth(column).click()
    return str(tab.locator("#endpoints > thead th").nth(column).get_attribute("aria-sort"))


def words(tab: Page, column: int) -> list[str]:
    """What is shown in a column, from top to bottom."""
    script = f"rows => rows.map(row => row.rows[0].cells[{column}].innerText.replace(/\\s+/g, ' ').trim())"
    return list(tab.locator(LINES).evaluate_all(script))


def dollars(text: str) -> float | None:
    return None if text == "unknown" else 0.0 if text == "free" else float(text.removeprefix("$").split()[0])


def assert_ordered(found: list[float | None], *, reverse: bool) -> None:
    known = [one for one in found if one is not None]
    assert len(set(known)) > 5
    assert known == sorted(known, reverse=reverse)
    assert found == [*known, *[None] * (len(found) - len(known))]


def test_prices_are_sorted_as_numbers_with_unknown_last_both_ways(tab: Page) -> None:
    assert header(tab, PRICE) == "ascending"
    assert_ordered([dollars(one) for one in words(tab, PRICE)], reverse=False)
    assert header(tab, PRICE) == "descending"
    found = [dollars(one) for one in words(tab, PRICE)]
    assert_ordered(found, reverse=True)
    assert None in found
    assert tab.locator("#endpoints > thead th[aria-sort]").count() == 1


def test_lengths_are_sorted_by_the_longest(tab: Page) -> None:
    assert header(tab, LENGTH) == "descending"
    script = "rows => rows.map(row => row.rows[0].cells[5].dataset.key ?? null)"
    keys: list[str | None] = tab.locator(LINES).evaluate_all(script)
    assert_ordered([None if key is None else float(key) for key in keys], reverse=True)
    first, last = words(tab, LENGTH)[0], words(tab, LENGTH)[-1]
    assert first.endswith("s")
    assert last == "not stated" or last.endswith("by default") or last.startswith("as ")


def test_quality_never_mixes_two_boards(tab: Page) -> None:
    for direction, reverse in (("descending", True), ("ascending", False)):
        assert header(tab, QUALITY) == direction
        found = words(tab, QUALITY)
        kinds = [one.split()[-2] if one.endswith("board") else one for one in found]
        order = ["text", "image", *(("excellent", "good", "draft") if reverse else ("draft", "good", "excellent"))]
        assert list(dict.fromkeys(kinds)) == [*order, "unknown"][: len(dict.fromkeys(kinds))]
        for kind in ("text", "image"):
            figures: list[float | None] = [float(one.split()[0]) for one in found if f" {kind} " in f" {one} "]
            assert_ordered(figures, reverse=reverse)
    assert tab.locator("#hint").is_visible()
    tab.select_option("#mode", "image_to_video")
    assert not tab.locator("#hint").is_visible()
    assert not [one for one in words(tab, QUALITY) if "text board" in one]


def test_modes_are_sorted_in_the_order_of_the_contract(tab: Page) -> None:
    assert header(tab, MODES) == "ascending"
    assert words(tab, MODES)[0].startswith("text to video")
    assert header(tab, MODES) == "descending"
    assert words(tab, MODES)[0] == "effects"


def test_headers_are_worked_with_the_keyboard(tab: Page) -> None:
    button = tab.get_by_role("button", name="Price of 5 s")
    button.focus()
    tab.keyboard.press("Enter")
    assert tab.locator("#endpoints > thead th").nth(PRICE).get_attribute("aria-sort") == "ascending"
    tab.keyboard.press("Space")
    assert tab.locator("#endpoints > thead th").nth(PRICE).get_attribute("aria-sort") == "descending"
    assert_ordered([dollars(one) for one in words(tab, PRICE)], reverse=True)
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.textContent") == "Quality"


def test_filters_show_what_they_say_and_nothing_else(tab: Page) -> None:
    rows = tab.locator(LINES)
    assert rows.count() == ALL
    tab.select_option("#mode", "extend")
    assert rows.count() == len(CATALOGUE.of_mode("extend"))
    tab.select_option("#gateway", "fal")
    tab.select_option("#provider", "wan")
    expected = [
        one for one in CATALOGUE.of_mode("extend") if one.gateway == "fal" and CATALOGUE.model_of(one).provider == "wan"
    ]
    assert rows.count() == len(expected) > 0
    assert tab.locator("#count").inner_text() == f"{len(expected)} of {ALL} endpoints"
    tab.get_by_role("button", name="Clear").click()
    assert rows.count() == ALL
    tab.get_by_label("Hide unpriced").check()
    assert 0 < rows.count() < ALL
    assert "unknown" not in words(tab, PRICE)
    tab.get_by_label("Hide unpriced").uncheck()
    tab.get_by_label("Hide delisted and announced").check()
    assert rows.count() == sum(one.status in {"live", "legacy"} for one in CATALOGUE.endpoints)


def test_search_finds_words_anywhere_in_an_entry(tab: Page) -> None:
    rows = tab.locator(LINES)
    tab.get_by_label("Search").fill("KLING  cfg_scale")
    assert 0 < rows.count() < ALL
    assert all("kling" in one.lower() for one in words(tab, 0))
    tab.get_by_label("Search").fill("no such thing anywhere")
    assert rows.count() == 0
    assert tab.locator("#empty").is_visible()


def test_a_row_opens_with_the_whole_contract(tab: Page) -> None:
    tab.get_by_label("Search").fill("model:kling-v3-pro fal-ai/kling-video/v3/pro/text-to-video")
    (row,) = tab.locator(LINES).all()
    button = row.locator("button.open")
    more = row.locator("tr.more")
    assert (button.get_attribute("aria-expanded"), more.is_visible()) == ("false", False)
    button.focus()
    tab.keyboard.press("Enter")
    assert (button.get_attribute("aria-expanded"), more.is_visible()) == ("true", True)
    text = more.inner_text()
    endpoint = CATALOGUE.find("fal:fal-ai/kling-video/v3/pro/text-to-video")
    for name in endpoint.params:
        assert name in text
    assert "Exactly one of prompt or multi_prompt must be given." in text
    assert str(endpoint.prices[0].usd.normalize()) in text
    assert f"checked {endpoint.checked.isoformat()}" in text
    assert '"prompt": ' in more.locator("pre").inner_text()
    row.locator("td").first.click()
    assert not more.is_visible()


@pytest.mark.parametrize("tab", [View(), NARROW], indirect=True)
def test_the_picture_has_one_mark_per_model_and_labels_that_do_not_meet(tab: Page) -> None:
    shown: dict[str, set[str]] = {}
    for board in ("text_to_video", "image_to_video"):
        tab.locator(f"input[value={board}]").check(force=True)
        marks = tab.locator("#plot g[role=button]")
        shown[board] = set(marks.evaluate_all("all => all.map(one => one.dataset.model)"))
        assert len(shown[board]) == marks.count() > 3
        assert tab.locator("#plot .mark.front").count() > 0
        assert tab.locator(".undrawn:visible").count() == 1
        boxes = tab.locator("#plot text.label").evaluate_all(
            "all => all.map(one => one.getBoundingClientRect()).map(box => [box.left, box.top, box.right, box.bottom])"
        )
        assert len(boxes) >= marks.count() / 2
        slack = 3  # the height of a line is more than that of its letters
        for place, one in enumerate(boxes):
            for other in boxes[place + 1 :]:
                apart = one[2] <= other[0] or other[2] <= one[0]
                assert apart or one[3] - slack <= other[1] + slack or other[3] - slack <= one[1] + slack
    assert shown["text_to_video"] != shown["image_to_video"]


def test_a_mark_tells_its_figures_and_leads_to_its_endpoints(tab: Page) -> None:
    mark = tab.locator("#plot g[data-model='seedance-2.0']")
    label = str(mark.get_attribute("aria-label"))
    assert "Elo " in label
    assert "$" in label
    mark.focus()
    tip = tab.locator(".tip").inner_text()
    assert "Seedance 2.0" in tip
    assert "AA-Video-T2V v2.0" in tip
    assert "Elo" in tab.locator("#readout").inner_text()
    tab.keyboard.press("Enter")
    assert tab.locator(LINES).count() == len(CATALOGUE.of_model("seedance-2.0"))
    tab.locator("#plot g[data-model='veo-3.1'] .mark").hover()
    assert "Veo 3.1" in tab.locator(".tip").inner_text()


@pytest.mark.parametrize("tab", [NARROW], indirect=True)
def test_a_narrow_page_does_not_scroll_sideways_but_its_table_does(tab: Page) -> None:
    tab.locator("button.open").first.click()
    assert tab.evaluate("document.documentElement.scrollWidth") <= 400
    scroller = tab.locator(".scroller")
    assert scroller.evaluate("one => one.scrollWidth > one.clientWidth")
    details = tab.locator(".details").first.bounding_box()
    assert details is not None
    assert details["width"] <= 400


@pytest.mark.parametrize("tab", [View(scripts=False)], indirect=True)
def test_without_javascript_everything_can_be_read(tab: Page) -> None:
    assert tab.locator("#endpoints > tbody").count() == ALL
    assert tab.locator("#endpoints > tbody > tr.more").first.is_visible()
    assert not tab.locator(".filters").is_visible()
    assert tab.locator(".undrawn:visible").count() == 2


@pytest.mark.parametrize("tab", [View(scheme="dark"), View()], indirect=True)
def test_text_stands_out_in_both_schemes(tab: Page) -> None:
    script = """names => names.map(name => {
      const style = getComputedStyle(document.documentElement);
      const probe = document.body.appendChild(document.createElement("i"));
      probe.style.color = style.getPropertyValue(name);
      const rgb = getComputedStyle(probe).color.match(/[\\d.]+/g).slice(0, 3).map(Number);
      probe.remove();
      return rgb;
    })"""
    names = ["--ink", "--soft", "--accent", "--card", "--paper", "--hover", "--warn", "--warn-soft", "--accent-soft"]
    colours: dict[str, list[float]] = dict(zip(names, tab.evaluate(script, names), strict=True))
    pairs = [(text, ground) for text in names[:3] for ground in names[3:6]]
    for text, ground in [*pairs, ("--warn", "--warn-soft"), ("--accent", "--accent-soft")]:
        # WCAG 2.2, 1.4.3: 4.5 to 1 for text.
        assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)


def contrast(one: list[float], other: list[float]) -> float:
    """The contrast of two colours, as WCAG 2.2 defines it."""
    brighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (brighter + 0.05) / (darker + 0.05)


def luminance(rgb: list[float]) -> float:
    parts = [one / 255 for one in rgb]
    linear = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_hostile_text_runs_nothing(browser: Browser, tmp_path: Path) -> None:
    hostile = '</script><img src=x onerror="document.title=1"><b>'
    (model,) = (one for one in CATALOGUE.models.values() if one.id == "wan-3.0")
    endpoints = [one.model_copy(update={"note": hostile}) for one in CATALOGUE.of_model("wan-3.0")]
    renamed = model.model_copy(update={"title": hostile, "note": hostile})
    file = tmp_path / "hostile.html"
    file.write_text(page(type(CATALOGUE)([renamed], endpoints)), "utf-8")
    with browser.new_context() as context:
        tab = context.new_page()
        tab.goto(file.as_uri())
        tab.locator("button.open").first.click()
        assert tab.title() == "Video models"
        assert tab.locator("img").count() == 0
        assert hostile in tab.locator(".details").first.inner_text()
        assert tab.locator("#plot text.label").first.text_content() == hostile
