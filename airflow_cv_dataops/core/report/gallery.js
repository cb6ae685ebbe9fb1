"use strict";
/* What galleries of cards have in common: filters, links to served images, a closer look. Nothing of the data is ever read as HTML: nodes of the page are copied. */
const gallery = (() => {
  const at = (id) => document.getElementById(id);
  const cards = [...document.querySelectorAll(".card")];
  let open = null;

  const make = (name, attributes = {}, ...children) => {
    const node = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) {
      if (key === "text") node.textContent = value;
      else if (key === "onclick") node.addEventListener("click", value);
      else node.setAttribute(key, value);
    }
    node.append(...children);
    return node;
  };
  const option = (value, text, count) => make("option", { value: String(value), text: count === undefined ? text : `${text} (${count.toLocaleString("en")})` });

  /* wanted() returns what says of a card and its place whether it is wanted; nothing: all are. */
  const filterBy = (wanted) => {
    const status = at("status").textContent;
    const select = () => {
      const isWanted = wanted();
      cards.forEach((card, place) => { card.hidden = Boolean(isWanted) && !isWanted(card, place); });
      const shown = cards.filter((card) => !card.hidden).length;
      at("status").textContent = isWanted ? `Showing ${shown.toLocaleString("en")} of ${cards.length.toLocaleString("en")} images.` : status;
    };
    at("filters").hidden = false;
    at("filters").addEventListener("input", select);
    at("filters").addEventListener("submit", (event) => event.preventDefault());
    at("filters").addEventListener("reset", () => setTimeout(select));
  };

  const pictured = () => cards.filter((card) => !card.hidden && card.querySelector(".look"));
  /* prepare(drawing) changes the card's drawing for the room that the closer look has. */
  const lookCloser = (prepare) => {
    const look = (card) => {
      open = card;
      const all = pictured();
      const place = all.indexOf(card);
      const step = (by, text) => make("button", { type: "button", text, ...(all[place + by] ? { onclick: () => look(all[place + by]) } : { disabled: "" }) });
      const title = make("h3", { id: "closer-title", class: "free", text: card.querySelector(".file").textContent });
      const drawing = card.querySelector("svg").cloneNode(true);
      prepare(drawing);
      const close = make("button", { type: "button", text: "Close", onclick: () => at("closer").close() });
      const bar = make("div", { class: "bar" }, title, step(-1, "‹ Previous"), step(1, "Next ›"), close);
      const about = card.querySelector(".about").cloneNode(true);
      if (drawing.querySelector(".box")) about.append(document.querySelector("#gallery > .legend").cloneNode(true));
      at("closer").replaceChildren(bar, make("div", { class: "both" }, make("div", { class: "whole" }, drawing), about));
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
    at("closer").addEventListener("close", () => { if (open && !open.hidden) open.querySelector(".look").focus(); });
  };

  const served = document.body.dataset.images; // where a server shows images by their ids; it writes so into the page
  for (const file of served ? document.querySelectorAll(".file[data-image]") : []) {
    const link = file.querySelector("a") || make("a", { class: "free", target: "_blank", rel: "noopener noreferrer", text: file.textContent });
    link.href = served + file.dataset.image;
    file.replaceChildren(link);
  }
  return { at, cards, option, filterBy, lookCloser };
})();
