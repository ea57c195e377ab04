// The line to the machine that answers: it is made when there is something to say.

const WHY = { 4001: "token_wrong", 4002: "busy", 4003: "fault", 4004: "too_fast", 4006: "fault" };
const IDLE = 4005;
const MOST_WAITING = 320000; // bytes, ten seconds of sound: a network that slow cannot carry it

export class Connection {
  #socket = null;
  #welcome = null;

  // `told` is given each object, `spoken` each piece of speech, `cut` the word for why the line ended, or null.
  constructor({ token, told, spoken, cut }) {
    Object.assign(this, { token, told, spoken, cut });
  }

  // Resolves when messages can be sent; rejects with the word for why they cannot.
  open() {
    this.#welcome ??= new Promise((resolve, reject) => {
      const address = new URL("conversation", location.href);
      address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
      const socket = new WebSocket(address);
      socket.binaryType = "arraybuffer";
      let isWelcome = false;
      socket.onopen = () => socket.send(JSON.stringify({ do: "hello", token: this.token() }));
      socket.onmessage = ({ data }) => {
        if (data instanceof ArrayBuffer) return this.spoken(data);
        const message = JSON.parse(data);
        if (message.event !== "welcome") return this.told(message);
        isWelcome = true;
        return resolve();
      };
      socket.onclose = ({ code }) => {
        this.#socket = this.#welcome = null;
        if (isWelcome) this.cut(code === IDLE ? null : (WHY[code] ?? "cut"));
        else reject(new Error(WHY[code] ?? "unreachable"));
      };
      this.#socket = socket;
    });
    return this.#welcome;
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
