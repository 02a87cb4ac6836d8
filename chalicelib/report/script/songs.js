const held = $("#songs");
if (held) {
  const { lists, artists, songs } = JSON.parse(held.textContent);
  const links = lists.map((id) => $(`a[data-list="${CSS.escape(id)}"]`));
  const words = songs.map(([name, artist]) => folded(`${name} ${artists[artist]}`));
  const input = $("#song");
  const place = ([number, position]) => [`${position} on `, element("a", { href: links[number].href }, isolated(links[number].textContent))];
  // By turns the number of a list, and the place there.
  const paired = (places) => places.flatMap((one, at) => (at % 2 ? [] : [[one, places[at + 1]]]));
  const line = ([name, artist, path, ...places]) => element(
    "li", {}, element("strong", {}, isolated(name)), " ", element("bdi", { class: "soft" }, artists[artist]), " ",
    ...(path ? [element("a", { class: "out", href: `https://open.spotify.com/${path.includes("/") ? path : `track/${path}`}`, rel: "noopener noreferrer", target: "_blank", "aria-label": `${name} on Spotify` }, "↗")] : []),
    element("div", { class: "soft" }, ...paired(places).flatMap((one, at) => [at ? ", " : "", ...place(one)])),
  );
  const find = () => {
    const wanted = folded(input.value).split(/\s+/).filter(Boolean);
    const hits = wanted.length ? songs.filter((_, number) => wanted.every((word) => words[number].includes(word))) : [];
    $("#song-found").replaceChildren(...hits.slice(0, 30).map(line));
    const rest = hits.length > 30 ? ` The first 30 are shown.` : "";
    $("#song-hits").textContent = wanted.length ? `${counted(hits.length, "title")} found.${rest}` : "";
  };
  input.addEventListener("input", find);
  input.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    input.value = "";
    find();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.target.closest("input, select, textarea")) return;
    event.preventDefault();
    input.focus();
  });
}

