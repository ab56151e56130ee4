/** A request as a program for Python with the official client. */
import { cutAtFiles } from './files.js'

/** @typedef {import('./files.js').NamedFile} NamedFile */

/** @type {import('./program.js').Writer} */
export function python(asked, files, base) {
  const hasBytes = files.size > 0 || (asked.kind === 'speech' && asked.sound.base64 !== undefined)
  return [
    '# pip install openai; saved as ask.py',
    ...(hasBytes ? ['import base64'] : []),
    ...(asked.kind === 'embedding' ? ['import math'] : []),
    'import os',
    '',
    'from openai import OpenAI',
    '',
    ...(files.size > 0
      ? [
          '',
          'def b64(path):',
          '    with open(path, "rb") as file:',
          '        return base64.b64encode(file.read()).decode()',
          '',
          '',
        ]
      : []),
    `client = OpenAI(base_url=${JSON.stringify(base)}, api_key=os.environ.get("OPENAI_API_KEY", "none"))`,
    ...(asked.kind === 'speech'
      ? transcription(asked)
      : asked.kind === 'chat'
        ? answered(asked.body, files)
        : compared(asked.body, files)),
    '',
  ].join('\n')
}

/**
 * @param {import('../types.d.ts').ChatRequest} body
 * @param {ReadonlyMap<string, NamedFile>} files
 */
function answered(body, files) {
  return [
    'stream = client.chat.completions.create(',
    ...argumentsOf(body, files),
    ')',
    'for chunk in stream:',
    '    if chunk.choices:',
    '        print(chunk.choices[0].delta.content or "", end="", flush=True)',
    ...(body.tools
      ? [
          '        for call in chunk.choices[0].delta.tool_calls or []:',
          '            name = f"\\n{call.function.name} " if call.function.name else ""',
          '            print(name + (call.function.arguments or ""), end="", flush=True)',
        ]
      : []),
    'print()',
  ]
}

/**
 * The cosine of each pair, row by row.
 * @param {Readonly<Record<string, unknown>>} body
 * @param {ReadonlyMap<string, NamedFile>} files
 */
function compared(body, files) {
  return [
    'answer = client.embeddings.create(',
    ...argumentsOf(body, files),
    ')',
    'vectors = [item.embedding for item in answer.data]',
    'for a in vectors:',
    '    dots = (sum(x * y for x, y in zip(a, b)) / (math.hypot(*a) * math.hypot(*b)) for b in vectors)',
    '    print(*(f"{cosine:.3f}" for cosine in dots))',
  ]
}

/** @param {{ readonly model: string, readonly sound: import('./program.js').Sound }} asked */
function transcription({ model, sound: { name, base64 } }) {
  const path = JSON.stringify(name)
  const file =
    base64 === undefined ? `open(${path}, "rb")` : `(${path}, base64.b64decode("${base64}"))`
  return [
    'transcript = client.audio.transcriptions.create(',
    `    model=${JSON.stringify(model)},`,
    '    response_format="verbose_json",',
    `    file=${file},`,
    ')',
    'print(transcript.text.strip())',
  ]
}

/**
 * The fields of a body, one a line; what is ours alone goes beside what the client knows.
 * @param {{ readonly aerie?: unknown }} body
 * @param {ReadonlyMap<string, NamedFile>} files
 */
function argumentsOf({ aerie, ...known }, files) {
  const entries = Object.entries(known).map(
    ([name, value]) => `    ${name}=${literal(value, files, '    ')},`,
  )
  return [...entries, `    extra_body=${literal({ aerie }, files, '    ')},`]
}

/**
 * @param {unknown} value of JSON
 * @param {ReadonlyMap<string, NamedFile>} files
 * @param {string} indent of the line that it begins in
 * @returns {string}
 */
function literal(value, files, indent) {
  if (value === null || value === undefined) return 'None'
  if (typeof value === 'boolean') return value ? 'True' : 'False'
  if (typeof value === 'string') return stringLiteral(value, files)
  if (typeof value !== 'object') return String(value)
  const deeper = `${indent}    `
  const items = Array.isArray(value)
    ? value.map((item) => literal(item, files, deeper))
    : Object.entries(value).map(
        ([name, item]) => `${JSON.stringify(name)}: ${literal(item, files, deeper)}`,
      )
  const [open, close] = Array.isArray(value) ? '[]' : '{}'
  if (items.length === 0) return `${open}${close}`
  return `${open}\n${items.map((item) => `${deeper}${item},\n`).join('')}${indent}${close}`
}

/**
 * JSON's strings are Python's: JSON.stringify leaves whole characters as they are.
 * @param {string} text
 * @param {ReadonlyMap<string, NamedFile>} files
 */
function stringLiteral(text, files) {
  const pieces = cutAtFiles(text, files).flatMap((piece) =>
    typeof piece === 'string'
      ? piece === ''
        ? []
        : [JSON.stringify(piece)]
      : [`b64(${JSON.stringify(piece.name)})`],
  )
  return pieces.length === 0 ? '""' : pieces.join(' + ')
}
