// How old the newest day is, told by the reader's clock: the page may have been lying around.
for (const time of $$("time[data-ago]")) {
  const now = new Date();
  const days = Math.round((Date.UTC(now.getFullYear(), now.getMonth(), now.getDate()) - Date.parse(time.dateTime)) / DAY);
  if (days < 0) continue;
  const words = ["today", "yesterday"][days] || `${days.toLocaleString("en")} days ago`;
  time.after(" ", element("span", { class: days > 1 ? "ago stale" : "ago" }, words));
}

// A signed link opens one page alone.
if (/[?&](X-Amz-)?Signature=/.test(location.search)) {
  for (const home of $$("[data-home], [data-beside]")) home.replaceWith(filled(element("span", { class: home.className }), {}, [...home.childNodes]));
}

const filter = $("#filter");
if (filter) {
  const cards = $$(".card").map((card) => [card, folded(card.textContent)]);
  filter.addEventListener("input", () => {
    const wanted = folded(filter.value.trim());
    const shown = cards.filter(([card, text]) => !(card.hidden = !text.includes(wanted))).length;
    for (const group of $$(".group")) group.hidden = !$(".card:not([hidden])", group);
    say(wanted ? `${shown} of ${counted(cards.length, "playlist")}` : "");
  });
}
