// What is shown, to take along. The table itself is the source, so that the file says what the page says.

const cell = (line, name) => $(`.${name}`, line)?.firstChild?.textContent.trim() ?? "";
// A spreadsheet takes a text that begins like this for a formula.
const harmless = (text) => `"${text.replace(/(^|;)('*[=+\-@\t\r＝＋－＠])/g, "$1'$2").replaceAll('"', '""')}"`;

$("#csv").addEventListener("click", () => {
  const extra = shownDay === newest && $("thead .extra", table);
  const head = ["snapshot_date", "position", "change", "previous_position", "name", "artists", "peak_position", "days_on_list", "streak"];
  const lines = [[...head, ...(extra ? [extra.textContent.toLowerCase()] : []), "url"].join(",")];
  for (const line of table.tBodies[0].rows) {
    const texts = [$(".track", line), $(".by", line)].map((one) => harmless(one ? one.textContent.trim() : ""));
    lines.push([iso(moments[shownDay]), cell(line, "place"), line.dataset.change ?? "", line.dataset.previous ?? "", ...texts,
      cell(line, "peak"), cell(line, "days"), cell(line, "streak"),
      ...(extra ? [cell(line, "extra").replaceAll(",", "")] : []), $(".out", line)?.href ?? ""].join(","));
  }
  // Excel takes a file without a byte order mark for Windows' own encoding.
  const url = URL.createObjectURL(new Blob(["\ufeff" + lines.join("\r\n") + "\r\n"], { type: "text/csv" }));
  element("a", { href: url, download: `${data.id.replace(/\W+/g, "-")}-${iso(moments[shownDay])}.csv` }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
});

$("#copy").addEventListener("click", async () => {
  const lines = [...table.tBodies[0].rows];
  const addresses = lines.map((line) => $(".out", line)?.href).filter(Boolean);
  const rest = lines.length - addresses.length;
  const copied = await copy(addresses.join("\n"));
  say(copied ? `${counted(addresses.length, "address", "addresses")} copied${rest ? `; ${counted(rest, "entry", "entries")} without one` : ""}.` : "The browser does not let this page copy.");
});

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = element("textarea", { class: "sr", "aria-hidden": "true" });
    area.value = text;
    document.body.append(area);
    area.select();
    const copied = document.execCommand("copy");
    area.remove();
    return copied;
  }
}
