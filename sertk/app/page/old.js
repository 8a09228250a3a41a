// Run by browsers that know no modules, and by no other.
document.getElementById("trouble").hidden = false;
document.getElementById("trouble").textContent =
  "This browser cannot run the page: it is too old for JavaScript modules. " +
  "Chrome, Edge, Firefox and Safari have had what is needed since 2023. " +
  "Update the browser, or open the page in another one.";
