const source = $("#data");

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
// Where an empty slot may hold an item, it is known to be away, or gone, only on a day with no such slot.
const unsure = new Map(data.unsure.map(([day, away, gone]) => [day, { away, gone }]));
const awayBefore = (day) => unsure.get(day)?.away ?? day - 1;
const goneAfter = (day) => unsure.get(day)?.gone ?? day + 1;
const byKey = new Map(items.map((item) => [item.key, item]));

function* unfolded(place, moves) {
  for (const [, down, up, far, times] of moves.matchAll(/(?:([a-z])|([A-Z])|\((-?\d+)\))(\d*)/g)) {
    const move = down ? down.charCodeAt(0) - 97 : up ? 64 - up.charCodeAt(0) : Number(far);
    for (let count = Number(times || 1); count > 0; count -= 1) yield (place += move);
  }
}

const end = (stay) => stay.start + stay.places.length - 1;
const seen = (stays) => stays.reduce((sum, stay) => sum + stay.places.length, 0);

// A run is stays that no known day ends: between two of them an empty slot may hold the item.
function runsOf(stays) {
  const runs = [];
  for (const stay of stays) {
    const last = runs.at(-1)?.at(-1);
    if (last && goneAfter(end(last)) >= stay.start) runs.at(-1).push(stay);
    else runs.push([stay]);
  }
  return runs;
}

for (const item of items) item.runs = runsOf(item.stays);

const within = (run, day) => awayBefore(run[0].start) < day && day < goneAfter(end(run.at(-1)));
const unseenOn = (item, day) => placeOn(item, day) === undefined && item.runs.some((run) => within(run, day));
const stayOn = (item, day) => item.stays.find((stay) => stay.start <= day && day <= end(stay));
const placeOn = (item, day) => { const stay = stayOn(item, day); return stay && stay.places[day - stay.start]; };
// How many of the list's days lie between two known ones, and how many of those are not known.
const apart = (from, to) => Math.floor((moments[to] - moments[from]) / DAY / data.cadence);
const unknownBetween = (from, to) => Math.round((moments[to] - moments[from]) / DAY / data.cadence) - (to - from);
const dayOf = (text) => (/^\d{4}-\d\d-\d\d$/.test(text) ? moments.indexOf(Date.parse(text)) : -1);

function standing(item, day) {
  const until = item.stays.filter((stay) => stay.start <= day).map((stay) => stay.places.slice(0, day - stay.start + 1));
  const runs = item.runs.filter((run) => run[0].start <= day);
  const days = until.reduce((sum, one) => sum + one.length, 0);
  const before = awayBefore(item.stays[0].start) < 0;
  const place = placeOn(item, day);
  const previous = day > 0 ? placeOn(item, day - 1) : undefined;
  let change = "";
  if (day > 0 && previous !== undefined) change = previous > place ? "up" : previous < place ? "down" : "same";
  else if (day > 0 && runs.at(-1)[0].start < day) change = "unseen";
  else if (day > 0 && runs.length > 1) change = "re-entry";
  else if (day > 0) change = before ? "unseen" : "new";
  return {
    place, previous, change, days, before,
    peak: Math.min(...until.map((one) => one.reduce((best, other) => Math.min(best, other)))),
    streak: days - seen(runs.slice(0, -1).flat()),
  };
}
