// A track's own run.

const dialog = $("#run");

function open(item) {
  const last = item.stays.at(-1);
  const best = Math.min(...item.stays.flatMap((stay) => stay.places));
  const known = seen(item.stays);
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
      fact(there ? "Now" : "Last", last.places.at(-1), there ? `for ${counted(seen(item.runs.at(-1)), `known ${unit}`)}` : `on ${long(moments[end(last)])}`),
      fact("Peak", best, `${counted(atBest, unit)}, first ${long(moments[firstBest.start + firstBest.places.indexOf(best)])}`),
      fact(`${unit === "day" ? "Days" : "Weeks"} on the list`, known + (awayBefore(item.stays[0].start) < 0 ? "+" : ""), `known ${unit}s`),
      fact("Came back", `${item.runs.length - 1} ×`, `since ${long(moments[item.stays[0].start])}`)),
    plot, runsTable(item),
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
  const label = `The places of ${item.name} from ${long(points[0][0])} to ${long(points.at(-1)[0])}; the table below has its runs.`;
  const rules = [...new Set([best, ...rounded(best, worst).filter((one) => one - best > (worst - best) / 8)])];
  drawCurve(plot, points, { label, low: best, high: worst, upside: true, height: 200, rules, told: String });
}

function runsTable(item) {
  const head = ["Entered", "at", "Peak", `Known ${unit}s`, "Unknown between", "At most", "Last seen", "at"];
  const rows = item.runs.map((run) => {
    const [{ start, places }, last] = [run[0], run.at(-1)];
    const known = seen(run);
    return [
      (awayBefore(start) < 0 ? "before or on " : "") + long(moments[start]), places[0], Math.min(...run.flatMap((stay) => stay.places)), known,
      apart(start, end(last)) + 1 - known, mostDays(run, known), end(last) === newest ? "still there" : long(moments[end(last)]), last.places.at(-1),
    ];
  });
  return element("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": "Its runs on the list" }, element("table", {},
    element("thead", {}, element("tr", {}, ...head.map((one) => element("th", { scope: "col" }, one)))),
    element("tbody", {}, ...rows.reverse().map((cells) => element("tr", {}, ...cells.map((one) => element("td", {}, one)))))));
}

// The most days that the days which nobody knows allow; not known for who was there before the first known day.
function mostDays(run, known) {
  const [away, gone] = [awayBefore(run[0].start), goneAfter(end(run.at(-1)))];
  if (away < 0) return "";
  return Math.max(known, gone > newest ? apart(away, newest) : apart(away, gone) - 1);
}

// A click beside the dialog.
dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
dialog.addEventListener("close", () => {
  if (location.hash.startsWith("#track=")) history.replaceState(null, "", before || hashOfDay());
});
const go = (item) => { location.hash = `track=${encodeURIComponent(item.key)}`; };
