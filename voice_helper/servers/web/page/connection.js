// The connection to the server, which is opened when there is something to send.

const WHY = { 4001: "token_wrong", 4002: "busy", 4003: "fault", 4004: "too_fast", 4006: "fault" };
const IDLE = 4005;
const RIGHT = 4007;
const MOST_WAITING = 320000; // bytes, ten seconds of audio: a network this slow cannot carry a conversation

function connect() {
  const address = new URL("conversation", location.href);
  address.hash = "";
  address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  return new WebSocket(address);
}

export class Connection {
  #socket = null;
  #welcome = null;
  #resume = null; // the name of the conversation, for resuming it after an interruption

  // `told` receives each object, `spoken` each piece of speech, `cut` the label for why the connection ended, or null,
  // and `welcomed` whether the conversation was resumed.
  constructor({ token, welcomed, told, spoken, cut }) {
    Object.assign(this, { token, welcomed, told, spoken, cut });
  }

  // Resolves when messages can be sent. Otherwise, rejects with the label of the reason.
  open() {
    this.#welcome ??= new Promise((resolve, reject) => {
      const socket = connect();
      socket.binaryType = "arraybuffer";
      let isWelcome = false;
      socket.onopen = () => {
        const hello = { do: "hello", token: this.token() };
        socket.send(JSON.stringify(this.#resume ? { ...hello, resume: this.#resume } : hello));
      };
      socket.onmessage = ({ data }) => {
        if (this.#socket !== socket) return undefined;
        if (data instanceof ArrayBuffer) return this.spoken(data);
        const message = JSON.parse(data);
        if (message.event !== "welcome") return this.told(message);
        isWelcome = true;
        this.#resume = message.resume;
        this.welcomed(message.resumed);
        return resolve();
      };
      socket.onclose = ({ code }) => {
        if (this.#socket !== socket) return;
        this.#socket = this.#welcome = null;
        if (isWelcome) this.cut(code === IDLE ? null : (WHY[code] ?? "cut"));
        else reject(new Error(WHY[code] ?? "unreachable"));
      };
      this.#socket = socket;
    });
    return this.#welcome;
  }

  // Checks the token without starting a conversation. If that fails, rejects with the label of the reason.
  check() {
    return new Promise((resolve, reject) => {
      const socket = connect();
      socket.onopen = () => socket.send(JSON.stringify({ do: "check", token: this.token() }));
      socket.onclose = ({ code }) => (code === RIGHT ? resolve() : reject(new Error(WHY[code] ?? "unreachable")));
    });
  }

  // Treats the connection as lost. Without a network, a browser would notice only minutes later.
  drop() {
    const socket = this.#socket;
    if (!this.isOpen) return;
    this.#socket = this.#welcome = null;
    socket.close();
    this.cut("cut");
  }

  get isOpen() {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  // Sends an object or audio. Messages to a lost connection are discarded.
  send(message) {
    if (!this.isOpen || this.#socket.bufferedAmount > MOST_WAITING) return;
    this.#socket.send(message instanceof ArrayBuffer ? message : JSON.stringify(message));
  }
}
