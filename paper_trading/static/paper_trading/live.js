// Keeps an open page current. The socket only says that something changed; what changed is
// read from the server as panels, at most once a second. Without a socket the page polls.
"use strict";
(() => {
  const { account, panels: address, now, poll } = document.body.dataset;
  const LEAST_GAP = 1000;
  const POLL_ALONE = 15000;
  // Longer for the owner, whom the socket tells; other people's accounts tell staff nothing.
  const POLL_BESIDE_SOCKET = Number(poll);
  const BACK_OFF = [1000, 2000, 5000, 10000, 30000];

  let skew = Date.parse(now) - Date.now();
  let socketIsOpen = false;
  let failures = 0;
  let busy = false;
  let wanted = false;
  let newest = Date.now();
  const shown = new Map();

  // Puts a panel in place without losing focus, opened details or scroll positions.
  function place(name, html) {
    const panel = document.getElementById(`panel-${name}`);
    if (!panel || shown.get(name) === html) return;
    shown.set(name, html);
    const focused = panel.contains(document.activeElement) ? document.activeElement.id : "";
    const opened = [...panel.querySelectorAll("details[open][id]")].map((found) => found.id);
    const scrolled = [...panel.querySelectorAll(".scroll, .feed")].map((found) => [found.scrollLeft, found.scrollTop]);
    panel.innerHTML = html;
    opened.forEach((id) => document.getElementById(id)?.setAttribute("open", ""));
    panel.querySelectorAll(".scroll, .feed").forEach((found, place) => {
      [found.scrollLeft, found.scrollTop] = scrolled[place] ?? [0, 0];
    });
    if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
  }

  async function refresh() {
    if (busy) {
      wanted = true;
      return;
    }
    busy = true;
    wanted = false;
    newest = Date.now();
    try {
      const response = await fetch(address, { headers: { Accept: "application/json" } });
      if (response.redirected || response.status === 404) {
        location.reload(); // logged out, or the account is no longer ours
        return;
      }
      if (response.ok) {
        const answer = await response.json();
        skew = Date.parse(answer.now) - Date.now();
        Object.entries(answer.panels).forEach(([name, html]) => place(name, html));
      }
    } catch {
      // The server is away; the next poll asks again, and the age of the tick shows it.
    }
    setTimeout(() => {
      busy = false;
      if (wanted) refresh();
    }, LEAST_GAP);
  }

  function words(length) {
    const seconds = Math.max(Math.floor(length / 1000), 0);
    const parts = [[86400, "d"], [3600, "h"], [60, "m"], [1, "s"]];
    const first = parts.findIndex(([unit]) => seconds >= unit);
    if (first < 0) return "0 s";
    const [unit, name] = parts[first];
    const lower = parts[first + 1];
    const rest = lower && first < 2 ? Math.floor((seconds % unit) / lower[0]) : 0;
    return `${Math.floor(seconds / unit)} ${name}` + (rest ? ` ${rest} ${lower[1]}` : "");
  }

  function age() {
    document.querySelectorAll("time[data-ago]").forEach((time) => {
      time.textContent = `${words(Date.now() + skew - Date.parse(time.dateTime))} ago`;
    });
    const pause = socketIsOpen ? POLL_BESIDE_SOCKET : POLL_ALONE;
    if (Date.now() - newest >= pause) refresh();
  }

  // One polite line for what a person would want to hear of: fills, breakers and prices.
  function announce(event) {
    let line = "";
    if (event.type === "trade" && event.status === "FILLED") {
      line = `${event.side === "BUY" ? "Bought" : "Sold"} ${event.token}.`;
    } else if (event.type === "breaker" || event.type === "feed") {
      line = event.text;
    }
    if (line) document.getElementById("announce").textContent = line;
  }

  function connect() {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(`${scheme}//${location.host}/ws/events/`);
    socket.addEventListener("open", () => {
      socketIsOpen = true;
      document.getElementById("link").hidden = true;
      if (failures) refresh();
      failures = 0;
    });
    socket.addEventListener("message", (message) => {
      const event = JSON.parse(message.data);
      if (event.account !== undefined && String(event.account) !== account) return;
      announce(event);
      refresh();
    });
    socket.addEventListener("close", () => {
      socketIsOpen = false;
      document.getElementById("link").hidden = false;
      const wait = BACK_OFF[Math.min(failures, BACK_OFF.length - 1)];
      failures += 1;
      setTimeout(connect, wait);
    });
  }

  document.addEventListener("click", (click) => {
    const button = click.target.closest("button[data-confirm]");
    if (button && !confirm(button.dataset.confirm)) click.preventDefault();
  });
  setInterval(age, 1000);
  connect();
})();
