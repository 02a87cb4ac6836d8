// Search: everything that was ever on the list.

const search = $("#search");
const found = $("#found");
const texts = items.map((item) => folded(`${item.name} ${item.artist}`));
search.placeholder = `Search ${counted(items.length, "entry", "entries")}`;

function look() {
  const words = folded(search.value).split(/\s+/).filter(Boolean);
  found.hidden = !words.length;
  if (!words.length) return;
  const hits = items.filter((item) => words.every((word) => texts[item.number].includes(word)));
  hits.sort((one, other) => end(other.stays.at(-1)) - end(one.stays.at(-1)) || one.stays.at(-1).places.at(-1) - other.stays.at(-1).places.at(-1));
  const links = hits.slice(0, 30).map((item) => {
    const last = item.stays.at(-1);
    const when = end(last) === newest ? `now ${last.places.at(-1)}` : `until ${long(moments[end(last)])}`;
    const link = track(item);
    link.className = "";
    link.replaceChildren(element("span", { class: "track" }, isolated(item.name)), by(item), element("span", { class: "tail" }, when));
    return link;
  });
  const rest = hits.length > 30 ? `The first 30 of ${hits.length}.` : hits.length ? "" : "Nothing on this page has these words.";
  found.replaceChildren(...links, ...(rest ? [element("p", { class: "note" }, rest)] : []));
  $("#hits").textContent = `${counted(hits.length, "entry", "entries")} found.`;
}

search.addEventListener("input", look);
search.addEventListener("focus", look);
$(".search").addEventListener("keydown", (event) => {
  const links = $$("a", found);
  const at = links.indexOf(document.activeElement);
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (event.key === "Escape") {
    search.value = "";
    look();
    search.focus();
  } else if (event.key === "Enter" && at < 0) links[0]?.click();
  else if (step && !found.hidden) (links[at + step] ?? search).focus();
  else return;
  event.preventDefault();
});
$(".search").addEventListener("focusout", (event) => { if (!event.currentTarget.contains(event.relatedTarget)) found.hidden = true; });
document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.target.closest("input, select, textarea, dialog")) return;
  event.preventDefault();
  search.focus();
});
