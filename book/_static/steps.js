/* Steps through the frames of a figure that has sliders in the notebook: one slider at a time, the others as they begin. */
function step(slider, sliders, image, frames, first) {
  for (const other of sliders) {
    const place = other === slider ? slider.value : other.defaultValue;
    const value = JSON.parse(other.dataset.values)[place];
    other.value = place;
    other.setAttribute("aria-valuetext", value);
    other.nextElementSibling.textContent = value;
  }
  const begins = slider.value === slider.defaultValue;
  image.src = begins ? first : `${frames}/${sliders.indexOf(slider)}-${slider.value}.webp`;
}

document.addEventListener("DOMContentLoaded", () => {
  for (const steps of document.querySelectorAll(".steps")) {
    const figures = [...document.querySelectorAll("main figure img")];
    const image = figures.findLast((figure) => figure.compareDocumentPosition(steps) & Node.DOCUMENT_POSITION_FOLLOWING);
    const sliders = [...steps.querySelectorAll("input")];
    const first = image.src;
    for (const slider of sliders) {
      slider.setAttribute("aria-valuetext", slider.nextElementSibling.textContent);
      slider.addEventListener("input", () => step(slider, sliders, image, steps.dataset.frames, first));
    }
    steps.hidden = false;
  }
});
