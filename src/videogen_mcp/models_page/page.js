"use strict";

const table = document.getElementById("endpoints");
const headers = [...table.tHead.rows[0].cells];
const rows = [...table.tBodies];
const form = document.querySelector(".filters");
const controls = Object.fromEntries(["search", "mode", "provider", "gateway", "priced", "offered"].map((id) => [id, document.getElementById(id)]));
const texts = new Map(rows.map((row) => [row, row.textContent.toLowerCase()]));
const collator = new Intl.Collator("en", { numeric: true });
const NOT_STATED = "not stated";
const QUALITY = 3;

/* The table: what a cell is sorted by. A cell with figures per mode holds one span for each look. */

function shownIn(cell) {
  return cell.querySelector(":scope > [data-for]:not([hidden])") || cell;
}

function keysOf(column) {
  const cells = rows.map((row) => shownIn(row.rows[0].cells[column]));
  const isFigure = cells.some((cell) => cell.dataset.key !== undefined);
  return cells.map((cell) => {
    if (cell.dataset.key !== undefined) return { group: Number(cell.dataset.group || 0), value: Number(cell.dataset.key) };
    const text = cell.textContent.trim();
    return isFigure || text === NOT_STATED ? null : { group: 0, value: text };
  });
}

function compare(one, other, sign) {
  if (one === null || other === null) return Number(one === null) - Number(other === null);
  if (one.group !== other.group) return one.group - other.group;
  const order = typeof one.value === "number" ? one.value - other.value : collator.compare(one.value, other.value);
  return sign * order;
}

function sorting() {
  const column = headers.findIndex((header) => header.hasAttribute("aria-sort"));
  return { column, direction: headers[column].getAttribute("aria-sort") };
}

function sort() {
  const { column, direction } = sorting();
  const sign = direction === "descending" ? -1 : 1;
  const keys = keysOf(column);
  const keyed = rows.map((row, place) => ({ row, place, key: keys[place] }));
  keyed.sort((one, other) => compare(one.key, other.key, sign) || one.place - other.place);
  table.append(...keyed.map((one) => one.row));
  markGroups();
}

function markGroups() {
  let before = null;
  for (const row of table.tBodies) {
    if (row.hidden) continue;
    row.classList.toggle("same", row.dataset.model === before);
    before = row.dataset.model;
  }
  document.getElementById("hint").hidden = sorting().column !== QUALITY || controls.mode.value !== "";
}

for (const header of headers) {
  header.querySelector("button").addEventListener("click", () => {
    const opposite = { ascending: "descending", descending: "ascending" };
    const direction = opposite[header.getAttribute("aria-sort")] || header.dataset.first || "ascending";
    for (const one of headers) one.removeAttribute("aria-sort");
    header.setAttribute("aria-sort", direction);
    sort();
  });
}

/* The filters. */

function showFor(mode) {
  for (const cell of table.querySelectorAll("tbody > tr:first-child > td:has(> [data-for])")) {
    const spans = [...cell.children];
    const chosen = spans.find((span) => span.dataset.for.split(" ").includes(mode)) || spans[0];
    for (const span of spans) span.hidden = span !== chosen;
  }
}

function holds(row, word) {
  return word.startsWith("model:") ? row.dataset.model.toLowerCase() === word.slice(6) : texts.get(row).includes(word);
}

function passes(row, words) {
  const { mode, provider, gateway, priced, offered } = controls;
  return words.every((word) => holds(row, word))
    && (!mode.value || row.dataset.modes.split(" ").includes(mode.value))
    && (!provider.value || row.dataset.provider === provider.value)
    && (!gateway.value || row.dataset.gateway === gateway.value)
    && (!priced.checked || shownIn(row.rows[0].cells[2]).dataset.key !== undefined)
    && (!offered.checked || !["delisted", "announced"].includes(row.dataset.status));
}

function filter() {
  showFor(controls.mode.value);
  const words = controls.search.value.toLowerCase().split(/\s+/).filter(Boolean);
  let count = 0;
  for (const row of rows) {
    row.hidden = !passes(row, words);
    count += Number(!row.hidden);
  }
  document.getElementById("count").textContent = `${count} of ${rows.length} endpoints`;
  document.getElementById("empty").hidden = count > 0;
  sort();
}

function clear() {
  for (const control of Object.values(controls)) {
    if (control.type === "checkbox") control.checked = false;
    else control.value = "";
  }
}

form.addEventListener("input", filter);
form.addEventListener("submit", (event) => event.preventDefault());
document.getElementById("clear").addEventListener("click", () => {
  clear();
  filter();
});

/* One endpoint in full. */

table.addEventListener("click", (event) => {
  const line = event.target.closest("#endpoints > tbody > tr:first-child");
  if (!line || (!event.target.closest(".open") && String(getSelection()))) return;
  const button = line.querySelector(".open");
  const isOpen = button.getAttribute("aria-expanded") === "true";
  button.setAttribute("aria-expanded", String(!isOpen));
  line.parentElement.classList.toggle("opened", !isOpen);
  document.getElementById(button.getAttribute("aria-controls")).hidden = isOpen;
});

/* The picture. */

const boards = JSON.parse(document.getElementById("data").textContent);
const plot = document.getElementById("plot");
const readout = document.getElementById("readout");
const SVG = "http://www.w3.org/2000/svg";

function draw(name, attributes, parent, text) {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (text !== undefined) node.textContent = text;
  parent.append(node);
  return node;
}

function priceTicks(least, most) {
  const ticks = [];
  for (let power = Math.floor(Math.log10(least)); power <= Math.ceil(Math.log10(most)); power += 1) {
    for (const step of most / least < 20 ? [1, 1.5, 2, 3, 5, 7] : [1, 2, 5]) ticks.push(step * 10 ** power);
  }
  return ticks.filter((tick) => tick >= least && tick <= most);
}

function scales(points, size) {
  const prices = points.map((one) => one.usd);
  const ratings = points.map((one) => one.elo);
  const [least, most] = [Math.min(...prices) / 1.35, Math.max(...prices) * 1.5];
  const [low, high] = [Math.floor((Math.min(...ratings) - 15) / 50) * 50, Math.ceil((Math.max(...ratings) + 10) / 50) * 50];
  const { left, right, top, bottom, width, height } = size;
  const across = (usd) => left + (Math.log(usd / least) / Math.log(most / least)) * (width - left - right);
  const down = (elo) => height - bottom - ((elo - low) / (high - low)) * (height - top - bottom);
  return { across, down, least, most, low, high };
}

function drawAxes(svg, scale, size) {
  const { left, right, top, bottom, width, height } = size;
  for (let elo = scale.low; elo <= scale.high; elo += 50) {
    const y = scale.down(elo);
    draw("line", { class: "grid", x1: left, x2: width - right, y1: y, y2: y }, svg);
    draw("text", { x: left - 8, y: y + 4, "text-anchor": "end" }, svg, elo);
  }
  let written = -Infinity;
  for (const usd of priceTicks(scale.least, scale.most)) {
    const x = scale.across(usd);
    if (x - written < 44) continue;
    written = x;
    draw("line", { class: "grid", x1: x, x2: x, y1: top, y2: height - bottom }, svg);
    draw("text", { x, y: height - bottom + 18, "text-anchor": "middle" }, svg, `$${usd < 1 || usd % 1 ? usd.toFixed(2) : usd.toFixed(0)}`);
  }
  draw("text", { x: width - right, y: height - 4, "text-anchor": "end" }, svg, "US dollars for the clip, logarithmic");
  draw("text", { x: 0, y: 12 }, svg, "Elo");
}

function drawFront(svg, points, scale, size) {
  const corners = points.filter((one) => one.front).map((one) => [scale.across(one.usd), scale.down(one.elo)]);
  const boxes = [];
  let path = "";
  corners.forEach(([x, y], place) => {
    path += path ? `H${x}V${y}` : `M${x} ${y}`;
    const [endX, endY] = corners[place + 1] || [size.width - size.right, y];
    boxes.push({ left: x, right: endX, top: y - 2, bottom: y + 2 }, { left: endX - 2, right: endX + 2, top: endY, bottom: y });
  });
  draw("path", { class: "frontier", d: `${path}H${size.width - size.right}` }, svg);
  return boxes;
}

function describe(point, board) {
  const front = point.front ? "; best quality for its price" : "";
  return `${point.title}: ${point.price} for ${point.clip}, Elo ${point.elo} on ${board.name}${front}`;
}

function showTip(point, board, x, y) {
  plot.querySelector(".tip")?.remove();
  const tip = document.createElement("div");
  tip.className = "tip";
  const lines = [["b", point.title], ["span", `${point.price} for ${point.clip}`], ["span", `Elo ${point.elo} on ${board.name}, ${point.read}`], ["span", point.endpoint]];
  lines.forEach(([name, text], place) => {
    const line = document.createElement(name);
    line.textContent = text;
    if (place > 1) line.className = "small";
    tip.append(line);
  });
  plot.append(tip);
  tip.style.left = `${Math.max(0, Math.min(x + 14, plot.clientWidth - tip.offsetWidth))}px`;
  tip.style.top = `${y > tip.offsetHeight + 16 ? y - tip.offsetHeight - 12 : y + 16}px`;
  readout.textContent = describe(point, board);
}

function hideTip() {
  plot.querySelector(".tip")?.remove();
}

function lookUp(point) {
  clear();
  controls.search.value = `model:${point.model}`;
  filter();
  form.scrollIntoView({ block: "start" });
}

function drawMark(svg, point, board, scale) {
  const [x, y] = [scale.across(point.usd), scale.down(point.elo)];
  const group = draw("g", { role: "button", tabindex: 0, "aria-label": `${describe(point, board)}. Show its endpoints`, "data-model": point.model }, svg);
  draw("circle", { cx: x, cy: y, r: 13, fill: "transparent" }, group);
  draw("circle", { class: point.front ? "mark front" : "mark", cx: x, cy: y, r: point.front ? 6 : 5 }, group);
  for (const type of ["mouseenter", "focus"]) group.addEventListener(type, () => showTip(point, board, x, y));
  for (const type of ["mouseleave", "blur"]) group.addEventListener(type, hideTip);
  group.addEventListener("click", () => lookUp(point));
  group.addEventListener("keydown", (event) => {
    if (event.key === "Escape") hideTip();
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    lookUp(point);
  });
  return { left: x - 8, right: x + 8, top: y - 8, bottom: y + 8 };
}

/* Labels: each takes the first place, near before far, that hides nothing; where there is none it is left to the tip. */

function overlaps(one, other) {
  return one.left < other.right && one.right > other.left && one.top < other.bottom && one.bottom > other.top;
}

function places(x, y, width) {
  const found = [];
  for (const far of [0, 14, 28, 42]) {
    const [side, lift] = [11 + far / 2, 4];
    found.push([x + side, y + lift - far], [x - side - width, y + lift - far], [x - width / 2, y - 12 - far], [x - width / 2, y + 21 + far], [x + side, y + lift + far], [x - side - width, y + lift + far]);
  }
  return found;
}

function drawLabels(svg, points, scale, size, taken) {
  const frame = { left: size.left, right: size.width, top: 14, bottom: size.height - size.bottom };
  for (const point of [...points].sort((one, other) => Number(other.front) - Number(one.front))) {
    const [x, y] = [scale.across(point.usd), scale.down(point.elo)];
    const label = draw("text", { class: point.front ? "label front-label" : "label", "aria-hidden": true, x: 0, y: 0 }, svg, point.title);
    const width = label.getComputedTextLength();
    const boxOf = ([left, base]) => ({ left: left - 2, right: left + width + 2, top: base - 11, bottom: base + 4 });
    const isFree = (place) => {
      const box = boxOf(place);
      return box.left >= frame.left && box.right <= frame.right && box.top >= frame.top && box.bottom <= frame.bottom && !taken.some((one) => overlaps(one, box));
    };
    const place = places(x, y, width).find(isFree);
    if (!place) {
      label.remove();
      continue;
    }
    const box = boxOf(place);
    taken.push(box);
    label.setAttribute("x", place[0]);
    label.setAttribute("y", place[1]);
    const [toX, toY] = [Math.max(box.left, Math.min(x, box.right)), Math.max(box.top, Math.min(y, box.bottom))];
    if (Math.hypot(toX - x, toY - y) > 16) svg.insertBefore(draw("line", { class: "leader", x1: x, y1: y, x2: toX, y2: toY }, svg), svg.querySelector("g"));
  }
}

function drawBoard() {
  const chosen = document.querySelector("input[name=board]:checked").value;
  const board = boards[chosen];
  for (const line of document.querySelectorAll(".undrawn")) line.hidden = line.dataset.board !== chosen;
  plot.replaceChildren();
  readout.textContent = "";
  const width = plot.clientWidth;
  const size = { width, height: width < 560 ? 360 : 430, left: 44, right: 8, top: 22, bottom: 44 };
  if (!board.points.length) {
    plot.textContent = "No model has both a rating and a price.";
    return;
  }
  const title = `Price and quality of ${board.points.length} models, rated on ${board.name}`;
  const svg = draw("svg", { viewBox: `0 0 ${width} ${size.height}`, height: size.height, role: "group", "aria-label": title }, plot);
  const scale = scales(board.points, size);
  drawAxes(svg, scale, size);
  const taken = drawFront(svg, board.points, scale, size);
  taken.push(...board.points.map((point) => drawMark(svg, point, board, scale)));
  drawLabels(svg, board.points, scale, size, taken);
}

for (const choice of document.querySelectorAll("input[name=board]")) choice.addEventListener("change", drawBoard);
let drawnWidth = 0;
new ResizeObserver(() => {
  if (plot.clientWidth === drawnWidth) return;
  drawnWidth = plot.clientWidth;
  drawBoard();
}).observe(plot);

filter();
