// Runs before the first paint (a plain script in the head), so that no page flashes white at night.
try {
  const theme = localStorage.getItem("im.theme");
  if (theme) document.documentElement.dataset.theme = theme;
} catch {
  // Storage is forbidden: the system's theme is used.
}
