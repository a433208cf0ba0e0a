/* Says of each block that is wider than the page on which side it goes on. There book.css lets it fade. */
const BLOCKS = "pre, .output, span.math, div.math mjx-container, .pst-scrollable-table-container, .enlarged div";

function mark(block) {
  const hidden = block.scrollWidth - block.clientWidth;
  block.classList.toggle("goes-on-left", block.scrollLeft > 1);
  block.classList.toggle("goes-on-right", hidden - block.scrollLeft > 1);
}

async function watch() {
  await window.MathJax?.startup?.promise; // formulas have their size after that
  const sizes = new ResizeObserver((entries) => entries.forEach((entry) => mark(entry.target)));
  document.querySelectorAll("main :is(" + BLOCKS + ")").forEach((block) => {
    sizes.observe(block);
    block.addEventListener("scroll", () => mark(block), { passive: true });
  });
}

window.addEventListener("load", watch);
