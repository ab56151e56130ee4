/** A request as a program for Node with the official client. */
import { cutAtFiles } from './files.js'

/** @typedef {import('./files.js').NamedFile} NamedFile */

/** @type {import('./program.js').Writer} */
export function javascript(asked, files, base) {
  const client = `const client = new OpenAI({ baseURL: ${JSON.stringify(base)}, apiKey: process.env.OPENAI_API_KEY ?? 'none' })`
  const head = '// npm install openai; saved as ask.mjs'
  if (asked.kind === 'speech') return [head, ...transcription(asked, client), ''].join('\n')
  return [
    head,
    ...(files.size > 0 ? ["import { readFileSync } from 'node:fs'"] : []),
    "import OpenAI from 'openai'",
    '',
    ...(files.size > 0 ? ["const base64 = (path) => readFileSync(path, 'base64')"] : []),
    client,
    ...(asked.kind === 'chat' ? answered(asked.body, files) : compared(asked.body, files)),
    '',
  ].join('\n')
}

/**
 * @param {import('../types.d.ts').ChatRequest} body
 * @param {ReadonlyMap<string, NamedFile>} files
 */
function answered(body, files) {
  return [
    `const stream = await client.chat.completions.create(${literal(body, files)})`,
    'for await (const chunk of stream) {',
    "  process.stdout.write(chunk.choices[0]?.delta?.content ?? '')",
    ...(body.tools
      ? [
          '  for (const { function: called } of chunk.choices[0]?.delta?.tool_calls ?? []) {',
          // biome-ignore lint/suspicious/noTemplateCurlyInString: the program's
          "    process.stdout.write((called?.name ? `\\n${called.name} ` : '') + (called?.arguments ?? ''))",
          '  }',
        ]
      : []),
    '}',
    "process.stdout.write('\\n')",
  ]
}

/**
 * The cosine of each pair, row by row.
 * @param {Readonly<Record<string, unknown>>} body
 * @param {ReadonlyMap<string, NamedFile>} files
 */
function compared(body, files) {
  return [
    `const { data } = await client.embeddings.create(${literal(body, files)})`,
    'const dot = (a, b) => a.reduce((sum, x, i) => sum + x * b[i], 0)',
    'for (const { embedding: a } of data) {',
    '  const row = data.map(({ embedding: b }) => dot(a, b) / (Math.hypot(...a) * Math.hypot(...b)))',
    "  console.log(row.map((cosine) => cosine.toFixed(3)).join(' '))",
    '}',
  ]
}

/**
 * @param {{ readonly model: string, readonly sound: import('./program.js').Sound }} asked
 * @param {string} client
 */
function transcription({ model, sound: { name, base64 } }, client) {
  const path = JSON.stringify(name)
  const isBeside = base64 === undefined
  return [
    ...(isBeside
      ? ["import { createReadStream } from 'node:fs'", "import OpenAI from 'openai'"]
      : ["import OpenAI, { toFile } from 'openai'"]),
    '',
    client,
    'const { text } = await client.audio.transcriptions.create({',
    `  model: ${JSON.stringify(model)},`,
    "  response_format: 'verbose_json',",
    isBeside
      ? `  file: createReadStream(${path}),`
      : `  file: await toFile(Buffer.from('${base64}', 'base64'), ${path}),`,
    '})',
    'console.log(text.trim())',
  ]
}

/**
 * JSON with template literals where files are.
 * @param {unknown} value
 * @param {ReadonlyMap<string, NamedFile>} files
 * @returns {string}
 */
function literal(value, files) {
  const json = JSON.stringify(value, null, 2)
  return json.replaceAll(/"(?:[^"\\]|\\.)*"/g, (quoted) => {
    const pieces = cutAtFiles(JSON.parse(quoted), files)
    if (pieces.every((piece) => typeof piece === 'string')) return quoted
    const inside = pieces.map((piece) =>
      typeof piece === 'string'
        ? piece.replaceAll(/[`\\]|\$\{/g, '\\$&')
        : `\${base64(${JSON.stringify(piece.name)})}`,
    )
    return `\`${inside.join('')}\``
  })
}
