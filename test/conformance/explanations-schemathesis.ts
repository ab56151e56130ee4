/**
 * Each reason names the very answer that it explains, so that another answer to the same request is unexplained. Most are rules
 * that no JSON Schema of a request can say: they hang on the model, on what is stored, or on bytes inside of a text.
 */
import type { Explanation } from './explanations.ts'

const REJECTED = /: Schema-valid request rejected$/

const rejected = (message: RegExp, why: string): Explanation => ({
  ...{ test: REJECTED, message, why },
})

const OF_THE_MODEL =
  'What a model can do: it is known when the request names its model, and differs from model to model. `/v1/models/{model}` says it beforehand.'
const TOGETHER =
  'Fields that go together or exclude each other. The descriptions in `openapi.yaml` say so; the server answers in a sentence that names both, where a JSON Schema would say that none of its branches fits.'
const OF_THE_STORE =
  'What there is: a file, an item or a call that the request refers to, or the length of what it asks a part of.'
const CONTENT =
  'What is inside of a text: base64, a picture, a clip, a document, a JSON Schema, a regular expression or a grammar. In the contract it is a text.'

export const SCHEMATHESIS: readonly Explanation[] = [
  {
    test: /: Server error$/,
    message: /\(504 (the request was not finished within \d+ ms|deadline of \d+ ms: .*)\)$/,
    why: 'Right: `aerie.deadline_ms` was made up as a few milliseconds, and 504 is what the contract says comes after them.',
  },
  {
    test: /^GET [^ ]+: Schema-violating request accepted$/,
    message: /Invalid component: parameter `[^`]+` in query - violates `additionalProperties`/,
    why: 'Nothing was sent: the value made up for the unknown parameter is an empty list, which a query leaves out. Unknown names in a query are refused.',
  },
  rejected(
    /^400 model: \S+ (hears nothing|answers and has no embeddings|embeds and does not|writes down|answers nothing|reads nothing|does not)/,
    OF_THE_MODEL,
  ),
  rejected(/expected (a token id|an id|ids?) below \d+/, OF_THE_MODEL),
  rejected(/: expected at least one token; this model puts none in front of a text$/, OF_THE_MODEL),
  rejected(/the model's chat template refuses this conversation/, OF_THE_MODEL),
  rejected(/^400 (dimensions|aerie\.(output|size)[^:]*): /, OF_THE_MODEL),
  rejected(/: (expected at most \d+ tokens|the context)|context of \d+|positions/, OF_THE_MODEL),
  rejected(/: expected (exactly )?one of [\w, ]+( and | or )\w+, got /, TOGETHER),
  rejected(/: expected (either )?messages or prompt, got (neither|both)$/, TOGETHER),
  rejected(/: expected (stream|logprobs|tools?) (to be true as well|to choose from)/, TOGETHER),
  rejected(/: expected none (beside|with) /, TOGETHER),
  rejected(/^400 stop: expected none, as \S+ says where the answer ends$/, TOGETHER),
  rejected(
    /^400 response_format\.json_schema: expected (a schema, got none|the type json_schema with it)$/,
    TOGETHER,
  ),
  rejected(
    /^400 tool_choice(\.name)?: (".*" is the name of no tool in tools|expected the name of one of tools, got .*)$/s,
    TOGETHER,
  ),
  rejected(/^400 tools\[\d+\](\.function)?\.name: ".*" is the name of another tool$/s, TOGETHER),
  rejected(/^400 \S+\.(call_)?id: ".*" is the id of another call$/s, TOGETHER),
  rejected(/\.times\[\d+\]: expected more than the time before, /, TOGETHER),
  rejected(/^400 logit_bias: token \d+ is not in the vocabulary of \d+$/, OF_THE_MODEL),
  rejected(/^400 tools: expected messages as well$/, TOGETHER),
  rejected(/^400 tool_choice\.[^ ]*: expected the name of one of tools, got "/, TOGETHER),
  rejected(/: expected (either )?\w+ or \w+, got (neither|both)$/, TOGETHER),
  rejected(/^400 add_special_tokens: expected false or nothing/, TOGETHER),
  rejected(/^400 max_tokens: expected the value of max_completion_tokens/, TOGETHER),
  rejected(/^400 best_of: answers are not ranked; expected the value of n/, TOGETHER),
  rejected(/^400 min_tokens: expected at most the \d+ tokens that the answer may have/, TOGETHER),
  rejected(/expected user in the last turn/, TOGETHER),
  rejected(/\.call_id: expected the id of a function_call before it/, OF_THE_STORE),
  rejected(/: expected a tool message behind it with tool_call_id "/, OF_THE_STORE),
  rejected(/^416 range: the file has \d+ bytes/, OF_THE_STORE),
  rejected(
    /: base64 (is cut short|has an invalid character)|: expected base64|not base64/,
    CONTENT,
  ),
  rejected(
    /: expected a (name that is a )?string of (at most \d+|\d+ to \d+) characters( matching \S+)?(, got \d+ characters)?$/,
    'Lengths of texts are told in UTF-16 units, as JavaScript counts them, where JSON Schema counts code points: only a text with characters beyond the basic plane, near its limit, sees the difference.',
  ),
  rejected(
    /^400 starting_after: expected an integer of at least 0, got "\d{16,}"$/,
    'Integers are those that a double holds exactly; no stream has as many events.',
  ),
  {
    test: /^POST \/v1\/files: Schema-violating request accepted$/,
    message: /violates `type` at \/properties\/file \(was string, became /,
    why: 'Nothing else was sent: a form has texts and files and no other types, and what was made up for the file came as its bytes.',
  },
  {
    test: /^POST \/v1\/models\/\{model\}\/(load|unload): (Undocumented status code|Schema-valid request rejected)$/,
    message: /405 the method: expected GET or HEAD, got POST/,
    why: 'Another route was asked: the name made up for the model was `.`, which clients take out of a path before they send it.',
  },
  {
    test: /^GET \/v1\/responses: Schema-valid request rejected$/,
    message: /^426 upgrade: /,
    why: 'Right: it is the handshake of a WebSocket, which OpenAPI cannot say, and a plain GET came.',
  },
  {
    test: /: Schema-violating request accepted$/,
    message: /\(413 the form: more than \d+ fields\)$/,
    why: 'Refused, for what is looked at first: the form has too many fields. 413 is in the contract, and not among the answers that the check takes for a refusal.',
  },
  rejected(/^413 the form: more than \d+ fields$/, TOGETHER),
  rejected(/: expected (a string|a token id|an array of token ids), as \S+ is one, got /, TOGETHER),
  rejected(/: expected a text, a picture or an array of token ids beside others, got /, TOGETHER),
  rejected(/^400 tool_choice: expected tools beside it/, TOGETHER),
  rejected(/^400 input: expected a text, items or previous_response_id$/, TOGETHER),
  rejected(/^400 background: expected store to be true as well/, TOGETHER),
  rejected(/^400 ignore_eos: expected false, as calls of tools say/, TOGETHER),
  rejected(/: the keyword is not supported( |$)/, CONTENT),
  rejected(/^400 tools\[\d+\]\.input_schema: expected an object, got nothing$/, TOGETHER),
  rejected(/ is the id of no call in the assistant message before$/, OF_THE_STORE),
  rejected(/^400 previous_response_id: no response "/, OF_THE_STORE),
  rejected(/^400 \S+\]: expected the result of ".*" behind it$/s, OF_THE_STORE),
  rejected(/^400 after: expected the id of an item of this response, got /, OF_THE_STORE),
  rejected(
    /\.content\[\d+\]\.type: expected (a part of an input|"\w+"( or "\w+")*), got "\w+"$/,
    TOGETHER,
  ),
  rejected(/: expected a data: URI$|: data URI has a character beyond ASCII$/, CONTENT),
  rejected(/: not a URL; expected https:… or data:…$/, CONTENT),
  rejected(/: data is not of any known picture format$/, CONTENT),
  rejected(/: data is no text in UTF-8 or UTF-16, whatever its media type says$/, CONTENT),
  rejected(/: the PDF document is damaged or cut short$/, CONTENT),
  rejected(
    /\.encrypted_content: expected what \/v1\/responses\/compact of Aerie has made/,
    CONTENT,
  ),
]
