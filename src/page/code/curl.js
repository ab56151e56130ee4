/** A request as a command of curl, for any POSIX shell. */
import { cutAtFiles } from './files.js'

/** @type {import('./program.js').Writer} */
export function curl(asked, files, base) {
  if (asked.kind === 'speech') return transcription(asked, base)
  // The shell puts files into the body, which goes through a pipe, as arguments are limited in length.
  const pieces = cutAtFiles(JSON.stringify(asked.body), files).map((piece) =>
    typeof piece === 'string'
      ? `printf %s ${shellQuote(piece)}`
      : `base64 < ${shellQuote(piece.name)} | tr -d '\\n'`,
  )
  const path = asked.kind === 'chat' ? 'chat/completions' : 'embeddings'
  return [
    `(${pieces.join('\n ')}) |`,
    `curl -sN ${base}/${path} \\`,
    "  -H 'content-type: application/json' \\",
    `  ${KEY} \\`,
    '  -d @-',
    '',
  ].join('\n')
}

// biome-ignore lint/suspicious/noTemplateCurlyInString: the shell's
const KEY = '-H "authorization: Bearer ${OPENAI_API_KEY:-none}"'

/**
 * @param {{ readonly model: string, readonly sound: import('./program.js').Sound }} asked
 * @param {string} base
 */
function transcription({ model, sound: { name, base64 } }, base) {
  const file =
    base64 === undefined ? `file=@${curlQuote(name)}` : `file=@-;filename=${curlQuote(name)}`
  return [
    ...(base64 === undefined ? [] : [`printf %s ${shellQuote(base64)} | base64 -d |`]),
    `curl -s ${base}/audio/transcriptions \\`,
    `  ${KEY} \\`,
    `  --form-string ${shellQuote(`model=${model}`)} \\`,
    '  --form-string response_format=verbose_json \\',
    `  -F ${shellQuote(file)}`,
    '',
  ].join('\n')
}

/** A single-quoted word of a POSIX shell. @param {string} text */
function shellQuote(text) {
  return `'${text.replaceAll("'", `'\\''`)}'`
}

/** A name in a form of curl's, in which commas and semicolons divide. @param {string} name */
function curlQuote(name) {
  return `"${name.replaceAll(/["\\]/g, '\\$&')}"`
}
