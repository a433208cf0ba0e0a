/* Shows the contents from their top, or from as far down as the name of the page is in view; on a phone when they open. */
function place() {
  const nav = document.querySelector("nav.bd-links");
  const list = nav?.closest(".bd-sidebar-primary");
  const name = nav?.querySelector("li.current > a");
  if (!name) return;
  list.scrollTop = 0;
  list.scrollTop = name.getBoundingClientRect().bottom + 16 - list.getBoundingClientRect().bottom;
}

window.addEventListener("load", () => {
  place(); // after the theme, which keeps the place of the page before
  document.querySelectorAll(".primary-toggle").forEach((button) => button.addEventListener("click", place));
});
