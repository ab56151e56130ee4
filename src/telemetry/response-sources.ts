/** Samples of stored responses, and of those in the background. */
import type { Read } from './sources.ts'

type Sources = Readonly<Record<string, readonly [help: string, read: Read]>>

export const RESPONSE_GAUGES: Sources = {
  aerie_responses: [
    'Stored responses, as far as this process knows.',
    (s) => s.responses?.responses,
  ],
  aerie_responses_max: ['Responses that there may be.', (s) => s.responses?.maxResponses],
  aerie_responses_bytes: ['Bytes of them with their pictures.', (s) => s.responses?.bytes],
  aerie_responses_bytes_max: ['Bytes that there may be.', (s) => s.responses?.maxBytes],
  aerie_background_running: ['Responses in the background that run.', (s) => s.background?.running],
  aerie_background_running_max: [
    'Responses that may run at once.',
    (s) => s.background?.maxRunning,
  ],
  aerie_background_waiting: ['Responses that wait for their turn.', (s) => s.background?.waiting],
  aerie_background_waiting_max: [
    'Responses that may wait or run; more get 429.',
    (s) => s.background?.maxWaiting,
  ],
  aerie_background_event_bytes: [
    'Bytes of events that streams are resumed by.',
    (s) => s.background?.eventBytes,
  ],
  aerie_background_event_bytes_max: [
    'Bytes that there may be.',
    (s) => s.background?.maxEventBytes,
  ],
  aerie_websockets: ['WebSockets that are open.', (s) => s.sockets?.open],
  aerie_websockets_max: ['WebSockets that may be open.', (s) => s.sockets?.maxOpen],
  aerie_websockets_of_key: [
    'WebSockets of the API key that has most of them, or of all clients without one.',
    (s) => s.sockets?.mostOfKey,
  ],
  aerie_websockets_of_key_max: [
    'WebSockets that one API key may have.',
    (s) => s.sockets?.maxOfKey,
  ],
  aerie_websocket_memory_bytes: [
    'Bytes of conversations that are stored nowhere and that WebSockets can go on from.',
    (s) => s.sockets?.memoryBytes,
  ],
  aerie_websocket_memory_bytes_max: ['Bytes that there may be.', (s) => s.sockets?.maxMemoryBytes],
}

export const RESPONSE_COUNTERS: Sources = {
  aerie_responses_created_total: ['Responses that were stored.', (s) => s.responses?.created],
  aerie_responses_deleted_total: [
    'Responses that clients deleted, or that failed before they began.',
    (s) => s.responses?.deleted,
  ],
  aerie_responses_expired_total: ['Responses whose time was up.', (s) => s.responses?.expired],
  aerie_responses_evicted_total: [
    'Old responses that made room for new ones.',
    (s) => s.responses?.evicted,
  ],
  aerie_responses_failures_total: [
    'Calls that the disk or the database of responses failed.',
    (s) => s.responses?.failures,
  ],
  aerie_background_events_dropped_total: [
    "Responses whose events made room for others'.",
    (s) => s.background?.eventsDropped,
  ],
  aerie_websockets_opened_total: ['WebSockets that were opened.', (s) => s.sockets?.opened],
  aerie_websockets_refused_total: [
    'Handshakes that were refused, as there were enough WebSockets, in all or of the key.',
    (s) => s.sockets?.refused,
  ],
  aerie_websocket_memory_dropped_total: [
    "Conversations of WebSockets that made room for others', or were too large.",
    (s) => s.sockets?.memoryDropped,
  ],
}
