/* The gallery of a batch: filters by category, strategy and text, and boxes that can be hidden. */
(() => {
  const { at, cards, option, filterBy, lookCloser } = gallery;
  if (!cards.length) return;
  const groups = JSON.parse(at("data").textContent);
  const haystacks = cards.map((card) => card.querySelector(".about").textContent.toLowerCase());

  for (const [name, all] of [["category", "all categories"], ["strategy", "all strategies"]]) {
    at(name).append(option("", all));
    const counts = groups[name].map((value, number) => cards.filter((card) => card.dataset[name] === String(number)).length);
    const order = [...counts.keys()].sort((one, other) => counts[other] - counts[one] || one - other);
    for (const number of order) at(name).append(option(number, groups[name][number], counts[number]));
    at(name).parentElement.hidden = groups[name].length < 2;
  }
  filterBy(() => {
    if (at("boxes")) document.body.classList.toggle("unboxed", !at("boxes").checked);
    const wanted = ["category", "strategy"].map((name) => [name, at(name).value]).filter(([, value]) => value !== "");
    const text = at("text").value.trim().toLowerCase();
    if (!wanted.length && !text) return null;
    return (card, place) => wanted.every(([name, value]) => card.dataset[name] === value) && haystacks[place].includes(text);
  });
  lookCloser((drawing) => {
    for (const tag of drawing.querySelectorAll(".tag")) { // there is more room than in a card
      for (const name of ["font-size", "stroke-width"]) tag.setAttribute(name, String(0.5 * Number(tag.getAttribute(name))));
    }
  });
})();
