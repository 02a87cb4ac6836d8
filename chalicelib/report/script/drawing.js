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

// The frame of a drawing: marks below, which begin with their value, rules across.
function frame({ width, height, left, right, from, to, rules, marks, label }) {
  const x = (value) => left + (width - left - right) * (to > from ? (value - from) / (to - from) : 1);
  const svg = drawn("svg", { width, height: height + 22, role: "img", "aria-label": label });
  for (const [y, text] of rules) {
    svg.append(drawn("path", { class: "rule", d: `M${left} ${y}H${width - right}` }));
    svg.append(drawn("text", { x: left - 7, y: y + 4, "text-anchor": "end" }, text));
  }
  for (const [value, text] of marks) {
    svg.append(drawn("path", { class: "rule", d: `M${x(value)} 0v${height + 4}` }));
    const anchor = x(value) > width - right - 20 && right < 30 ? "end" : "middle";
    svg.append(drawn("text", { x: x(value), y: height + 18, "text-anchor": anchor }, text));
  }
  return [svg, x];
}

// The frame of a drawing over time: marked with days, hatched where days are not known.
function ground({ id, from, to, ...wanted }) {
  const { width, height, left, right } = wanted;
  const [svg, x] = frame({ ...wanted, from, to, marks: ticks(from, to, width - left - right) });
  // A known day keeps half a day of the list on either side.
  const half = data.cadence * DAY / 2;
  const hatched = [];
  for (let day = 1; day < moments.length; day += 1) {
    if (moments[day] > from && moments[day - 1] < to && unknownBetween(day - 1, day)) {
      const [start, stop] = [Math.max(from, moments[day - 1] + half), Math.min(to, moments[day] - half)].map(x);
      hatched.push(drawn("rect", { fill: `url(#${id}-hatch)`, x: start, y: 0, width: stop - start, height }));
    }
  }
  const hatch = drawn("pattern", { id: `${id}-hatch`, width: 5, height: 5, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" }, drawn("path", { d: "M0 0v5", class: "hatch" }));
  svg.prepend(drawn("defs", {}, hatch), ...hatched);
  return [svg, x];
}

// Of points that begin with a moment, or another value, the one that is drawn nearest to where a pointer is.
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
