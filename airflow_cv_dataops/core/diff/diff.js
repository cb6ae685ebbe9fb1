/* The gallery of what changed: a filter by kind of change. */
(() => {
  const { at, cards, option, filterBy, lookCloser } = gallery;
  if (!cards.length) return;
  const kinds = JSON.parse(at("data").textContent).kinds;
  const isOf = (card, kind) => card.dataset.kinds.split(" ").includes(String(kind));

  at("kind").append(option("", "all changes"));
  kinds.forEach((kind, number) => {
    const count = cards.filter((card) => isOf(card, number)).length;
    if (count) at("kind").append(option(number, kind, count));
  });
  filterBy(() => {
    const wanted = at("kind").value;
    return wanted === "" ? null : (card) => isOf(card, wanted);
  });
  lookCloser((drawing) => {
    drawing.setAttribute("viewBox", drawing.dataset.whole);
    const pictures = drawing.querySelectorAll("image");
    if (pictures.length > 1) pictures[1].remove(); // the part that was cut out for the card
    for (const tag of drawing.querySelectorAll(".tag")) { // numbers of the same height, whatever part the card shows
      const size = Number(drawing.dataset.whole.split(" ")[2]) / 40;
      tag.setAttribute("stroke-width", size / 5);
      tag.setAttribute("font-size", size);
    }
  });
})();
