"use strict";
// What is clicked is opened below the graph, and what it was made from and went into stays bright. Without this script the
// links open the same sections.
const { edges, dags } = JSON.parse(document.getElementById("data").textContent);
const reach = (start, step) => {
  const seen = new Set([start]);
  for (const at of seen) for (const [one, other] of edges) {
    if (one === at && step > 0) seen.add(other);
    if (other === at && step < 0) seen.add(one);
  }
  return seen;
};

const nodes = document.querySelectorAll("a.node");
const paths = document.querySelectorAll(".edge");
const chooser = document.getElementById("dag");

function show() {
  const chosen = location.hash.slice(1);
  const known = document.getElementById("node-" + chosen);
  const before = reach(chosen, -1), after = reach(chosen, 1);
  const inDag = chooser && chooser.value ? new Set(dags[chooser.value]) : null;
  for (const node of nodes) {
    const id = node.id.slice(5);
    node.classList.toggle("chosen", id === chosen);
    node.classList.toggle("faded", Boolean(known && !before.has(id) && !after.has(id)) || Boolean(inDag && !inDag.has(id)));
  }
  for (const path of paths) {
    const { from, to } = path.dataset;
    const lit = Boolean(known) && ((before.has(from) && before.has(to)) || (after.has(from) && after.has(to)));
    path.classList.toggle("lit", lit);
    path.classList.toggle("faded", Boolean(known && !lit) || Boolean(inDag && !(inDag.has(from) && inDag.has(to))));
  }
  for (const about of document.querySelectorAll(".about")) about.classList.toggle("open", about.id === chosen);
  document.getElementById("overview").classList.toggle("closed", Boolean(known));
}

for (const node of nodes) node.addEventListener("click", (event) => {
  event.preventDefault();
  // Where the page stands is kept: the graph is not to jump away under the pointer.
  const id = node.getAttribute("href");
  history.replaceState(null, "", location.hash === id ? "#" : id);
  show();
});
if (chooser) {
  chooser.parentElement.hidden = false;
  chooser.addEventListener("change", show);
}
addEventListener("hashchange", show);
show();
