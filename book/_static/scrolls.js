/* Says of each block that is wider than the page on which side it goes on. There book.css lets it fade. */
const BLOCKS = "pre, .output, span.math, div.math mjx-container, .pst-scrollable-table-container, .enlarged div";

function mark(block) {
  const formula = block.matches("span.math") && block.querySelector("mjx-math"); // beside it is what only is read aloud
  const hidden = (formula ? formula.getBoundingClientRect().width : block.scrollWidth) - block.clientWidth;
  block.classList.toggle("goes-on-left", block.scrollLeft > 1);
  block.classList.toggle("goes-on-right", hidden - block.scrollLeft > 1);
}

async function watch() {
  await window.MathJax?.startup?.promise; // formulas have their size after that
  const blocks = new Map(); // by what may change its size: the block, or the formula in it when its font has come
  const sizes = new ResizeObserver((entries) => entries.forEach((entry) => mark(blocks.get(entry.target))));
  document.querySelectorAll("main :is(" + BLOCKS + ")").forEach((block) => {
    for (const part of [block, block.querySelector(":scope mjx-math")]) {
      if (part) {
        blocks.set(part, block);
        sizes.observe(part);
      }
    }
    block.addEventListener("scroll", () => mark(block), { passive: true });
  });
}

window.addEventListener("load", watch);
