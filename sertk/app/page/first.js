// Runs before the modules, in every browser: explains why they cannot run.
(function () {
  var trouble = document.getElementById("trouble");
  if (location.protocol === "file:") {
    trouble.textContent =
      "This page was opened from a file. " +
      "Browsers run it only from a web server. " +
      "Serve its folder, for example with `python -m http.server --bind 127.0.0.1`, or use `sertk app`.";
  } else if (!("noModule" in HTMLScriptElement.prototype)) {
    trouble.textContent =
      "This browser cannot run the page: it is too old for JavaScript modules. " +
      "Chrome, Edge, Firefox and Safari have had what is needed since 2023. " +
      "Update the browser, or open the page in another one.";
  } else return;
  trouble.hidden = false;
  document.getElementById("status").textContent = "";
})();
