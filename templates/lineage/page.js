"use strict";
// The lineage of the page's data, drawn: what is shown, selected and found, and how it is looked at.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const $ = (id) => document.getElementById(id);
  const nodes = new Map(data.nodes.map((node) => [node.id, node]));
  const forth = new Map(), back = new Map();
  for (const id of nodes.keys()) { forth.set(id, new Set()); back.set(id, new Set()); }
  for (const [from, to] of data.edges) { forth.get(from).add(to); back.get(to).add(from); }

  const happens = new Map();  // to a node, the most weighty first
  for (const each of data.change?.happenings ?? []) {
    if (each.node) happens.set(each.node, [...(happens.get(each.node) ?? []), each]);
  }
  for (const found of happens.values()) found.sort((a, b) => a.weight - b.weight);

  const BEHIND = ["function", "image", "source", "build"];  // shown when they are asked for
  const kinds = [...new Set(data.nodes.map((node) => node.kind))].sort(
    (a, b) => BEHIND.includes(a) - BEHIND.includes(b) || (a < b ? -1 : 1));
  const shownKinds = new Set(kinds.filter((kind) => !BEHIND.includes(kind)));
  if (!shownKinds.size) for (const kind of kinds) shownKinds.add(kind);
  let environment = "", selected = null, focused = null, onlyTouched = false;  // ids
  let drawn = { boxes: [], arrows: [] }, view = { x: 0, y: 0, scale: 1 }, fitted = true, asked = 0;

  // What is shown

  const isShown = (node) =>
    shownKinds.has(node.kind) && (!environment || !node.environments || node.environments.includes(environment));

  function around(id, ways) {
    const found = new Set([id]), waiting = [id];
    while (waiting.length) for (const next of ways.get(waiting.pop())) {
      if (!found.has(next)) { found.add(next); waiting.push(next); }
    }
    return found;
  }

  function shown() {
    let kept = data.nodes.filter(isShown);
    if (focused) {
      const near = new Set([...around(focused, forth), ...around(focused, back)]);
      kept = kept.filter((node) => near.has(node.id));
    }
    if (onlyTouched) {
      const near = new Set(happens.keys());
      for (const id of happens.keys()) for (const ways of [forth, back]) for (const next of ways.get(id)) near.add(next);
      kept = kept.filter((node) => near.has(node.id));
    }
    return kept;
  }

  // An arrow leads over nodes that are not shown.
  function arrowsBetween(kept) {
    const ids = new Set(kept.map((node) => node.id)), arrows = [];
    for (const { id } of kept) {
      const seen = new Set(), waiting = [...forth.get(id)];
      while (waiting.length) {
        const next = waiting.pop();
        if (seen.has(next)) continue;
        seen.add(next);
        if (ids.has(next)) { if (next !== id) arrows.push([id, next]); }
        else waiting.push(...forth.get(next));
      }
    }
    return arrows;
  }

  // Drawing

  const ruler = document.createElement("canvas").getContext("2d");
  const FAMILY = getComputedStyle(document.body).fontFamily, LONGEST = 210;
  function fitting(text, font) {
    ruler.font = `${font} ${FAMILY}`;
    if (ruler.measureText(text).width <= LONGEST) return text;
    let end = text.length;
    while (end > 1 && ruler.measureText(`${text.slice(0, end)}…`).width > LONGEST) end--;
    return `${text.slice(0, end)}…`;
  }
  function boxOf(node) {
    const verbs = (happens.get(node.id) ?? []).map((each) => each.verb), small = verbs.length ? "600 11px" : "11px";
    const name = fitting(node.name, "13px"), sub = fitting([...verbs, node.about].join(" · "), small);
    ruler.font = `13px ${FAMILY}`;
    const first = ruler.measureText(name).width;
    ruler.font = `${small} ${FAMILY}`;
    const width = Math.ceil(Math.max(first, ruler.measureText(sub).width, 44)) + 28;
    return { id: node.id, width, height: 42, name, sub };
  }

  function svg(tag, attributes, ...children) {
    const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    element.append(...children);
    return element;
  }

  const MANY = 200;  // boxes from which on another thread lays out, for a page that answers meanwhile
  const layout = (() => {
    const source = $("layout").textContent;
    const here = () => Function(`${source}; return layOut;`)();
    let worker = null, waiting = null;
    try {
      const lines = `${source}; onmessage = (e) => postMessage(layOut(e.data));`;
      worker = new Worker(URL.createObjectURL(new Blob([lines], { type: "text/javascript" })));
      worker.onmessage = (e) => waiting(e.data);
      worker.onerror = (e) => { e.preventDefault(); worker = null; waiting(null); };
    } catch { worker = null; }  // a page in a sandbox may have none
    return async (question) => {
      if (worker && question.boxes.length > MANY) {
        const answer = await new Promise((resolve) => { waiting = resolve; worker.postMessage(question); });
        if (answer) return answer;
      }
      return here()(question);
    };
  })();

  const marks = (id) => !data.change ? "" : happens.has(id) ? ` touched verb-${happens.get(id)[0].verb.replaceAll(" ", "-")}` : " still";

  async function draw({ fits = true } = {}) {
    const turn = ++asked, kept = shown(), arrows = arrowsBetween(kept);
    if (kept.length > MANY) say("Laying out …");
    const { width, height } = $("graph").getBoundingClientRect();
    const aspect = Math.max(0.4, width / Math.max(height, 1));
    const made = await layout({ boxes: kept.map(boxOf), arrows, aspect });
    if (turn !== asked) return;
    drawn = made;
    $("edges").replaceChildren(...made.arrows.map((arrow) => {
      arrow.element = svg("path", { class: "edge", d: path(arrow.points) });
      return arrow.element;
    }));
    $("nodes").replaceChildren(...made.boxes.map((box) => {
      const node = nodes.get(box.id), left = -box.width / 2;
      const round = node.kind === "service" ? 21 : node.type === "run" ? 5 : 12;
      box.element = svg("g", {
        class: `node kind-${node.kind}${marks(node.id)}`, transform: `translate(${box.x},${box.y})`, tabindex: "-1", role: "button",
        "aria-label": [node.name, ...(happens.get(node.id) ?? []).map((each) => each.verb), node.about].join(", "), "data-id": node.id,
      },
        svg("title", {}, `${node.name}\n${node.about}`),
        svg("rect", { class: "box", x: left, y: -21, width: box.width, height: 42, rx: round }),
        svg("rect", { class: "bar", x: left + 9, y: -10, width: 4, height: 20, rx: 2 }),
        svg("text", { x: left + 19, y: -2 }, box.name),
        svg("text", { class: "sub", x: left + 19, y: 13 }, box.sub));
      return box.element;
    }));
    mark();
    if (fits) fit();
    const hidden = data.nodes.length - kept.length;
    say(`${count(kept.length, "node")}, ${count(arrows.length, "arrow")}${hidden ? `, ${hidden} not shown` : ""}`);
    document.body.dataset.drawn = String(turn);
  }
  const count = (number, word) => `${number} ${word}${number === 1 ? "" : "s"}`;
  const say = (text) => { $("status").textContent = text; };

  function path(points) {
    const at = ({ x, y }) => `${x.toFixed(1)},${y.toFixed(1)}`;
    let text = `M${at(points[0])}`;
    for (let i = 1; i < points.length - 1; i++) {
      const next = points[i + 1], last = i === points.length - 2;
      const end = last ? next : { x: (points[i].x + next.x) / 2, y: (points[i].y + next.y) / 2 };
      text += ` Q${at(points[i])} ${at(end)}`;
    }
    return points.length === 2 ? `${text} L${at(points[1])}` : text;
  }

  // Selecting

  function select(id, { moves = true } = {}) {
    selected = id && nodes.has(id) ? id : null;
    if (!selected && focused) { focused = null; draw(); }
    mark();
    details();
    $("focus").disabled = !selected;
    $("focus").setAttribute("aria-pressed", String(Boolean(focused)));
    history.replaceState(null, "", selected ? `#${encodeURIComponent(selected)}` : location.pathname + location.search);
    if (selected && moves) show(selected);
  }

  function mark() {
    const up = selected ? around(selected, back) : new Set(), down = selected ? around(selected, forth) : new Set();
    $("view").classList.toggle("some", Boolean(selected) && drawn.boxes.some((box) => box.id === selected));
    for (const { id, element } of drawn.boxes) {
      element.classList.toggle("selected", id === selected);
      element.classList.toggle("up", id !== selected && up.has(id));
      element.classList.toggle("down", id !== selected && down.has(id));
      element.setAttribute("tabindex", id === (selected ?? drawn.boxes[0]?.id) ? "0" : "-1");
    }
    for (const { from, to, element } of drawn.arrows) {
      element.classList.toggle("up", up.has(from) && up.has(to));
      element.classList.toggle("down", down.has(from) && down.has(to));
    }
  }

  function tag(name, attributes, ...children) {
    const element = Object.assign(document.createElement(name), attributes);
    element.append(...children);
    return element;
  }

  function details() {
    const panel = $("details"), node = nodes.get(selected);
    const changes = panel.hidden !== (!node && !data.change);
    const says = !node && data.change;
    panel.hidden = !node && !says;
    if (changes && fitted) fit();
    if (says) return panel.replaceChildren(...review(data.change));
    if (!node) return;
    const list = (title, items) => items.length ? [tag("h3", { textContent: title }), tag("ul", {}, ...items)] : [];
    const facts = tag("dl", {}, ...node.facts.flatMap(([key, value]) =>
      [tag("dt", { textContent: key }), tag("dd", {}, tag("code", { textContent: value }))]));
    const links = (ids, whys) => [...ids].sort().map((id) => tag("li", {},
      tag("a", { href: `#${encodeURIComponent(id)}`, textContent: nodes.get(id).name, onclick: (e) => { e.preventDefault(); reveal(id); } }),
      tag("small", { textContent: [nodes.get(id).about, ...whys(id)].join(" · ") })));
    const why = (from, to) => data.edges.filter((edge) => edge[0] === from && edge[1] === to)
      .map(([, , relation, evidence, place]) => `${relation} (${evidence}), ${place}`);
    const objects = node.objects.filter((each) => !environment || each.environment === environment).map((each) => tag("li", {},
      `${each.kind} ${each.name}`, tag("small", {}, `${each.environment}: `, tag("code", { textContent: each.path })),
      ...(each.image ? [tag("small", {}, tag("code", { textContent: each.image }))] : [])));
    panel.replaceChildren(
      tag("h2", { textContent: node.name }), tag("p", { textContent: `${node.about} · ${node.project}` }),
      ...list("What the change does", (happens.get(node.id) ?? []).map((each) => happening(each))), facts,
      ...list("Depends on", links(back.get(selected), (id) => why(id, selected))),
      ...list("Needed by", links(forth.get(selected), (id) => why(selected, id))),
      ...list("In the cluster", objects));
    panel.scrollTop = 0;
  }

  // A change, as its review tells it.

  function happening(each, name) {
    const verb = tag("b", { textContent: each.verb, className: `verb-${each.verb.replaceAll(" ", "-")}` });
    const link = !name ? [] : each.node ? [" ", tag("a", { href: `#${encodeURIComponent(each.node)}`, textContent: name,
      onclick: (e) => { e.preventDefault(); reveal(each.node); } })] : [` ${name}`];
    return tag("li", {}, verb, ...link, ...[each.where, ...each.why].filter(Boolean).map((text) => tag("small", { textContent: text })));
  }
  function review({ summary, warnings, notes, happenings }) {
    return [tag("h2", { textContent: summary }), ...warnings.map((text) => tag("p", { className: "warning", textContent: text })),
      tag("ul", { className: "review" }, ...happenings.map((each) => happening(each, each.name))),
      ...(notes.length ? [tag("h3", { textContent: "Besides" }), tag("ul", {}, ...notes.map((text) => tag("li", { textContent: text })))] : [])];
  }

  function reveal(id) {
    if (onlyTouched && !happens.has(id)) toggleTouched();
    const node = nodes.get(id);
    const wasHidden = !drawn.boxes.some((box) => box.id === id);
    if (wasHidden && focused) focused = id;
    if (!shownKinds.has(node.kind)) { shownKinds.add(node.kind); chips(); }
    if (node.environments && environment && !node.environments.includes(environment)) { environment = ""; $("environment").value = ""; }
    if (wasHidden) { selected = id; draw({ fits: false }).then(() => select(id)); }
    else select(id);
    $("graph").focus({ preventScroll: true });
  }

  // Looking

  function apply() {
    fitted = false;
    $("graph").classList.toggle("far", view.scale < 0.35);  // where no text can be read
    $("view").setAttribute("transform", `translate(${view.x},${view.y}) scale(${view.scale})`);
  }
  function fit() {
    const { width, height } = $("graph").getBoundingClientRect(), box = bounds();
    const scale = Math.min(1.25, (width - 40) / Math.max(box.width, 1), (height - 56) / Math.max(box.height, 1));
    view = { scale, x: (width - box.width * scale) / 2 - box.x * scale, y: (height - box.height * scale) / 2 - box.y * scale };
    apply();
    fitted = true;
  }
  function bounds() {
    let left = Infinity, top = Infinity, right = -Infinity, bottom = -Infinity;
    for (const { x, y, width, height } of drawn.boxes) {
      left = Math.min(left, x - width / 2); right = Math.max(right, x + width / 2);
      top = Math.min(top, y - height / 2); bottom = Math.max(bottom, y + height / 2);
    }
    return drawn.boxes.length ? { x: left, y: top, width: right - left, height: bottom - top } : { x: 0, y: 0, width: 1, height: 1 };
  }
  function show(id) {
    const box = drawn.boxes.find((each) => each.id === id);
    if (!box) return;
    const { width, height } = $("graph").getBoundingClientRect();
    const scale = Math.max(view.scale, 0.75), x = box.x * view.scale + view.x, y = box.y * view.scale + view.y;
    const isSeen = view.scale >= 0.6 && x > 80 && x < width - 80 && y > 40 && y < height - 40;
    if (!isSeen) { view = { scale, x: width / 2 - box.x * scale, y: height / 2 - box.y * scale }; apply(); }
  }
  function zoom(factor, x, y) {
    const { width, height } = $("graph").getBoundingClientRect();
    x ??= width / 2; y ??= height / 2;
    const scale = Math.min(4, Math.max(0.03, view.scale * factor)), by = scale / view.scale;
    view = { scale, x: x - (x - view.x) * by, y: y - (y - view.y) * by };
    apply();
  }

  const graph = $("graph");
  let held = null;
  graph.addEventListener("wheel", (e) => {
    e.preventDefault();
    const { left, top } = graph.getBoundingClientRect();
    zoom(Math.exp(-e.deltaY * (e.deltaMode ? 0.05 : 0.0015)), e.clientX - left, e.clientY - top);
  }, { passive: false });
  graph.addEventListener("pointerdown", (e) => {
    if (e.button) return;
    held = { x: e.clientX, y: e.clientY, from: { ...view }, target: e.target, moved: false };
    graph.setPointerCapture(e.pointerId);
  });
  graph.addEventListener("pointermove", (e) => {
    if (!held) return;
    const x = e.clientX - held.x, y = e.clientY - held.y;
    held.moved ||= Math.hypot(x, y) > 4;
    if (held.moved) { view = { ...view, x: held.from.x + x, y: held.from.y + y }; apply(); }
  });
  graph.addEventListener("pointerup", () => {
    if (held && !held.moved) select(held.target.closest?.(".node")?.dataset.id ?? null, { moves: false });
    held = null;
  });
  graph.addEventListener("pointercancel", () => { held = null; });

  // Searching

  function search() {
    const words = $("search").value.toLowerCase().split(/\s+/).filter(Boolean);
    const found = !words.length ? [] : data.nodes.filter((node) =>
      words.every((word) => `${node.name} ${node.about} ${node.project}`.toLowerCase().includes(word)));
    const ids = new Set(found.map((node) => node.id));
    for (const { id, element } of drawn.boxes) element.classList.toggle("found", ids.has(id));
    const first = (node) => node.name.toLowerCase().startsWith(words[0] ?? "") ? 0 : 1;
    found.sort((a, b) => first(a) - first(b) || (a.id < b.id ? -1 : 1));
    $("found").replaceChildren(...found.slice(0, 12).map((node, index) => tag("li", {
      role: "option", ariaSelected: String(index === 0), onpointerdown: (e) => { e.preventDefault(); choose(node.id); },
    }, node.name, tag("small", { textContent: node.about }))));
    [...$("found").children].forEach((item, index) => { item.dataset.id = found[index].id; });
    $("found").hidden = !found.length;
    if (words.length) say(`${count(found.length, "match").replace("matchs", "matches")}`);
  }
  function choose(id) {
    $("search").value = "";
    search();
    reveal(id);
  }
  $("search").addEventListener("input", search);
  $("search").addEventListener("blur", () => { $("found").hidden = true; });
  $("search").addEventListener("keydown", (e) => {
    const items = [...$("found").children], at = items.findIndex((item) => item.ariaSelected === "true");
    if (e.key === "Enter" && items.length) choose(items[Math.max(at, 0)].dataset.id);
    else if (e.key === "Escape") { $("search").value = ""; search(); graph.focus(); }
    else if (e.key === "ArrowDown" || e.key === "ArrowUp") {
      e.preventDefault();
      const next = (at + (e.key === "ArrowDown" ? 1 : -1) + items.length) % Math.max(items.length, 1);
      items.forEach((item, index) => { item.ariaSelected = String(index === next); });
      items[next]?.scrollIntoView({ block: "nearest" });
    }
    e.stopPropagation();
  });

  // Filters, buttons, keys

  function chips() {
    $("kinds").replaceChildren(...kinds.map((kind) => {
      const button = tag("button", { textContent: kind, className: `kind-${kind}`, type: "button", title: "Show or hide",
        onclick: () => { shownKinds.has(kind) ? shownKinds.delete(kind) : shownKinds.add(kind); chips(); draw(); } });
      button.setAttribute("aria-pressed", String(shownKinds.has(kind)));
      return button;
    }));
  }
  $("environment").append(tag("option", { value: "", textContent: "all environments" }),
    ...data.environments.map((name) => tag("option", { value: name, textContent: name })));
  $("environment").hidden = data.environments.length < 2;
  $("environment").addEventListener("change", (e) => { environment = e.target.value; details(); draw(); });

  function toggleFocus() {
    if (!selected) return;
    focused = focused ? null : selected;
    $("focus").setAttribute("aria-pressed", String(Boolean(focused)));
    draw();
  }
  function toggleTouched() {
    if (!data.change) return;
    onlyTouched = !onlyTouched;
    $("touched").setAttribute("aria-pressed", String(onlyTouched));
    draw();
  }
  function toggleTheme() {
    const isDark = document.documentElement.classList.toggle("dark");
    try { localStorage.setItem("gitopsc-theme", isDark ? "dark" : "light"); } catch { /* not kept */ }
  }
  function toggleKeys() {
    $("keys").hidden = !$("keys").hidden;
    $("help").setAttribute("aria-expanded", String(!$("keys").hidden));
  }
  $("focus").onclick = toggleFocus;
  $("touched").onclick = toggleTouched;
  $("touched").hidden = !data.change;
  for (const each of document.querySelectorAll("#keys .review")) each.hidden = !data.change;
  $("smaller").onclick = () => zoom(1 / 1.3);
  $("larger").onclick = () => zoom(1.3);
  $("fit").onclick = fit;
  $("theme").onclick = toggleTheme;
  $("help").onclick = toggleKeys;

  // The nearest box in a direction; left and right, of those that an arrow leads to.
  function step(dx, dy) {
    const here = drawn.boxes.find((box) => box.id === selected);
    if (!here) return select(drawn.boxes[0]?.id ?? null);
    const ends = drawn.arrows.flatMap(({ from, to }) => dx > 0 && from === selected ? [to] : dx < 0 && to === selected ? [from] : []);
    const others = drawn.boxes.filter((box) => dx ? ends.includes(box.id)
      : (box.y - here.y) * dy > 1 && Math.abs(box.x - here.x) < (box.width + here.width) / 2);
    others.sort((a, b) => Math.hypot(a.x - here.x, a.y - here.y) - Math.hypot(b.x - here.x, b.y - here.y));
    if (others[0]) { select(others[0].id); others[0].element.focus({ preventScroll: true }); }
  }
  const KEYS = {
    "/": (e) => { e.preventDefault(); $("search").focus(); $("search").select(); },
    ArrowLeft: () => step(-1, 0), ArrowRight: () => step(1, 0), ArrowUp: () => step(0, -1), ArrowDown: () => step(0, 1),
    "+": () => zoom(1.3), "=": () => zoom(1.3), "-": () => zoom(1 / 1.3), 0: fit, f: toggleFocus, c: toggleTouched, t: toggleTheme, "?": toggleKeys,
    Escape: () => { $("keys").hidden = true; select(null); },
    Enter: (e) => { const id = e.target.closest?.(".node")?.dataset.id; if (id) select(id); },
  };
  document.addEventListener("keydown", (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey || !KEYS[e.key] || e.target.matches("select")) return;
    if (e.key.startsWith("Arrow") && !e.target.matches("body, svg, .node")) return;
    if (e.key.startsWith("Arrow")) e.preventDefault();
    KEYS[e.key](e);
  });
  addEventListener("resize", () => { if (fitted) fit(); });
  addEventListener("hashchange", () => open());

  function open() {
    const id = [...nodes.keys()].find((each) => `#${encodeURIComponent(each)}` === location.hash);
    if (id) reveal(id);
  }
  const query = new URLSearchParams(location.search);
  let theme = query.get("theme");
  try { theme ??= localStorage.getItem("gitopsc-theme"); } catch { /* none is kept */ }
  theme ??= matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  document.documentElement.classList.toggle("dark", theme === "dark");
  chips();
  details();
  draw().then(open);
})();
