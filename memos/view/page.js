// The search in the table: rows whose text holds every word of the box. Without scripts all rows are shown.
(() => {
  const box = document.getElementById("search");
  if (!box) return;
  const rows = [...document.querySelectorAll("#memories > tbody > tr")];
  const texts = rows.map((row) => row.textContent.toLowerCase());
  const found = document.getElementById("found");
  const filter = () => {
    const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
    rows.forEach((row, n) => { row.hidden = !words.every((word) => texts[n].includes(word)); });
    found.textContent = words.length ? `${rows.filter((row) => !row.hidden).length} of ${rows.length}` : "";
  };
  box.addEventListener("input", filter);
  box.closest("p").hidden = false;
})();
