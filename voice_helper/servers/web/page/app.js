// The page: sends button presses, speech and typed text to the server, and shows the server's messages.

import { Connection } from "./connection.js";
import { Microphone, Player, wake } from "./sound.js";

const TAP_MILLISECONDS = 350; // a shorter press listens until the end of speech, a longer one until its release
const MOST_ANSWERS = 30;
const FIRST_WAIT_SECONDS = 0.5; // before the first reconnection; doubled after each failure
const LONGEST_WAIT_SECONDS = 8;

const { labels, kinds, needs_token: needsToken, place_steps: placeSteps, dialled } = JSON.parse(document.getElementById("words").textContent);
const part = (id) => document.getElementById(id);
const isStill = matchMedia("(prefers-reduced-motion: reduce)");

// The current listening mode: null, "held", "once" or "open".
let hearing = null;
let pressedAt = 0;
let speaking = null; // the row that is currently being spoken

export const player = new Player((number) => {
  line.send({ do: "played", number });
  showSound();
});
const microphone = new Microphone((sound, peak) => {
  line.send(sound);
  part("talk").style.setProperty("--level", peak.toFixed(2));
});
const line = new Connection({ token: () => sessionStorage.getItem("token") ?? "", welcomed, told, spoken, cut });

// The connection

async function reach() {
  wake();
  let wrong = "";
  for (;;) {
    if (needsToken && (wrong || !sessionStorage.getItem("token"))) await askToken(wrong);
    try {
      await line.open();
      return true;
    } catch (error) {
      if (error.message !== "token_wrong") {
        show(session.isOn ? labels.rejoining : labels[error.message]);
        return false;
      }
      wrong = labels.token_wrong;
    }
  }
}

// The token is in the printed address. Otherwise, the page asks for it immediately, not only when help is needed.
async function askFirst() {
  const inAddress = new URLSearchParams(location.hash.slice(1)).get("token");
  if (inAddress) {
    sessionStorage.setItem("token", inAddress);
    history.replaceState(null, "", location.pathname + location.search);
  }
  for (let wrong = ""; ; wrong = labels.token_wrong) {
    if (wrong || !sessionStorage.getItem("token")) await askToken(wrong);
    try {
      return await line.check();
    } catch (error) {
      if (error.message !== "token_wrong") return show(labels[error.message]);
    }
  }
}

function askToken(wrong) {
  part("token-wrong").textContent = wrong;
  if (!part("token-dialog").open) part("token-dialog").showModal();
  return new Promise((resolve) => {
    part("token-form").onsubmit = (event) => {
      event.preventDefault();
      sessionStorage.setItem("token", part("token").value);
      part("token-dialog").close();
      resolve();
    };
  });
}

function cut(why) {
  player.hush();
  silenceMicrophone();
  showSound();
  if (session.isOn && (why === "cut" || why === "too_fast")) {
    rejoin();
    return;
  }
  session.leave();
  show(why ? labels[why] : "");
}

// The instruction stays visible during the reconnection. The server then continues at the same step.
async function rejoin() {
  session.hold();
  show(labels.rejoining);
  for (let wait = FIRST_WAIT_SECONDS; session.isOn && !line.isOpen; wait = Math.min(2 * wait, LONGEST_WAIT_SECONDS)) {
    await soon(wait);
    if (!session.isOn || line.isOpen || navigator.onLine === false) continue;
    await line.open().catch(({ message }) => {
      if (message === "token_wrong") giveUp(); // the server was restarted with another token
    });
  }
}

// Waits for a time, or until the network is back or the user returns to the page.
function soon(seconds) {
  return new Promise((resolve) => {
    const timer = setTimeout(done, 1000 * seconds);
    addEventListener("online", done);
    document.addEventListener("visibilitychange", done);
    function done() {
      clearTimeout(timer);
      removeEventListener("online", done);
      document.removeEventListener("visibilitychange", done);
      resolve();
    }
  });
}

function welcomed(isResumed) {
  if (!session.isOn) return;
  if (isResumed) session.goOn();
  else giveUp();
}

// The session is lost. Its last instruction stays on the page.
function giveUp() {
  const last = session.said;
  session.leave();
  last.forEach(showSaid);
  show(labels.cut_session);
}

async function send(message) {
  if (await reach()) line.send(message);
}

function ask(text) {
  if (!text.trim()) return;
  if (!session.isOn) {
    player.hush();
    show(labels.thinking);
  }
  send({ do: "ask", text });
}

// Messages from the server

function told(message) {
  const tell = {
    partly: ({ text }) => hearing && hearing !== "open" && show(`\u201c${text}\u201d`),
    answer: showAnswer,
    say: showSaid,
    error: ({ text }) => show(text),
    silence: () => player.hush(),
    listened: ({ heard }) => {
      if (hearing !== "open") silenceMicrophone();
      if (!heard && !session.isOn) show(labels.no_words);
    },
    session: (where) => session.show(where),
    end: () => show(labels.session_over),
  };
  tell[message.event]?.(message);
  showSound();
}

function spoken(piece) {
  player.play(piece);
  showSound();
}

function show(text) {
  part("state").textContent = text;
}

function showSound() {
  part("hush").hidden = !player.isPlaying || session.isOn;
  document.body.classList.toggle("is-speaking", player.isPlaying);
  if (!player.isPlaying) light(null);
}

// Answers

function element(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text) made.textContent = text;
  return made;
}

function showAnswer({ heard, rows, disclaimer, alarm, calls }) {
  if (session.isOn && alarm === "possible") session.warn(rows[0], calls);
  if (!rows.length) {
    show(heard ? `\u201c${heard}\u201d` : "");
    return;
  }
  show("");
  const exchange = addExchange({ certain: "alarm", possible: "possible" }[alarm] ?? "");
  const question = element("p", "heard");
  question.append(element("span", "unseen", `${labels.you}: `), heard);
  const list = element("ul", "rows");
  list.append(...rows.map(rowOf));
  exchange.append(question, list);
  if (calls && dialled) (alarm === "certain" ? list.prepend(callItem()) : list.firstChild.after(callItem()));
  if (disclaimer) exchange.append(element("p", "unseen text", disclaimer)); // it is already visible below
  exchange.scrollIntoView({ block: "start", behavior: isStill.matches ? "auto" : "smooth" });
}

function callItem() {
  const item = element("li", "calling");
  item.append(callLink());
  return item;
}

// A page cannot call, but a phone can.
function callLink() {
  const link = element("a", "call", labels.call.replace("{number}", dialled.shown));
  link.href = `tel:${dialled.number}`;
  return link;
}

function addExchange(className) {
  const answers = part("answers");
  showWelcome(false);
  for (const before of answers.children) before.classList.add("before");
  const exchange = element("article", `exchange ${className}`);
  answers.append(exchange);
  while (answers.children.length > MOST_ANSWERS) answers.firstChild.remove();
  return exchange;
}

function showWelcome(isShown) {
  part("welcome").hidden = !isShown;
  part("begin-now").hidden = isShown;
  document.body.classList.toggle("at-home", isShown);
}

function goHome() {
  if (session.isOn) return;
  if (player.isPlaying) quiet();
  part("answers").replaceChildren();
  show("");
  showWelcome(true);
  part("begin").focus();
}

function rowOf({ text, kind, source }) {
  const row = element("li", `row ${kind}`);
  if (kinds[kind]) row.append(element("span", "kind", kinds[kind]), " ");
  row.append(element("span", "text", text));
  if (source) row.append(" ", element("small", "source", labels.source.replace("{source}", source)));
  return row;
}

// Speech outside a session is already part of the answer, or, like the last sentence of a session, stands alone.
function showSaid(said) {
  if (session.isOn) return session.say(said);
  const last = part("answers").lastElementChild;
  const shown = [...(last?.querySelectorAll(".text") ?? [])].find(({ textContent }) => textContent === said.text);
  if (shown) return light(shown.closest(".row"));
  const row = rowOf(said);
  let rows = last?.querySelector(".last-words");
  if (!rows) {
    rows = element("ul", "rows last-words");
    addExchange("").append(rows);
  }
  rows.append(row);
  row.scrollIntoView({ block: "nearest" });
  return light(row);
}

function light(row) {
  speaking?.classList.remove("is-said");
  speaking = row;
  row?.classList.add("is-said");
}

// On a small screen the footer covers the lower half of the page, and it grows when it has something to say.
function inSight(shown) {
  if (!shown) return;
  shown.style.scrollMarginBottom = `${document.querySelector("footer").offsetHeight + 8}px`;
  shown.scrollIntoView({ block: "nearest" });
}

const resized = new ResizeObserver(() => session.isOn && inSight(part("said").querySelector(".now")));
resized.observe(document.querySelector("footer"));
resized.observe(part("session"));

// The guided session

const session = {
  isOn: false,
  whole: null, // total seconds of the current hold, rest or wait
  said: [],
  aside: null,
  warning: "", // a possible alarm, shown on a card without moving the session
  isTurned: false, // the countdown has ended or changed: the next sentence replaces the current one
  endsAt: 0,
  timer: 0,

  show({ step, left, whole = null, paused = false }) {
    if (!step) return this.leave();
    if (!this.isOn) this.enter();
    if (!paused) {
      if (this.whole !== null && whole !== this.whole) this.isTurned = true;
      this.whole = whole;
    }
    part("step").textContent = labels.step.replace("{step}", step[0]).replace("{steps}", step[1]);
    part("places").hidden = step[0] > placeSteps;
    part("pause").hidden = paused;
    part("resume").hidden = !paused;
    this.showSaid();
    this.count(left);
    return undefined;
  },

  // The instruction that began a hold stays large during the countdown. Later sentences appear in small letters below.
  say(said) {
    if (said.text === this.warning) return;
    const last = this.said.at(-1);
    const isAgain = this.said.some(({ text }) => text === said.text);
    if (this.isTurned || !last) this.said = [said];
    else if (this.whole !== null) this.aside = said;
    else if (said.step === last.step && !isAgain) this.said.push(said);
    else this.said = [said];
    if (this.isTurned) this.aside = null;
    this.isTurned = false;
    part("said-last").textContent = said.text;
    this.showSaid();
  },

  warn(row, calls) {
    this.warning = row.text;
    part("warning").replaceChildren(element("p", "", row.text), ...(calls && dialled ? [callLink()] : []));
    part("warning").hidden = false;
  },

  hold() {
    this.count(null);
    part("session").classList.add("is-cut");
  },

  async goOn() {
    part("session").classList.remove("is-cut");
    this.isTurned = true;
    this.whole = null;
    await this.listen();
  },

  showSaid() {
    const large = this.said.map(({ text, kind }, place) => {
      const shown = element("span", place === this.said.length - 1 ? "now" : "");
      if (kinds[kind] && kind !== this.said[place - 1]?.kind) shown.append(element("span", `kind ${kind}`, kinds[kind]));
      shown.append(text);
      return shown;
    });
    part("said").replaceChildren(...large.flatMap((each) => [each, " "]));
    inSight(large.at(-1));
    part("aside").replaceChildren();
    if (!this.aside) return;
    const { text, kind } = this.aside;
    if (kinds[kind]) part("aside").append(element("span", `kind ${kind}`, kinds[kind]), " ");
    part("aside").append(text);
  },

  count(left) {
    clearTimeout(this.timer);
    part("ring").classList.toggle("is-counting", left !== null);
    if (left === null) {
      part("seconds").textContent = "";
      return;
    }
    this.endsAt = performance.now() + left * 1000;
    this.draw();
  },

  draw() {
    const left = Math.max(0, (this.endsAt - performance.now()) / 1000);
    part("seconds").textContent = Math.ceil(left);
    const drawn = isStill.matches ? Math.ceil(left) : left;
    part("ring-left").setAttribute("stroke-dasharray", `${Math.min(1, drawn / this.whole)} 1`);
    if (left > 0) this.timer = setTimeout(() => this.draw(), isStill.matches ? 1000 : 50);
  },

  async enter() {
    this.isOn = true;
    this.warning = "";
    part("warning").hidden = true;
    part("session").classList.remove("is-cut");
    this.whole = this.aside = null;
    this.said = [];
    this.isTurned = false;
    setView(true);
    part("session-title").focus();
    silenceMicrophone();
    keepAwake();
    await this.listen();
  },

  async listen() {
    const isHeard = await listen("open");
    if (this.isOn && line.isOpen) show(isHeard ? labels.session_listening : labels.session_deaf);
  },

  leave() {
    if (!this.isOn) return;
    this.isOn = false;
    this.count(null);
    silenceMicrophone();
    awake?.release();
    setView(false);
    part("answers").lastElementChild?.scrollIntoView({ block: "nearest" });
    (Microphone.isAllowed ? part("talk") : part("question")).focus({ preventScroll: true });
  },
};

function setView(inSession) {
  part("session").hidden = part("steering").hidden = !inSession;
  part("conversation").hidden = part("asking").hidden = inSession;
  document.body.classList.toggle("in-session", inSession);
  part("home").disabled = inSession;
}

// A phone in standby would end the session.
let awake = null;

async function keepAwake() {
  try {
    awake = await navigator.wakeLock.request("screen");
    if (!session.isOn) awake.release();
  } catch {
    awake = null; // not supported by every browser, nor on insecure pages
  }
}

// The microphone

// Opens the microphone and notifies the server. False if there is none; null if listening has ended in the meantime.
async function listen(how) {
  if (!Microphone.isAllowed) return false;
  hearing = how;
  showHearing();
  if (!(await reach())) {
    silenceMicrophone();
    return null;
  }
  try {
    if (!(await microphone.open()) || hearing === null) return null;
  } catch {
    silenceMicrophone();
    return false;
  }
  line.send({ do: "hear", how: hearing });
  showHearing();
  return true;
}

function silenceMicrophone() {
  hearing = null;
  microphone.close();
  showHearing();
}

function showHearing() {
  const isHeard = hearing !== null && hearing !== "open";
  part("talk").setAttribute("aria-pressed", String(isHeard));
  part("talk").classList.toggle("is-open", isHeard && microphone.isOpen);
  part("talk").style.setProperty("--level", 0);
  part("talk-label").textContent = isHeard ? labels.listening : labels.talk;
  document.body.classList.toggle("is-hearing", microphone.isOpen);
}

async function press() {
  if (session.isOn) return;
  if (hearing) {
    release();
    return;
  }
  pressedAt = performance.now();
  player.hush();
  show("");
  if ((await listen("held")) === false) show(labels.no_microphone);
}

function letGo() {
  if (hearing !== "held") return;
  if (performance.now() - pressedAt >= TAP_MILLISECONDS) {
    release();
    return;
  }
  hearing = "once";
  if (microphone.isOpen) line.send({ do: "hear", how: hearing });
}

function release() {
  const wasOpen = microphone.isOpen;
  silenceMicrophone();
  if (!wasOpen) return;
  show(labels.thinking);
  line.send({ do: "release" });
}

// Buttons and keys

function isPress(event) {
  return (event.key === " " || event.key === "Enter") && !event.ctrlKey && !event.metaKey && !event.altKey;
}

function isElsewhere(target) {
  return target.closest("input, button, summary, a, dialog") !== null;
}

const talk = part("talk");
talk.addEventListener("pointerdown", (event) => {
  if (event.button !== 0) return;
  talk.setPointerCapture(event.pointerId);
  press();
});
talk.addEventListener("pointerup", letGo);
talk.addEventListener("pointercancel", letGo);
talk.addEventListener("contextmenu", (event) => event.preventDefault());
talk.addEventListener("click", (event) => {
  if (event.detail !== 0) return; // a screen reader or a switch presses without a pointer
  press();
  letGo();
});
addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !session.isOn && player.isPlaying) quiet();
  const isOurs = event.target === talk ? isPress(event) : event.key === " " && !isElsewhere(event.target);
  if (!isOurs || session.isOn) return;
  event.preventDefault();
  if (!event.repeat) press();
});
addEventListener("keyup", (event) => {
  if (!isPress(event) || (event.target !== talk && isElsewhere(event.target))) return;
  event.preventDefault();
  letGo();
});
addEventListener("blur", letGo);
document.addEventListener("visibilitychange", () => {
  if (session.isOn && document.visibilityState === "visible") keepAwake();
});

addEventListener("click", ({ target }) => {
  const button = target.closest("button[data-says]");
  if (!button) return;
  part("sayable").close();
  if (session.isOn && !line.isOpen && target.closest("#stop")) {
    session.leave(); // nothing else is listening now
    show(labels.session_over);
    return;
  }
  ask(button.dataset.says);
});
for (const id of ["begin", "begin-now"]) part(id).addEventListener("click", () => send({ do: "begin" }));
part("home").addEventListener("click", goHome);
addEventListener("offline", () => line.drop());
part("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  ask(part("question").value);
  part("question").value = "";
});
part("hush").addEventListener("click", quiet);
part("open-sayable").addEventListener("click", () => part("sayable").showModal());
part("voice").addEventListener("click", () => {
  const speaks = part("voice").getAttribute("aria-pressed") !== "true";
  part("voice").setAttribute("aria-pressed", String(speaks));
  player.muted = !speaks;
});

function quiet() {
  player.hush();
  line.send({ do: "quiet" });
  showSound();
  talk.focus();
}

if (needsToken) askFirst();
if (!Microphone.isAllowed) {
  document.body.classList.add("no-microphone");
  show(labels.no_secure);
}
navigator.serviceWorker?.register("service-worker.js").catch(() => {}); // without it, the page opens only if the server is reachable
