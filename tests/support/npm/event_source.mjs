// EventSource on the events of a job: node event_source.mjs URL. Prints a line [id, event, data] for
// each event, reconnecting by itself, and ends when the server says by 204 that there is no more.
import { EventSource } from "eventsource";

setInterval(() => {}, 1000); // its wait before it comes back keeps no process alive
const events = new EventSource(process.argv[2]);
for (const kind of ["state", "progress", "epoch", "log"]) {
  events.addEventListener(kind, (event) => {
    console.log(JSON.stringify([Number(event.lastEventId), kind, JSON.parse(event.data)]));
  });
}
events.addEventListener("error", (event) => {
  console.error(`${event.code ?? "no"} status: ${event.message ?? "the connection ended"}`);
  if (events.readyState === EventSource.CLOSED) {
    process.exit(event.code === 204 ? 0 : 1);
  }
});
