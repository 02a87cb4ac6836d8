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
