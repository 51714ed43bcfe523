// What a page can do more with a script: ages that go on, lists and logs that follow, results without a new page.
// Everything can be read without.

const kRefreshMilliseconds = 4000;

// Ages.

function ageText(time, now) {
  const seconds = Math.abs(now - time) / 1000;
  if (seconds < 5) return "just now";
  const amount =
    seconds < 90 ? `${Math.floor(seconds)} s`
    : seconds < 90 * 60 ? `${Math.round(seconds / 60)} min`
    : seconds < 36 * 3600 ? `${Math.round(seconds / 3600)} h`
    : `${Math.round(seconds / 86400)} d`;
  return now >= time ? `${amount} ago` : `in ${amount}`;
}

function updateAges() {
  // The reader's clock may be wrong: what counts is how much time has gone since the page was made.
  const now = Date.now() - clockError;
  for (const element of document.querySelectorAll("time.age")) {
    const text = ageText(Date.parse(element.dateTime), now);
    if (element.textContent !== text) element.textContent = text;
  }
}

let clockError = 0;
const made = document.querySelector("meta[name=penstock-now]");
if (made) clockError = Date.now() - Date.parse(made.content);
setInterval(updateAges, 5000);

// Live regions: the page is asked for again, and what has changed in it is taken over, row by row, so that the focus and
// what is being read stay where they are.

async function load(address) {
  const answer = await fetch(address, { headers: { Accept: "text/html" }, cache: "no-store" });
  if (!answer.ok || answer.redirected) throw new Error(`HTTP ${answer.status}`);
  return new DOMParser().parseFromString(await answer.text(), "text/html");
}

function hasFocusOrSelection(element) {
  const selection = document.getSelection();
  return element.contains(document.activeElement) ||
    (selection && !selection.isCollapsed && selection.intersectsNode(element));
}

// Whether two rows say the same, their ages aside.
function isSame(a, b) {
  const text = (row) => {
    const copy = row.cloneNode(true);
    copy.classList.remove("fresh");
    if (copy.classList.length === 0) copy.removeAttribute("class");
    for (const age of copy.querySelectorAll("time.age")) age.textContent = "";
    return copy.outerHTML;
  };
  return text(a) === text(b);
}

// Returns how many rows are new.
function mergeRows(body, fresh) {
  const known = new Map([...body.rows].map((row) => [row.dataset.key, row]));
  let added = 0;
  let previous = null;
  for (const row of [...fresh.rows]) {
    let current = known.get(row.dataset.key);
    known.delete(row.dataset.key);
    if (!current) {
      current = document.adoptNode(row);
      current.classList.add("fresh");
      added += 1;
    } else if (!isSame(current, row) && !hasFocusOrSelection(current)) {
      const adopted = document.adoptNode(row);
      current.replaceWith(adopted);
      current = adopted;
    }
    const place = previous ? previous.nextSibling : body.firstChild;
    if (place !== current) body.insertBefore(current, place);
    previous = current;
  }
  for (const row of known.values()) {
    if (!hasFocusOrSelection(row)) row.remove();
  }
  return added;
}

function makeLive(region) {
  const state = document.querySelector(`[data-live-state="${region.id}"]`);
  if (!state) return;
  const what = region.dataset.live;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "plain";
  const announcement = document.createElement("span");
  announcement.setAttribute("role", "status");
  announcement.className = "unseen";
  state.append(button, announcement);
  let paused = false;
  let failures = 0;
  let timer = 0;

  const show = () => {
    button.textContent = paused ? "Paused: follow again" : failures > 1 ? "Not reachable, trying again" : "Live: pause";
  };
  const again = () => {
    clearTimeout(timer);
    if (!paused) timer = setTimeout(refresh, kRefreshMilliseconds * Math.min(8, 1 + failures));
  };
  async function refresh() {
    if (document.hidden) return again();
    try {
      const page = await load(location.href);
      const fresh = page.getElementById(region.id);
      if (!fresh) throw new Error("no list");
      failures = 0;
      const body = region.querySelector("tbody");
      const freshBody = fresh.querySelector("tbody");
      if (body && freshBody) {
        const added = mergeRows(body, freshBody);
        if (added > 0) announcement.textContent = added === 1 ? `1 new entry in ${what}` : `${added} new entries in ${what}`;
      } else if (region.innerHTML !== fresh.innerHTML && !hasFocusOrSelection(region)) {
        region.replaceChildren(...fresh.childNodes);
      }
      updateAges();
    } catch {
      failures += 1;
    }
    show();
    again();
  }
  button.addEventListener("click", () => {
    paused = !paused;
    show();
    if (paused) clearTimeout(timer);
    else refresh();
  });
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && !paused) refresh();
  });
  show();
  again();
}

// A part of a page that is drawn anew as a whole while something goes on.
function makeRefreshing(region) {
  async function refresh() {
    try {
      const page = await load(location.href);
      const fresh = page.getElementById(region.id);
      if (fresh && !hasFocusOrSelection(region) && fresh.innerHTML !== region.innerHTML) {
        region.replaceChildren(...fresh.childNodes);
      }
      if (!fresh || fresh.dataset.refresh === undefined) return;
    } catch {
      // The next time may be better.
    }
    setTimeout(refresh, kRefreshMilliseconds);
  }
  setTimeout(refresh, kRefreshMilliseconds);
}

// The log of a job that runs.
function followLog(list) {
  const state = document.querySelector("[data-log-state]");
  const source = new EventSource(list.dataset.follow);
  const last = () => Number(list.dataset.last ?? 0);
  source.addEventListener("message", (event) => {
    const number = Number(event.lastEventId);
    if (number <= last()) return;
    list.dataset.last = String(number);
    const line = JSON.parse(event.data);
    const item = document.createElement("li");
    const time = document.createElement("time");
    time.dateTime = line.time;
    time.textContent = line.time.slice(11, 23);
    const text = document.createElement("span");
    text.textContent = line.text;
    item.append(time, text);
    const frame = list.parentElement;
    const atEnd = frame.scrollHeight - frame.scrollTop - frame.clientHeight < 40;
    list.append(item);
    if (atEnd) frame.scrollTop = frame.scrollHeight;
  });
  source.addEventListener("open", () => {
    if (state) state.textContent = "The log is followed as it is written.";
  });
  source.addEventListener("end", (event) => {
    source.close();
    if (state) state.textContent = `The job has ended: ${JSON.parse(event.data).state}.`;
  });
  source.addEventListener("error", () => {
    if (state) {
      state.textContent = source.readyState === EventSource.CLOSED
        ? "The log is not followed; load the page again to see more." : "The connection was lost; trying again.";
    }
  });
}

// Trying a query: its answer is put in place.
function makeTrying(region) {
  const form = region.parentElement.querySelector("form");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const address = new URL(form.action);
    address.search = new URLSearchParams(new FormData(form)).toString();
    address.hash = "";
    try {
      const page = await load(address);
      const fresh = page.querySelector(`[data-live-region="${region.dataset.liveRegion}"]`);
      if (!fresh) throw new Error("no answer");
      region.replaceChildren(...fresh.childNodes);
      const input = form.querySelector("input[name=jsonPath]");
      const freshInput = page.getElementById(input.id);
      for (const name of ["aria-invalid", "aria-describedby"]) {
        if (freshInput?.hasAttribute(name)) input.setAttribute(name, freshInput.getAttribute(name));
        else input.removeAttribute(name);
      }
      address.hash = "try";
      history.replaceState(null, "", address);
    } catch {
      form.submit();
    }
  });
}

for (const region of document.querySelectorAll("[data-live]")) makeLive(region);
for (const region of document.querySelectorAll("[data-refresh]")) makeRefreshing(region);
for (const list of document.querySelectorAll("[data-follow]")) followLog(list);
for (const region of document.querySelectorAll("[data-live-region]")) makeTrying(region);
