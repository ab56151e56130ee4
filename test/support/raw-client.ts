/** A client below HTTP: writes bytes, sees bytes, hangs up when told to. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'

/** Connects to `http://host:port`. */
export async function rawConnection(url: string): Promise<Socket> {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  await once(socket, 'connect')
  return socket
}

/** Sends the bytes and returns everything that comes back until the server closes. */
export async function rawExchange(url: string, bytes: string): Promise<string> {
  const socket = await rawConnection(url)
  socket.write(bytes)
  return text(socket)
}

/** The head and body of a chat request, ready to be written. */
export function rawChatRequest(body: object): string {
  const json = JSON.stringify({
    model: 'echo',
    messages: [{ role: 'user', content: 'hello' }],
    ...body,
  })
  return [
    'POST /v1/chat/completions HTTP/1.1',
    'host: test',
    'content-type: application/json',
    `content-length: ${Buffer.byteLength(json)}`,
    '',
    json,
  ].join('\r\n')
}
