"use strict";
// What the page does beyond being read. Names come from anybody: they only ever become text nodes.
(() => {
  const $ = (selector, root = document) => root.querySelector(selector);
  const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
  document.documentElement.classList.add("script");

  const SVG = "http://www.w3.org/2000/svg";
  const DAY = 86_400_000;
  const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
  const WEEKDAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

  function element(tag, attributes = {}, ...children) {
    return filled(document.createElement(tag), attributes, children);
  }

  function drawn(tag, attributes = {}, ...children) {
    return filled(document.createElementNS(SVG, tag), attributes, children);
  }

  function filled(made, attributes, children) {
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.append(...children);
    return made;
  }

  const isolated = (text, otherwise = "(no title)") => element("bdi", {}, text || otherwise);
  const counted = (number, one, many = `${one}s`) => `${number.toLocaleString("en")} ${number === 1 ? one : many}`;
  const iso = (moment) => new Date(moment).toISOString().slice(0, 10);
  const short = (moment) => `${new Date(moment).getUTCDate()} ${MONTHS[new Date(moment).getUTCMonth()]}`;
  const long = (moment) => `${short(moment)} ${new Date(moment).getUTCFullYear()}`;
  const longest = (moment) => `${WEEKDAYS[new Date(moment).getUTCDay()]} ${long(moment)}`;
  const folded = (text) => text.normalize("NFD").replace(/\p{Mn}/gu, "").toLowerCase();
  const say = (text) => { $("#said").textContent = text; };

  // How old the newest day is, told by the reader's clock: the page may have been lying around.
  for (const time of $$("time[data-ago]")) {
    const now = new Date();
    const days = Math.round((Date.UTC(now.getFullYear(), now.getMonth(), now.getDate()) - Date.parse(time.dateTime)) / DAY);
    if (days < 0) continue;
    const words = ["today", "yesterday"][days] || `${days.toLocaleString("en")} days ago`;
    time.after(" ", element("span", { class: days > 1 ? "ago stale" : "ago" }, words));
  }

  // A signed link opens one page alone.
  if (/[?&](X-Amz-)?Signature=/.test(location.search)) {
    for (const home of $$("[data-home]")) home.replaceWith(filled(element("span", { class: home.className }), {}, [...home.childNodes]));
  }

  const filter = $("#filter");
  if (filter) {
    const cards = $$(".card").map((card) => [card, folded(card.textContent)]);
    filter.addEventListener("input", () => {
      const wanted = folded(filter.value.trim());
      const shown = cards.filter(([card, text]) => !(card.hidden = !text.includes(wanted))).length;
      for (const group of $$(".group")) group.hidden = !$(".card:not([hidden])", group);
      say(wanted ? `${shown} of ${counted(cards.length, "playlist")}` : "");
    });
  }

  const source = $("#data");
  if (!source) return;

  // The list's past. A day is known by its number among the known days; an item's stays are runs of such numbers.

  const data = JSON.parse(source.textContent);
  const first = Date.parse(data.first);
  const moments = data.days.map((offset) => first + offset * DAY);
  const newest = moments.length - 1;
  const unit = data.cadence === 1 ? "day" : "week";
  const places = moments.map(() => []);

  const items = data.items.map(([name, artist, path, key, ...stays], number) => {
    const item = { number, name, artist, path, key: key || `spotify:${path.replace("/", ":")}`, stays: [] };
    for (const [start, place, moves] of stays) item.stays.push({ start, places: [place, ...unfolded(place, moves)] });
    for (const stay of item.stays) stay.places.forEach((place, after) => { places[stay.start + after][place] = item; });
    return item;
  });
  // What stands where no item has its own place: an item's second place, or the words for an empty slot.
  const slots = moments.map(() => []);
  for (const [own, ...stays] of data.slots) {
    for (const [start, place, moves] of stays) {
      [place, ...unfolded(place, moves)].forEach((one, after) => { slots[start + after][one] = items[own] ?? own; });
    }
  }
  const byKey = new Map(items.map((item) => [item.key, item]));

  function* unfolded(place, moves) {
    for (const [, down, up, far, times] of moves.matchAll(/(?:([a-z])|([A-Z])|\((-?\d+)\))(\d*)/g)) {
      const move = down ? down.charCodeAt(0) - 97 : up ? 64 - up.charCodeAt(0) : Number(far);
      for (let count = Number(times || 1); count > 0; count -= 1) yield (place += move);
    }
  }

  const end = (stay) => stay.start + stay.places.length - 1;
  const stayOn = (item, day) => item.stays.find((stay) => stay.start <= day && day <= end(stay));
  const placeOn = (item, day) => { const stay = stayOn(item, day); return stay && stay.places[day - stay.start]; };
  const unknownBetween = (from, to) => Math.round((moments[to] - moments[from]) / DAY / data.cadence) - (to - from);
  const dayOf = (text) => (/^\d{4}-\d\d-\d\d$/.test(text) ? moments.indexOf(Date.parse(text)) : -1);

  function standing(item, day) {
    const until = item.stays.filter((stay) => stay.start <= day).map((stay) => stay.places.slice(0, day - stay.start + 1));
    const place = placeOn(item, day);
    const previous = day > 0 ? placeOn(item, day - 1) : undefined;
    let change = "";
    if (day > 0 && previous === undefined) change = until.length > 1 ? "re-entry" : "new";
    else if (day > 0) change = previous > place ? "up" : previous < place ? "down" : "same";
    return {
      place, previous, change,
      peak: Math.min(...until.map((one) => one.reduce((best, other) => Math.min(best, other)))),
      days: until.reduce((sum, one) => sum + one.length, 0),
      streak: until.at(-1).length,
      before: item.stays[0].start === 0,
    };
  }

  // Pieces of the page.

  function moved({ change, place, previous }) {
    const far = Math.abs(place - previous);
    const [mark, words] = {
      up: [`▲ ${far}`, `up ${counted(far, "place")}, from ${previous}`],
      down: [`▼ ${far}`, `down ${counted(far, "place")}, from ${previous}`],
      same: ["=", "in the same place"],
      new: ["NEW", "new on the list"],
      "re-entry": ["BACK", "back on the list"],
      duplicate: ["TWICE", "listed a second time"],
    }[change] || ["", ""];
    return element("span", { class: `move ${change}` }, element("span", { "aria-hidden": "true" }, mark), element("span", { class: "sr" }, words));
  }

  const track = (item) => element("a", { class: "track", href: `#track=${encodeURIComponent(item.key)}` }, isolated(item.name));
  const by = (item) => element("span", { class: "by" }, isolated(item.artist, " "));

  function out(item) {
    if (!item.path) return "";
    return element("a", {
      class: "out", href: `https://open.spotify.com/${item.path}`, rel: "noopener noreferrer", target: "_blank", "aria-label": `${item.name} on Spotify`,
    }, "↗");
  }

  // The last weeks of an item as a line, in its own range of places but for quiet ones.
  function spark(item, day) {
    const from = moments[day] - 59 * DAY;
    const points = pointsOf(item, knownFrom(from, day));
    const [best, worst] = [Math.min, Math.max].map((pick) => pick(...points.map(([, place]) => place)));
    const range = Math.max(8, worst - best);
    const at = ([moment, place]) => [2 + 96 * (moment - from) / (59 * DAY), 11 + 18 * (place - (best + worst) / 2) / range];
    const now = path(points.slice(-1), at);
    return drawn("svg", { class: "spark", viewBox: "0 0 100 22", preserveAspectRatio: "none", "aria-hidden": "true" },
      drawn("path", { d: path(points, at), "vector-effect": "non-scaling-stroke" }),
      drawn("path", { d: now, class: "now", "vector-effect": "non-scaling-stroke" }));
  }

  function knownFrom(moment, day) {
    const begin = moments.findIndex((one) => one >= moment);
    return Array.from({ length: day - begin + 1 }, (_, count) => begin + count);
  }

  const pointsOf = (item, days) => days.map((day) => [moments[day], placeOn(item, day)]).filter(([, place]) => place !== undefined);

  // A line through [moment, value] points that are `step` days of the list apart, broken where one is missing: the item
  // was not there, or the day is not known.
  function path(points, at, { step = 1, curved = false } = {}) {
    let line = "", before;
    for (const point of points) {
      const [x, y] = at(point).map((one) => Math.round(one * 10) / 10);
      if (!before || point[0] - before[0] > step * data.cadence * DAY) line += `M${x} ${y}h0`;
      else if (curved) line += `C${(before[1] + x) / 2} ${before[2]} ${(before[1] + x) / 2} ${y} ${x} ${y}`;
      else line += `L${x} ${y}`;
      before = [point[0], x, y];
    }
    return line;
  }

  // The points of a line that stand alone, as small rings.
  const ringed = (line) => line.replaceAll(/M([\d.-]+) ([\d.-]+)h0(?=M|$)/g, "M$1 $2m-1.5 0a1.5 1.5 0 1 0 3 0a1.5 1.5 0 1 0 -3 0");

  // The chart of any known day.

  const table = $("#entries");
  const written = table.tBodies[0];
  const pick = $("#day");
  const comparedText = $("#compared").textContent;
  const restText = $("#rest").textContent;
  const comparedClass = $("#compared").className;
  let shownDay = newest;

  for (const select of [pick, $("#from"), $("#to")]) {
    for (let day = newest, group; day >= 0; day -= 1) {
      const label = `${MONTHS[new Date(moments[day]).getUTCMonth()]} ${new Date(moments[day]).getUTCFullYear()}`;
      if (!group || group.label !== label) select.append(group = element("optgroup", { label }));
      group.append(element("option", { value: iso(moments[day]) }, longest(moments[day])));
    }
  }

  function row(day, place) {
    const [item, other] = [places[day][place], slots[day][place]];
    if (item) return entry(item, day, standing(item, day));
    if (!other) return "";
    return typeof other === "string" ? empty(place, other) : entry(other, day, { ...standing(other, day), place, change: day > 0 ? "duplicate" : "" });
  }

  const empty = (place, words) => element("tr", {},
    element("td", { class: "place" }, place),
    element("td", { class: "moved" }),
    element("th", { class: "what", scope: "row" }, element("span", { class: "track" }, isolated(words))),
    ...["peak", "days", "streak", "trend", "link"].map((name) => element("td", { class: name })));

  function entry(item, day, found) {
    return element("tr", { "data-item": item.number, "data-change": found.change, "data-previous": found.previous ?? "" },
      element("td", { class: "place" }, found.place),
      element("td", { class: "moved" }, moved(found)),
      element("th", { class: "what", scope: "row" }, track(item), by(item)),
      element("td", { class: "peak" }, found.peak),
      element("td", { class: "days" }, found.days, found.before ? element("abbr", { title: "or more: on the list since its first known day" }, "+") : ""),
      element("td", { class: "streak" }, found.streak),
      element("td", { class: "trend" }, spark(item, day)),
      element("td", { class: "link" }, out(item)));
  }

  function show(day) {
    shownDay = day;
    const body = day === newest ? written : element("tbody");
    if (day !== newest) body.append(...Array.from({ length: Math.min(data.depth, deepest(day)) }, (_, count) => row(day, count + 1)));
    table.tBodies[0].replaceWith(body);
    table.classList.toggle("earlier", day !== newest);
    table.classList.toggle("empty", !body.rows.length);
    document.documentElement.classList.toggle("past", day !== newest);
    $("#rest").textContent = day === newest ? restText : rest(body.rows.length, data.sizes[day]);
    $("#chart-day").textContent = longest(moments[day]);
    const [text, warn] = day === newest ? [comparedText, comparedClass.includes("warn")] : compared(day);
    $("#compared").textContent = text;
    $("#compared").classList.toggle("warn", warn);
    pick.value = iso(moments[day]);
    // Not `disabled`, which would take the focus away from under the reader's finger.
    $("#earlier").setAttribute("aria-disabled", day === 0);
    $("#later").setAttribute("aria-disabled", day === newest);
    say("");
    drawBump();
  }

  const deepest = (day) => Math.max(places[day].length, slots[day].length) - 1;
  const rest = (shown, all) => (!all ? "The list was empty." : shown < all ? `The first ${counted(shown, "entry", "entries")} of ${all.toLocaleString("en")}; chartlake charts --date has all.` : "");

  function compared(day) {
    if (day === 0) return ["The first known day: nothing to compare it with.", false];
    const unknown = unknownBetween(day - 1, day);
    const before = `Compared with ${longest(moments[day - 1])}.`;
    const [are, them] = unknown === 1 ? ["is", "it"] : ["are", "them"];
    const gap = ` The ${counted(unknown, unit)} between ${are} not known, so what happened on ${them} is not told here.`;
    return unknown ? [before + gap, true] : [before, false];
  }

  function turn(day) {
    show(day);
    history.replaceState(null, "", hashOfDay());
  }

  pick.addEventListener("change", () => turn(dayOf(pick.value)));
  $("#earlier").addEventListener("click", () => turn(Math.max(0, shownDay - 1)));
  $("#later").addEventListener("click", () => turn(Math.min(newest, shownDay + 1)));
  table.addEventListener("click", (event) => {
    const chosen = event.target.closest("tr[data-item]");
    if (chosen && !event.target.closest("a") && !String(getSelection())) go(items[chosen.dataset.item]);
  });

  // What is shown, to take along. The table itself is the source, so that the file says what the page says.

  const cell = (line, name) => $(`.${name}`, line)?.firstChild?.textContent.trim() ?? "";
  // A spreadsheet takes a text that begins like this for a formula, and what stands after a semicolon for a text.
  const harmless = (text) => `"${text.replace(/(^|;)('*[=+\-@\t\r＝＋－＠])/g, "$1'$2").replaceAll('"', '""')}"`;

  $("#csv").addEventListener("click", () => {
    const extra = shownDay === newest && $("thead .extra", table);
    const head = ["snapshot_date", "position", "change", "previous_position", "name", "artists", "peak_position", "days_on_list", "streak"];
    const lines = [[...head, ...(extra ? [extra.textContent.toLowerCase()] : []), "url"].join(",")];
    for (const line of table.tBodies[0].rows) {
      const texts = [$(".track", line), $(".by", line)].map((one) => harmless(one ? one.textContent.trim() : ""));
      lines.push([iso(moments[shownDay]), cell(line, "place"), line.dataset.change ?? "", line.dataset.previous ?? "", ...texts,
        cell(line, "peak"), cell(line, "days"), cell(line, "streak"),
        ...(extra ? [cell(line, "extra").replaceAll(",", "")] : []), $(".out", line)?.href ?? ""].join(","));
    }
    // Excel takes a file without a byte order mark for Windows' own encoding.
    const url = URL.createObjectURL(new Blob(["\ufeff" + lines.join("\r\n") + "\r\n"], { type: "text/csv" }));
    element("a", { href: url, download: `${data.id.replace(/\W+/g, "-")}-${iso(moments[shownDay])}.csv` }).click();
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
  });

  $("#copy").addEventListener("click", async () => {
    const lines = [...table.tBodies[0].rows];
    const addresses = lines.map((line) => $(".out", line)?.href).filter(Boolean);
    const rest = lines.length - addresses.length;
    const copied = await copy(addresses.join("\n"));
    say(copied ? `${counted(addresses.length, "address", "addresses")} copied${rest ? `; ${counted(rest, "entry", "entries")} without one` : ""}.` : "The browser does not let this page copy.");
  });

  async function copy(text) {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      const area = element("textarea", { class: "sr", "aria-hidden": "true" });
      area.value = text;
      document.body.append(area);
      area.select();
      const copied = document.execCommand("copy");
      area.remove();
      return copied;
    }
  }

  // Drawings.

  // Ticks for the days between two moments, not closer than 70 pixels: [moment, label].
  function ticks(from, to, width) {
    const most = Math.max(2, Math.floor(width / 70));
    const days = (to - from) / DAY;
    const step = [1, 2, 7, 14].find((one) => days / one <= most);
    if (step) return Array.from({ length: Math.floor(days / step) + 1 }, (_, count) => to - count * step * DAY).map((one) => [one, short(one)]);
    const months = [1, 2, 3, 6, 12, 24, 60].find((one) => days / 30.4 / one <= most) ?? 120;
    const found = [];
    for (let at = new Date(Date.UTC(new Date(from).getUTCFullYear(), 0)); at <= to; at.setUTCMonth(at.getUTCMonth() + months)) {
      const month = at.getUTCMonth();
      if (at >= from) found.push([Number(at), month && months < 12 ? MONTHS[month] : String(at.getUTCFullYear())]);
    }
    return found;
  }

  function onWidth(root, draw) {
    let width = 0;
    new ResizeObserver(([{ contentRect }]) => {
      if (contentRect.width === width) return;
      width = contentRect.width;
      draw();
    }).observe(root);
  }

  // The ground of a drawing: ticks of time below, rules across, hatched where days are not known.
  function ground({ id, width, height, left, right, from, to, rules, label }) {
    const x = (moment) => left + (width - left - right) * (to > from ? (moment - from) / (to - from) : 1);
    const svg = drawn("svg", { width, height: height + 22, role: "img", "aria-label": label });
    svg.append(drawn("defs", {}, drawn("pattern", { id: `${id}-hatch`, width: 5, height: 5, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" }, drawn("path", { d: "M0 0v5", class: "hatch" }))));
    // A known day keeps half a day of the list on either side.
    const half = data.cadence * DAY / 2;
    for (let day = 1; day < moments.length; day += 1) {
      if (moments[day] > from && moments[day - 1] < to && unknownBetween(day - 1, day)) {
        const [start, stop] = [Math.max(from, moments[day - 1] + half), Math.min(to, moments[day] - half)].map(x);
        svg.append(drawn("rect", { fill: `url(#${id}-hatch)`, x: start, y: 0, width: stop - start, height }));
      }
    }
    for (const [y, text] of rules) {
      svg.append(drawn("path", { class: "rule", d: `M${left} ${y}H${width - right}` }));
      svg.append(drawn("text", { x: left - 7, y: y + 4, "text-anchor": "end" }, text));
    }
    for (const [moment, text] of ticks(from, to, width - left - right)) {
      svg.append(drawn("path", { class: "rule", d: `M${x(moment)} 0v${height + 4}` }));
      const anchor = x(moment) > width - right - 20 && right < 30 ? "end" : "middle";
      svg.append(drawn("text", { x: x(moment), y: height + 18, "text-anchor": anchor }, text));
    }
    return [svg, x];
  }

  // Of points that begin with a moment, the one that is drawn nearest to where a pointer is.
  function nearest(points, x, event) {
    const at = event.clientX - event.currentTarget.getBoundingClientRect().left;
    return points.reduce((best, one) => (Math.abs(x(one[0]) - at) < Math.abs(x(best[0]) - at) ? one : best));
  }

  function tip(root, left, top, ...content) {
    const found = $(".tip", root) ?? root.appendChild(element("div", { class: "tip", "aria-hidden": "true" }));
    found.replaceChildren(...content);
    found.hidden = false;
    found.style.left = `${Math.max(0, Math.min(left - found.offsetWidth / 2, root.clientWidth - found.offsetWidth))}px`;
    found.style.top = `${top - found.offsetHeight - 12 < -30 ? top + 16 : top - found.offsetHeight - 12}px`;
  }

  const untip = (root) => { const found = $(".tip", root); if (found) found.hidden = true; };
  const chosen = (name) => Number($(`input[name=${name}]:checked`).value);

  // The bump chart: the entries that lead on the shown day in colour, whoever else was among the first behind them.
  const bump = { root: $("#bump"), light: () => {} };

  function drawBump() {
    const { root } = bump;
    const width = root.clientWidth;
    if (!width) return;
    const top = chosen("top");
    const lane = { 10: 34, 20: 25, 50: 17 }[top];
    const height = top * lane;
    const right = Math.min(210, Math.round(width * 0.36));
    const to = moments[shownDay];
    const from = Math.max(first, chosen("range") ? to - (chosen("range") - 1) * DAY : first);
    const y = (place) => (Math.min(place, top + 1.2) - 0.5) * lane;
    const numbered = Array.from({ length: top }, (_, count) => count + 1).filter((one) => one === 1 || one % (top > 10 ? 10 : 5) === 0);
    const label = `The places of the first ${top} of ${long(to)} since ${long(from)}. The tables tell the same in numbers.`;
    const [svg, x] = ground({ id: "bump", label, width, height, left: 26, right, from, to, rules: numbered.map((one) => [y(one), one]) });

    const days = knownFrom(from, shownDay);
    // No more points than pixels.
    const step = Math.ceil(days.length / Math.max(1, width - right - 26));
    const drawnDays = days.filter((day) => (shownDay - day) % step === 0);
    const style = { step, curved: (width - right) / drawnDays.length > 5 };
    const leaders = places[shownDay].slice(1, top + 1).filter(Boolean);
    const others = new Set(drawnDays.flatMap((day) => places[day].slice(1, top + 1).filter(Boolean)));
    for (const leader of leaders) others.delete(leader);

    const layers = ["faint", "lead", "top"].map((name) => drawn("g", { class: name, "clip-path": "url(#lanes)" }));
    svg.append(drawn("clipPath", { id: "lanes" }, drawn("rect", { x: 0, y: -6, width, height: height + 6 })), ...layers);
    const [behind, ahead, above] = layers;
    const at = ([moment, place]) => [x(moment), y(place)];
    const color = (item) => (leaders.includes(item) ? `var(--l${leaders.indexOf(item) % 10})` : "");
    const line = (item) => drawn("path", { class: "line", d: ringed(path(pointsOf(item, drawnDays), at, style)), stroke: color(item) });
    behind.append(...[...others].map(line));
    // Many lines are a ground, not a drawing.
    behind.setAttribute("opacity", Math.max(0.15, Math.min(1, 60 / others.size)));
    for (const item of leaders) {
      const [cx, cy] = at([to, placeOn(item, shownDay)]);
      ahead.append(line(item), drawn("circle", { class: "dot", cx, cy, r: 4, fill: color(item) }));
    }

    const ends = element("div", { class: "ends" }, ...leaders.map((item) => {
      const place = placeOn(item, shownDay);
      const button = element("button", { type: "button", "aria-label": `${place}: ${item.name}, ${item.artist}` }, element("b", {}, place), isolated(item.name));
      Object.assign(button.style, { left: `${width - right + 10}px`, width: `${right - 10}px`, top: `${y(place) - 10}px` });
      button.addEventListener("click", () => go(item));
      for (const name of ["focus", "pointerenter"]) button.addEventListener(name, () => bump.light(item));
      for (const name of ["blur", "pointerleave"]) button.addEventListener(name, () => bump.light());
      return button;
    }));
    root.replaceChildren(svg, ends);

    bump.light = (item) => {
      const lit = item && (others.has(item) || leaders.includes(item));
      root.classList.toggle("focus", Boolean(lit));
      above.replaceChildren(...(lit ? [line(item)] : []));
      $$("button", ends).forEach((button, count) => button.classList.toggle("on", leaders[count] === item));
    };
    function under(event) {
      const [moment, day] = nearest(drawnDays.map((one) => [moments[one], one]), x, event);
      const place = Math.round((event.clientY - svg.getBoundingClientRect().top) / lane + 0.5);
      return [places[day][place], moment, place];
    }
    svg.addEventListener("pointermove", (event) => {
      const [item, moment, place] = under(event);
      bump.light(item);
      if (item && place <= top) tip(root, x(moment), y(place), element("b", {}, isolated(item.name)), `${place} on ${longest(moment)}`);
      else untip(root);
    });
    svg.addEventListener("pointerleave", () => { bump.light(); untip(root); });
    svg.addEventListener("click", (event) => { const [item] = under(event); if (item) go(item); });
  }

  // One line over time, with a reading under the pointer; `upside` puts the lowest value on top, as places are.
  function drawCurve(root, points, { label, low, high, upside, height, rules, told }) {
    const width = root.clientWidth;
    if (!width) return;
    const y = (value) => 8 + (height - 16) * (high > low ? (upside ? value - low : high - value) / (high - low) : 0.5);
    const [from, to] = [points[0][0], points.at(-1)[0]];
    const left = 14 + 6.8 * Math.max(...rules.map((one) => told(one).length));
    const [svg, x] = ground({ id: root.id, label, width, height, left, right: 14, from, to, rules: rules.map((one) => [y(one), told(one)]) });
    const at = ([moment, value]) => [x(moment), y(value)];
    const step = Math.ceil(points.length / width);
    const kept = points.filter((_, count) => (points.length - 1 - count) % step === 0);
    const cursor = drawn("path", { class: "cursor" });
    const dot = drawn("circle", { class: "one", r: 0 });
    svg.append(drawn("path", { class: "line series", d: ringed(path(kept, at, { step })) }), cursor, dot);
    svg.addEventListener("pointermove", (event) => {
      const point = nearest(points, x, event);
      const [cx, cy] = at(point);
      cursor.setAttribute("d", `M${cx} 0v${height}`);
      filled(dot, { cx, cy, r: 4 }, []);
      tip(root, cx, cy, element("b", {}, told(point[1])), longest(point[0]));
    });
    svg.addEventListener("pointerleave", () => { cursor.removeAttribute("d"); dot.setAttribute("r", 0); untip(root); });
    root.replaceChildren(svg);
  }

  // Round numbers between two values, five at most.
  function rounded(low, high) {
    const size = 10 ** Math.floor(Math.log10(Math.max(1, high - low)));
    const step = [0.2, 0.5, 1, 2, 5].map((one) => Math.max(1, one * size)).find((one) => (high - low) / one < 5) ?? 10 * size;
    return Array.from({ length: Math.floor(high / step) - Math.ceil(low / step) + 1 }, (_, count) => (Math.ceil(low / step) + count) * step);
  }

  function drawFollowers() {
    const root = $("#followers");
    if (!root) return;
    const points = data.followers.map(([day, count]) => [Date.parse(day), count]);
    const counts = points.map(([, count]) => count);
    const [low, high] = [Math.min(...counts), Math.max(...counts)];
    const label = `Followers from ${long(points[0][0])} to ${long(points.at(-1)[0])}: from ${counts[0].toLocaleString("en")} to ${counts.at(-1).toLocaleString("en")}.`;
    drawCurve(root, points, { label, low, high, height: 180, rules: rounded(low, high), told: (value) => value.toLocaleString("en") });
  }

  // A track's own run.

  const dialog = $("#run");

  function open(item) {
    const last = item.stays.at(-1);
    const best = Math.min(...item.stays.flatMap((stay) => stay.places));
    const known = item.stays.reduce((sum, stay) => sum + stay.places.length, 0);
    const atBest = item.stays.reduce((sum, stay) => sum + stay.places.filter((place) => place === best).length, 0);
    const firstBest = item.stays.find((stay) => stay.places.includes(best));
    const there = end(last) === newest;
    const fact = (name, value, more) => element("div", {}, element("dt", {}, name), element("dd", {}, value, element("small", {}, more)));
    const close = element("button", { type: "button" }, "Close");
    close.addEventListener("click", () => dialog.close());
    const plot = element("div", { class: "plot", id: "run-plot" });
    dialog.replaceChildren(element("div", { class: "run" },
      element("header", {}, element("h2", { id: "run-title", tabindex: "-1" }, isolated(item.name)), close, by(item)),
      element("dl", {},
        fact(there ? "Now" : "Last", last.places.at(-1), there ? `for ${counted(last.places.length, `known ${unit}`)}` : `on ${long(moments[end(last)])}`),
        fact("Peak", best, `${counted(atBest, unit)}, first ${long(moments[firstBest.start + firstBest.places.indexOf(best)])}`),
        fact(`${unit === "day" ? "Days" : "Weeks"} on the list`, known + (item.stays[0].start === 0 ? "+" : ""), `known ${unit}s`),
        fact("Came back", `${item.stays.length - 1} ×`, `since ${long(moments[item.stays[0].start])}`)),
      plot, stays(item),
      item.path ? element("p", {}, element("a", { href: `https://open.spotify.com/${item.path}`, rel: "noopener noreferrer", target: "_blank" }, "Open in Spotify ↗")) : ""));
    // What is found is hidden behind the dialog, and could not have the focus back.
    if (found.contains(document.activeElement)) search.focus();
    if (!dialog.open) dialog.showModal();
    $("#run-title").focus();
    redrawRun = () => drawRun(plot, item, best);
    redrawRun();
  }

  let redrawRun = () => {};
  onWidth(dialog, () => { if (dialog.open) redrawRun(); });

  function drawRun(plot, item, best) {
    const points = pointsOf(item, moments.map((_, day) => day));
    const worst = Math.max(best + 4, ...points.map(([, place]) => place));
    const label = `The places of ${item.name} from ${long(points[0][0])} to ${long(points.at(-1)[0])}; the table below has its stays.`;
    const rules = [...new Set([best, ...rounded(best, worst).filter((one) => one - best > (worst - best) / 8)])];
    drawCurve(plot, points, { label, low: best, high: worst, upside: true, height: 200, rules, told: String });
  }

  function stays(item) {
    const head = ["Entered", "at", "Peak", `Known ${unit}s`, "Unknown between", "Last seen", "at"];
    const rows = item.stays.map((stay) => [
      (stay.start === 0 ? "before or on " : "") + long(moments[stay.start]), stay.places[0], Math.min(...stay.places), stay.places.length,
      unknownBetween(stay.start, end(stay)), end(stay) === newest ? "still there" : long(moments[end(stay)]), stay.places.at(-1),
    ]);
    return element("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": "Its stays on the list" }, element("table", {},
      element("thead", {}, element("tr", {}, ...head.map((one) => element("th", { scope: "col" }, one)))),
      element("tbody", {}, ...rows.reverse().map((cells) => element("tr", {}, ...cells.map((one) => element("td", {}, one)))))));
  }

  // A click beside the dialog.
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  dialog.addEventListener("close", () => {
    if (location.hash.startsWith("#track=")) history.replaceState(null, "", before || hashOfDay());
  });
  const go = (item) => { location.hash = `track=${encodeURIComponent(item.key)}`; };

  // Search: everything that was ever on the list.

  const search = $("#search");
  const found = $("#found");
  const texts = items.map((item) => folded(`${item.name} ${item.artist}`));
  search.placeholder = `Search ${counted(items.length, "entry", "entries")}`;

  function look() {
    const words = folded(search.value).split(/\s+/).filter(Boolean);
    found.hidden = !words.length;
    if (!words.length) return;
    const hits = items.filter((item) => words.every((word) => texts[item.number].includes(word)));
    hits.sort((one, other) => end(other.stays.at(-1)) - end(one.stays.at(-1)) || one.stays.at(-1).places.at(-1) - other.stays.at(-1).places.at(-1));
    const links = hits.slice(0, 30).map((item) => {
      const last = item.stays.at(-1);
      const when = end(last) === newest ? `now ${last.places.at(-1)}` : `until ${long(moments[end(last)])}`;
      const link = track(item);
      link.className = "";
      link.replaceChildren(element("span", { class: "track" }, isolated(item.name)), by(item), element("span", { class: "tail" }, when));
      return link;
    });
    const rest = hits.length > 30 ? `The first 30 of ${hits.length}.` : hits.length ? "" : "Nothing on this page has these words.";
    found.replaceChildren(...links, ...(rest ? [element("p", { class: "note" }, rest)] : []));
    $("#hits").textContent = `${counted(hits.length, "entry", "entries")} found.`;
  }

  search.addEventListener("input", look);
  search.addEventListener("focus", look);
  $(".search").addEventListener("keydown", (event) => {
    const links = $$("a", found);
    const at = links.indexOf(document.activeElement);
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (event.key === "Escape") {
      search.value = "";
      look();
      search.focus();
    } else if (event.key === "Enter" && at < 0) links[0]?.click();
    else if (step && !found.hidden) (links[at + step] ?? search).focus();
    else return;
    event.preventDefault();
  });
  $(".search").addEventListener("focusout", (event) => { if (!event.currentTarget.contains(event.relatedTarget)) found.hidden = true; });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.target.closest("input, select, textarea, dialog")) return;
    event.preventDefault();
    search.focus();
  });

  // Two days, side by side.

  function versus() {
    const [from, to] = ["#from", "#to"].map((one) => dayOf($(one).value));
    const both = items.map((item) => ({ item, old: placeOn(item, from), now: placeOn(item, to) }))
      .filter(({ old, now }) => Math.min(old ?? Infinity, now ?? Infinity) <= data.depth);
    const groups = [
      ["Entered", both.filter(({ old }) => old === undefined), () => ""],
      ["Left", both.filter(({ now }) => now === undefined), () => ""],
      ["Up", both.filter(({ old, now }) => now < old), ({ old, now }) => `${old} → ${now}`],
      ["Down", both.filter(({ old, now }) => now > old), ({ old, now }) => `${old} → ${now}`],
    ];
    const cut = [from, to].filter((day) => data.sizes[day] > data.depth).map((day) => `${data.sizes[day].toLocaleString("en")} on ${long(moments[day])}`);
    const same = both.filter(({ old, now }) => old && old === now).length;
    const unknown = Math.abs(unknownBetween(from, to));
    const words = `${counted(same, "entry", "entries")} in the same place.` + (unknown ? ` ${counted(unknown, unit)} between the two ${unknown === 1 ? "is" : "are"} not known.` : "");
    $("#compared-days").replaceChildren(
      element("p", { class: unknown ? "note warn" : "note" }, words),
      cut.length ? element("p", { class: "note warn" }, `Looked at is only what is among the first ${data.depth.toLocaleString("en")} entries of one of the two days: there are ${cut.join(" and ")}. chartlake compare looks at all.`) : "",
      element("div", { class: "versus" }, ...groups.map(([title, list, tail]) => group(title, list, tail))));
  }

  function group(title, list, tail) {
    const order = (one) => one.now ?? one.old;
    list.sort((one, other) => order(one) - order(other));
    const lead = ({ old, now }) => (old && now ? moved({ change: now < old ? "up" : "down", place: now, previous: old }) : now ?? old);
    const lines = list.map((one) => element("li", {}, element("span", { class: "lead" }, lead(one)),
      element("span", { class: "what" }, track(one.item), by(one.item)), element("span", { class: "tail" }, tail(one)), out(one.item)));
    return element("section", {}, element("h3", {}, title, " ", element("span", { class: "soft" }, list.length)), element("ul", { class: "items" }, ...lines));
  }

  for (const one of ["#from", "#to"]) {
    $(one).addEventListener("change", () => {
      history.replaceState(null, "", `#compare=${$("#from").value}..${$("#to").value}`);
      versus();
    });
  }

  // An address says what is open: #track=, #day= or #compare=.

  const hashOfDay = () => (shownDay === newest ? location.pathname + location.search : `#day=${iso(moments[shownDay])}`);

  // The comparison from which a track was opened: closing the track leads back to its address.
  let before = "";

  function route(event) {
    const old = event ? new URL(event.oldURL).hash : "";
    if (!old.startsWith("#track=")) before = old.startsWith("#compare=") ? old : "";
    say("");
    const [, name, value] = /^#(track|day|compare)=(.*)$/.exec(location.hash) ?? [];
    const text = readable(value ?? "");
    const item = name === "track" && byKey.get(text);
    if (item) open(item);
    else dialog.close();
    if (name === "day" || !location.hash) show(dayOf(text) < 0 ? newest : dayOf(text));
    if (name === "track" && !item) say("This page has no track of that address.");
    if (name === "day" && dayOf(text) < 0) say(`${text} is not a known day of this list: this is the newest.`);
    const [from, to] = text.split("..").map(dayOf);
    if (name === "compare" && from >= 0 && to >= 0) {
      [$("#from").value, $("#to").value] = text.split("..");
      versus();
      $("#compare").scrollIntoView();
    } else if (name === "compare") say(`The address names two days, ${text}, that are not both known days of this list, so they are not compared.`);
  }

  function readable(text) {
    try {
      return decodeURIComponent(text);
    } catch {
      return "";
    }
  }

  for (const line of written.rows) {
    const item = items[line.dataset.item];
    if (item) $(".trend", line).append(spark(item, newest));
  }
  table.addEventListener("pointerover", (event) => bump.light(items[event.target.closest("tr[data-item]")?.dataset.item]));
  table.addEventListener("pointerleave", () => bump.light());
  for (const input of $$(".choice input")) input.addEventListener("change", drawBump);
  onWidth($("#time"), () => { drawBump(); drawFollowers(); });
  show(newest);
  $("#to").value = iso(moments[newest]);
  $("#from").value = iso(moments[Math.max(0, knownFrom(moments[newest] - 7 * DAY, newest)[0])]);
  versus();
  window.addEventListener("hashchange", route);
  route();
})();
