const byId = (id) => document.getElementById(id);
const reminders = new Map();

// Everything is written as text: what somebody typed is never read as HTML.
function element(name, text) {
  const made = document.createElement(name);
  made.textContent = text;
  return made;
}

function row(reminder) {
  const made = document.createElement("li");
  made.append(element("span", reminder.text), element("time", new Date(reminder.due).toLocaleString()));
  if (reminder.state === "waiting") {
    const button = element("button", "Revoke");
    button.onclick = () => ask(`reminders/${reminder.id}`, { method: "DELETE" });
    made.append(button);
  }
  return made;
}

function show() {
  const sorted = [...reminders.values()].sort((a, b) => a.due.localeCompare(b.due));
  const rows = (state) => sorted.filter((reminder) => reminder.state === state).map(row);
  byId("waiting").replaceChildren(...rows("waiting"));
  byId("fired").replaceChildren(...rows("fired").reverse());
}

async function ask(path, options) {
  const response = await fetch(path, options);
  const answer = await response.json();
  byId("problem").textContent = response.ok ? "" : answer.error.message;
  return response.ok ? answer : null;
}

byId("form").onsubmit = async (event) => {
  event.preventDefault();
  const [text, date] = [byId("text").value, byId("date").value];
  const time = date ? { date: new Date(date).toISOString().replace(/\.\d+/, "") } : { seconds: Number(byId("seconds").value) };
  if (await ask("reminders", { method: "POST", body: JSON.stringify({ text, ...time }) })) byId("form").reset();
};

const events = new EventSource("events");
// Whatever was missed before, is in the list.
events.onopen = async () => {
  reminders.clear();
  for (const reminder of (await ask("reminders")) ?? []) {
    // Events that came meanwhile know better.
    if (!reminders.has(reminder.id)) reminders.set(reminder.id, reminder);
  }
  show();
};
events.addEventListener("reminder", (event) => {
  const reminder = JSON.parse(event.data);
  reminders.set(reminder.id, reminder);
  show();
});
events.addEventListener("digest", (event) => {
  const { date, fired, waiting } = JSON.parse(event.data);
  byId("digests").prepend(element("li", `${new Date(date).toLocaleString()}: ${fired} fired, ${waiting} wait`));
});
