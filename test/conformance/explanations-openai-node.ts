/**
 * The client's tests were made from OpenAI's schema for a mock server that takes every id and every value. Each reason names the
 * tests and the very answer that it explains, so that another answer to the same test is unexplained.
 */
import type { Explanation } from './explanations.ts'

const NO_ROUTE = /^404 no such route$/

const notOffered = (test: RegExp, why: string): Explanation => ({ test, message: NO_ROUTE, why })

export const OPENAI_NODE: readonly Explanation[] = [
  notOffered(
    /^admin\//,
    'Not offered: administration of an organisation at OpenAI. Here a file of keys and a file of limits say who may do what.',
  ),
  notOffered(
    /^beta\/(assistants|threads|chatkit)/,
    'Not offered: assistants, threads and ChatKit. `/v1/responses` remembers conversations; OpenAI itself has retired assistants for it.',
  ),
  notOffered(
    /^conversations\//,
    'Not offered: conversations as objects of their own. `previous_response_id` goes on from a response; the field `conversation` is refused by name.',
  ),
  notOffered(
    /^chat\/completions\/(completions|messages): /,
    'Not offered: chat completions that are kept. The field `store` is refused by name; `/v1/responses` keeps what it answers.',
  ),
  {
    test: /^chat\/completions\/completions: list$/,
    message: /^405 the method: expected POST, got GET$/,
    why: 'Not offered: chat completions that are kept. The field `store` is refused by name; `/v1/responses` keeps what it answers.',
  },
  notOffered(/^(vector-stores|uploads)\//, 'Not offered: vector stores, and uploads in parts.'),
  notOffered(
    /^(fine-tuning|evals)\//,
    'Not offered: training and evaluation on the server. Adapters that were trained elsewhere are served.',
  ),
  notOffered(
    /^(images|videos|audio\/speech|realtime\/.*): /,
    'Not offered: making pictures, clips and speech, and realtime sessions of sound. The models take these in and answer in text.',
  ),
  notOffered(
    /^(containers|skills)\//,
    'Not offered: containers and skills, which run programs on the server.',
  ),
  notOffered(
    /^(moderations|content-provenance-checks): /,
    'Not offered: moderation and provenance checks, for which there are no models here.',
  ),
  {
    test: /^models: delete$/,
    message: /^405 the method: expected .*, got DELETE$/,
    why: 'Not offered: deleting a model over HTTP. What is served is what the configuration says; `/unload` gives its memory back.',
  },
  {
    test: /^beta\/responses\//,
    message: /^400 the query: beta: unknown parameter$/,
    why: 'Not offered: the preview of the Responses API (`?beta=true`). `/v1/responses` is the API that is released; a preview that changes would not be what the client means by it.',
  },
  {
    test: /: (retrieve|delete|cancel|list)$/,
    message: /^404 no (file|batch|response) "/,
    why: 'Right: the id was made up, and nothing has it. Our own tests ask for what is there.',
  },
  {
    test: /^batches: create/,
    message: /^404 input_file_id: no file "input_file_id"/,
    why: 'Right: the input file was made up, and there is none of that id.',
  },
  {
    test: /^audio\/(transcriptions|translations): create/,
    message: /^400 file: the sound cannot be decoded/,
    why: 'Right: the text `Example data` is sent as a sound, and refused as one.',
  },
  {
    test: /^audio\/transcriptions: create: required and optional params$/,
    message: /^400 include: log probabilities of tokens are not supported/,
    why: 'Refused by name: log probabilities of a transcript.',
  },
  {
    test: /^(chat\/completions\/)?completions: create: required and optional params$/,
    message: /^400 logit_bias\.foo: expected a name that is a string matching/,
    why: 'Right: `foo` is no token id. The request asks for every field at once, and for some that are refused by name.',
  },
  {
    test: /^chat\/completions\/completions: create: only required params$/,
    message:
      /the model's chat template refuses this conversation: a system message needs a user message/,
    why: "The model's own rule: the starter's template puts what a developer says before what the user says, and here no user says anything.",
  },
  {
    test: /^embeddings: create: required and optional params$/,
    message: /^400 dimensions: embedding of .* was not trained to be cut short/,
    why: 'The model’s own rule: embeddings of CLIP are not made to be cut to their first number, and `dimensions` says so.',
  },
  {
    test: /^responses\/(responses: create|input-tokens: count)$/,
    message: /^400 model: expected .*, got nothing$/,
    why: 'Right: the request is `{}`. Which model is meant has to be said; OpenAI would take it from a stored prompt.',
  },
  {
    test: /^responses\/responses: compact: only required params$/,
    message: /^400 input: expected a text, items or previous_response_id$/,
    why: 'Right: the request names no conversation, and there is nothing to compact.',
  },
  {
    test: /^responses\/responses: compact: required and optional params$/,
    message: /^400 prompt_cache_options\.ttl: no lifetime is promised/,
    why: 'Refused by name: a promised lifetime of a prompt prefix.',
  },
]
