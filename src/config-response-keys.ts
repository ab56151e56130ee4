/** The configuration keys of stored responses. */
import { Type } from 'typebox'
import { bytes, count, KiB, MiB, millis } from './config-key.ts'

export const responseKeys = {
  maxResponsesBytes: bytes(
    4 * 1024 * MiB,
    'Responses',
    'Size of all stored responses with their pictures; the oldest make room for new ones. 0 stores none.',
    0,
  ),
  maxTenantResponsesBytes: Type.Optional(
    Type.Integer({
      minimum: KiB,
      group: 'Responses',
      unit: 'bytes',
      defaultText: 'that of maxResponsesBytes',
      description: 'Size of the stored responses of one API key together.',
    }),
  ),
  maxResponses: count(
    1_000_000,
    'Responses',
    'Stored responses of all keys; the oldest make room for new ones.',
  ),
  responseRetentionDays: count(30, 'Responses', 'Days that a response is stored.'),
  maxResponseTurns: count(
    1000,
    'Responses',
    'Responses that one may go on from, by previous_response_id; their bytes are bounded by maxBodyBytes.',
  ),
  maxBackgroundResponses: count(
    128,
    'Responses',
    'Responses in the background that wait or run; beyond it the answer is 429. 0 takes none.',
    0,
  ),
  responseEventBytes: bytes(
    64 * MiB,
    'Responses',
    'Memory for events of responses in the background, by which streams are resumed; the oldest are dropped.',
  ),
  maxWebSockets: count(
    256,
    'Responses',
    'WebSockets of /v1/responses that may be open; beyond it the handshake is refused with 429. 0 takes none.',
    0,
  ),
  maxWebSocketsPerKey: count(
    64,
    'Responses',
    'Of them, those of one API key; beyond it the handshake is refused with 429. Without API keys nothing but maxWebSockets counts.',
  ),
  webSocketIdleMs: millis(
    10 * 60_000,
    'Responses',
    'How long a WebSocket may be open without asking for anything; none is open for more than an hour.',
  ),
  webSocketMemoryBytes: bytes(
    256 * MiB,
    'Responses',
    'Memory for conversations with store: false, of which a WebSocket can go on from the last; the oldest are dropped.',
  ),
}
