// Two days, side by side.

function versus() {
  const [from, to] = ["#from", "#to"].map((one) => dayOf($(one).value));
  const both = items.map((item) => ({ item, old: placeOn(item, from), now: placeOn(item, to) }))
    .filter(({ old, now }) => Math.min(old ?? Infinity, now ?? Infinity) <= data.depth);
  const unseen = both.filter(({ item }) => unseenOn(item, from) || unseenOn(item, to));
  const groups = [
    ["Entered", both.filter((one) => one.old === undefined && !unseen.includes(one)), () => ""],
    ["Left", both.filter((one) => one.now === undefined && !unseen.includes(one)), () => ""],
    ["Up", both.filter(({ old, now }) => now < old), ({ old, now }) => `${old} → ${now}`],
    ["Down", both.filter(({ old, now }) => now > old), ({ old, now }) => `${old} → ${now}`],
  ];
  const cut = [from, to].filter((day) => data.sizes[day] > data.depth).map((day) => `${data.sizes[day].toLocaleString("en")} on ${long(moments[day])}`);
  const same = both.filter(({ old, now }) => old && old === now).length;
  const unknown = Math.abs(unknownBetween(from, to));
  const words = `${counted(same, "entry", "entries")} in the same place.` + (unknown ? ` ${counted(unknown, unit)} between the two ${unknown === 1 ? "is" : "are"} not known.` : "");
  $("#compared-days").replaceChildren(
    element("p", { class: unknown ? "note warn" : "note" }, words),
    unseen.length ? element("p", { class: "note warn" }, `${unseen.length.toLocaleString("en")} not seen on one of the two days: an empty slot may hold them.`) : "",
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
