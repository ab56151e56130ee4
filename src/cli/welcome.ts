/** What a started server says: what it serves, and two examples that work when pasted. */
import { existsSync } from 'node:fs'
import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The picture of the examples and a question it answers. */
export const EXAMPLE_PICTURE = 'docs/pictures/red-circle-blue-square.png'
const QUESTION = 'what color is the circle?'

/** The text for stdout. `url` is the server's base URL, without `/v1`. */
export function welcome(url: string, models: readonly string[], needsKey: boolean): string {
  const model = models[0] ?? 'starter'
  const path = fileURLToPath(new URL(`../../${EXAMPLE_PICTURE}`, import.meta.url))
  const picture = existsSync(path) ? relative(process.cwd(), path) : 'picture.png'
  return [
    `Aerie serves ${models.join(', ')} at ${url}/v1`,
    '',
    'Ask with curl:',
    '',
    curlExample(url, model, picture, needsKey),
    '',
    'or with the official client (npm install openai), saved as ask.mjs:',
    '',
    clientExample(url, model, picture, needsKey),
    '',
  ].join('\n')
}

function curlExample(url: string, model: string, picture: string, needsKey: boolean): string {
  const body = JSON.stringify({
    model,
    messages: [
      {
        role: 'user',
        content: [
          { type: 'text', text: QUESTION },
          { type: 'image_url', image_url: { url: 'data:image/png;base64,PICTURE' } },
        ],
      },
    ],
  })
  // The shell puts the picture in; the body goes through a pipe because arguments are limited in length.
  const [before, after] = body.split('PICTURE') as [string, string]
  const key = needsKey ? ' -H "authorization: Bearer $OPENAI_API_KEY"' : ''
  return (
    `(printf %s '${before}'; base64 < ${quote(picture)} | tr -d '\\n'; printf %s '${after}') | ` +
    `curl -s ${url}/v1/chat/completions -H 'content-type: application/json'${key} -d @-`
  )
}

function clientExample(url: string, model: string, picture: string, needsKey: boolean): string {
  return [
    "import { readFileSync } from 'node:fs'",
    "import OpenAI from 'openai'",
    `const client = new OpenAI({ baseURL: '${url}/v1'${needsKey ? '' : ", apiKey: 'none'"} })`,
    `const image_url = { url: \`data:image/png;base64,\${readFileSync(${JSON.stringify(picture)}, 'base64')}\` }`,
    `const content = [{ type: 'text', text: '${QUESTION}' }, { type: 'image_url', image_url }]`,
    `console.log((await client.chat.completions.create({ model: '${model}', messages: [{ role: 'user', content }] })).choices[0].message.content)`,
  ].join('\n')
}

const quote = (path: string) =>
  /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`
