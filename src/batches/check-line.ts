/** One line of an input file: whether it is a request of the batch, where its body lies, and what it names. */
import { isUtf8 } from 'node:buffer'
import { findMember } from '../json/find-member.ts'
import { MalformedJson, MOST_MARKS, parseJson, TooManyValues } from '../json/parse-json.ts'
import type { NewLine } from './batch-records.ts'
import type { BatchFault } from './contract.ts'
import { mediaNamed } from './media-named.ts'
import type { InputLine } from './split-lines.ts'

export interface LineRules {
  readonly endpoint: string
  /** Names of the models that are served, those of one model side by side. */
  readonly models: readonly string[]
  readonly maxLineBytes: number
}

export interface CheckedLine {
  readonly line: NewLine
  readonly model: string
}

const FIELDS = ['custom_id', 'method', 'url', 'body']
const MOST_ID_LENGTH = 256

type Fields = Readonly<Record<string, unknown>>

/** The line as it is recorded, or everything that is wrong with it. What the route is to say of the body, it says later. */
export function checkLine(input: InputLine, rules: LineRules): CheckedLine | readonly BatchFault[] {
  const { line, bytes, offset } = input
  const fault = (code: string, param: string | null, message: string): BatchFault => {
    return { code, message: param === null ? message : `${param}: ${message}`, line, param }
  }
  if (!bytes) {
    const what = `the line has more than ${rules.maxLineBytes} bytes (maxBodyBytes)`
    return [fault('request_too_large', null, what)]
  }
  const parsed = parse(bytes)
  if (typeof parsed === 'string') return [fault('invalid_json_line', null, parsed)]
  const faults = [...findFaults(parsed, rules)].map((found) => fault(...found))
  if (faults.length > 0) return faults
  const body = parsed['body'] as Fields
  const model = body['model'] as string
  const stretch = findMember(bytes, 'body')!
  return {
    line: {
      line,
      customId: parsed['custom_id'] as string,
      offset: offset + stretch.offset,
      length: stretch.length,
      modelPlace: rules.models.indexOf(model),
      ...mediaNamed(body),
    },
    model,
  }
}

/** An object, or what there is instead, without a word of it. */
function parse(bytes: Buffer): Fields | string {
  if (!isUtf8(bytes)) return 'expected UTF-8'
  try {
    const value = parseJson(bytes)
    return isObject(value) ? value : 'expected a JSON object'
  } catch (error) {
    if (error instanceof TooManyValues) {
      return `more than ${MOST_MARKS} strings, commas, colons and brackets`
    }
    if (!(error instanceof MalformedJson)) throw error
    const { expected, column, isEnd } = error.fault
    const where = isEnd ? 'it ends too early' : 'it is wrong'
    return `expected JSON; ${where} at column ${column}: expected ${expected}`
  }
}

function* findFaults(
  parsed: Fields,
  { endpoint, models }: LineRules,
): Generator<[code: string, param: string, message: string]> {
  const { custom_id: id, method, url, body } = parsed as Record<string, unknown>
  if (typeof id !== 'string' || id === '' || id.length > MOST_ID_LENGTH) {
    yield ['invalid_request', 'custom_id', `expected a text of 1 to ${MOST_ID_LENGTH} characters`]
  }
  if (method !== 'POST') yield ['invalid_method', 'method', 'expected POST']
  if (url !== endpoint) {
    yield ['url_mismatch', 'url', `expected ${endpoint}, the endpoint of the batch`]
  }
  const unknown = Object.keys(parsed).find((name) => !FIELDS.includes(name))
  if (unknown !== undefined) {
    const param = /^\w{1,64}$/.test(unknown) ? unknown : 'a field'
    yield ['unknown_parameter', param, `expected only ${FIELDS.join(', ')}`]
  }
  if (!isObject(body)) {
    yield ['invalid_request', 'body', 'expected an object']
    return
  }
  const { model, stream } = body as Record<string, unknown>
  if (typeof model !== 'string') yield ['invalid_request', 'body.model', 'expected a text']
  else if (!models.includes(model)) {
    yield [
      'model_not_found',
      'body.model',
      `expected ${models.map((name) => `'${name}'`).join(' or ')}`,
    ]
  }
  if (stream === true) {
    yield [
      'unsupported_parameter',
      'body.stream',
      'expected false or nothing: a batch has no streams',
    ]
  }
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
