// Times are in UTC. Where that is not the viewer's own, theirs is told too.
for (const time of document.querySelectorAll("time[datetime]")) {
  const at = new Date(time.dateTime);
  if (isNaN(at) || at.getTimezoneOffset() === 0) continue;
  const local = at.toLocaleString("sv-SE", { dateStyle: "short", timeStyle: "long" });
  if (time.title) time.title += "\n" + local;
  if (!time.classList.contains("utc")) continue;
  const sameDay = local.slice(0, 10) === time.dateTime.slice(0, 10);
  const shown = document.createElement("span");
  shown.className = "local";
  shown.textContent = ` (${sameDay ? local.slice(11) : local})`;
  time.append(shown);
}
