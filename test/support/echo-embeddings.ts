/** An embeddings room without a tower, for tests of the HTTP edge: it counts up, as many numbers as `dimensions` says. */
import type {
  EmbeddingRequest,
  EmbeddingResult,
  EmbeddingService,
} from '../../src/embeddings/contract.ts'
import { AerieError } from '../../src/errors.ts'

/** Numbers of a vector. */
const MOST = 100_000

export class EchoEmbeddings implements EmbeddingService {
  /** As the edge handed them over. */
  readonly requests: EmbeddingRequest[] = []

  async embed(request: EmbeddingRequest): Promise<EmbeddingResult> {
    this.requests.push(request)
    const { inputs, output = 'summary', dimensions = 3 } = request
    if (dimensions > MOST) {
      const what = `dimensions: expected at most ${MOST}`
      throw new AerieError('unsupported_parameter', what, { param: 'dimensions' })
    }
    return {
      model: request.model,
      output,
      embeddings: inputs.map((_, i) => ({
        type: 'image',
        values: Float32Array.from({ length: dimensions }, (_, k) => i + k / 3),
        shape: [dimensions],
        source: { height: 9, width: 20 },
        seen: { height: 16, width: 16 },
        patches: 1,
        cached: i > 0,
      })),
      stations: { decode: 1, encode: 2 },
    }
  }
}
