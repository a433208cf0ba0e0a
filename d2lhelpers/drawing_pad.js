// The browser's side of DrawingPad: a sheet of paper, and a button that clears it. The ink appears at once; Python
// hears of a stroke when it ends. A stroke is a list of points [x, y]: from 0 to 1, x to the right, y down. The first
// stroke takes the place of an example.
const SIZE = 224; // CSS pixels

function render({ model, el }) {
  const canvas = document.createElement("canvas");
  const context = canvas.getContext("2d");
  const scale = window.devicePixelRatio || 1;
  canvas.width = canvas.height = SIZE * scale;
  // White paper in dark pages too. A finger on it draws, and does not scroll.
  canvas.style.cssText = `width: ${SIZE}px; height: ${SIZE}px; background: white; border: 1px solid grey;
    border-radius: 2px; cursor: crosshair; touch-action: none; display: block;`;
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", model.get("label"));
  const clear = document.createElement("button");
  clear.textContent = model.get("clear");
  clear.className = "jupyter-widgets jupyter-button widget-button";
  el.append(canvas, clear);

  let stroke = null; // the one that is being drawn

  function strokes() {
    const value = model.get("value");
    if (!stroke) return value;
    const isExample = JSON.stringify(value) === JSON.stringify(model.get("example"));
    return isExample ? [stroke] : [...value, stroke];
  }

  function paint() {
    context.clearRect(0, 0, canvas.width, canvas.height);
    context.lineWidth = canvas.width / 16;
    context.lineCap = context.lineJoin = "round";
    for (const points of strokes()) {
      context.beginPath();
      context.moveTo(points[0][0] * canvas.width, points[0][1] * canvas.height);
      for (const [x, y] of points) context.lineTo(x * canvas.width, y * canvas.height);
      context.stroke();
    }
  }

  function send(value) {
    model.set("value", value);
    model.save_changes();
  }

  function addPoint(event) {
    const box = canvas.getBoundingClientRect();
    stroke.push([(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height]);
    paint();
  }

  function finish() {
    if (!stroke) return;
    const value = strokes();
    stroke = null;
    send(value);
  }

  canvas.addEventListener("pointerdown", (event) => {
    if (stroke || event.button !== 0) return; // one finger, or the mouse's main button
    canvas.setPointerCapture(event.pointerId);
    stroke = [];
    addPoint(event);
  });
  canvas.addEventListener("pointermove", (event) => stroke && addPoint(event));
  canvas.addEventListener("pointerup", finish);
  canvas.addEventListener("pointercancel", finish);
  clear.addEventListener("click", () => send([]));
  model.on("change:value", paint);
  paint();
  return () => model.off("change:value", paint);
}

export default { render };
