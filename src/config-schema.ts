/** Every configuration key once: type, bounds, default, description. Help, docs and checks are made from it. */
import { type Static, Type } from 'typebox'
import { adapterKeys } from './config-adapter-keys.ts'
import { batchKeys } from './config-batch-keys.ts'
import { fileKeys } from './config-file-keys.ts'
import { grammarKeys } from './config-grammar-keys.ts'
import { bytes, count, flag, type KeyNotes, MiB, millis } from './config-key.ts'
import { type ModelEntry, modelKeys } from './config-model-keys.ts'
import { responseKeys } from './config-response-keys.ts'
import { soundKeys } from './config-sound-keys.ts'
import { tracingKeys } from './config-tracing-keys.ts'

export { CONFIG_GROUPS, type KeyNotes } from './config-key.ts'
export type { ModelEntry }

export const configSchema = Type.Object(
  {
    host: Type.String({
      default: '127.0.0.1',
      minLength: 1,
      group: 'Server',
      description: 'Address to listen on. Anything but loopback needs API keys, see requireApiKey.',
    }),
    port: Type.Integer({
      default: 8000,
      minimum: 0,
      maximum: 65535,
      group: 'Server',
      description: 'Port to listen on; 0 takes a free one.',
    }),
    logLevel: Type.Union(
      [
        Type.Literal('silent'),
        Type.Literal('error'),
        Type.Literal('warn'),
        Type.Literal('info'),
        Type.Literal('debug'),
      ],
      { default: 'info', group: 'Server', description: 'Least severe log line that is written.' },
    ),
    maxBodyBytes: bytes(
      64 * MiB,
      'Server',
      'Largest request body; base64 adds a third to a picture.',
    ),
    unknownFields: Type.Union([Type.Literal('refuse'), Type.Literal('ignore')], {
      default: 'refuse',
      group: 'Server',
      description: 'What to do with request fields that the API does not define.',
    }),
    page: flag(true, 'Server', 'Serve the playground, a page for people, at /. See playground.md.'),
    deadlineMs: millis(
      120_000,
      'Server',
      'Longest time a request may take, from arrival to last token.',
    ),
    drainTimeoutMs: millis(
      30_000,
      'Server',
      'After SIGTERM or SIGINT: how long running requests may still take. New ones get 503.',
      0,
    ),

    apiKeysFile: Type.Optional(
      Type.String({
        minLength: 1,
        group: 'Access',
        defaultText: 'none',
        description: 'File with one `name:key` or `key` a line; read again on SIGHUP.',
      }),
    ),
    limitsFile: Type.Optional(
      Type.String({
        minLength: 1,
        group: 'Access',
        defaultText: 'none',
        description:
          'File of what each key may use in a minute and at one time, see limits.md; read again on SIGHUP.',
      }),
    ),
    requireApiKey: Type.Union([Type.Literal('auto'), Type.Boolean()], {
      default: 'auto',
      group: 'Access',
      description:
        'Whether requests need a key. auto: where there is a key file, and wherever the host is no loopback address.',
    }),

    allowedHosts: Type.Array(Type.String({ minLength: 1 }), {
      default: [],
      group: 'Access',
      defaultText: 'any, or only local ones',
      description:
        'Names that the Host header may have beside localhost and addresses. A loopback server without keys takes no other, against DNS rebinding; HTTP/1.0 may have none.',
    }),

    model: Type.String({
      default: 'starter',
      minLength: 1,
      group: 'Model and engine',
      description:
        'The model to serve: `starter`, the folder of a checkpoint or package, a GGUF file, or owner/name or owner/name:Q4_K_M of the hub.',
    }),
    modelsDir: Type.String({
      minLength: 1,
      group: 'Model and engine',
      defaultText: '~/.aerie/models',
      description: 'Folder of imported packages.',
    }),
    revision: Type.Optional(
      Type.String({
        minLength: 1,
        group: 'Model and engine',
        defaultText: 'what was imported last, or main',
        description: 'Branch, tag or commit of the repository of the hub.',
      }),
    ),
    offline: flag(
      false,
      'Model and engine',
      'Take models of the hub from the imported ones alone; HF_HUB_OFFLINE=1 says the same.',
    ),
    verify: flag(
      false,
      'Model and engine',
      'Hash every file of a package at each start, and not only at the first.',
    ),
    backend: Type.Union(
      [
        Type.Literal('auto'),
        Type.Literal('native'),
        Type.Literal('onnx'),
        Type.Literal('reference'),
      ],
      {
        default: 'auto',
        group: 'Model and engine',
        description:
          'Runtime of the model; auto: native where it can, else onnx. reference is exact and very slow, for comparing numbers.',
      },
    ),
    threads: Type.Integer({
      minimum: 1,
      maximum: 1024,
      group: 'Model and engine',
      defaultText: 'half the physical cores',
      description: 'Threads of the decoder, and of the towers: both run at once.',
    }),
    maxRunning: count(16, 'Model and engine', 'Sequences that are decoded together.'),
    maxWaiting: count(
      128,
      'Model and engine',
      'Requests that may wait; beyond it the answer is 429.',
      0,
    ),
    stepTokenBudget: count(
      256,
      'Model and engine',
      'Prompt and answer positions of one engine step.',
      8,
    ),
    kvCacheBytes: bytes(
      256 * MiB,
      'Model and engine',
      'Memory for keys and values of all sequences.',
      MiB,
    ),
    kvBlockSize: count(16, 'Model and engine', 'Positions in one block of the KV cache.'),
    kvCacheType: Type.Union(
      [Type.Literal('auto'), Type.Literal('f32'), Type.Literal('f16'), Type.Literal('int8')],
      {
        default: 'auto',
        group: 'Model and engine',
        description:
          'What keys and values are kept as; auto: f16 for quantised weights on the native backend, else f32. Other backends have f32 alone.',
      },
    ),
    speculation: Type.Union([Type.Literal('auto'), Type.Literal('on'), Type.Literal('off')], {
      default: 'auto',
      group: 'Model and engine',
      description:
        'Guess tokens from what was read and said, and compute several at once where that pays; auto: on the native backend.',
    }),
    maxDraftTokens: Type.Integer({
      default: 16,
      minimum: 1,
      maximum: 64,
      group: 'Model and engine',
      description: 'Tokens that speculation may be ahead of one sequence in one step.',
    }),
    ...adapterKeys,
    encoderCacheBytes: bytes(
      48 * MiB,
      'Model and engine',
      'Memory for features of pictures seen before.',
      0,
    ),
    encoderDiskCacheDir: Type.Optional(
      Type.String({
        minLength: 1,
        group: 'Model and engine',
        defaultText: 'none',
        description:
          'Directory in which features of pictures are also kept over restarts; servers may share it. See security.md.',
      }),
    ),
    encoderDiskCacheBytes: bytes(
      4096 * MiB,
      'Model and engine',
      'Size of all files there; the least recently used are dropped.',
      MiB,
    ),
    encoderMaxBatch: count(8, 'Model and engine', 'Tiles that the vision towers take in one run.'),
    encoderSessions: count(
      4,
      'Model and engine',
      'Of a tower served alone: input sizes and outputs kept loaded, each with the weights once.',
    ),

    ...modelKeys,

    mediaWorkers: count(2, 'Pictures', 'Processes that decode and resize pictures.'),
    decodeTimeoutMs: millis(
      20_000,
      'Pictures',
      'Longest time that decoding one picture may take; its decoder is then replaced.',
    ),
    mediaQueue: count(
      256,
      'Pictures',
      'Pictures that may wait for one of them; beyond it the answer is 429.',
      0,
    ),
    mediaMaxBytesInUse: bytes(
      512 * MiB,
      'Pictures',
      'Encoded and decoded picture bytes held at one time.',
      MiB,
    ),
    maxImagesPerRequest: count(16, 'Pictures', 'Pictures in one request.', 0),
    maxPatches: count(
      4096,
      'Pictures',
      'Of a tower served alone: patches that a picture is seen as; larger ones are scaled down.',
      16,
    ),
    maxEmbeddingValues: count(
      4_194_304,
      'Pictures',
      'Of a tower served alone: numbers in one answer of /v1/embeddings.',
      1024,
    ),
    maxImageBytes: bytes(20 * MiB, 'Pictures', 'Size of one picture file.'),
    maxImagePixels: count(
      64_000_000,
      'Pictures',
      'Width times height, read from the header before decoding.',
    ),
    maxImageSide: count(16_384, 'Pictures', 'Longest side in pixels.'),
    maxAspectRatio: Type.Number({
      default: 50,
      minimum: 1,
      group: 'Pictures',
      description: 'Longest side over shortest side.',
    }),
    maxDocumentBytes: bytes(50 * MiB, 'Pictures', 'Size of one PDF document in a conversation.'),
    maxDocumentPages: count(
      500,
      'Pictures',
      'Pages of one document that a request may read; pictures of them are bounded by maxImagesPerRequest.',
    ),
    allowSvg: flag(
      false,
      'Pictures',
      'Accept SVG, a program as much as a picture; off for that reason.',
    ),

    videoWorkers: count(
      2,
      'Clips',
      'Clips that ffmpeg works on at one time; the first one starts them.',
    ),
    videoQueue: count(64, 'Clips', 'Clips that may wait for it; beyond it the answer is 429.', 0),
    maxVideoBytes: bytes(
      512 * MiB,
      'Clips',
      'Size of one clip; of one in the request, maxBodyBytes holds too.',
    ),
    maxVideoSeconds: count(14_400, 'Clips', 'Length of one clip.'),
    maxVideoPixels: count(9_500_000, 'Clips', 'Width times height of a frame as it is shown.'),
    maxVideosPerRequest: count(
      8,
      'Clips',
      'Clips in one request; 0 refuses them all. Together they show at most maxVideoFrames frames.',
      0,
    ),
    maxVideoFrames: count(256, 'Clips', 'Frames that are taken of one clip.'),
    videoTimeoutMs: millis(
      60_000,
      'Clips',
      'Longest time for looking into a clip, or for taking its frames.',
    ),
    videoFetchTimeoutMs: millis(
      60_000,
      'Clips',
      'Longest time to fetch one clip, redirects included.',
    ),
    videoSpoolDir: Type.String({
      minLength: 1,
      group: 'Clips',
      defaultText: 'the temporary directory',
      description: 'Folder in which clips lie in a folder of their own while they are looked at.',
    }),
    videoSpoolBytes: bytes(
      4096 * MiB,
      'Clips',
      'Size of all clips there; beyond it the answer is 429.',
      MiB,
    ),
    videoMemoryBytes: bytes(2048 * MiB, 'Clips', 'Address space of one ffmpeg.', 512 * MiB),
    ffmpegPath: Type.String({
      default: 'ffmpeg',
      minLength: 1,
      group: 'Clips',
      description: 'The program, or its name on the search path.',
    }),
    ffprobePath: Type.String({
      default: 'ffprobe',
      minLength: 1,
      group: 'Clips',
      description: 'The program, or its name on the search path.',
    }),

    fetchAllowHttp: flag(false, 'Fetching', 'Fetch pictures over plain http as well as https.'),
    fetchAllowedHosts: Type.Array(Type.String({ minLength: 1 }), {
      default: [],
      group: 'Fetching',
      defaultText: 'any public host',
      description: 'Hosts that pictures may be fetched from: `example.org`, `*.example.org`.',
    }),
    fetchAllowPrivateAddresses: flag(
      false,
      'Fetching',
      'Fetch from private and loopback addresses too, never from link-local ones; only on a closed network.',
    ),
    fetchTimeoutMs: millis(10_000, 'Fetching', 'Longest time for one picture, redirects included.'),
    fetchMaxRedirects: count(
      3,
      'Fetching',
      'Redirects that are followed; each target is checked again.',
      0,
    ),

    ...grammarKeys,
    ...soundKeys,

    ...fileKeys,
    ...batchKeys,
    ...tracingKeys,
    ...responseKeys,
  },
  { additionalProperties: false },
)

/** The effective configuration. Sizes in bytes, times in milliseconds, as the names say. */
export type Config = Readonly<Static<typeof configSchema>>

export type ConfigKey = keyof Config

/** One key's schema, as plain JSON Schema with our annotations. */
export interface KeySchema extends KeyNotes {
  readonly type?: 'integer' | 'number' | 'string' | 'boolean' | 'array'
  readonly anyOf?: readonly { readonly const?: unknown; readonly type?: string }[]
  readonly default?: unknown
  readonly minimum?: number
  readonly maximum?: number
  readonly minLength?: number
}

/** The keys with their schemas, in the order of the groups. */
export const CONFIG_KEYS: ReadonlyMap<ConfigKey, KeySchema> = new Map(
  // TypeBox keeps annotations of ours at run time and forgets them in the type.
  Object.entries(configSchema.properties) as unknown as [ConfigKey, KeySchema][],
)
