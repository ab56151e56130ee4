/** Wire messages → the chat room's messages, each part with the path of its field. */

import type { FilePart, RequestMessage } from '../chat/contract.ts'
import { AerieError } from '../errors.ts'
import type { WireRequests } from './contract.ts'
import { toInputAudio, toSoundByUrl } from './wire-sound.ts'
import { toToolCalls } from './wire-tools.ts'
import { toInputVideo, toVideoByUrl, trackOf } from './wire-video.ts'

type WireMessage = WireRequests['ChatCompletionRequest']['messages'][number]
type WireContent = Extract<WireMessage, { content?: unknown }>['content']
type WirePart = Exclude<WireContent, string | null | undefined>[number]

/** The contract has refused every role and part that is not converted here. */
export function toMessages(messages: readonly WireMessage[]): RequestMessage[] {
  return messages.map((message, i) => {
    if (message.role === 'function') throw unreachable(message.role)
    const content = toParts(message.content, `messages[${i}].content`)
    const { role } = message
    if (role === 'tool') return { role, name: undefined, content, toolCallId: message.tool_call_id }
    const calls = role === 'assistant' ? (message.tool_calls ?? []) : []
    return {
      role,
      name: message.name ?? undefined,
      content,
      ...(calls.length > 0 && { toolCalls: toToolCalls(calls, `messages[${i}].tool_calls`) }),
    }
  })
}

function toParts(content: WireContent, param: string): RequestMessage['content'] {
  if (content === undefined || content === null) return []
  if (typeof content === 'string') return [{ type: 'text', text: content, param }]
  return content.flatMap((part, i) => [
    toPart(part, `${param}[${i}]`),
    ...trackOf(part, `${param}[${i}]`),
  ])
}

function toPart(part: WirePart, param: string): RequestMessage['content'][number] {
  switch (part.type) {
    case 'text':
      return { type: 'text', text: part.text, param: `${param}.text` }
    case 'image_url': {
      const image = part.image_url
      if (typeof image === 'string') {
        return { type: 'image', url: image, detail: 'auto', param: `${param}.image_url` }
      }
      const detail = image.detail ?? 'auto'
      if (detail === 'original') throw unreachable(detail)
      return { type: 'image', url: image.url, detail, param: `${param}.image_url.url` }
    }
    case 'file':
      return toFilePart(part.file, `${param}.file`)
    case 'video_url':
      return toVideoByUrl(part.video_url, `${param}.video_url`)
    case 'input_audio':
      return toInputAudio(part.input_audio, `${param}.input_audio`)
    case 'audio_url':
      return toSoundByUrl(part.audio_url, `${param}.audio_url`)
    case 'input_video':
      return toInputVideo(part.input_video, `${param}.input_video`)
    default:
      throw unreachable(part.type)
  }
}

type WireFile = Extract<WirePart, { type: 'file' }>['file']

function toFilePart(wire: WireFile, param: string): FilePart {
  const { pages, content, detail } = wire
  return {
    type: 'file',
    file: toFile(wire, param),
    ...(typeof pages === 'string' && { pages }),
    ...(content && { content }),
    ...(detail && { detail }),
    param,
  }
}

function toFile(wire: WireFile, param: string): FilePart['file'] {
  const { file_id: id, file_data: data, filename } = wire
  const got = id && data ? 'both' : id || data ? undefined : 'neither'
  if (got) {
    const what = `${param}: expected file_id or file_data, got ${got}`
    throw new AerieError('invalid_request', what, { param })
  }
  if (id && filename) {
    const what = `${param}.filename: expected none with file_id, whose file has its name`
    throw new AerieError('invalid_request', what, { param: `${param}.filename` })
  }
  return id ? { id } : { data: data!, filename: filename ?? undefined }
}

function unreachable(what: string): Error {
  return new Error(`the contract let ${what} through`)
}
