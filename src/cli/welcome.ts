/** What a started server says: what it serves, and two examples that work when pasted. */
import { existsSync } from 'node:fs'
import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { CapabilityDocument } from '../capabilities/document.ts'

/** The picture of the examples and a question it answers. */
export const EXAMPLE_PICTURE = 'docs/pictures/red-circle-blue-square.png'
const QUESTION = 'what color is the circle?'

/** What a server that embeds pictures, one that answers, and one that hears is asked in the examples. */
type Served = Pick<CapabilityDocument, 'id' | 'chat' | 'inputModalities'>

interface Example {
  readonly url: string
  readonly model: Served
  /** Path of the picture. */
  readonly picture: string
  readonly needsKey: boolean
}

/** The text for stdout. `url` is the server's base URL, without `/v1`; `page` says whether the playground is there. */
export function welcome(
  url: string,
  models: readonly Served[],
  { needsKey, page }: { readonly needsKey: boolean; readonly page: boolean },
): string {
  const path = fileURLToPath(new URL(`../../${EXAMPLE_PICTURE}`, import.meta.url))
  const picture = existsSync(path) ? relative(process.cwd(), path) : 'picture.png'
  const example: Example = { url, model: models[0]!, picture, needsKey }
  return [
    `Aerie serves ${models.map(({ id }) => id).join(', ')} at ${url}/v1`,
    ...(page ? [`The playground, a page to try it on: ${url}/`] : []),
    '',
    `${headline(example.model)} with curl:`,
    '',
    hears(example.model) ? soundCurl(example) : curlExample(example),
    '',
    'or with the official client (npm install openai), saved as ask.mjs:',
    '',
    hears(example.model) ? soundClient(example) : clientExample(example),
    '',
  ].join('\n')
}

function hears({ chat, inputModalities }: Served): boolean {
  return !chat && inputModalities.includes('audio')
}

function headline(model: Served): string {
  if (model.chat) return 'Ask'
  return hears(model) ? 'Write down what is said in speech.mp3' : 'Embed a picture'
}

function soundCurl({ url, model, needsKey }: Example): string {
  const key = needsKey ? ' -H "authorization: Bearer $OPENAI_API_KEY"' : ''
  return `curl -s ${url}/v1/audio/transcriptions${key} -F model=${quote(model.id)} -F file=@speech.mp3`
}

function soundClient({ url, model, needsKey }: Example): string {
  return [
    "import { createReadStream } from 'node:fs'",
    "import OpenAI from 'openai'",
    clientLine(url, needsKey),
    "const file = createReadStream('speech.mp3')",
    `console.log((await client.audio.transcriptions.create({ file, model: '${model.id}' })).text)`,
  ].join('\n')
}

function clientLine(url: string, needsKey: boolean): string {
  return `const client = new OpenAI({ baseURL: '${url}/v1'${needsKey ? '' : ", apiKey: 'none'"} })`
}

function curlExample({ url, model, picture, needsKey }: Example): string {
  const uri = 'data:image/png;base64,PICTURE'
  const content = [
    { type: 'text', text: QUESTION },
    { type: 'image_url', image_url: { url: uri } },
  ]
  const body = JSON.stringify(
    model.chat
      ? { model: model.id, messages: [{ role: 'user', content }] }
      : { model: model.id, input: [uri] },
  )
  const route = model.chat ? 'chat/completions' : 'embeddings'
  // The shell puts the picture in; the body goes through a pipe because arguments are limited in length.
  const [before, after] = body.split('PICTURE') as [string, string]
  const key = needsKey ? ' -H "authorization: Bearer $OPENAI_API_KEY"' : ''
  return (
    `(printf %s '${before}'; base64 < ${quote(picture)} | tr -d '\\n'; printf %s '${after}') | ` +
    `curl -s ${url}/v1/${route} -H 'content-type: application/json'${key} -d @-`
  )
}

function clientExample({ url, model, picture, needsKey }: Example): string {
  const uri = `\`data:image/png;base64,\${readFileSync(${JSON.stringify(picture)}, 'base64')}\``
  return [
    "import { readFileSync } from 'node:fs'",
    "import OpenAI from 'openai'",
    clientLine(url, needsKey),
    ...(model.chat
      ? [
          `const image_url = { url: ${uri} }`,
          `const content = [{ type: 'text', text: '${QUESTION}' }, { type: 'image_url', image_url }]`,
          `console.log((await client.chat.completions.create({ model: '${model.id}', messages: [{ role: 'user', content }] })).choices[0].message.content)`,
        ]
      : [
          `const input = [${uri}]`,
          `const { data, usage } = await client.embeddings.create({ model: '${model.id}', input })`,
          "console.log(data[0].embedding.length, 'numbers of', usage.prompt_tokens, 'patches')",
        ]),
  ].join('\n')
}

const quote = (path: string) =>
  /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`
