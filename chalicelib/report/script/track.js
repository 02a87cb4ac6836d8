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
