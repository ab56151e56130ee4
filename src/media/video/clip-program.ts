/**
 * The program of a decoder process of clips: base64 to the disk, hash, ffprobe, ffmpeg, and frames to tiles, one clip at a time.
 * It leads a process group of its own, so that whatever it has started can be killed with it.
 */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { stat, writeFile } from 'node:fs/promises'
import { Socket } from 'node:net'
import { AerieError, toWireError } from '../../errors.ts'
import { decodeBase64, decodeDataUri } from '../data-uri.ts'
import { CHANNEL_FD, type Failure } from '../decoder-protocol.ts'
import { lastWordsOf } from '../ffmpeg/failure.ts'
import { type Frame, FrameReader, writeFrame } from '../frames.ts'
import { prepareFrames } from './clip-frames.ts'
import type { Cancel, ClipCall, Found, PreparedClip, Probed } from './clip-protocol.ts'
import { findKeyframes } from './packets.ts'
import { probe } from './probe.ts'
import { findScenes } from './scenes.ts'

/** The server alone decides when this ends. */
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {})

const channel = new Socket({ fd: CHANNEL_FD, readable: true, writable: true })
const reader = new FrameReader({ maxBodyBytes: 0xffffffff })
let running = new AbortController()
channel.on('data', (piece: Buffer) => {
  for (const frame of reader.push(piece)) {
    if ('cancel' in (frame.head as ClipCall | Cancel)) running.abort()
    else void answer(frame)
  }
})
// The server is gone, and ffmpeg goes with it.
channel.on('close', () => process.kill(-process.pid, 'SIGKILL'))
writeFrame(channel, { ready: true })

async function answer({ head, body }: Frame): Promise<void> {
  running = new AbortController()
  try {
    // The server is the only one who writes here.
    await serve(head as ClipCall, body, running.signal)
  } catch (error) {
    const words = lastWordsOf(error)
    const failure: Failure = { error: toWireError(error), ...(words !== undefined && { words }) }
    writeFrame(channel, failure)
  }
}

async function serve(
  call: ClipCall,
  body: Uint8Array<ArrayBuffer>,
  signal: AbortSignal,
): Promise<void> {
  const { path, param, limits } = call
  const input = { path, param, maxPixels: limits.maxVideoPixels }
  switch (call.do) {
    case 'probe-clip': {
      if (call.from) await writeFile(path, bytesOf(call, call.from, body), { flag: 'r+' })
      const byteLength = await sizeOf(path, param)
      const sha256 = call.isToHash ? { sha256: await hashOf(path, signal) } : {}
      const { header, facts } = await probe(input, limits, signal)
      return writeFrame(channel, { header, facts, byteLength, ...sha256 } satisfies Probed)
    }
    case 'find-keyframes':
      return reply(await findKeyframes(input, call.facts, call.window, signal))
    case 'find-scenes':
      return reply(await findScenes(input, call.facts, call.window, signal))
    case 'prepare-frames': {
      const { pixels, ...prepared } = await prepareFrames(input, call, signal)
      return writeFrame(channel, prepared satisfies PreparedClip, new Uint8Array(pixels.buffer))
    }
  }
}

function reply(times: readonly number[]): void {
  writeFrame(channel, {} satisfies Found, new Uint8Array(Float64Array.from(times).buffer))
}

function bytesOf(
  { param, limits }: ClipCall,
  from: 'data-uri' | 'base64',
  body: Uint8Array<ArrayBuffer>,
): Uint8Array {
  const text = Buffer.from(body.buffer).toString('latin1')
  const bound = { subject: 'clip', maxBytes: limits.maxVideoBytes, limit: 'maxVideoBytes' } as const
  if (from === 'base64') return decodeBase64(text, { param, ...bound })
  const types = {
    pattern: /^(video\/[\w.+-]+|image\/gif|application\/octet-stream)$/i,
    words: 'video/…',
  }
  return decodeDataUri(text, { param, ...bound, types })
}

/** Of a file that the server named. */
async function sizeOf(path: string, param: string): Promise<number> {
  try {
    return (await stat(path)).size
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause
    throw new AerieError('not_found', `${param}: the file was deleted meanwhile`, { param, cause })
  }
}

async function hashOf(path: string, signal: AbortSignal): Promise<string> {
  const hash = createHash('sha256')
  for await (const piece of createReadStream(path, { signal, highWaterMark: 2 ** 20 }))
    hash.update(piece)
  return hash.digest('hex')
}
