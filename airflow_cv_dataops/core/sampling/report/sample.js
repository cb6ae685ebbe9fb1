"use strict";
/* The gallery: filters by category, strategy and text, and a closer look. Nothing of the data is ever read as HTML: nodes of the page are copied. */
(() => {
  const at = (id) => document.getElementById(id);
  const cards = [...document.querySelectorAll(".card")];
  if (!cards.length) return;
  const groups = JSON.parse(at("data").textContent);
  const status = at("status").textContent;
  const haystacks = cards.map((card) => card.querySelector(".about").textContent.toLowerCase());
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

  for (const name of ["category", "strategy"]) {
    const plural = name === "category" ? "all categories" : "all strategies";
    at(name).append(make("option", { value: "", text: plural }));
    const counts = groups[name].map((value, number) => cards.filter((card) => card.dataset[name] === String(number)).length);
    const order = [...counts.keys()].sort((one, other) => counts[other] - counts[one] || one - other);
    for (const number of order) at(name).append(make("option", { value: String(number), text: `${groups[name][number]} (${counts[number].toLocaleString("en")})` }));
    at(name).parentElement.hidden = groups[name].length < 2;
  }
  const select = () => {
    const wanted = ["category", "strategy"].map((name) => [name, at(name).value]).filter(([, value]) => value !== "");
    const text = at("text").value.trim().toLowerCase();
    cards.forEach((card, place) => {
      card.hidden = !wanted.every(([name, value]) => card.dataset[name] === value) || !haystacks[place].includes(text);
    });
    const shown = cards.filter((card) => !card.hidden).length;
    at("status").textContent = !wanted.length && !text ? status : `Showing ${shown.toLocaleString("en")} of ${cards.length.toLocaleString("en")} images.`;
    if (at("boxes")) document.body.classList.toggle("unboxed", !at("boxes").checked);
  };
  at("filters").hidden = false;
  at("filters").addEventListener("input", select);
  at("filters").addEventListener("submit", (event) => event.preventDefault());
  at("filters").addEventListener("reset", () => setTimeout(select));

  const served = document.body.dataset.images; // where a server shows images by their ids; it writes so into the page
  for (const file of served ? document.querySelectorAll(".file[data-image]") : []) {
    const link = make("a", { class: "free", href: served + file.dataset.image, target: "_blank", rel: "noopener noreferrer", text: file.textContent });
    file.replaceChildren(link);
  }

  const pictured = () => cards.filter((card) => !card.hidden && card.querySelector(".look"));
  const look = (card) => {
    open = card;
    const all = pictured();
    const place = all.indexOf(card);
    const step = (by, text) => make("button", { type: "button", text, ...(all[place + by] ? { onclick: () => look(all[place + by]) } : { disabled: "" }) });
    const title = make("h3", { id: "closer-title", class: "free", text: card.querySelector(".file").textContent });
    const whole = card.querySelector("svg").cloneNode(true);
    for (const tag of whole.querySelectorAll(".tag")) { // there is more room than in a card
      for (const name of ["font-size", "stroke-width"]) tag.setAttribute(name, String(0.5 * Number(tag.getAttribute(name))));
    }
    const close = make("button", { type: "button", text: "Close", onclick: () => at("closer").close() });
    const bar = make("div", { class: "bar" }, title, step(-1, "‹ Previous"), step(1, "Next ›"), close);
    const about = card.querySelector(".about").cloneNode(true);
    if (whole.querySelector(".box")) about.append(document.querySelector("#gallery > .legend").cloneNode(true));
    at("closer").replaceChildren(bar, make("div", { class: "both" }, make("div", { class: "whole" }, whole), about));
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
})();
