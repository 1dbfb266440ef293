// Boxes and arrows -> where they are. Each connected part is laid out by dagre, from left to right;
// parts are then packed in rows, for a page of the shape `aspect` (width by height).
function layOut({ boxes, arrows, aspect }) {
  const parts = connected(boxes, arrows).map(placed);
  const gap = 56;
  const area = parts.reduce((sum, part) => sum + (part.width + gap) * (part.height + gap), 0);
  const widest = Math.max(...parts.map((part) => part.width), Math.sqrt(area * aspect) * 1.06, 1);
  parts.sort((a, b) => b.height - a.height || b.boxes.length - a.boxes.length || a.order - b.order);
  let x = 0, y = 0, row = 0;
  for (const part of parts) {
    if (x > 0 && x + part.width > widest) { x = 0; y += row + gap; row = 0; }
    for (const box of part.boxes) { box.x += x; box.y += y; }
    for (const arrow of part.arrows) for (const point of arrow.points) { point.x += x; point.y += y; }
    x += part.width + gap;
    row = Math.max(row, part.height);
  }
  return { boxes: parts.flatMap((part) => part.boxes), arrows: parts.flatMap((part) => part.arrows) };
}

function connected(boxes, arrows) {
  const root = new Map(boxes.map((box) => [box.id, box.id]));
  const find = (id) => {
    while (root.get(id) !== id) { root.set(id, root.get(root.get(id))); id = root.get(id); }
    return id;
  };
  for (const [from, to] of arrows) root.set(find(from), find(to));
  const parts = new Map();
  const part = (id) => {
    const key = find(id);
    if (!parts.has(key)) parts.set(key, { boxes: [], arrows: [], order: parts.size });
    return parts.get(key);
  };
  for (const box of boxes) part(box.id).boxes.push(box);
  for (const arrow of arrows) part(arrow[0]).arrows.push(arrow);
  return [...parts.values()];
}

function placed({ boxes, arrows, order }) {
  const graph = new dagre.graphlib.Graph();
  graph.setGraph({ rankdir: "LR", ranker: "tight-tree", nodesep: 16, ranksep: 64, edgesep: 12 });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const { id, width, height } of boxes) graph.setNode(id, { width, height });
  for (const [from, to] of arrows) graph.setEdge(from, to, {});
  dagre.layout(graph);
  const { width, height } = graph.graph();
  return {
    width, height, order,
    boxes: boxes.map((box) => ({ ...box, x: graph.node(box.id).x, y: graph.node(box.id).y })),
    arrows: arrows.map(([from, to]) => ({ from, to, points: graph.edge(from, to).points })),
  };
}
