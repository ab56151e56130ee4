/** Items → the chat room's messages. Calls go with the assistant's message before them. */

import type { FilePart, RequestMessage } from '../../chat/contract.ts'
import { AerieError } from '../../errors.ts'
import { describeValue, orList } from '../describe.ts'
import type { components } from '../openapi.d.ts'
import { toInputAudio } from '../wire-sound.ts'
import { toInputVideo, toVideoByUrl, trackOf } from '../wire-video.ts'
import type { PlacedItem } from './items.ts'
import { openSummary } from './summary.ts'

type Part = components['schemas']['ResponseContentPart']
type Parts = RequestMessage['content']

/** Throws `invalid_request` for a result without a call, for parts that do not belong where they stand, and for summaries that are none. */
export function toMessages(items: readonly PlacedItem[]): RequestMessage[] {
  const messages: RequestMessage[] = []
  const calls = new Set<string>()
  for (const { item, param, textParam } of items) {
    switch (item.type) {
      case 'message': {
        const { role } = item
        const allowed = role === 'assistant' || role === 'user' ? role : 'instructions'
        const content = toParts(item.content as Part[], `${param}.content`, allowed, textParam)
        messages.push({ role, name: undefined, content })
        break
      }
      case 'function_call': {
        calls.add(item.call_id)
        const { name, arguments: text } = item
        const idParam = `${param}.call_id`
        const call = { id: item.call_id, name, arguments: text, param, idParam }
        const last = messages.at(-1)
        if (last?.role === 'assistant') {
          const toolCalls = [...(last.toolCalls ?? []), call]
          messages[messages.length - 1] = { ...last, toolCalls }
        } else messages.push({ role: 'assistant', name: undefined, content: [], toolCalls: [call] })
        break
      }
      case 'function_call_output': {
        const { call_id: toolCallId, output } = item
        if (!calls.has(toolCallId)) {
          const what = `expected the id of a function_call before it, got ${describeValue(toolCallId)}`
          throw invalid(`${param}.call_id`, what)
        }
        const content: Parts =
          typeof output === 'string'
            ? [{ type: 'text', text: output, param: `${param}.output` }]
            : toParts(output as Part[], `${param}.output`, 'user')
        const toolCallParam = `${param}.call_id`
        messages.push({ role: 'tool', name: undefined, toolCallId, toolCallParam, content })
        break
      }
      case 'compaction': {
        const where = `${param}.encrypted_content`
        const text = `Summary of the conversation so far:\n${openSummary(item.encrypted_content, where)}`
        const content: Parts = [{ type: 'text', text, param: where }]
        messages.push({ role: 'assistant', name: undefined, content })
      }
    }
  }
  return messages
}

/** Who may say what: users everything that goes in, assistants texts of either kind, system and developer texts. */
type Speaker = 'user' | 'assistant' | 'instructions'

function toParts(
  parts: readonly Part[],
  where: string,
  speaker: Speaker,
  textParam?: string,
): Parts {
  return parts.flatMap((part, i) => toPart(part, `${where}[${i}]`, speaker, textParam))
}

function toPart(part: Part, param: string, speaker: Speaker, textParam?: string): Parts {
  if (part.type === 'input_text' || (part.type === 'output_text' && speaker === 'assistant'))
    return [{ type: 'text', text: part.text, param: textParam ?? `${param}.text` }]
  if (speaker !== 'user') {
    const expected = speaker === 'assistant' ? '"output_text" or "input_text"' : '"input_text"'
    throw invalid(`${param}.type`, `expected ${expected}, got ${describeValue(part.type)}`)
  }
  switch (part.type) {
    case 'input_image':
      return [toPicture(part, param)]
    case 'input_file':
      return [toFile(part, param)]
    case 'input_audio':
      return [toInputAudio(part.input_audio, `${param}.input_audio`)]
    case 'input_video':
      return toClip(part, param)
    case 'output_text':
      throw invalid(`${param}.type`, 'expected a part of an input, got "output_text"')
    default:
      throw new Error(`the contract let ${part.type} through`)
  }
}

function toPicture(part: Extract<Part, { type: 'input_image' }>, param: string): Parts[number] {
  const { image_url: url, file_id: id } = part
  const detail = part.detail ?? 'auto'
  if (detail === 'original') throw new Error('the contract let detail original through')
  requireOne({ image_url: url, file_id: id }, param)
  if (url) return { type: 'image', url, detail, param: `${param}.image_url` }
  return { type: 'file', file: { id: id! }, detail, param }
}

function toFile(part: Extract<Part, { type: 'input_file' }>, param: string): FilePart {
  const { file_id: id, file_data: data, file_url: url, pages, content, detail } = part
  requireOne({ file_id: id, file_data: data, file_url: url }, param)
  const filename = part.filename ?? undefined
  if (id && filename) {
    throw invalid(`${param}.filename`, 'expected none with file_id, whose file has its name')
  }
  return {
    type: 'file',
    file: id
      ? { id }
      : url
        ? { url, filename, param: `${param}.file_url` }
        : { data: data!, filename },
    ...(pages && { pages }),
    ...(content && { content }),
    ...(detail && { detail }),
    param,
  }
}

function toClip(part: Extract<Part, { type: 'input_video' }>, param: string): Parts {
  const { video_url: url, input_video: video } = part
  requireOne({ video_url: url, input_video: video }, param)
  if (url) {
    const track = trackOf({ type: 'video_url', video_url: url }, param)
    return [toVideoByUrl(url, `${param}.video_url`), ...track]
  }
  const track = trackOf({ type: 'input_video', input_video: video! }, param)
  return [toInputVideo(video!, `${param}.input_video`), ...track]
}

function requireOne(fields: Readonly<Record<string, unknown>>, param: string): void {
  const names = Object.keys(fields)
  const given = names.filter((name) => fields[name])
  if (given.length === 1) return
  const got = given.join(' and ') || 'none'
  throw invalid(param, `expected exactly one of ${orList(names)}, got ${got}`)
}

function invalid(param: string, what: string): AerieError {
  return new AerieError('invalid_request', `${param}: ${what}`, { param })
}
