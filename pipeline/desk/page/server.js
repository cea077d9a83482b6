// Talks with the desk's server. What is to be written is kept in this browser until the server answered that it is on
// disk; where it does not answer, it is sent again by itself.

const token = location.pathname.split('/')[1];
const headers = {'X-Leachwatch-Token': token};
const AGAIN_MS = 2000;

export class Refused extends Error {}

async function asked(path) {
  const answer = await fetch(path, {headers});
  if (!answer.ok) throw new Refused((await answer.json()).error);
  return answer;
}

export const overview = async () => (await asked('/api/desk')).json();
export const details = async (key) => (await asked(`/api/site/${key}`)).json();
export const picture = async (key, number, view) => (await asked(`/api/picture/${key}/${number}/${view}`)).blob();

// Writes commands one after the other. `told` is called with what is waiting and why, whenever that changes.
export class Writer {
  constructor(aoi, told) {
    this.key = `leachwatch-desk-${aoi}`;
    this.told = told;
    this.settled = () => {};
    this.waiting = this.kept();
    this.draining = null;
    this.sending = null;
  }

  kept() {
    try {
      return JSON.parse(localStorage.getItem(this.key)) || [];
    } catch {
      return [];
    }
  }

  keep() {
    try {
      localStorage.setItem(this.key, JSON.stringify(this.waiting));
    } catch {
      // a browser that keeps nothing: what waits is kept as long as this page is open
    }
  }

  // Send a command. Returns the answer once it is on disk, null while it waits; throws `Refused` with the reason.
  async write(command) {
    if (command.do === 'judge') {
      const earlier = this.waiting.find((one) => one.do === 'judge' && one.site === command.site);
      if (earlier && earlier === this.sending) {
        command.seen = {verdict: earlier.verdict, reason: earlier.reason, note: earlier.note};
      } else if (earlier) {
        command.seen = earlier.seen;
        this.waiting = this.waiting.filter((one) => one !== earlier);
      }
    }
    this.waiting.push(command);
    this.keep();
    return (await this.drain(command)) ?? null;
  }

  // Take back the last command that was not sent yet; null where all were, or are under way.
  takeBack() {
    if (this.waiting.at(-1) === this.sending) return null;
    const last = this.waiting.pop() ?? null;
    this.keep();
    if (last) this.told(this.waiting.length, null);
    return last;
  }

  // Send what waits, in order; one drain at a time.
  async drain(own = null) {
    while (this.draining) await this.draining.catch(() => {});
    this.draining = this.sendAll(own);
    try {
      return await this.draining;
    } finally {
      this.draining = null;
    }
  }

  async sendAll(own) {
    let result = null;
    let problem = null;
    while (this.waiting.length) {
      const command = this.waiting[0];
      this.sending = command;
      const {answer, refused, why} = await once(command);
      this.sending = null;
      if (why) {
        this.told(this.waiting.length, why);
        clearTimeout(this.timer);
        this.timer = setTimeout(() => this.drain().catch(() => {}), AGAIN_MS);
        return null;
      }
      this.waiting = this.waiting.filter((one) => one !== command);
      this.keep();
      if (command === own) {
        if (refused) problem = new Refused(refused);
        result = answer;
      } else {
        this.settled(command, answer, refused);
      }
    }
    this.told(0, null);
    if (problem) throw problem;
    return result;
  }
}

// Send one command: the answer, or why it was refused, or why it could not be sent.
async function once(command) {
  let answer;
  try {
    answer = await fetch('/api/act', {
      method: 'POST',
      headers: {...headers, 'Content-Type': 'application/json'},
      body: JSON.stringify(command),
    });
    if (answer.status === 403) return {why: {kind: 'token'}};
    const content = await answer.json();
    if (answer.ok && content.saved) return {answer: content};
    if (answer.status >= 500) return {why: {kind: 'problem', words: content.error}};
    return {refused: content.error};
  } catch {
    return {why: {kind: 'gone'}};
  }
}
