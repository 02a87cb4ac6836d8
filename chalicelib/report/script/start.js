for (const line of written.rows) {
  const item = items[line.dataset.item];
  if (item) $(".trend", line).append(spark(item, newest));
}
table.addEventListener("pointerover", (event) => bump.light(items[event.target.closest("tr[data-item]")?.dataset.item]));
table.addEventListener("pointerleave", () => bump.light());
for (const input of $$(".choice input")) input.addEventListener("change", drawBump);
onWidth($("#time"), () => { drawBump(); drawFollowers(); });
if ($("#measures")) onWidth($("#measures"), () => { drawTenure(); drawTurnover(); });
show(newest);
$("#to").value = iso(moments[newest]);
$("#from").value = iso(moments[Math.max(0, knownFrom(moments[newest] - 7 * DAY, newest)[0])]);
versus();
window.addEventListener("hashchange", route);
route();
