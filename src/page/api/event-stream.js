/** Server-sent events of a response, one `data` at a time. */

/** Of one event: an answer's last chunk explains everything that was seen. */
const MOST_CHARACTERS = 64 * 1024 * 1024

/**
 * @param {ReadableStream<Uint8Array<ArrayBuffer>>} body
 * @returns {AsyncGenerator<string, void>} data; comments and other fields are dropped
 */
export async function* eventData(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader()
  let rest = ''
  try {
    for (;;) {
      const { value, done } = await reader.read()
      if (done) return
      const lines = (rest + value).split(/\r?\n/)
      rest = lines.pop() ?? ''
      if (rest.length > MOST_CHARACTERS) throw new Error('the stream has an event without end')
      for (const line of lines) if (line.startsWith('data:')) yield line.slice(5).trimStart()
    }
  } finally {
    // Whoever leaves early wants no more of it, and the connection is to end.
    await reader.cancel().catch(() => undefined)
  }
}
