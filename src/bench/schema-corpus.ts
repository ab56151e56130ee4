/**
 * Schemas in the style of public collections (JSONSchemaBench: arguments of tools, Kubernetes, Snowplow, The Washington Post, GitHub): the same
 * ones for the same seed. Each says a value that is short, so that it can be asked for with little room.
 */
import { seededUniform } from './random.ts'

export type CorpusSchema = Readonly<Record<string, unknown>>

export interface CorpusEntry {
  readonly style: string
  readonly schema: CorpusSchema
}

const WORDS = [
  ...['name', 'id', 'title', 'status', 'amount', 'city', 'country', 'date', 'url', 'email'],
  ...['owner', 'labels', 'spec', 'metadata', 'image', 'port', 'replicas', 'price', 'quantity'],
  ...['latitude', 'longitude', 'café', 'größe', '名前', 'a "quoted" one', 'with/slash', 'emoji 🦅'],
]
const FORMATS = ['date', 'time', 'date-time', 'email', 'uuid', 'ipv4', 'uri', 'hostname']
const PATTERNS = [
  '^[A-Z]{2}-\\d{4}$',
  '^(\\+1)?\\d{10}$',
  '^#[0-9a-f]{6}$',
  '^v?\\d+\\.\\d+\\.\\d+$',
  '^[a-z][a-z0-9-]{0,20}$',
  'ar+l',
  '^(low|medium|high)$',
  '^[^\\s"]{1,12}$',
]

export function schemaCorpus(count: number, seed = 7): CorpusEntry[] {
  return Array.from({ length: count }, (_, i) => new Writer(seed * 1_000_003 + i).entry(i))
}

class Writer {
  readonly #next: () => number

  constructor(seed: number) {
    this.#next = seededUniform(seed)
  }

  entry(i: number): CorpusEntry {
    const styles = ['tool', 'kubernetes', 'github', 'post', 'snowplow', 'recursive'] as const
    const style = styles[i % styles.length]!
    return { style, schema: this[style]() }
  }

  /** Arguments of a function: flat, described, some required. */
  tool(): CorpusSchema {
    const properties = this.#properties(1 + this.#below(6), () => ({
      ...this.#scalar(),
      description: 'what it is',
    }))
    return this.#object(properties, { title: 'arguments' })
  }

  /** Definitions that refer to each other, maps, an int or a string. */
  kubernetes(): CorpusSchema {
    return {
      $schema: 'http://json-schema.org/draft-07/schema#',
      type: 'object',
      required: ['kind', 'metadata'],
      properties: {
        apiVersion: { type: 'string', enum: ['v1', 'apps/v1'] },
        kind: { const: this.#one(['Pod', 'Service', 'Deployment']) },
        metadata: { $ref: '#/definitions/Meta' },
        spec: { $ref: '#/definitions/Spec' },
      },
      additionalProperties: false,
      definitions: {
        Meta: {
          type: 'object',
          properties: {
            name: { type: 'string', pattern: '^[a-z][a-z0-9-]{0,20}$' },
            labels: { type: 'object', additionalProperties: { type: 'string' } },
            annotations: { type: ['object', 'null'], additionalProperties: this.#scalar() },
          },
          required: ['name'],
        },
        Spec: {
          type: 'object',
          properties: {
            replicas: { type: 'integer', minimum: 0, maximum: 1 + this.#below(2000) },
            port: {
              anyOf: [
                { type: 'integer', minimum: 1, maximum: 65535 },
                { type: 'string', maxLength: 15 },
              ],
            },
            containers: { type: 'array', minItems: 1, items: { $ref: '#/definitions/Container' } },
          },
        },
        Container: this.#object(this.#properties(1 + this.#below(3), () => this.#scalar())),
      },
    }
  }

  /** A bit of everything. */
  github(): CorpusSchema {
    const kinds = ['circle', 'square', 'triangle'].slice(0, 2 + this.#below(2))
    const shapes = kinds.map((kind) => ({
      type: 'object',
      properties: {
        kind: { const: kind },
        ...this.#properties(1 + this.#below(2), () => this.#scalar()),
      },
      required: ['kind'],
    }))
    const base = this.#object(this.#properties(1 + this.#below(3), () => this.#value(2)))
    switch (this.#below(5)) {
      case 0:
        return { oneOf: shapes }
      case 1:
        return {
          type: 'array',
          items: { anyOf: shapes },
          minItems: this.#below(3),
          maxItems: 2 + this.#below(4),
        }
      case 2:
        return {
          allOf: [
            {
              type: 'object',
              properties: { size: { type: 'number', minimum: 0.5 } },
              required: ['size'],
            },
            { type: 'object', properties: { size: { maximum: 12.25 }, shape: shapes[0] } },
          ],
        }
      case 3:
        return {
          type: 'array',
          prefixItems: [this.#scalar(), this.#scalar()],
          items: this.#below(2) === 0 ? false : this.#scalar(),
          minItems: 2,
        }
      default:
        return base
    }
  }

  /** Nested and mostly optional. */
  post(): CorpusSchema {
    return this.#object(
      {
        type: { enum: ['story', 'video', 'gallery'] },
        ...this.#properties(2 + this.#below(4), () => this.#value(3)),
        created: { type: 'string', format: 'date-time' },
      },
      { additionalProperties: this.#below(3) === 0 ? { type: 'boolean' } : false },
    )
  }

  /** Rows of events: bounded strings and numbers that may be null. */
  snowplow(): CorpusSchema {
    return this.#object(
      this.#properties(2 + this.#below(5), () =>
        this.#below(2) === 0
          ? { type: ['string', 'null'], maxLength: this.#one([4, 30, 255, 4096, 65535]) }
          : {
              type: this.#one(['number', 'integer']),
              minimum: -this.#below(100),
              maximum: this.#below(100000),
            },
      ),
    )
  }

  /** Trees, lists, expressions. */
  recursive(): CorpusSchema {
    switch (this.#below(3)) {
      case 0:
        return this.#object(
          { value: this.#scalar(), children: { type: 'array', items: { $ref: '#' } } },
          { required: ['value'] },
        )
      case 1:
        return {
          $ref: '#/$defs/list',
          $defs: {
            list: {
              type: 'object',
              properties: {
                head: this.#scalar(),
                tail: { anyOf: [{ $ref: '#/$defs/list' }, { type: 'null' }] },
              },
              required: ['head', 'tail'],
              additionalProperties: false,
            },
          },
        }
      default:
        return {
          $defs: {
            expression: {
              anyOf: [
                { type: 'number' },
                { type: 'string', pattern: '^[a-z]$' },
                {
                  type: 'object',
                  properties: {
                    op: { enum: ['+', '-', '*', '/'] },
                    left: { $ref: '#/$defs/expression' },
                    right: { $ref: '#/$defs/expression' },
                  },
                  required: ['op', 'left', 'right'],
                  additionalProperties: false,
                },
              ],
            },
          },
          $ref: '#/$defs/expression',
        }
    }
  }

  #object(
    properties: Readonly<Record<string, unknown>>,
    more: Readonly<Record<string, unknown>> = {},
  ): CorpusSchema {
    const required = Object.keys(properties).filter(() => this.#below(2) === 0)
    return { type: 'object', properties, required, additionalProperties: false, ...more }
  }

  #properties(count: number, value: () => unknown): Record<string, unknown> {
    return Object.fromEntries(Array.from({ length: count }, () => [this.#one(WORDS), value()]))
  }

  #value(depth: number): CorpusSchema {
    if (depth === 0 || this.#below(2) === 0) return this.#scalar()
    if (this.#below(2) === 0)
      return {
        type: 'array',
        items: this.#value(depth - 1),
        ...(this.#below(2) === 0 ? { minItems: this.#below(3), maxItems: 3 + this.#below(5) } : {}),
      }
    return this.#object(this.#properties(1 + this.#below(3), () => this.#value(depth - 1)))
  }

  #scalar(): CorpusSchema {
    const low = this.#below(200) - 100
    switch (this.#below(12)) {
      case 0:
        return { type: 'integer' }
      case 1:
        return { type: 'integer', minimum: low, exclusiveMaximum: low + 1 + this.#below(5000) }
      case 2:
        return {
          type: 'number',
          exclusiveMinimum: low / 8,
          maximum: low / 8 + 1 + this.#below(50) / 4,
        }
      case 3:
        return { type: 'boolean' }
      case 4:
        return { enum: ['red', 'green', 3, null, true, { a: [1] }, 'ü"\n'].slice(this.#below(5)) }
      case 5:
        return { type: 'string', format: this.#one(FORMATS) }
      case 6:
        return { type: 'string', pattern: this.#one(PATTERNS) }
      case 7:
        return { type: 'string', minLength: this.#below(4), maxLength: 4 + this.#below(60) }
      case 8:
        return { type: ['string', 'null'] }
      case 9:
        return { type: 'number' }
      case 10:
        return { type: 'string', nullable: true }
      default:
        return { type: 'string' }
    }
  }

  #below(n: number): number {
    return Math.floor(this.#next() * n)
  }

  #one<T>(of: readonly T[]): T {
    return of[this.#below(of.length)]!
  }
}
