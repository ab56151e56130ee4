/** A conversation and its settings → the body of `/v1/chat/completions`. */
import { ApiError } from '../api/client.js'
import { base64Of, dataUri } from './attachments.js'
import { fileIdOf, isLarge } from './uploads.js'

/** @typedef {import('../types.d.ts').Attachment} Attachment */
/** @typedef {import('../types.d.ts').ChatRequest} ChatRequest */
/** @typedef {import('../types.d.ts').ClipSampling} ClipSampling */
/** @typedef {import('../types.d.ts').Exchange} Exchange */
/** @typedef {import('../types.d.ts').Message} Message */
/** @typedef {import('../types.d.ts').Settings} Settings */
/** @typedef {import('../types.d.ts').UserPart} UserPart */

/**
 * Where a medium's bytes are: in the request, or on the server.
 * @typedef {{ readonly uri: string } | { readonly fileId: string }} Located
 */

/**
 * @typedef {object} BuiltRequest
 * @property {ChatRequest} body
 * @property {Readonly<Record<string, string>>} places `messages[0].content[1]` → id of the attachment that stands there
 */

/**
 * @param {readonly Exchange[]} exchanges the last one is asked, those before are its past
 * @param {Settings} settings
 * @param {(attachment: Attachment) => Promise<Located>} locate
 * @returns {Promise<BuiltRequest>}
 */
export async function buildRequest(exchanges, settings, locate) {
  /** @type {Message[]} */
  const messages = settings.system === '' ? [] : [{ role: 'system', content: settings.system }]
  /** @type {Record<string, string>} */
  const places = {}
  const isSaid = saidOf(exchanges)
  for (const [i, exchange] of exchanges.entries()) {
    if (!isSaid[i]) continue
    const { text, media, results, answer } = exchange
    const isLast = i === exchanges.length - 1
    const calls = exchanges[i + 1]?.results && isSaid[i + 1] ? answer?.calls : undefined
    if (results) messages.push(...results.map(toolMessage))
    else {
      media.forEach((attachment, at) => {
        places[`messages[${messages.length}].content[${at}]`] = attachment.id
      })
      const parts = await Promise.all(
        media.map(async (attachment) => mediaPart(attachment, await locate(attachment), settings)),
      )
      messages.push({
        role: 'user',
        content: parts.length === 0 ? text : [...parts, ...textParts(text)],
      })
    }
    if (!isLast && answer) messages.push(assistantMessage(answer.text, calls))
  }
  return {
    body: {
      model: settings.model,
      messages,
      ...sampling(settings),
      ...formOf(settings),
      ...toolsOf(settings),
      stream: true,
      stream_options: { include_usage: true },
      aerie: { explain: true },
    },
    places,
  }
}

/**
 * Which turns are part of what is said: the last one, and those that were answered. Calls and what they gave go together.
 * @param {readonly Exchange[]} exchanges
 */
function saidOf(exchanges) {
  /** @type {boolean[]} */
  const isSaid = []
  for (let i = exchanges.length - 1; i >= 0; i--) {
    const { answer, results } = /** @type {Exchange} */ (exchanges[i])
    const isLast = i === exchanges.length - 1
    const hasCalls = answer?.calls && exchanges[i + 1]?.results && isSaid[i + 1]
    const isOrphan = results && !exchanges[i - 1]?.answer?.calls
    isSaid[i] = isLast || (Boolean(answer?.text || hasCalls) && !isOrphan)
  }
  return isSaid
}

/**
 * Bytes in the request, or for large ones an upload.
 * @param {AbortSignal} signal
 * @returns {(attachment: Attachment) => Promise<Located>}
 */
export function sendable(signal) {
  return async (attachment) =>
    isLarge(attachment)
      ? { fileId: await fileIdOf(attachment, signal) }
      : { uri: await dataUri(attachment.blob) }
}

/** @param {Settings} settings */
function sampling({ temperature, topP, maxTokens, seed }) {
  return {
    ...(temperature !== null && { temperature }),
    ...(topP !== null && { top_p: topP }),
    ...(maxTokens !== null && { max_completion_tokens: maxTokens }),
    ...(seed !== null && { seed }),
  }
}

/**
 * Rejects what is no JSON: the server could not say which field it was.
 * @param {Settings} settings
 * @returns {Pick<ChatRequest, 'response_format'>}
 */
function formOf({ form, schema }) {
  if (form === 'text') return {}
  if (form === 'json') return { response_format: { type: 'json_object' } }
  const parsed = parseSetting(schema, 'The schema of answers', 'response_format')
  const json_schema = {
    name: 'answer',
    strict: true,
    schema: /** @type {Record<string, unknown>} */ (parsed),
  }
  return { response_format: { type: 'json_schema', json_schema } }
}

/**
 * @param {Settings} settings
 * @returns {Pick<ChatRequest, 'tools' | 'tool_choice'>}
 */
function toolsOf({ tools, toolChoice }) {
  if (tools.trim() === '') return {}
  const parsed = parseSetting(tools, 'The list of tools', 'tools')
  return {
    tools: /** @type {NonNullable<ChatRequest['tools']>} */ (parsed),
    tool_choice: toolChoice,
  }
}

/**
 * @param {string} text
 * @param {string} name
 * @param {string} param
 * @returns {unknown}
 */
function parseSetting(text, name, param) {
  const problem = problemOf(text)
  if (problem === undefined) return JSON.parse(text)
  const message = `${name} in the settings is not JSON: ${problem}`
  const none = { requestId: undefined, status: undefined }
  throw new ApiError({ ...none, code: 'invalid_request', message, param })
}

/**
 * Why a text is not JSON; undefined where it is.
 * @param {string} text
 * @returns {string | undefined}
 */
export function problemOf(text) {
  try {
    JSON.parse(text)
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

/**
 * @param {import('../types.d.ts').ToolResult} result
 * @returns {Message}
 */
function toolMessage({ id, content }) {
  return { role: 'tool', tool_call_id: id, content }
}

/**
 * @param {string} text
 * @param {readonly import('../types.d.ts').Call[] | undefined} calls that the next messages answer
 * @returns {Message}
 */
function assistantMessage(text, calls) {
  if (!calls) return { role: 'assistant', content: text }
  return {
    role: 'assistant',
    content: text === '' ? null : text,
    tool_calls: calls.map(({ id, name, arguments: args }) => ({
      id,
      type: 'function',
      function: { name, arguments: args },
    })),
  }
}

/**
 * @param {string} text
 * @returns {UserPart[]}
 */
function textParts(text) {
  return text === '' ? [] : [{ type: 'text', text }]
}

/**
 * @param {Attachment} attachment
 * @param {Located} at
 * @param {Settings} settings
 * @returns {UserPart}
 */
function mediaPart({ kind, name, sampling }, at, { detail }) {
  const data = 'uri' in at ? { data: base64Of(at.uri) } : { file_id: at.fileId }
  if (kind === 'video')
    return { type: 'input_video', input_video: { ...data, ...framesOf(sampling) } }
  if (kind === 'audio') return { type: 'input_audio', input_audio: data }
  if (kind === 'image' && 'uri' in at)
    return { type: 'image_url', image_url: { url: at.uri, detail } }
  const file = 'uri' in at ? { file_data: at.uri, filename: name } : { file_id: at.fileId }
  return { type: 'file', file: { ...file, ...(kind === 'image' && { detail }) } }
}

/**
 * The fields that were set.
 * @param {ClipSampling} [sampling]
 */
function framesOf(sampling) {
  if (!sampling) return {}
  const { fps, max_frames, start, end, sound } = sampling
  return {
    ...(fps !== null && { fps }),
    ...(max_frames !== null && { max_frames }),
    ...(start !== null && { start }),
    ...(end !== null && { end }),
    ...(sound && { sound }),
  }
}
