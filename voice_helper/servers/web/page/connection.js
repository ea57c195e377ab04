// The line to the machine that answers: it is made when there is something to say.

const WHY = { 4001: "token_wrong", 4002: "busy", 4003: "fault", 4004: "too_fast", 4006: "fault" };
const IDLE = 4005;
const RIGHT = 4007;
const MOST_WAITING = 320000; // bytes, ten seconds of sound: a network that slow cannot carry it

function connect() {
  const address = new URL("conversation", location.href);
  address.hash = "";
  address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  return new WebSocket(address);
}

export class Connection {
  #socket = null;
  #welcome = null;
  #resume = null; // the name of the conversation, by which it goes on after a cut

  // `told` is given each object, `spoken` each piece of speech, `cut` the word for why the line ended, or null;
  // `welcomed` whether the conversation goes on where it was.
  constructor({ token, welcomed, told, spoken, cut }) {
    Object.assign(this, { token, welcomed, told, spoken, cut });
  }

  // Resolves when messages can be sent; rejects with the word for why they cannot.
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

  // Asks whether the token is right, without a conversation. Rejects with the word for why it is not known.
  check() {
    return new Promise((resolve, reject) => {
      const socket = connect();
      socket.onopen = () => socket.send(JSON.stringify({ do: "check", token: this.token() }));
      socket.onclose = ({ code }) => (code === RIGHT ? resolve() : reject(new Error(WHY[code] ?? "unreachable")));
    });
  }

  // Takes the line for cut: without a network, a browser would notice it minutes later.
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

  // Sends an object, or a piece of sound; what is said to a line that was cut is lost.
  send(message) {
    if (!this.isOpen || this.#socket.bufferedAmount > MOST_WAITING) return;
    this.#socket.send(message instanceof ArrayBuffer ? message : JSON.stringify(message));
  }
}
