/** Lines of output and error files, in OpenAI's form. */
import { randomBytes } from 'node:crypto'
import { hasUnicodeLineEnd, oneLine } from '../json/one-line.ts'
import type { LineResult, TakenLine } from './batch-records.ts'
import type { BatchUsage } from './contract.ts'
import type { LineAnswer } from './dispatch.ts'

const NO_USAGE: BatchUsage = { inputTokens: 0, cachedTokens: 0, outputTokens: 0 }
const LINE_FEED = 0x0a

/** What a route answered. The body is copied as it is, since parsing a map of millions of numbers would hold up everybody. */
export function answerResult(line: TakenLine, answer: LineAnswer): LineResult {
  const { status, requestId, usage } = answer
  const isOneLine = !answer.body.includes(LINE_FEED) && !hasUnicodeLineEnd(answer.body)
  const body = isOneLine ? answer.body : onOneLine(answer.body)
  const named = { id: newRequestId(), custom_id: line.customId }
  const head = oneLine(JSON.stringify(named)).slice(0, -1)
  const response = JSON.stringify({ status_code: status, request_id: requestId }).slice(0, -1)
  const text = Buffer.concat([
    Buffer.from(`${head},"response":${response},"body":`),
    body,
    Buffer.from('},"error":null}'),
  ])
  const { batchId, line: number } = line
  return { batchId, line: number, ok: status >= 200 && status < 300, text, usage }
}

/** A line that no route was asked for. */
export function refusedResult(line: TakenLine, code: string, message: string): LineResult {
  const { batchId, line: number, customId } = line
  const text = refusedLine(customId, code, message)
  return { batchId, line: number, ok: false, text, usage: NO_USAGE }
}

/** Without its line feed. */
export function refusedLine(customId: string, code: string, message: string): Buffer {
  const line = { id: newRequestId(), custom_id: customId, response: null, error: { code, message } }
  return Buffer.from(oneLine(JSON.stringify(line)))
}

function newRequestId(): string {
  return `batch_req_${randomBytes(12).toString('hex')}`
}

function onOneLine(body: Buffer): Buffer {
  return Buffer.from(oneLine(JSON.stringify(JSON.parse(body.toString('utf8')))))
}
