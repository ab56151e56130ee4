/** A request as a program: curl, JavaScript or Python with the official clients. Runs as copied; the key comes from the environment. */
import { base64Of, dataUri } from '../conversation/attachments.js'
import { comparedOf, soundOf } from '../conversation/other-questions.js'
import { buildRequest } from '../conversation/request.js'
import { curl } from './curl.js'
import { namedFiles } from './files.js'
import { javascript } from './javascript.js'
import { python } from './python.js'

/** @typedef {import('../types.d.ts').Attachment} Attachment */
/** @typedef {import('../types.d.ts').Exchange} Exchange */
/** @typedef {import('../types.d.ts').Settings} Settings */
/** @typedef {import('./files.js').NamedFile} NamedFile */

/** @typedef {'curl' | 'javascript' | 'python'} Language */

/**
 * What is sent. In the JSON of a body the marks of files stand for their bytes in base64.
 * @typedef {{ readonly kind: 'chat', readonly body: import('../types.d.ts').ChatRequest }
 *   | { readonly kind: 'embedding', readonly body: Readonly<Record<string, unknown>> }
 *   | { readonly kind: 'speech', readonly model: string, readonly sound: Sound }} Asked
 * @typedef {{ readonly name: string, readonly base64: string | undefined }} Sound base64 where it does not lie beside the program
 * @typedef {(asked: Asked, files: ReadonlyMap<string, NamedFile>, base: string) => string} Writer
 */

/** @type {Readonly<Record<Language, Writer>>} */
const WRITERS = { curl, javascript, python }

/**
 * @param {Language} language
 * @param {readonly Exchange[]} exchanges the last one is asked
 * @param {Settings} settings
 * @param {{ readonly purpose: Asked['kind'], readonly media: 'file' | 'data', readonly origin: string }} options media by their
 *   file names, which lie beside the program, or in it
 * @returns {Promise<{ readonly code: string, readonly files: readonly NamedFile[] }>} with the files that it reads; rejects
 *   with ApiError where the settings make no request
 */
export async function requestAsCode(language, exchanges, settings, { purpose, media, origin }) {
  const all = exchanges.flatMap((exchange) => exchange.media)
  const names = await namedFiles(media === 'file' ? all : [])
  /** @type {Map<string, NamedFile>} */
  const files = new Map()
  /** @param {Attachment} attachment */
  const locate = async ({ id, blob }) => {
    const file = names.get(id)
    if (!file) return { uri: await dataUri(blob) }
    const mark = `FILE-${files.size + 1}-${id}`
    files.set(mark, file)
    return { uri: `data:${blob.type || 'application/octet-stream'};base64,${mark}` }
  }
  const asked = await askedOf(purpose, exchanges, settings, locate, names)
  const code = WRITERS[language](asked, files, `${origin}/v1`)
  const read = asked.kind === 'speech' ? names.values() : files.values()
  return { code, files: [...new Map([...read].map((file) => [file.name, file])).values()] }
}

/**
 * @param {Asked['kind']} kind
 * @param {readonly Exchange[]} exchanges
 * @param {Settings} settings
 * @param {(attachment: Attachment) => Promise<{ readonly uri: string }>} locate
 * @param {ReadonlyMap<string, NamedFile>} names
 * @returns {Promise<Asked>}
 */
async function askedOf(kind, exchanges, settings, locate, names) {
  const last = /** @type {Exchange} */ (exchanges.at(-1))
  const { model } = settings
  if (kind === 'embedding') {
    const compared = await comparedOf(last, async (attachment) => (await locate(attachment)).uri)
    const input = compared.map((one) => one.input)
    return { kind, body: { model, input, encoding_format: 'float', aerie: {} } }
  }
  if (kind === 'speech') {
    const { id, name, blob } = soundOf(last)
    const file = names.get(id)
    const base64 = file ? undefined : base64Of(await dataUri(blob))
    return { kind, model, sound: { name: file?.name ?? name, base64 } }
  }
  const { body } = await buildRequest(exchanges, settings, locate)
  return { kind, body }
}
