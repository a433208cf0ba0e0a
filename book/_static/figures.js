/* Opens a figure of a phone's page larger than the screen; a bare picture would be made as small again as it was. */
const phone = matchMedia("(max-width: 767px)"); // as in book.css

document.addEventListener("click", (event) => {
  const link = event.target.closest("main figure a.image-reference");
  if (!link || !phone.matches) return;
  event.preventDefault();
  const dialog = document.querySelector("dialog.enlarged");
  const paper = dialog.querySelector("div");
  paper.replaceChildren(link.querySelector("img").cloneNode());
  dialog.showModal();
  paper.scrollTo({ left: 0, top: 0, behavior: "instant" }); // it keeps the place of the figure before
});
