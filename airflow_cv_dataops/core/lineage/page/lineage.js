"use strict";
// What is clicked is opened below the graph, and what it was made from and went into stays bright. Without this script the
// links open the same sections.
const { dags } = JSON.parse(document.getElementById("data").textContent);
const chooser = document.getElementById("dag");
const pictures = [...document.querySelectorAll(".graph")].map((graph) => ({
  graph,
  nodes: [...graph.querySelectorAll("a.node")],
  paths: [...graph.querySelectorAll(".edge")],
}));

function reach(paths, start, end, chosen) {
  const next = new Map();
  for (const { dataset } of paths) {
    if (!next.has(dataset[start])) next.set(dataset[start], []);
    next.get(dataset[start]).push(dataset[end]);
  }
  const seen = new Set([chosen]);
  for (const at of seen) for (const other of next.get(at) || []) seen.add(other);
  return seen;
}

function light({ nodes, paths }, chosen, inDag) {
  const known = nodes.some((node) => node.dataset.id === chosen);
  const before = reach(paths, "to", "from", chosen), after = reach(paths, "from", "to", chosen);
  for (const node of nodes) {
    const { id } = node.dataset;
    node.classList.toggle("chosen", id === chosen);
    node.classList.toggle("faded", (known && !before.has(id) && !after.has(id)) || Boolean(inDag && !inDag.has(id)));
  }
  for (const path of paths) {
    const { from, to } = path.dataset;
    const lit = known && ((before.has(from) && before.has(to)) || (after.has(from) && after.has(to)));
    path.classList.toggle("lit", lit);
    path.classList.toggle("faded", (known && !lit) || Boolean(inDag && !(inDag.has(from) && inDag.has(to))));
    if (lit) path.parentNode.append(path); // above those that share a way with it
  }
}

// A graph that is wider than the window is moved so that what was chosen is seen.
function reveal({ graph, nodes }, chosen) {
  const node = nodes.find((one) => one.dataset.id === chosen);
  if (!node || !graph.clientWidth) return;
  const box = node.getBoundingClientRect(), seen = graph.getBoundingClientRect();
  if (box.left < seen.left || box.right > seen.right) graph.scrollLeft += (box.left + box.right - seen.left - seen.right) / 2;
}

function show() {
  const chosen = location.hash.slice(1);
  const inDag = chooser && chooser.value ? new Set(dags[chooser.value]) : null;
  for (const picture of pictures) {
    light(picture, chosen, inDag);
    reveal(picture, chosen);
  }
  let opened = false;
  for (const about of document.querySelectorAll(".about")) {
    const isChosen = about.id === chosen && about.id !== "overview";
    about.classList.toggle("open", isChosen);
    opened = opened || isChosen;
  }
  document.getElementById("overview").classList.toggle("closed", opened);
}

for (const { nodes } of pictures) for (const node of nodes) node.addEventListener("click", (event) => {
  event.preventDefault();
  // Where the page stands is kept: the graph is not to jump away under the pointer.
  const id = node.getAttribute("href");
  history.replaceState(null, "", location.hash === id ? "#" : id);
  show();
});
addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || !location.hash) return;
  history.replaceState(null, "", "#");
  show();
});
if (chooser) {
  chooser.parentElement.hidden = false;
  chooser.addEventListener("change", show);
}
addEventListener("hashchange", show);
show();
