/** openapi.yaml → docs/compatibility.md: which field of which API does what here. */
import { type OpenApiDocument, resolveSchema, type Schema } from './openapi-document.ts'

const INTRO = `<!-- Generated from openapi.yaml by \`npm run openapi\`; do not edit. -->
# Compatibility with OpenAI's API, and with Anthropic's messages

No parameter is silent. A field is **honoured**, or a request that uses it is answered with 400
\`unsupported_parameter\` and the field's name. A field that neither OpenAI nor Aerie defines is answered with 400
\`unknown_parameter\` and its full path; a server started with \`unknownFields: ignore\` drops such fields instead.
\`null\` means "not given" for every optional field. Values outside a field's type or range are answered with 400
\`invalid_request\`.

| Status | Meaning |
|---|---|
| honoured | does what its description says |
| some values | the values listed are honoured, the others that OpenAI defines are refused by name |
| refused | refused by name; values listed ask for nothing and pass |
`

/** Sections in reading order: title, and the schemas whose fields it lists with the path in front of them. */
const SECTIONS: readonly (readonly [
  string,
  readonly (readonly [schema: string, prefix: string])[],
])[] = [
  ['Request', [['ChatCompletionRequest', '']]],
  [
    'Fields inside objects of the request',
    [
      ['StreamOptions', 'stream_options.'],
      ['ResponseFormat', 'response_format.'],
      ['JsonSchemaFormat', 'response_format.json_schema.'],
      ['StructuredOutputs', 'structured_outputs.'],
      ['PromptCacheOptions', 'prompt_cache_options.'],
      ['AerieOptions', 'aerie.'],
    ],
  ],
  [
    'System and developer messages',
    [
      ['SystemMessage', ''],
      ['DeveloperMessage', ''],
    ],
  ],
  ['User messages', [['UserMessage', '']]],
  ['Assistant messages', [['AssistantMessage', '']]],
  [
    'Tools',
    [
      ['FunctionTool', 'tools[].'],
      ['FunctionDefinition', 'tools[].function.'],
      ['CustomTool', 'tools[].'],
      ['NamedToolChoice', 'tool_choice.'],
      ['AllowedToolsChoice', 'tool_choice.'],
      ['FunctionCallOfTurn', 'tool_calls[].'],
    ],
  ],
  [
    'Tool and function messages',
    [
      ['ToolMessage', ''],
      ['FunctionMessage', ''],
    ],
  ],
  [
    'Content parts',
    [
      ['TextPart', 'text: '],
      ['ImagePart', 'image_url: '],
      ['ImageUrl', 'image_url: image_url.'],
      ['RefusalPart', 'refusal: '],
      ['AudioPart', 'input_audio: '],
      ['InputAudio', 'input_audio: input_audio.'],
      ['AudioUrlPart', 'audio_url: '],
      ['AudioUrl', 'audio_url: audio_url.'],
      ['FilePart', 'file: '],
      ['FileReference', 'file: file.'],
      ['VideoPart', 'video_url: '],
      ['VideoUrl', 'video_url: video_url.'],
      ['InputVideoPart', 'input_video: '],
      ['InputVideo', 'input_video: input_video.'],
      ['VideoFrame', 'input_video: input_video.frames[].'],
    ],
  ],
  [
    'Completions: request',
    [
      ['CompletionRequest', ''],
      ['CompletionOptions', 'aerie.'],
    ],
  ],
  [
    'Messages: request',
    [
      ['MessagesRequest', ''],
      ['AnthropicMetadata', 'metadata.'],
      ['AnthropicOutputConfig', 'output_config.'],
      ['AnthropicOutputFormat', 'output_config.format: '],
      ['AnthropicTool', 'tools[].'],
      ['AnthropicChoiceAuto', 'tool_choice: '],
      ['AnthropicChoiceAny', 'tool_choice: '],
      ['AnthropicChoiceTool', 'tool_choice: '],
      ['AnthropicChoiceNone', 'tool_choice: '],
      ['AnthropicNoThinking', 'thinking: '],
      ['AnthropicThinkingOn', 'thinking: '],
      ['AnthropicThinkingAdaptive', 'thinking: '],
      ['AnthropicThinkingBetween', 'thinking: '],
    ],
  ],
  [
    'Messages: turns and blocks',
    [
      ['AnthropicUserTurn', 'user: '],
      ['AnthropicAssistantTurn', 'assistant: '],
      ['AnthropicSystemTurn', 'system: '],
      ['AnthropicTextBlock', 'text: '],
      ['AnthropicImageBlock', 'image: '],
      ['AnthropicBase64Image', 'image: base64: '],
      ['AnthropicImageUrl', 'image: url: '],
      ['AnthropicFileSource', 'image, document: file: '],
      ['AnthropicDocumentBlock', 'document: '],
      ['AnthropicCitations', 'document: citations.'],
      ['AnthropicBase64Document', 'document: base64: '],
      ['AnthropicTextSource', 'document: text: '],
      ['AnthropicContentSource', 'document: content: '],
      ['AnthropicDocumentUrl', 'document: url: '],
      ['AnthropicToolUseBlock', 'tool_use: '],
      ['AnthropicToolResultBlock', 'tool_result: '],
      ['AnthropicThinkingBlock', 'thinking: '],
      ['AnthropicRedactedThinkingBlock', 'redacted_thinking: '],
      ['AnthropicSearchResultBlock', ''],
      ['AnthropicServerToolUseBlock', ''],
      ['AnthropicWebSearchBlock', ''],
      ['AnthropicWebFetchBlock', ''],
      ['AnthropicCodeBlock', ''],
      ['AnthropicBashBlock', ''],
      ['AnthropicEditorBlock', ''],
      ['AnthropicToolSearchBlock', ''],
      ['AnthropicContainerBlock', ''],
      ['AnthropicToolReferenceBlock', ''],
      ['AnthropicBrowserStateBlock', ''],
    ],
  ],
  ['Tokenize: request', [['TokenizeRequest', '']]],
  ['Detokenize: request', [['DetokenizeRequest', '']]],
  [
    'Responses: request',
    [
      ['ResponseCreateRequest', ''],
      ['ResponseStreamOptions', 'stream_options.'],
      ['ResponseReasoning', 'reasoning.'],
      ['ResponseText', 'text.'],
      ['ResponseFormatText', 'text.format: '],
      ['ResponseFormatJsonObject', 'text.format: '],
      ['ResponseFormatJsonSchema', 'text.format json_schema: '],
      ['ResponseFunctionTool', 'tools[] function: '],
      ['ResponseHostedTool', 'tools[]: '],
      ['ResponseFunctionChoice', 'tool_choice function: '],
      ['ResponseAllowedTools', 'tool_choice allowed_tools: '],
      ['ResponseHostedChoice', 'tool_choice: '],
    ],
  ],
  [
    'Responses: items of `input`',
    [
      ['ResponseMessageParam', 'message: '],
      ['ResponseFunctionCallParam', 'function_call: '],
      ['ResponseFunctionOutputParam', 'function_call_output: '],
      ['ResponseReferenceParam', 'item_reference: '],
      ['ResponseForeignItem', ''],
    ],
  ],
  [
    'Responses: parts of items',
    [
      ['ResponseInputText', 'input_text: '],
      ['ResponseOutputTextParam', 'output_text: '],
      ['ResponseInputImage', 'input_image: '],
      ['ResponseInputFile', 'input_file: '],
      ['ResponseInputVideo', 'input_video: '],
    ],
  ],
  ['Responses: query of one', [['ResponseRetrieveQuery', '']]],
  ['Responses: query of input items', [['ResponseItemsQuery', '']]],
  ['Responses: count of input tokens', [['ResponseInputTokensRequest', '']]],
  ['Responses: compaction', [['ResponseCompactRequest', '']]],
  [
    'Files: upload',
    [
      ['FileUploadRequest', ''],
      ['FileExpiry', 'expires_after.'],
    ],
  ],
  ['Files: query of the list', [['FileListQuery', '']]],
  ['Audio: transcription', [['TranscriptionRequest', '']]],
  ['Audio: translation', [['TranslationRequest', '']]],
  [
    'Batches: create',
    [
      ['BatchCreateRequest', ''],
      ['FileExpiry', 'output_expires_after.'],
    ],
  ],
  ['Batches: query of the list', [['BatchListQuery', '']]],
  [
    'Embeddings: request',
    [
      ['EmbeddingRequest', ''],
      ['EmbeddingOptions', 'aerie.'],
      ['EmbeddingSize', 'aerie.size.'],
    ],
  ],
  [
    'Embeddings: parts of `input`',
    [
      ['EmbeddingImagePart', 'image_url: '],
      ['EmbeddingImageUrl', 'image_url: image_url.'],
      ['EmbeddingTextPart', 'text: '],
    ],
  ],
]

const OUTRO = `
## Where answers differ from OpenAI's

- \`usage.prompt_tokens_details\` always has \`cached_tokens\`, \`text_tokens\`, \`image_tokens\` and \`audio_tokens\`.
- \`finish_reason\` is \`stop\`, \`length\` or \`tool_calls\`, the last also where \`tool_choice\` names a function; there is no content filter.
- \`tool\` messages may hold pictures, clips, sounds and files; text beside calls is in \`content\` of the same message.
- Chunks carry no \`obfuscation\`.
- \`aerie\` is one field more, only of answers about clips (\`aerie.videos\`) and sounds (\`aerie.sounds\`) and when asked for by \`aerie.explain\` or the header \`x-aerie-explain: 1\`: in the JSON
  answer, or in a last chunk with empty \`choices\` (the usage chunk where there is one).
- Every answer has the header \`x-request-id\`; JSON answers also have \`server-timing\`.
- \`/v1/responses\`: \`usage.input_tokens_details\` has text, pictures, clips and sounds apart; a stream ends with \`[DONE]\`, as Open Responses has it; an
  \`error\` has its fields where OpenAI has them and where Open Responses does. docs/responses.md has the rest.
- \`/v1/models\` adds \`aerie\` to each model: context length, number of pictures and frames, sampling defaults, cost of each \`detail\`;
  \`/v1/models/{model}\` adds the whole capability document there.
- \`/v1/files\`: a page has at most 1000 files, and files of purpose \`batch\` stay until they are deleted unless
  \`expires_after\` says otherwise. \`status\` is always \`processed\`.
- \`/v1/audio/transcriptions\`: \`json\` and streams have \`usage\` by the duration; one event is one segment of speech.
  \`aerie.missing_seconds\` is one field more, only of a WAV file that was cut short; words have their punctuation with them.
- \`/v1/audio/translations\`: segments and times are those of what is said; \`verbose_json\` has \`language\` \`english\`.
- \`/v1/completions\`: \`text_offset\` counts from the beginning of the choice's text, and \`logprobs\` end with the token that ended the text.
- \`/v1/messages\`: failures have Anthropic's envelope, and our codes in \`details.error_code\`; see [anthropic.md](anthropic.md).
- \`/v1/embeddings\` gives vectors as the tower does, not of unit length; \`usage\` counts patches. \`aerie\` is one field more, of
  the answer and of each item, only where the request has \`aerie\`.
`

/** The text of `docs/compatibility.md`. Throws where a field of the request has no `x-aerie`. */
export function renderCompatibility(document: OpenApiDocument): string {
  const sections = SECTIONS.map(([title, schemas]) => {
    const rows = schemas.flatMap(([name, prefix]) => {
      const { properties = {} } = resolveSchema(document, { $ref: `#/components/schemas/${name}` })
      return Object.entries(properties).map(([field, schema]) =>
        row(`${name}.${field}`, prefix + field, resolveSchema(document, schema)),
      )
    })
    return `\n## ${title}\n\n| Field | Status | Values | What it does |\n|---|---|---|---|\n${rows.join('\n')}\n`
  })
  return INTRO + sections.join('') + OUTRO
}

function row(where: string, field: string, schema: Schema): string {
  const support = schema['x-aerie']
  if (!support)
    throw new Error(`openapi.yaml: ${where} does not say whether it is honoured (x-aerie)`)
  const name = schema.const === undefined ? field : `${field.split(': ').at(-1)} = ${schema.const}`
  const status = { honoured: 'honoured', 'accepted-values': 'some values', refused: 'refused' }[
    support.status
  ]
  const origin = support.origin ? ` (${support.origin})` : ''
  const values = (support.accepts ?? []).map((value) => `\`${JSON.stringify(value)}\``).join(' ')
  const sentences = [schema.description, support.note && upper(support.note)].filter(Boolean)
  const text = sentences.map((sentence) => sentence!.trim().replace(/\.?$/, '.')).join(' ')
  return `| \`${name}\`${origin} | ${status} | ${values} | ${text.replace(/\s+/g, ' ').replaceAll('|', '\\|')} |`
}

function upper(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}
