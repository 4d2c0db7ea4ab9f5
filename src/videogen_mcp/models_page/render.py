"""The page as text. Whatever comes from the catalogue is escaped; the same catalogue gives the same bytes."""

import base64
import hashlib
import json
from collections.abc import Iterable
from html import escape
from importlib.resources import files
from string import Template
from typing import Any

from videogen_mcp.catalogue import Catalogue
from videogen_mcp.catalogue.schema import Endpoint, Model, Param, Price
from videogen_mcp.models_page.boards import MODALITIES, Board, board_of
from videogen_mcp.models_page.clips import Clip, clip_of
from videogen_mcp.models_page.words import (
    NOT_STATED,
    conditions_in_words,
    lengths,
    limits,
    money,
    plain,
    price_in_words,
    resolutions,
    rule_in_words,
    sound,
)
from videogen_mcp.selection.quality import GRADES, modality_of, rating_of
from videogen_mcp.types import MODES, Json, Mode

_BOARD_NAMES = {"text_to_video": "text", "image_to_video": "image"}
_UNSAFE_IN_SCRIPT = {ord(one): f"\\u{ord(one):04x}" for one in "<>&\u2028\u2029"}


def page(catalogue: Catalogue) -> str:
    """The whole page.

    Args:
        catalogue: What stands on it.

    Returns:
        One HTML document that loads nothing: style, script and data stand in it.
    """
    endpoints = _in_page_order(catalogue)
    boards = [board_of(catalogue, modality) for modality in MODALITIES]
    style, script = _part("page.css"), _part("page.js")
    return Template(_part("page.html")).substitute(
        style=style,
        script=script,
        style_hash=_digest(style),
        script_hash=_digest(script),
        endpoints=len(endpoints),
        models=len({one.model for one in endpoints}),
        checked=max((one.checked.isoformat() for one in endpoints), default="never"),
        modes=_options({mode: mode_in_words(mode) for mode in MODES if catalogue.of_mode(mode)}),
        providers=_options({one: one for one in sorted(catalogue.providers)}),
        gateways=_options({one: one for one in sorted({endpoint.gateway for endpoint in endpoints})}),
        boards="\n".join(_board_choice(one, checked=number == 0) for number, one in enumerate(boards)),
        undrawn="\n".join(_undrawn(one) for one in boards),
        data=json_in_script({one.modality: _board_data(one) for one in boards}),
        rows="\n".join(_row(catalogue.model_of(one), one, number) for number, one in enumerate(endpoints)),
    )


def json_in_script(value: Any) -> str:
    """JSON that may stand inside a script element: nothing in it can end the element or begin a comment."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True).translate(_UNSAFE_IN_SCRIPT)


def mode_in_words(mode: Mode) -> str:
    """A mode's name for people."""
    return "first and last frame" if mode == "first_last_frame" else mode.replace("_", " ")


def _in_page_order(catalogue: Catalogue) -> list[Endpoint]:
    """By the model's title, so that a model's endpoints stand together; within a model in catalogue order."""
    return sorted(catalogue.endpoints, key=lambda one: (catalogue.model_of(one).title.casefold(), one.model))


def _part(name: str) -> str:
    return files("videogen_mcp.models_page").joinpath(name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    """The form in which a content security policy names an inline style or script."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode('utf-8')).digest()).decode('ascii')}"


def _options(choices: dict[Any, str]) -> str:
    return "".join(f'<option value="{escape(value)}">{escape(words)}</option>' for value, words in choices.items())


def _board_choice(board: Board, *, checked: bool) -> str:
    words = mode_in_words(board.modality).capitalize()
    state = " checked" if checked else ""
    return f'<label><input type="radio" name="board" value="{board.modality}"{state}> {words}</label>'


def _board_data(board: Board) -> Json:
    points = [
        {
            "model": one.model.id,
            "title": one.model.title,
            "provider": one.model.provider,
            "elo": one.elo,
            "usd": float(one.usd),
            "price": money(one.usd),
            "clip": one.clip.words,
            "endpoint": one.endpoint,
            "read": _read_on(one.rating.dated),
            "front": one.front,
        }
        for one in board.points
    ]
    return {"name": board.name, "points": points}


def _read_on(day: Any) -> str:
    return f"read {day.isoformat()}" if day else "day not known"


def _undrawn(board: Board) -> str:
    """How many models are missing from the picture, and why."""
    names = ", ".join(one.title for one in board.unpriced)
    unpriced = f"{len(board.unpriced)} rated without a known price" + (f" ({names})" if names else "")
    counts = (
        f"{unpriced}; {board.unrated} priced but not rated on this board; {board.unknown} neither; "
        f"{board.not_offered} not offered now (delisted or only announced)."
    )
    total = len(board.unpriced) + board.unrated + board.unknown + board.not_offered
    drawn = f"{len(board.points)} models have a rating and a price, {total} are not drawn"
    words = f"{mode_in_words(board.modality).capitalize()}, {board.name}: {drawn}: "
    return f'<p class="undrawn" data-board="{board.modality}">{escape(words + counts)}</p>'


def _row(model: Model, endpoint: Endpoint, number: int) -> str:
    """One endpoint: a line of the table, and below it the contract, folded away."""
    length, longest = lengths(endpoint)
    resolution, lines = resolutions(endpoint)
    clips: dict[Mode, Clip] = {mode: clip_of(endpoint, mode) for mode in endpoint.modes}
    modes = "".join(f"<li>{mode_in_words(mode)}" for mode in endpoint.modes)
    return (
        f'<tbody data-modes="{" ".join(endpoint.modes)}" data-provider="{escape(model.provider)}"'
        f' data-gateway="{escape(endpoint.gateway)}" data-status="{endpoint.status}" data-model="{escape(model.id)}">'
        f"<tr><td><b>{escape(model.title)}</b> <code>{escape(model.id)}</code></td>"
        f'<th scope="row"><button type="button" class="open" aria-expanded="false" aria-controls="d{number}">'
        f"{_breakable(endpoint.id)}</button></th>"
        f"<td>{_price_cell(clips)}</td><td>{_quality_cell(model, endpoint)}</td>"
        f'<td data-key="{MODES.index(endpoint.modes[0])}"><ul>{modes}</ul></td>'
        f"{_cell(length, longest)}{_cell(resolution, lines)}{_cell(sound(endpoint))}"
        f"<td>{escape(model.provider)}</td><td>{escape(endpoint.gateway)}</td>"
        f'<td><span class="{endpoint.status}">{endpoint.status}</span></td>'
        f"<td><time>{endpoint.checked.isoformat()}</time>"
        f'<span class="source" title="{escape(endpoint.source)}">{escape(endpoint.source)}</span></td></tr>'
        f'<tr class="more" id="d{number}" hidden><td colspan="12">{_details(model, endpoint, clips)}</td></tr></tbody>'
    )


def _breakable(identifier: str) -> str:
    """An identifier that a browser may break after its slashes."""
    return escape(identifier).replace("/", "/<wbr>")


def _cell(words: str, key: float | None = None) -> str:
    """A cell that is sorted by its figure, or by its words where it has none."""
    muted = f'<span class="unknown">{words}</span>' if words == NOT_STATED else escape(words)
    return f"<td>{muted}</td>" if key is None else f'<td data-key="{key:g}">{muted}</td>'


def _by_look(shown: Iterable[tuple[Mode, str, str]]) -> str:
    """One span per different content; the first is shown until a mode is chosen. Takes (mode, attributes, content)."""
    looks: dict[tuple[str, str], list[Mode]] = {}
    for mode, attributes, content in shown:
        looks.setdefault((attributes, content), []).append(mode)
    return "".join(
        f'<span data-for="{" ".join(modes)}"{attributes}{" hidden" if number else ""}>{content}</span>'
        for number, ((attributes, content), modes) in enumerate(looks.items())
    )


def _price_cell(clips: dict[Mode, Clip]) -> str:
    return _by_look((mode, *_price_look(clip)) for mode, clip in clips.items())


def _price_look(clip: Clip) -> tuple[str, str]:
    if clip.usd is None:
        return "", '<span class="unknown">unknown</span>'
    differs = f" <small>{escape(', '.join(clip.differs))}</small>" if clip.differs else ""
    return f' data-key="{clip.usd:f}" title="{escape(clip.basis)}"', f"{money(clip.usd)}{differs}"


def _quality_cell(model: Model, endpoint: Endpoint) -> str:
    return _by_look((mode, *_quality_look(model, mode)) for mode in endpoint.modes)


def _quality_look(model: Model, mode: Mode) -> tuple[str, str]:
    """Sorted by group first (text board, image board, graded), so that no two boards are compared."""
    rating = rating_of(model, mode)
    if rating is not None:
        modality = modality_of(mode)
        title = escape(f"Elo on {rating.board}, {_read_on(rating.dated)}; {rating.source}")
        group = MODALITIES.index(modality)
        look = f"{rating.elo:g} <small>{_BOARD_NAMES[modality]} board</small>"
        return f' data-key="{rating.elo:g}" data-group="{group}" title="{title}"', look
    if model.grade is not None:
        key = f' data-key="{GRADES[model.grade]:g}" data-group="{len(MODALITIES)}"'
        title = "A plain grade; not rated on the board of this mode."
        return f'{key} title="{title}"', f'<span class="grade">{model.grade}</span>'
    return "", '<span class="unknown">unknown</span>'


def _details(model: Model, endpoint: Endpoint, clips: dict[Mode, Clip]) -> str:
    example = json.dumps(endpoint.example, indent=2, ensure_ascii=False)
    notes = "".join(f"<p>{escape(one)}</p>" for one in (model.note, endpoint.note) if one)
    rules = "".join(f"<li>{escape(rule_in_words(rule))}" for rule in endpoint.rules)
    return (
        f'<div class="details"><div class="wide"><h3>Parameters</h3>{_parameters(endpoint)}'
        f"{f'<h3>Rules</h3><ul>{rules}</ul>' if rules else ''}</div>"
        f"<div>{f'<h3>Note</h3>{notes}' if notes else ''}{_prices(endpoint, clips)}{_ratings(model, endpoint)}"
        f"<h3>Example</h3><pre>{escape(example)}</pre>"
        f"<h3>Source</h3><p>{escape(endpoint.source)}, checked {endpoint.checked.isoformat()}</p></div></div>"
    )


def _parameters(endpoint: Endpoint) -> str:
    if not endpoint.params:
        return '<p class="unknown">Not known yet.</p>'
    rows = "".join(_parameter(name, param) for name, param in endpoint.params.items())
    return (
        '<table class="params"><thead><tr><th scope="col">name<th scope="col">type<th scope="col">values'
        f'<th scope="col">default<th scope="col">limits</tr></thead><tbody>{rows}</tbody></table>'
    )


def _parameter(name: str, param: Param) -> str:
    sources = ", ".join(one for one in param.source if one != name)
    values = ", ".join(plain(value) for value in param.values)
    default = "" if param.default is None else plain(param.default)
    return (
        f'<tr><th scope="row"><code>{escape(name)}</code>{" <em>required</em>" if param.required else ""}'
        f"{f' <small>{escape(sources)}</small>' if sources else ''}"
        f"<td>{param.type}<td>{escape(values)}<td>{escape(default)}"
        f"<td>{escape(limits(param))}{f'<small>{escape(param.description)}</small>' if param.description else ''}"
    )


def _clip_list(clips: dict[Mode, Clip]) -> str:
    lines: dict[str, list[str]] = {}
    for mode, clip in clips.items():
        lines.setdefault(_clip_in_words(clip), []).append(mode_in_words(mode))
    items = (f"<li>{', '.join(modes)}: {escape(words)}" for words, modes in lines.items())
    return f"<ul>{''.join(items)}</ul>"


def _clip_in_words(clip: Clip) -> str:
    if clip.usd is None:
        return f"unknown: {clip.basis}"
    ceiling = (
        "" if clip.ceiling_usd in {None, clip.usd} else f"; caps reckon with {money(clip.ceiling_usd or clip.usd)}"
    )
    return f"{money(clip.usd)} for {clip.words}; {clip.basis}{ceiling}"


def _prices(endpoint: Endpoint, clips: dict[Mode, Clip]) -> str:
    if not endpoint.prices:
        return '<h3>Price</h3><p class="unknown">No price is known.</p>'
    rows = "".join(f"<li>{escape(_price_line(one))}" for one in endpoint.prices)
    return f"<h3>Price of five seconds, 720p, 16:9</h3>{_clip_list(clips)}<h3>Price table</h3><ul>{rows}</ul>"


def _price_line(price: Price) -> str:
    when = conditions_in_words(price.when)
    condition = f" when {when}" if when else ""
    dated = price.dated.isoformat() if price.dated else "undated"
    note = f". {price.note}" if price.note else ""
    return f"{price_in_words(price)}{condition}. {price.source}, {dated}, confidence {price.confidence}{note}"


def _ratings(model: Model, endpoint: Endpoint) -> str:
    found = {rating_of(model, mode): None for mode in endpoint.modes}
    lines = "".join(
        f"<li>{escape(f'Elo {one.elo:g} on {one.board}, {one.audio} sound, {_read_on(one.dated)}; {one.source}')}"
        for one in found
        if one is not None
    )
    return f"<h3>Ratings</h3><ul>{lines}</ul>" if lines else ""
