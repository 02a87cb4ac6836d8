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
