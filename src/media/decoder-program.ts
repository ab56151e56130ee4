/**
 * The program of a decoder process: base64, hash, header, decode, resize, normalise, one picture at a time;
 * documents likewise, whose pages become pictures.
 * Native codecs see hostile bytes here, apart from the server's memory, and can be killed at any moment.
 */
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { Socket } from 'node:net'
import { AerieError, toWireError } from '../errors.ts'
import { machineMs } from '../machine-clock.ts'
import { decodeDataUri } from './data-uri.ts'
import { type Decoded, decode } from './decode.ts'
import {
  type Call,
  CHANNEL_FD,
  type DocumentCall,
  type DocumentOpened,
  type Failure,
  isOfDocument,
  type Keeping,
  type Opened,
  type PagesRead,
  type PictureCall,
  type Prepared,
} from './decoder-protocol.ts'
import {
  DecoderDocuments,
  documentOfDataUri,
  drawPage,
  opened,
  readPages,
} from './documents/decoder-documents.ts'
import { type Frame, FrameReader, writeFrame } from './frames.ts'
import { readHeader } from './header.ts'
import { checkBytes, checkHeader } from './limits.ts'
import { preprocess } from './preprocess.ts'
import { preprocessWhole } from './whole-picture.ts'

/** The server alone decides when this ends; a Ctrl-C in the terminal must not take pictures from a draining server. */
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {})

const channel = new Socket({ fd: CHANNEL_FD, readable: true, writable: true })
const reader = new FrameReader({ maxBodyBytes: 0xffffffff })
channel.on('data', (piece: Buffer) => {
  for (const frame of reader.push(piece)) void answer(frame)
})
// The server is gone. Exiting the polite way would wait for a codec that may never return.
channel.on('close', () => process.kill(process.pid, 'SIGKILL'))
writeFrame(channel, { ready: true })

/** The file of the last call, if that was an `open` that went well: most are prepared next, and need not be sent again. */
let kept: { readonly picture: number; readonly bytes: Uint8Array } | undefined

const documents = new DecoderDocuments()

type CallTo<Do> = Extract<Call, { do: Do }>

async function answer(frame: Frame): Promise<void> {
  try {
    // The server is the only one who writes here.
    const call = frame.head as Call
    if (isOfDocument(call)) {
      kept = undefined
      await answerOfDocument(call, frame.body)
      return
    }
    documents.forget()
    if (call.do === 'open') await open(call, frame.body)
    else await prepare(call, frame.body)
  } catch (error) {
    const { isSpent: spent } = documents
    writeFrame(channel, { error: toWireError(error), ...(spent && { spent }) } satisfies Failure)
  }
}

/** The picture's file, out of its data URI if it came in one. Nothing is kept any longer. */
async function unpack(call: PictureCall, body: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  const { picture, from, param, limits } = call
  const last = kept
  kept = undefined
  if (from === 'kept') {
    if (last?.picture !== picture) throw new Error(`the file of picture ${picture} is not kept`)
    return last.bytes
  }
  if (from === 'file') return body
  if (from === 'path') return await readPath(Buffer.from(body.buffer).toString(), param)
  const text = Buffer.from(body.buffer).toString('latin1')
  return decodeDataUri(text, { param, maxBytes: limits.maxImageBytes })
}

/** A file that the server named; its size was checked there. */
async function readPath(path: string, param: string): Promise<Uint8Array> {
  try {
    return await readFile(path)
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause
    throw new AerieError('not_found', `${param}: the file was deleted meanwhile`, { param, cause })
  }
}

async function open(call: CallTo<'open'>, body: Uint8Array<ArrayBuffer>): Promise<void> {
  const { picture, param, limits } = call
  const bytes = await unpack(call, body)
  checkBytes(bytes.byteLength, limits, param)
  const header = await readHeader(bytes, limits, param)
  checkHeader(header, limits, param)
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  kept = { picture, bytes }
  writeFrame(channel, { sha256, header, byteLength: bytes.byteLength } satisfies Opened)
}

async function prepare(call: CallTo<'prepare'>, body: Uint8Array<ArrayBuffer>): Promise<void> {
  const start = machineMs()
  const bytes = await unpack(call, body)
  const { alpha } = call.preprocessing
  answerTiles(call, await decode(bytes, call.header, call.limits, call.param, alpha), start)
}

function answerTiles(
  { preprocessing: to, layout }: CallTo<'prepare' | 'prepare-page'>,
  { picture, conversions }: Decoded,
  start: number,
  keeping?: Keeping,
): void {
  const decoded = machineMs()
  const { pixels, steps } =
    to.mode === 'whole' ? preprocessWhole(picture, to) : preprocess(picture, to, layout)
  const reply: Prepared = {
    conversions: [...conversions, ...steps],
    decodeMs: decoded - start,
    preprocessMs: machineMs() - decoded,
    startedAt: start,
    ...keeping,
  }
  writeFrame(channel, reply, new Uint8Array(pixels.buffer))
}

async function answerOfDocument(call: DocumentCall, body: Uint8Array<ArrayBuffer>): Promise<void> {
  const start = machineMs()
  const unpacked = async () => {
    if (call.from === 'file') return body
    const text = Buffer.from(body.buffer).toString('latin1')
    return call.from === 'path' ? await readPath(text, call.param) : documentOfDataUri(text, call)
  }
  switch (call.do) {
    case 'open-document': {
      const bytes = await unpacked()
      const { result, ...keeping } = await documents.use(
        call,
        async () => bytes,
        (file) => opened(bytes, file),
      )
      writeFrame(channel, { ...result, ...keeping } satisfies DocumentOpened)
      return
    }
    case 'read-pages': {
      const { result, ...keeping } = await documents.use(call, unpacked, (file) =>
        readPages(call, file),
      )
      writeFrame(channel, { ...result.head, ...keeping } satisfies PagesRead, result.body)
      return
    }
    case 'prepare-page': {
      const { result, ...keeping } = await documents.use(call, unpacked, (file) =>
        drawPage(call, file),
      )
      answerTiles(call, result, start, keeping)
    }
  }
}
