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
    unseen: ["?", "an empty slot may have held it the known day before"],
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
