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
