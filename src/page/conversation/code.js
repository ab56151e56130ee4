/** A request as a program: curl, JavaScript or Python with the official clients. Runs as copied; the key comes from the environment. */
import { dataUri } from './attachments.js'
import { buildRequest } from './request.js'

/** @typedef {import('../types.d.ts').Attachment} Attachment */
/** @typedef {import('../types.d.ts').Exchange} Exchange */
/** @typedef {import('../types.d.ts').Settings} Settings */

/** @typedef {'curl' | 'javascript' | 'python'} Language */

/**
 * @param {Language} language
 * @param {readonly Exchange[]} exchanges
 * @param {Settings} settings
 * @param {{ readonly media: 'file' | 'data', readonly origin: string }} options media by their file names, which lie beside the program, or in it
 * @returns {Promise<string>}
 */
export async function requestAsCode(language, exchanges, settings, { media, origin }) {
  /** Marks in the JSON and the files that they stand for. @type {Map<string, Attachment>} */
  const files = new Map()
  const { body } = await buildRequest(exchanges, settings, async (attachment) => {
    if (media === 'data') return { uri: await dataUri(attachment.blob) }
    const mark = `FILE-${files.size + 1}-${attachment.id}`
    files.set(mark, attachment)
    return { uri: `data:${attachment.blob.type || 'application/octet-stream'};base64,${mark}` }
  })
  const write = { curl, javascript, python }[language]
  return write(body, files, `${origin}/v1`)
}

/**
 * The shell puts files into the body, which goes through a pipe, as arguments are limited in length.
 * @param {import('../types.d.ts').ChatRequest} body
 * @param {ReadonlyMap<string, Attachment>} files
 * @param {string} base
 */
function curl(body, files, base) {
  const pieces = split(JSON.stringify(body), files).map((piece) =>
    typeof piece === 'string'
      ? `printf %s ${shellQuote(piece)}`
      : `base64 < ${shellQuote(piece.name)} | tr -d '\\n'`,
  )
  return [
    `(${pieces.join('\n ')}) |`,
    `curl -sN ${base}/chat/completions \\`,
    "  -H 'content-type: application/json' \\",
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the shell's
    '  -H "authorization: Bearer ${OPENAI_API_KEY:-none}" \\',
    '  -d @-',
    '',
  ].join('\n')
}

/**
 * @param {import('../types.d.ts').ChatRequest} body
 * @param {ReadonlyMap<string, Attachment>} files
 * @param {string} base
 */
function javascript(body, files, base) {
  const request = javascriptValue(body, files)
  return [
    '// npm install openai; saved as ask.mjs',
    ...(files.size > 0 ? ["import { readFileSync } from 'node:fs'"] : []),
    "import OpenAI from 'openai'",
    '',
    ...(files.size > 0 ? ["const base64 = (path) => readFileSync(path, 'base64')"] : []),
    `const client = new OpenAI({ baseURL: ${JSON.stringify(base)}, apiKey: process.env.OPENAI_API_KEY ?? 'none' })`,
    `const stream = await client.chat.completions.create(${request})`,
    'for await (const chunk of stream) {',
    "  process.stdout.write(chunk.choices[0]?.delta?.content ?? '')",
    '}',
    "process.stdout.write('\\n')",
    '',
  ].join('\n')
}

/**
 * @param {import('../types.d.ts').ChatRequest} body
 * @param {ReadonlyMap<string, Attachment>} files
 * @param {string} base
 */
function python(body, files, base) {
  const { aerie, ...known } = body
  const entries = Object.entries(known).map(
    ([name, value]) => `    ${name}=${pythonValue(value, files, '    ')},`,
  )
  return [
    '# pip install openai; saved as ask.py',
    ...(files.size > 0 ? ['import base64'] : []),
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
    'stream = client.chat.completions.create(',
    ...entries,
    `    extra_body=${pythonValue({ aerie }, files, '    ')},`,
    ')',
    'for chunk in stream:',
    '    if chunk.choices:',
    '        print(chunk.choices[0].delta.content or "", end="", flush=True)',
    'print()',
    '',
  ].join('\n')
}

/**
 * A text cut at the marks of files.
 * @param {string} text
 * @param {ReadonlyMap<string, Attachment>} files
 * @returns {(string | Attachment)[]}
 */
function split(text, files) {
  if (files.size === 0) return [text]
  const pieces = text.split(new RegExp(`(${[...files.keys()].join('|')})`))
  return pieces.map((piece) => files.get(piece) ?? piece)
}

/** A single-quoted word of a POSIX shell. @param {string} text */
function shellQuote(text) {
  return `'${text.replaceAll("'", `'\\''`)}'`
}

/**
 * JSON with template literals where files are.
 * @param {unknown} value
 * @param {ReadonlyMap<string, Attachment>} files
 * @returns {string}
 */
function javascriptValue(value, files) {
  const json = JSON.stringify(value, null, 2)
  return json.replaceAll(/"(?:[^"\\]|\\.)*"/g, (quoted) => {
    const pieces = split(JSON.parse(quoted), files)
    if (pieces.every((piece) => typeof piece === 'string')) return quoted
    const inside = pieces.map((piece) =>
      typeof piece === 'string'
        ? piece.replaceAll(/[`\\]|\$\{/g, '\\$&')
        : `\${base64(${JSON.stringify(piece.name)})}`,
    )
    return `\`${inside.join('')}\``
  })
}

/**
 * @param {unknown} value of JSON
 * @param {ReadonlyMap<string, Attachment>} files
 * @param {string} indent of the line that it begins in
 * @returns {string}
 */
function pythonValue(value, files, indent) {
  if (value === null || value === undefined) return 'None'
  if (typeof value === 'boolean') return value ? 'True' : 'False'
  if (typeof value === 'string') return pythonString(value, files)
  if (typeof value !== 'object') return String(value)
  const deeper = `${indent}    `
  const items = Array.isArray(value)
    ? value.map((item) => pythonValue(item, files, deeper))
    : Object.entries(value).map(
        ([name, item]) => `${JSON.stringify(name)}: ${pythonValue(item, files, deeper)}`,
      )
  const [open, close] = Array.isArray(value) ? '[]' : '{}'
  if (items.length === 0) return `${open}${close}`
  return `${open}\n${items.map((item) => `${deeper}${item},\n`).join('')}${indent}${close}`
}

/**
 * JSON's strings are Python's: JSON.stringify leaves whole characters as they are.
 * @param {string} text
 * @param {ReadonlyMap<string, Attachment>} files
 */
function pythonString(text, files) {
  const pieces = split(text, files).flatMap((piece) =>
    typeof piece === 'string'
      ? piece === ''
        ? []
        : [JSON.stringify(piece)]
      : [`b64(${JSON.stringify(piece.name)})`],
  )
  return pieces.length === 0 ? '""' : pieces.join(' + ')
}
