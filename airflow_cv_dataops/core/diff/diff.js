"use strict";
/* The gallery: a filter by kind of change, and a closer look. Nothing of the data is ever read as HTML: nodes of the page are copied. */
(() => {
  const at = (id) => document.getElementById(id);
  const cards = [...document.querySelectorAll(".card")];
  if (!cards.length) return;
  const kinds = JSON.parse(at("data").textContent).kinds;
  const kindsOf = (card) => card.dataset.kinds.split(" ").map(Number);
  const status = at("status").textContent;
  let open = null;

  const option = (value, text) => {
    const node = document.createElement("option");
    node.value = value;
    node.textContent = text;
    return node;
  };
  at("kind").append(option("", "all changes"));
  kinds.forEach((kind, number) => {
    const count = cards.filter((card) => kindsOf(card).includes(number)).length;
    if (count) at("kind").append(option(String(number), `${kind} (${count.toLocaleString("en")})`));
  });
  const select = () => {
    const wanted = at("kind").value;
    for (const card of cards) card.hidden = wanted !== "" && !kindsOf(card).includes(Number(wanted));
    const shown = cards.filter((card) => !card.hidden).length;
    at("status").textContent = wanted === "" ? status : `Showing ${shown.toLocaleString("en")} of ${cards.length.toLocaleString("en")} images.`;
  };
  at("filters").hidden = false;
  at("filters").addEventListener("input", select);
  at("filters").addEventListener("submit", (event) => event.preventDefault());
  at("filters").addEventListener("reset", () => setTimeout(select));

  const served = document.body.dataset.images; // where a server shows images by their ids; it writes so into the page
  for (const file of served ? document.querySelectorAll(".file[data-image]") : []) {
    const link = file.querySelector("a") || document.createElement("a");
    if (!link.parentNode) {
      link.className = "free";
      link.textContent = file.textContent;
      link.target = "_blank";
      link.rel = "noopener noreferrer";
      file.replaceChildren(link);
    }
    link.href = served + file.dataset.image;
  }

  const pictured = () => cards.filter((card) => !card.hidden && card.querySelector(".look"));
  const button = (text, go) => {
    const node = document.createElement("button");
    node.type = "button";
    node.textContent = text;
    node.disabled = !go;
    if (go) node.addEventListener("click", go);
    return node;
  };
  const div = (style, ...children) => {
    const node = document.createElement("div");
    node.className = style;
    node.append(...children);
    return node;
  };
  const look = (card) => {
    open = card;
    const all = pictured();
    const place = all.indexOf(card);
    const step = (by) => (all[place + by] ? () => look(all[place + by]) : null);
    const title = document.createElement("h3");
    title.id = "closer-title";
    title.className = "free";
    title.textContent = card.querySelector(".file").textContent;
    const whole = card.querySelector("svg").cloneNode(true);
    whole.setAttribute("viewBox", whole.dataset.whole);
    const pictures = whole.querySelectorAll("image");
    if (pictures.length > 1) pictures[1].remove(); // the part that was cut out for the card
    for (const tag of whole.querySelectorAll(".tag")) { // numbers of the same height, whatever part the card shows
      const size = Number(whole.dataset.whole.split(" ")[2]) / 40;
      tag.setAttribute("stroke-width", size / 5);
      tag.setAttribute("font-size", size);
    }
    const about = card.querySelector(".about").cloneNode(true);
    about.append(document.querySelector("#gallery > .legend").cloneNode(true));
    const bar = div("bar", title, button("‹ Previous", step(-1)), button("Next ›", step(1)), button("Close", () => at("closer").close()));
    at("closer").replaceChildren(bar, div("both", div("whole", whole), about));
    if (!at("closer").open) at("closer").showModal();
  };
  for (const card of cards) {
    const picture = card.querySelector(".look");
    if (picture) picture.addEventListener("click", () => look(card));
  }
  at("closer").addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const all = pictured();
    const next = by && all[all.indexOf(open) + by];
    if (next) { event.preventDefault(); look(next); }
  });
  at("closer").addEventListener("click", (event) => { if (event.target === at("closer")) at("closer").close(); });
  at("closer").addEventListener("close", () => { if (open) open.querySelector(".look").focus(); });
})();
