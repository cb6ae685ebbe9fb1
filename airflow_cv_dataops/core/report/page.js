"use strict";
/* The gallery: filters, pages, pictures with boxes over them, and a closer look. Everything from the data becomes text or a number;
   nothing of it is ever read as HTML, and only http, https and file addresses become links. */
(() => {
  const PAGE = 24;
  const PIXELS_SHOW = 96; // a view of fewer pixels is enlarged pixel by pixel
  const data = JSON.parse(document.getElementById("data").textContent);
  const at = (id) => document.getElementById(id);
  if (!data.findings.length) return;

  const served = document.body.dataset.images; // where a server shows images by their ids; it writes so into the page
  const severities = ["error", "warning", "info"];
  const filters = at("filters");
  let found = data.findings;
  let page = 0;
  let open = -1;

  const make = (name, attributes = {}, ...children) => {
    const node = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) {
      if (key === "text") node.textContent = value;
      else if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
      else node.setAttribute(key, value);
    }
    node.append(...children.filter((child) => child !== null));
    return node;
  };
  const draw = (name, attributes) => {
    const node = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, String(value));
    return node;
  };
  const many = (count, noun) => `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;
  const percent = (value) => `${(100 * value).toFixed(value > 0.995 && value < 1 ? 1 : 0)}%`;
  const plain = (sentence) => sentence.replaceAll("`", "");
  const checkOf = (finding) => data.checks[finding.check];
  const imageOf = (finding) => (finding.image === undefined ? null : data.images[finding.image]);
  const placeOf = (finding) => (imageOf(finding) ? imageOf(finding).uri : finding.source || "");
  const link = (image) => {
    if (!image) return null;
    if (served && image.id) return served + image.id;
    return image.link && !(served && image.uri.startsWith("file:")) ? image.uri : null; // no page of a server may open a file
  };
  const nameOf = (uri) => {
    const last = uri.slice(uri.lastIndexOf("/") + 1);
    try { return decodeURIComponent(last); } catch { return last; }
  };

  /* pictures */

  const picture = (finding, whole) => {
    const image = imageOf(finding);
    const view = (!whole && finding.view) || [0, 0, image.width, image.height];
    const title = draw("title", {});
    title.textContent = spoken(finding);
    const svg = draw("svg", { class: "drawn", viewBox: view.join(" "), role: "img" });
    svg.append(title);
    for (const shown of [image.picture, whole ? null : finding.crop]) {
      if (!shown) continue;
      const [x, y, width, height] = shown.view;
      const crisp = Math.max(view[2], view[3]) <= PIXELS_SHOW ? "crisp" : "";
      const node = draw("image", { x, y, width, height, preserveAspectRatio: "none", class: crisp });
      node.setAttribute("href", `data:${shown.type};base64,${shown.data}`);
      svg.append(node);
    }
    const layers = [["other", whole || at("others").checked ? (image.others || []).map((box) => rectangle(box, view)) : []],
      ["given", [...(finding.outline || []).map(polygon), ...(finding.bbox ? [rectangle(finding.bbox, view)] : [])]],
      ["suggested", finding.suggestion && finding.suggestion.bbox ? [rectangle(finding.suggestion.bbox, view)] : []]];
    /* A dark line below the coloured ones, so that they show on any picture; below all, so that equal boxes show both colours. */
    for (const style of ["halo", "box"]) for (const [kind, shapes] of layers) {
      for (const [name, shape] of shapes) svg.append(draw(name, { ...shape, class: `${style} ${kind}` }));
    }
    return svg;
  };
  const rectangle = ([x, y, width, height], view) => {
    const least = view[2] / 80;
    if (Math.abs(width) < least && Math.abs(height) < least) return ["circle", { cx: x + width / 2, cy: y + height / 2, r: 3 * least }];
    return ["rect", { x: Math.min(x, x + width), y: Math.min(y, y + height), width: Math.abs(width), height: Math.abs(height) }];
  };
  const polygon = (numbers) => ["polygon", { points: numbers.join(" ") }];
  const spoken = (finding) => {
    const parts = [checkOf(finding).id, named(finding).join(" "), suggested(finding) ? `suggested ${suggested(finding)}` : ""];
    return parts.filter(Boolean).join(", ");
  };
  /* Only a label gives a category. Where there is no label, the finding's category is named, unless the suggestion names it. */
  const named = ({ label, category, suggestion }) => {
    if (!category || (!label && suggestion && suggestion.category === category)) return [];
    return [label ? "given" : "category", category];
  };
  const suggested = (finding) => {
    const suggestion = finding.suggestion;
    if (!suggestion) return "";
    if (suggestion.votes) return suggestion.votes.map(([name, count]) => `${name} ${count}×`).join(", ");
    if (suggestion.other) return suggestion.other;
    const certainty = suggestion.score === undefined ? "" : ` (${percent(suggestion.score)})`;
    return (suggestion.category || (suggestion.bbox ? (finding.bbox ? "another box" : "a box") : "")) + certainty;
  };
  const keys = (findings, others) => {
    const draws = {
      given: (finding) => finding.bbox || finding.outline,
      suggested: (finding) => finding.suggestion && finding.suggestion.bbox,
      other: (finding) => others && (imageOf(finding).others || []).length > (finding.bbox ? 1 : 0), // the given one is among them
    };
    const pictured = findings.filter((finding) => imageOf(finding) && imageOf(finding).picture);
    return Object.keys(draws).filter((kind) => pictured.some(draws[kind])).map((kind) => make("span", { class: `key ${kind}`, text: kind === "other" ? "other labels" : kind }));
  };

  /* cards */

  const card = (finding, place) => {
    const image = imageOf(finding);
    const look = image && image.picture
      ? make("button", { class: "look", type: "button", "aria-label": `Look closer: ${spoken(finding)}`, onclick: () => showCloser(place) }, picture(finding, false))
      : make("div", { class: "empty", text: without(finding, image) });
    return make("article", { class: "card" }, look, make("div", { class: "about" }, head(finding), words(finding),
      make("p", { class: "small free", text: finding.message }), file(finding)));
  };
  const without = (finding, image) => {
    if (!image) return "No image belongs to this finding.";
    return image.problem || "Without picture: this page holds pictures of the worst findings only.";
  };
  const head = (finding) => {
    const check = checkOf(finding);
    const score = finding.score === undefined ? null : make("span", { class: "score", title: "0: surely wrong, 1: surely right", text: `score ${finding.score.toFixed(3)}` });
    return make("div", { class: "head" }, make("span", { class: `badge ${check.severity}`, text: check.severity }), make("span", { class: "id", text: check.id }), score);
  };
  const words = (finding) => {
    const [word, category] = named(finding);
    const pairs = [[word, category, `${word}-text`], [finding.suggestion && finding.suggestion.votes ? "votes" : "suggested", suggested(finding), "suggested-text"]];
    /* A word and what it says stay together where the line breaks. */
    const parts = pairs.filter(([, text]) => text).map(([term, text, style]) => make("span", {}, make("span", { class: "small", text: term }), " ", make("span", { class: `${style} free`, text })));
    return parts.length ? make("div", { class: "words" }, ...parts) : null;
  };
  const file = (finding) => {
    const uri = placeOf(finding);
    if (!uri) return null;
    const image = imageOf(finding);
    const href = link(image);
    if (href) return make("p", { class: "file" }, make("a", { class: "free", href, target: "_blank", rel: "noopener noreferrer", title: uri, text: nameOf(uri) }));
    return make("p", { class: "file free", title: uri, text: image ? nameOf(uri) : uri });
  };

  /* a closer look */

  const showCloser = (place) => {
    open = place;
    const finding = found[place];
    const check = checkOf(finding);
    const image = imageOf(finding);
    const step = (by) => make("button", { type: "button", text: by < 0 ? "‹ Previous" : "Next ›", ...(found[place + by] ? {} : { disabled: "" }), onclick: () => showCloser(place + by) });
    const title = make("h3", { id: "closer-title", class: "free", text: placeOf(finding) ? nameOf(placeOf(finding)) : check.id });
    const bar = make("div", { class: "bar" }, title, step(-1), step(1), make("button", { type: "button", text: "Close", onclick: () => at("closer").close() }));
    const stage = image && image.picture ? make("div", { class: "whole" }, picture(finding, true)) : make("div", { class: "empty", text: without(finding, image) });
    const facts = finding.label ? [`label ${finding.label}`] : [];
    if (finding.bbox) facts.push(`given box ${finding.bbox.join(", ")}`);
    if (finding.suggestion && finding.suggestion.bbox) facts.push(`suggested box ${finding.suggestion.bbox.join(", ")}`);
    if (image) facts.push(`image ${image.width} × ${image.height} px`);
    const href = link(image);
    const opens = (text) => make("a", { class: "free", href, target: "_blank", rel: "noopener noreferrer", text });
    const whole = href && href !== image.uri ? make("p", { class: "small" }, opens("Open the whole image")) : null;
    const address = href && !whole ? opens(image.uri) : make("span", { class: "free", text: placeOf(finding) });
    const legend = make("p", { class: "legend" }, ...keys([finding], true));
    const about = make("div", { class: "about" }, head(finding), words(finding), make("p", { class: "free", text: finding.message }),
      make("p", {}, make("b", { text: "What it means: " }), plain(check.meaning)), make("p", {}, make("b", { text: "What to do: " }), plain(check.fix)),
      legend, ...facts.map((fact) => make("p", { class: "small free", text: fact })), make("p", { class: "small" }, address), whole || "");
    at("closer").replaceChildren(bar, make("div", { class: "both" }, stage, about));
    if (!at("closer").open) at("closer").showModal();
  };
  at("closer").addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (by && found[open + by]) { event.preventDefault(); showCloser(open + by); }
  });
  at("closer").addEventListener("click", (event) => { if (event.target === at("closer")) at("closer").close(); });
  at("closer").addEventListener("close", () => {
    const cards = at("cards").children;
    const place = Math.floor(open / PAGE);
    if (place !== page) { page = place; show(); }
    const look = cards[open % PAGE] && cards[open % PAGE].querySelector("button");
    if (look) look.focus();
  });

  /* filters and pages */

  const count = (values) => values.reduce((counts, value) => counts.set(value, (counts.get(value) || 0) + 1), new Map());
  const fill = (select, all, counts, order) => {
    const options = [...counts.keys()].sort(order || ((one, other) => counts.get(other) - counts.get(one) || (one < other ? -1 : 1)));
    select.append(make("option", { value: "", text: all }));
    for (const value of options) select.append(make("option", { value: `=${value}`, text: `${value} (${counts.get(value).toLocaleString("en")})` }));
  };
  const categoriesOf = (finding) => {
    const better = finding.suggestion && finding.suggestion.category;
    return [...new Set([finding.category, better].filter((name) => name !== undefined && name !== null))];
  };
  const haystacks = data.findings.map((finding) => [checkOf(finding).id, finding.message, finding.category, suggested(finding), placeOf(finding), placeOf(finding) && nameOf(placeOf(finding)), finding.label].filter(Boolean).join("\n").toLowerCase());

  const select = () => {
    const [check, category, severity] = ["check", "category", "severity"].map((id) => at(id).value);
    const text = at("text").value.trim().toLowerCase();
    const pictured = at("pictured").checked;
    found = data.findings.filter((finding, place) =>
      (!check || `=${checkOf(finding).id}` === check) && (!severity || `=${checkOf(finding).severity}` === severity)
      && (!category || categoriesOf(finding).some((name) => `=${name}` === category))
      && (!text || haystacks[place].includes(text)) && (!pictured || (imageOf(finding) && imageOf(finding).picture)));
    page = 0;
    show();
  };
  const show = () => {
    const first = page * PAGE;
    const shown = found.slice(first, first + PAGE);
    at("cards").replaceChildren(...shown.map((finding, place) => card(finding, first + place)));
    at("legend").replaceChildren(...keys(shown, at("others").checked));
    const listed = data.findings.length;
    const beyond = data.total > listed ? ` This page lists the worst ${listed.toLocaleString("en")} of ${data.total.toLocaleString("en")}; the table “findings” has all.` : "";
    const range = found.length > PAGE ? `${(first + 1).toLocaleString("en")} to ${Math.min(first + PAGE, found.length).toLocaleString("en")} of ` : "";
    at("status").textContent = (found.length ? `Showing ${range}${many(found.length, "finding")}${found.length < listed ? ` (of ${listed.toLocaleString("en")})` : ""}.` : "No finding matches.") + beyond;
    for (const id of ["pages-top", "pages-bottom"]) pager(at(id));
  };
  const pager = (nav) => {
    const pages = Math.ceil(found.length / PAGE);
    nav.hidden = pages < 2;
    const go = (to, scroll) => { page = Math.min(Math.max(to, 0), pages - 1); show(); if (scroll) at("gallery").scrollIntoView(); };
    const below = nav.id === "pages-bottom";
    const number = make("input", { type: "number", min: "1", max: String(pages), value: String(page + 1), "aria-label": "Page", onchange: (event) => go(Math.round(event.target.valueAsNumber || 1) - 1, below) });
    const step = (by, text) => make("button", { type: "button", text, ...(page + by < 0 || page + by >= pages ? { disabled: "" } : {}), onclick: () => go(page + by, below) });
    nav.replaceChildren(step(-1, "‹ Previous"), make("span", {}, "Page ", number, ` of ${pages.toLocaleString("en")}`), step(1, "Next ›"));
  };

  fill(at("check"), "all checks", count(data.findings.map((finding) => checkOf(finding).id)));
  fill(at("category"), "all categories", count(data.findings.flatMap(categoriesOf)));
  fill(at("severity"), "all severities", count(data.findings.map((finding) => checkOf(finding).severity)), (one, other) => severities.indexOf(one) - severities.indexOf(other));
  filters.hidden = false;
  at("others").parentElement.hidden = !data.images.some((image) => image.others && image.others.length);
  filters.addEventListener("input", (event) => (event.target.id === "others" ? show() : select()));
  filters.addEventListener("submit", (event) => event.preventDefault());
  filters.addEventListener("reset", () => setTimeout(select));
  show();
})();
