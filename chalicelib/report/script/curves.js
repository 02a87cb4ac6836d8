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
