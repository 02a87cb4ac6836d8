// How long entries stay, and how much of the list is replaced: as the views have it.

const percent = (share) => `${Math.round(1000 * share) / 10} %`;
const spread = (least, most) => (least === most ? percent(least) : `${percent(least)} to ${percent(most)}`);

function drawTenure() {
  const root = $("#tenure");
  const width = root?.clientWidth;
  if (!width) return;
  const [height, left, right] = [190, 46, 14];
  const points = [[0, 1, 1, 1, 1], ...data.tenure];
  const longest = points.at(-1)[0];
  const y = (share) => 8 + (height - 16) * (1 - share);
  const rules = [0, 0.25, 0.5, 0.75, 1].map((share) => [y(share), percent(share)]);
  const marks = rounded(0, longest).map((days, count, all) => [days, count < all.length - 1 ? days : counted(days, unit)]);
  const label = `The share of entries that is still there after each number of ${unit}s, up to ${longest}. The text tells the same in numbers.`;
  const [svg, x] = frame({ width, height, left, right, from: 0, to: longest, rules, marks, label });
  // A step keeps its height up to the next one.
  const steps = (column) => points.map(([days, ...shares]) => `H${x(days)}V${y(shares[column])}`).join("");
  const back = (column) => points.toReversed().map(([days, ...shares], count) => `V${y(shares[column])}${count < points.length - 1 ? `H${x(days)}` : ""}`).join("");
  const band = (low, high) => `M${x(0)} ${y(1)}${steps(high)}${back(low)}Z`;
  const cursor = drawn("path", { class: "cursor" });
  svg.append(
    drawn("path", { class: "interval", d: band(2, 3) }),
    drawn("path", { class: "open", d: band(0, 1) }),
    drawn("path", { class: "line series", d: `M${x(0)} ${y(1)}${steps(0)}` }),
    drawn("path", { class: "half", d: `M${left} ${y(0.5)}H${width - right}` }),
    cursor);
  svg.addEventListener("pointermove", (event) => {
    const [days, least, most, low, high] = nearest(points, x, event);
    cursor.setAttribute("d", `M${x(days)} 0v${height}`);
    tip(root, x(days), y(least), element("b", {}, `${spread(least, most)} stay longer than ${counted(days, unit)}`), `95 %: ${spread(low, high)}`);
  });
  svg.addEventListener("pointerleave", () => { cursor.removeAttribute("d"); untip(root); });
  root.replaceChildren(svg);
}

function drawTurnover() {
  const root = $("#turnover");
  const width = root?.clientWidth;
  if (!width) return;
  const thick = Math.max(1, Math.min(12, 0.7 * (width - 60) / data.turnover.length));
  const [height, left, right] = [150, 46 + thick / 2, 14 + thick / 2];
  const start = moments.length - data.turnover.length;
  const days = data.turnover.map((bar, count) => [moments[start + count], ...(Array.isArray(bar) ? bar : [bar, bar])]);
  const bars = days.filter(([, least]) => least !== null);
  const high = Math.max(0.01, ...bars.map(([, , most]) => most));
  const y = (share) => 8 + (height - 8) * (1 - share / high);
  const rules = rounded(0, 100 * high).map((share) => [y(share / 100), `${share} %`]);
  const [from, to] = [days[0][0], days.at(-1)[0]];
  const label = `The share of the list that is replaced, from ${long(from)} to ${long(to)}. The text tells the same in numbers.`;
  const [svg, x] = ground({ id: "turnover", label, width, height, left, right, from, to, rules });
  const stems = (of, to) => bars.map((bar) => `M${x(bar[0])} ${y(of(bar))}V${y(to(bar))}`).join("");
  const lit = drawn("path", { class: "stems lit", "stroke-width": thick + 1 });
  svg.append(
    drawn("path", { class: "stems", "stroke-width": thick, d: stems(() => 0, ([, least]) => least) }),
    drawn("path", { class: "stems unsure", "stroke-width": thick, d: stems(([, least]) => least, ([, , most]) => most) }),
    lit);
  svg.addEventListener("pointermove", (event) => {
    const [moment, least, most] = nearest(bars, x, event);
    lit.setAttribute("d", `M${x(moment)} ${y(0)}V${y(least)}`);
    tip(root, x(moment), y(most), element("b", {}, spread(least, most)), longest(moment));
  });
  svg.addEventListener("pointerleave", () => { lit.removeAttribute("d"); untip(root); });
  root.replaceChildren(svg);
}
