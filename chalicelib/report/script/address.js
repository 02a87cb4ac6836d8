// An address says what is open: #track=, #day= or #compare=.

const hashOfDay = () => (shownDay === newest ? location.pathname + location.search : `#day=${iso(moments[shownDay])}`);

// The comparison from which a track was opened: closing the track leads back to its address.
let before = "";

function route(event) {
  const old = event ? new URL(event.oldURL).hash : "";
  if (!old.startsWith("#track=")) before = old.startsWith("#compare=") ? old : "";
  say("");
  const [, name, value] = /^#(track|day|compare)=(.*)$/.exec(location.hash) ?? [];
  const text = readable(value ?? "");
  const item = name === "track" && byKey.get(text);
  if (item) open(item);
  else dialog.close();
  if (name === "day" || !location.hash) show(dayOf(text) < 0 ? newest : dayOf(text));
  if (name === "track" && !item) say("This page has no track of that address.");
  if (name === "day" && dayOf(text) < 0) say(`${text} is not a known day of this list: this is the newest.`);
  const [from, to] = text.split("..").map(dayOf);
  if (name === "compare" && from >= 0 && to >= 0) {
    [$("#from").value, $("#to").value] = text.split("..");
    versus();
    $("#compare").scrollIntoView();
  } else if (name === "compare") say(`The address names two days, ${text}, that are not both known days of this list, so they are not compared.`);
}

function readable(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return "";
  }
}
